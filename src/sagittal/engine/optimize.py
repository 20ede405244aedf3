"""The optimizer: which weights learn how fast, and what it remembers, by name."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from sagittal.engine.settings import TrainSettings, Unfreeze
from sagittal.errors import UsageError, nearest
from sagittal.models._blocks.weights import spared

Named = list[tuple[str, nn.Parameter]]


@runtime_checkable
class Staged(Protocol):
    """A network that knows its stages; see ``models/_network.py``."""

    def thaw(self, names: Iterable[str]) -> None:
        """Let these stages learn."""
        ...


class RMSprop(torch.optim.RMSprop):
    """RMSprop that a device can tell by itself to leave the weights as they are, as torch's fused optimizers can be told.

    What it remembers is not left: whoever told it so makes no further step.

    Attributes:
        found_inf: A number on the device, above 0 where a step must change no weight; None where the caller has looked.
    """

    found_inf: Tensor | None = None

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Change the weights by their gradients."""
        if self.found_inf is None:
            super().step(closure)
            return
        own = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        before = [p.clone() for p in own]
        super().step(closure)
        for p, kept in zip(own, before, strict=True):
            p.copy_(torch.where(self.found_inf > 0, kept, p))


def optimizer_for(model: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """The optimizer of all weights that learn now.

    Each group carries ``base``, its learning rate before any schedule.

    Raises:
        UsageError: Nothing learns.

    >>> optimizer_for(nn.Linear(2, 1), TrainSettings(optimizer="sgd", weight_decay=0.1)).param_groups[1]["weight_decay"]
    0.0
    """
    groups = _groups(learning(model), settings, lr=settings.lr, left=spared(model))
    if not groups:
        raise UsageError("FROZEN", "model.freeze", "every weight is frozen, nothing can learn", "freeze fewer stages")
    if settings.optimizer == "rmsprop":
        return RMSprop(groups, lr=settings.lr, momentum=settings.momentum)
    # fused: one pass over the weights instead of five
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum, fused=True)
    adam = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return adam(groups, lr=settings.lr, fused=True)


def learning(model: nn.Module) -> Named:
    """The weights that learn, by name, in the network's order."""
    return [(name, p) for name, p in model.named_parameters() if p.requires_grad]


def thaw(model: nn.Module, optimizer: torch.optim.Optimizer, settings: TrainSettings, *, epoch: int) -> bool:
    """Let the stages learn whose turn it is when this epoch begins.

    Returns:
        Whether there were any.

    Raises:
        UsageError: There is no such stage, or it learns already.
    """
    due = [u for u in settings.unfreeze if u.epoch == epoch]
    for unfreeze in due:
        known = {name for name, _ in learning(model)}
        _let_learn(model, unfreeze.stages)
        new = [(name, p) for name, p in learning(model) if name not in known]
        if not new:
            what = "these stages learn already"
            raise UsageError("NOT_FROZEN", f"train.unfreeze {', '.join(unfreeze.stages)}", what, "freeze them first, or leave them out")
        lr = settings.lr if unfreeze.lr is None else unfreeze.lr
        for group in _groups(new, settings, lr=lr, left=spared(model)):
            optimizer.add_param_group(group)
    return bool(due)


def check_unfreezing(model: nn.Module, unfreeze: Iterable[Unfreeze]) -> None:
    """Find a misspelt stage before the run, not in its tenth epoch.

    Raises:
        UsageError: There is no such stage.
    """
    names = [name for name, _ in stages_of(model)]
    for stage in (s for u in unfreeze for s in u.stages):
        if stage not in names:
            raise UsageError("UNKNOWN_STAGE", stage, f"the stages are {', '.join(names)}", nearest(stage, names))


def stages_of(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The stages that the network names, or else its children."""
    return list(getattr(model, "stages", None) or model.named_children())


def set_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Set the learning rate of every group to this share of its own base."""
    for group in optimizer.param_groups:
        group["lr"] = group["base"] * share


def remembered(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimizer has gathered, by name: ``exp_avg/trunk.0.weight``."""
    return {
        f"{key}/{name}": value
        for name, parameter in learning(model)
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def remember(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimizer back what ``remembered`` took from one like it.

    Raises:
        UsageError: A name that this network has not.
    """
    parameters = dict(learning(model))
    for full, value in tensors.items():
        key, _, name = full.partition("/")
        if name not in parameters:
            raise UsageError(
                "CHECKPOINT", name, "the checkpoint has a weight that does not learn in this network", "use the run's own recipe"
            )
        parameter = parameters[name]
        # new memory in the parameter's own layout: the same kernels run as in the undisturbed run
        own = torch.empty_like(parameter) if value.shape == parameter.shape else torch.empty_like(value, device=parameter.device)
        optimizer.state[parameter][key] = own.detach().copy_(value)


def _groups(named: Named, settings: TrainSettings, *, lr: float, left: Container[int] = ()) -> list[dict[str, Any]]:
    """With decay what multiplies inputs; without it what is added or scales a channel, and what the network leaves out."""
    decays = [id(p) not in left and (settings.decay_all or p.dim() > 1) for _, p in named]
    decayed = [pair for pair, yes in zip(named, decays, strict=True) if yes]
    plain = [pair for pair, yes in zip(named, decays, strict=True) if not yes]
    return [
        {"params": [p for _, p in some], "lr": lr, "base": lr, "weight_decay": decay}
        for some, decay in ((decayed, settings.weight_decay), (plain, 0.0))
        if some
    ]


def _let_learn(model: nn.Module, stages: Iterable[str]) -> None:
    if isinstance(model, Staged):
        model.thaw(stages)
        return
    for name, stage in stages_of(model):
        if name in set(stages):
            stage.requires_grad_(requires_grad=True)
