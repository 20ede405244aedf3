"""What every loss on the shelf keeps to; a new file there is tested without a new test."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sagittal.shelf import Shelf
from sagittal.testing import check_loss

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
    "boundary": _masks,
    "centre": _centres,
    "contrastive": _masks,
    "cross_entropy": _classes,
    "dice": _masks,
    "dice_bce": _masks,
    "dice_ce": _masks,
    "focal": _classes,
    "l1": _values,
    "mse": _values,
    "smooth_l1": _values,
    "tags_angular": _masks,
    "tversky": _masks,
    "vae": _masks,
    "weighted_smooth_l1": _values,
}


@pytest.mark.parametrize("name", SHELF.names())
def test_a_loss_keeps_the_contract(name: str) -> None:
    check_loss(SHELF.make(name), *EXAMPLES[name]())
