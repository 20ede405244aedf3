"""Checks of networks, losses and explainers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sagittal.errors import NumericFailure

if TYPE_CHECKING:
    from torch import Tensor

    from sagittal.losses._loss import Loss
    from sagittal.models._network import Network

from sagittal.testing._promise import must, refused


def check_model(network: Network) -> None:
    """Shapes, the split into trunk and head, stages, freezing, gradients, answers in units.

    Raises:
        AssertionError: A promise is broken.
    """
    import torch
    from torch import nn

    from sagittal.models._network import count

    x = torch.randn(2, network.channels, *_good_shape(network), generator=torch.Generator().manual_seed(1))
    network.check(x.shape[2:])
    network.eval()
    y = network(x)
    must(y.shape == (2, network.outputs, *(x.shape[2:] if network.dense else ())), "the answer has the promised shape")
    must(torch.isfinite(y).all(), "the first answer is finite")
    must(torch.equal(network.head(network.trunk(x)), y), "forward is the head of the trunk")
    must(torch.allclose(network(x[:1]), y[:1], atol=1e-4), "a sample does not depend on its neighbours")
    names = [name for name, _ in network.stages]
    must(len(set(names)) == len(names), "the names of stages are unique")
    owned = [p for _, stage in network.stages for p in stage.parameters()]
    must(len(owned) == len({id(p) for p in owned}) == len(list(network.parameters())), "each weight belongs to one stage")
    network.train()
    torch.autograd.backward(_all_of(network(x)))
    must(all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters()), "every weight gets a gradient")
    network.zero_grad()
    network.freeze("features")
    network.train()
    must(network.trunk_is_frozen, "features are the trunk")
    layers = [m for m in network.trunk.modules() if not list(m.children()) and not isinstance(m, nn.Flatten)]
    must(not any(m.training for m in layers), "frozen stages stay in evaluation mode")
    before = {k: v.clone() for k, v in network.state_dict().items()}
    torch.autograd.backward(_all_of(network(x)))
    must(any(p.grad is not None for p in network.parameters()), "the head learns")
    must(all(p.grad is None for p in network.trunk.parameters()), "a frozen trunk gets no gradient")
    inside = {id(t) for t in network.trunk.state_dict(keep_vars=True).values()}
    kept = {k for k, t in network.state_dict(keep_vars=True).items() if id(t) in inside}
    must(all(torch.equal(v, before[k]) for k, v in network.state_dict().items() if k in kept), "a frozen trunk does not change")
    network.freeze(None)
    must(len(set(count(network))) == 1, "thawed, everything learns")
    given = network.train()(x)
    must(isinstance(given, tuple) == (network.several is not None), "in training it gives what it says")
    _check_units(network.eval(), x)


def _all_of(outputs: Tensor | tuple[Tensor, ...]) -> Tensor:
    """One number to which all that a network gives in training contributes."""
    import torch

    parts = outputs if isinstance(outputs, tuple) else (outputs,)
    return torch.stack([part.square().sum() for part in parts]).sum()


def _check_units(network: Network, x: Tensor) -> None:
    import torch

    mean, std = [40.0 + k for k in range(network.outputs)], [3.0] * network.outputs
    network.answering_in(mean, std)
    with torch.no_grad():
        y, parts = network(x), network.head(network.trunk(x))
    shape = (1, -1, *([1] * (y.dim() - 2)))
    away = (y - torch.tensor(mean).reshape(shape)).abs().mean()
    must(float(away) < 3 * 10 and y.dtype == torch.float32, "answers with units start near the mean")
    must(torch.equal(parts, y), "forward is the head of the trunk, units included")
    network.units = None


def _good_shape(network: Network) -> tuple[int, ...]:
    size = -(-max(network.smallest, network.multiple) // network.multiple) * network.multiple
    return tuple(size + network.multiple * (i > 0) for i in range(network.axes))


def check_loss(loss: Loss, logits: Tensor, target: Tensor) -> None:
    """One float32 number a sample, that depends on that sample alone; nothing known is nothing lost.

    Args:
        loss: The part.
        logits: ``(B, ...)``.
        target: Of which nothing is known in the last sample.

    Raises:
        AssertionError: A promise is broken.
    """
    import torch

    logits = logits.clone().requires_grad_()
    losses = loss(logits, target)
    must(losses.shape == (len(logits),) and losses.dtype == torch.float32, "one float32 number a sample")
    must(torch.isfinite(losses).all() and (losses >= 0).all(), "losses are finite and not below 0")
    one_by_one = torch.cat([loss(logits[i : i + 1], target[i : i + 1]) for i in range(len(logits))])
    must(torch.allclose(losses, one_by_one, atol=1e-6), "a sample's loss does not depend on its batch")
    must(losses[-1] == 0, "where nothing is known nothing is lost")
    torch.autograd.backward(losses.sum())
    grad = logits.grad
    if grad is None:
        raise AssertionError("the logits get a gradient")
    must(torch.isfinite(grad).all() and not grad[-1].any(), "what is not known gives no gradient")
    must(all(g.any() for g in grad[:-1]), "every known sample gives a gradient")
    must(loss(logits.detach().bfloat16(), target).dtype == torch.float32, "losses of half precision are float32")
    with torch.no_grad():
        step = loss(logits - 0.05 * grad, target)
    must(step.sum() < losses.sum(), "down the gradient is down")


def check_explainer(explain: Callable[..., Any], *, axes: int) -> None:
    """A finite map on the input's grid in 0..1, the same every time, and a model that is left as it was.

    Args:
        explain: The part.
        axes: 1, 2 or 3.

    Raises:
        AssertionError: A promise is broken.
    """
    import torch

    from sagittal.models.preact_resnet import preact_resnet

    model = preact_resnet(channels=2, outputs=3, axes=axes, widths=(4, 8), blocks=1, dropout=0.5)
    model.freeze(["stem"])
    model.train()
    x = torch.randn(1, 2, *(16, 12, 8)[:axes], generator=torch.Generator().manual_seed(4))
    state = {k: v.clone() for k, v in model.state_dict().items()}
    learns = [p.requires_grad for p in model.parameters()]

    def attend(logits: Tensor) -> Tensor:
        return logits[0, 1]

    found = explain(model, x, attend)
    must(found.shape == x.shape[2:] and found.dtype == np.float32, "a float32 map on the input's grid")
    must(found.min() >= 0 and 0 < found.max() <= 1, "from 0 to 1, and not empty")
    with torch.inference_mode():
        must(np.array_equal(explain(model, x, attend), found), "the same every time, under inference mode too")
    must(model.training and [p.requires_grad for p in model.parameters()] == learns, "the model's modes are left as they were")
    must(all(p.grad is None for p in model.parameters()), "no gradient is left behind")
    must(all(torch.equal(v, state[k]) for k, v in model.state_dict().items()), "no weight is changed")
    must(not np.allclose(explain(model, x, lambda logits: -logits[0, 1]), found), "the other side has other reasons")
    with refused("an answer that is no number is refused", NumericFailure):
        explain(model, x, lambda logits: logits[0, 1] * torch.nan)
