"""What every loss on the shelf keeps to; a new file there is tested without a new test."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sagittal.losses._loss import Loss
from sagittal.shelf import Shelf

SHELF = Shelf("sagittal.losses", kind="loss")
G = torch.Generator().manual_seed(3)

Example = tuple[Tensor, Tensor]


def _classes() -> Example:
    return torch.randn(6, 4, generator=G), torch.tensor([0, 1, 2, 3, 1, -1])


def _masks() -> Example:
    target = torch.randint(0, 3, (6, 8, 6), generator=G)
    target[-1] = -1
    return torch.randn(6, 3, 8, 6, generator=G), target


def _findings() -> Example:
    target = torch.randint(0, 2, (6, 4), generator=G)
    target[-1] = -1
    return torch.randn(6, 4, generator=G), target


def _values() -> Example:
    target = torch.randn(6, 2, generator=G)
    target[-1] = torch.nan
    return torch.randn(6, 2, generator=G), target


def _centres() -> Example:
    heat = torch.rand(6, 2, 9, 7, generator=G) * 0.9
    heat[:, 0, 4, 3] = 1
    target = torch.cat([heat, torch.rand(6, 4, 9, 7, generator=G)], dim=1)
    target[-1] = -1
    return torch.randn(6, 6, 9, 7, generator=G), target


EXAMPLES: dict[str, Callable[[], Example]] = {
    "bce": _findings,
    "centre": _centres,
    "cross_entropy": _classes,
    "dice": _masks,
    "dice_ce": _masks,
    "focal": _classes,
    "l1": _values,
    "mse": _values,
    "smooth_l1": _values,
}


def check_loss(loss: Loss, logits: Tensor, target: Tensor) -> None:
    """One float32 number a sample, that depends on that sample alone; nothing known is nothing lost."""
    logits = logits.clone().requires_grad_()
    losses = loss(logits, target)
    assert losses.shape == (len(logits),)
    assert losses.dtype == torch.float32
    assert torch.isfinite(losses).all()
    assert (losses >= 0).all()
    one_by_one = torch.cat([loss(logits[i : i + 1], target[i : i + 1]) for i in range(len(logits))])
    assert torch.allclose(losses, one_by_one, atol=1e-6), "a sample's loss must not depend on its batch"
    assert losses[-1] == 0, "the last example has nothing known"
    losses.sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[-1].any()
    assert all(g.any() for g in logits.grad[:-1])
    assert loss(logits.detach().bfloat16(), target).dtype == torch.float32
    with torch.no_grad():
        step = loss(logits - 0.05 * logits.grad, target)
    assert step.sum() < losses.sum(), "down the gradient is down"


@pytest.mark.parametrize("name", SHELF.names())
def test_a_loss_keeps_the_contract(name: str) -> None:
    check_loss(SHELF.make(name), *EXAMPLES[name]())
