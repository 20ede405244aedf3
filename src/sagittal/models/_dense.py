"""Networks that answer every sample of the grid: a body that finds features, and a last layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sagittal.models._blocks.layers import Lengths, lengths
from sagittal.models._network import Network, Several, Units

Features = Tensor | tuple[Tensor, ...]


class Dense(Network):
    """``(B, channels, *shape) -> (B, outputs, *shape)``; the body's children are the stages before the head.

    In evaluation the body gives the features of the input's grid. In training it may give a tuple that begins with them:
    the answer is then a tuple, and ``several`` says of what.

    Args:
        body: Finds the features. Its property ``parts``, a list of names and modules, replaces its children as stages.
        last: Answers from them.
        axes: 1, 2 or 3.
        channels: Of the input.
        outputs: Logits a sample of the grid.
        multiple: What every axis, or each of them, must be a multiple of.
        several: What the body gives in training.
        others: For ``deep``: what answers on each of the coarser grids; ``last`` where there is none.
    """

    def __init__(
        self,
        body: nn.Module,
        last: nn.Module,
        *,
        axes: int,
        channels: int,
        outputs: int,
        multiple: Lengths = 1,
        several: Several | None = None,
        others: Sequence[nn.Module] = (),
    ) -> None:
        each = lengths(multiple, axes)
        super().__init__(axes=axes, channels=channels, outputs=outputs, multiple=max(each), smallest=max(each), dense=True)
        self.body = body
        self.last = last
        self.several = several
        self._multiples = each
        if others:
            self.others = nn.ModuleList(others)

    @property
    def multiples(self) -> tuple[int, ...]:
        """What each axis must be a multiple of."""
        return self._multiples

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        """The parts of the body, and ``head``."""
        parts: list[tuple[str, nn.Module]] = getattr(self.body, "parts", None) or list(self.body.named_children())
        return [*parts, ("head", self.last if self.several is None else self._heads(None))]

    @property
    def trunk(self) -> nn.Module:
        """The body."""
        return self.body

    @property
    def head(self) -> nn.Module:
        """The last layer, and what answers beside it in training."""
        return super().head if self.several is None else self._heads(self.units)

    def forward(self, x: Tensor) -> Tensor:
        """The logits; in training a tuple where the network gives several."""
        if not torch.compiler.is_exporting():
            self.check(x.shape[2:])
        answer: Tensor = self.head(self.body(x))
        return answer

    def _heads(self, units: Units | None) -> nn.Module:
        others = list(self.others) if "others" in self._modules else []
        return _Heads(self.last, others, units, deep=self.several == "deep")


class _Heads(nn.Module):
    """What answers from one map of features, or from several."""

    def __init__(self, last: nn.Module, others: Sequence[nn.Module], units: Units | None, *, deep: bool) -> None:
        super().__init__()
        self.last = last
        self.others = nn.ModuleList(others)
        self.units = nn.Identity() if units is None else units
        self._deep = deep

    def forward(self, features: Features) -> Features:
        """The answers to a tuple are a tuple."""
        if isinstance(features, Tensor):
            answer: Tensor = self.units(self.last(features))
            return answer
        if not self._deep:
            return (self.units(self.last(features[0])), *features[1:])
        layers = [self.last, *(self.others or [self.last] * (len(features) - 1))]
        return tuple(self.units(layer(f)) for layer, f in zip(layers, features, strict=True))
