"""What every model is: a trunk that finds features, a head that answers, and stages in order."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from sagittal.errors import UsageError, nearest

SMALL_START = 0.05
"""The share of its usual starting weights that a last layer with units has (as in Lin et al., Focal loss, 2017)."""

Freeze = Literal["features", "all-but-last"]
Several = Literal["deep", "vae"]


class Network(nn.Module):
    """A model. ``forward(x) == head(trunk(x))``; every weight belongs to exactly one stage.

    Input ``(B, channels, *shape)``; output ``(B, outputs)``, or ``(B, outputs, *shape)`` where ``dense``.
    Frozen stages stay in evaluation mode whatever ``train()`` says, so what they compute may be cached.

    Attributes:
        axes: How many axes ``shape`` has; 0 is a table row.
        channels: What goes in.
        outputs: What comes out.
        multiple: Every axis must be a multiple of it; 1 when any size will do.
        smallest: Every axis must have at least this length.
        dense: There is an answer for every sample of the grid.
        several: What training mode gives besides the answer, which always comes first in a tuple: ``deep``, answers on ever
            coarser grids; ``vae``, ``(answer, reconstruction, image, mean, log variance)``; ``None``, the answer alone.
        learners: Networks in it that learn side by side, each from its own part of a batch, which has a multiple of them.
        published: The name of published weights whose trunk is this network's, as ``vgg16_bn``; ``None`` when there are none.
    """

    published: str | None = None
    several: Several | None = None
    learners: int = 1

    def __init__(self, *, axes: int, channels: int, outputs: int, multiple: int = 1, smallest: int = 1, dense: bool = False) -> None:
        super().__init__()
        self.axes = axes
        self.channels = channels
        self.outputs = outputs
        self.multiple = multiple
        self.smallest = smallest
        self.dense = dense
        self.units: Units | None = None
        self._frozen: frozenset[str] = frozenset()

    @property
    @abstractmethod
    def stages(self) -> list[tuple[str, nn.Module]]:
        """The parts in order from input to output, by name; the last one is the head."""

    @property
    def trunk(self) -> nn.Module:
        """All but the head, as one module that shares the weights."""
        return nn.Sequential(*(stage for _, stage in self.stages[:-1]))

    @property
    def head(self) -> nn.Module:
        """What turns features into the answer."""
        last = self.stages[-1][1]
        return last if self.units is None else nn.Sequential(last, self.units)

    def forward(self, x: Tensor) -> Tensor:
        """The logits, or the values in their units."""
        for _, stage in self.stages:
            x = stage(x)
        return x if self.units is None else self.units(x)

    def answering_in(self, mean: Sequence[float], std: Sequence[float]) -> Network:
        """The same network, its raw outputs brought to this mean and spread, a number each an output channel.

        The last layer starts small, so that the first answers are the mean. The numbers are kept with the weights.
        Losses and answers are then in real units, while the layers work with numbers around 1.

        >>> from sagittal.models.mlp import mlp
        >>> network = mlp(channels=3, outputs=1, widths=()).answering_in([40.0], [12.0])
        >>> sorted(network.state_dict())
        ['last.bias', 'last.weight', 'units.mean', 'units.std']
        """
        self.units = Units(mean, std)
        last = last_layer(self)
        with torch.no_grad():
            for name, weight in last.named_parameters(recurse=False):
                weight.mul_(0.0 if name == "bias" else SMALL_START)
        return self

    @property
    def frozen(self) -> tuple[str, ...]:
        """The names of the frozen stages, in order."""
        return tuple(name for name, _ in self.stages if name in self._frozen)

    @property
    def trunk_is_frozen(self) -> bool:
        """All but the head is frozen: features may be computed once."""
        return all(name in self._frozen for name, _ in self.stages[:-1])

    def freeze(self, what: Freeze | str | Sequence[str] | None) -> tuple[str, ...]:
        """Freeze these stages and thaw all others.

        Args:
            what: ``features`` (all but the head), ``all-but-last`` (all but the last layer that has weights), names of
                stages, or ``None`` for nothing.

        Returns:
            The names of the stages that are frozen in full.

        Raises:
            UsageError: There is no stage of such a name.

        >>> from sagittal.models.mlp import mlp
        >>> mlp(channels=3, outputs=2, widths=(8, 8)).freeze("features")
        ('hidden1', 'hidden2')
        """
        names = [name for name, _ in self.stages]
        chosen = self._chosen(what, names)
        self._frozen = frozenset(chosen)
        for name, stage in self.stages:
            stage.requires_grad_(name not in self._frozen)
        if what == "all-but-last":
            self.requires_grad_(False)  # noqa: FBT003 - torch's own signature
            last_layer(self).requires_grad_(True)  # noqa: FBT003
        self.train(self.training)
        return self.frozen

    def thaw(self, names: Sequence[str]) -> None:
        """Let these stages learn from now on; all others stay as they are.

        Raises:
            UsageError: There is no stage of such a name.

        >>> from sagittal.models.mlp import mlp
        >>> network = mlp(channels=3, outputs=2, widths=(8, 8))
        >>> _ = network.freeze("features")
        >>> network.thaw(["hidden2"])
        >>> network.frozen
        ('hidden1',)
        """
        chosen = self._chosen(names, [name for name, _ in self.stages])
        self._frozen -= frozenset(chosen)
        for name, stage in self.stages:
            if name in chosen:
                stage.requires_grad_(True)  # noqa: FBT003 - torch's own signature
        self.train(self.training)

    @staticmethod
    def _chosen(what: str | Sequence[str] | None, names: list[str]) -> list[str]:
        if what is None:
            return []
        if what in {"features", "all-but-last"} if isinstance(what, str) else False:
            return names[:-1]
        chosen = [what] if isinstance(what, str) else list(what)
        for name in chosen:
            if name not in names:
                known = [*names, "features", "all-but-last"]
                raise UsageError("UNKNOWN_STAGE", name, f"the stages are {', '.join(names)}", nearest(name, known))
        return chosen

    def train(self, mode: bool = True) -> Network:  # noqa: FBT001, FBT002 - torch's own signature
        """Training mode for all that is not frozen."""
        super().train(mode)
        for name, stage in self.stages:
            if name in self._frozen:
                stage.eval()
        return self

    @property
    def multiples(self) -> tuple[int, ...]:
        """What each axis must be a multiple of."""
        return (self.multiple,) * self.axes

    def check(self, shape: Sequence[int]) -> None:
        """Refuse a shape that the network cannot take.

        Raises:
            UsageError: Too few or too many axes, a size that is too small or no multiple; the message has the next good one.
        """
        if len(shape) != self.axes:
            raise UsageError("AXES", tuple(shape), f"the network was built for {self.axes} axes", "choose a model for these data")
        for size, multiple in zip(shape, self.multiples, strict=True):
            smallest = min(self.smallest, multiple) if len(set(self.multiples)) > 1 else self.smallest
            good = max(-(-size // multiple), -(-smallest // multiple)) * multiple
            if good != size:
                rule = f"a multiple of {multiple}, at least {smallest}"
                raise UsageError("INPUT_SIZE", size, f"every axis must be {rule}", f"pad to {good} or set size: auto")


class Units(nn.Module):
    """``mean + std * x`` along the channel axis."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, K, *shape)`` to the same, in float32: half the digits would be lost on the mean."""
        shape = (1, -1, *([1] * (x.dim() - 2)))
        return self.mean.reshape(shape) + self.std.reshape(shape) * x.float()


def last_layer(network: nn.Module) -> nn.Module:
    """The last layer that has weights of its own."""
    return [m for m in network.modules() if next(m.parameters(recurse=False), None) is not None][-1]


def count(network: nn.Module) -> tuple[int, int]:
    """How many parameters there are, and how many of them learn.

    >>> count(nn.Linear(3, 2))
    (8, 8)
    """
    sizes = [(p.numel(), p.requires_grad) for p in network.parameters()]
    return sum(n for n, _ in sizes), sum(n for n, learns in sizes if learns)


def flat() -> nn.Module:
    """``(B, C, *shape) -> (B, C * ...)``."""
    return nn.Flatten(1)


def generator(seed: int) -> torch.Generator:
    """Where the starting weights of a run come from."""
    return torch.Generator().manual_seed(seed)
