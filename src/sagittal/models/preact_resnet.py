"""Residual network with pre-activation (He et al., 2016b), small by default."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sagittal.errors import UsageError, nearest
from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import conv, max_pool, mean_pool, mean_to
from sagittal.models._blocks.layers import dropout as dropout_layer
from sagittal.models._blocks.layers import norm as norm_layer
from sagittal.models._blocks.shapes import SpaceToChannels
from sagittal.models._blocks.weights import built
from sagittal.models._head import answer
from sagittal.models._network import Network, flat

_STEMS = ("fold", "pool")


class _Block(nn.Module):
    """``x + conv(act(norm(conv(act(norm(x))))))``; a halving block pools first and convolves with stride 1."""

    def __init__(self, axes: int, inputs: int, outputs: int, *, halve: bool, norm: str | None, activation: str, dropout: float) -> None:
        super().__init__()
        self.pre = nn.Sequential(norm_layer(norm, axes, inputs), activation_layer(activation))
        self.pool = mean_pool(axes) if halve else nn.Identity()
        plain = inputs == outputs and not halve
        self.shortcut = nn.Identity() if plain else conv(axes, inputs, outputs, kernel=1, bias=False)
        self.plain = plain
        self.residual = nn.Sequential(
            conv(axes, inputs, outputs, bias=norm is None),
            norm_layer(norm, axes, outputs),
            activation_layer(activation),
            dropout_layer(axes, dropout) if dropout else nn.Identity(),
            conv(axes, outputs, outputs, bias=norm is None),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape kept, or halved."""
        y = self.pool(self.pre(x))
        z: Tensor = self.residual(y) + (x if self.plain else self.shortcut(y))
        return z


class _PreactResnet(Network):
    def __init__(
        self,
        stem: nn.Module,
        levels: nn.Sequential,
        *,
        neck: nn.Module,
        last: nn.Module,
        axes: int,
        channels: int,
        outputs: int,
        stride: int,
    ) -> None:
        smallest = stride * 2 ** (len(levels) - 1)
        super().__init__(axes=axes, channels=channels, outputs=outputs, multiple=stride, smallest=smallest)
        self.stem = stem
        self.levels = levels
        self.neck = neck
        self.last = last

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        named = [(f"level{i}", level) for i, level in enumerate(self.levels, 1)]
        return [("stem", self.stem), *named, ("neck", self.neck), ("head", self.last)]


def preact_resnet(
    *,
    channels: int,
    outputs: int,
    axes: int = 2,
    widths: Sequence[int] = (32, 64, 128),
    blocks: int | Sequence[int] = 2,
    stem_stride: int = 1,
    stem: str = "fold",
    norm: str | None = "batch",
    activation: str = "relu",
    dropout: float = 0.0,
    block_dropout: float = 0.0,
    head: Sequence[int] = (),
    generator: torch.Generator | None = None,
) -> Network:
    """A small residual classifier: ``(B, channels, *shape) -> (B, outputs)``.

    Args:
        channels: Of the input.
        outputs: Logits.
        axes: 1, 2 or 3.
        widths: Channels of each level; every level but the first halves the grid.
        blocks: Residual blocks a level, one number or one a level.
        stem_stride: How much coarser the grid is behind the stem: 1, 2, 4 ...; 4 for pictures of 128 pixels and more.
        stem: ``fold`` moves ``stem_stride`` neighbours into channels and convolves once; ``pool`` folds by 2 and
            pools the rest after the convolution.
        norm: ``batch``, ``instance``, ``group`` or ``None``.
        activation: Its name.
        dropout: Before the answer.
        block_dropout: Of whole channels, inside each block.
        head: Widths of hidden layers before the answer.
        generator: For the starting weights.

    >>> preact_resnet(channels=1, outputs=4, stem_stride=4)(torch.zeros(2, 1, 64, 48)).shape
    torch.Size([2, 4])
    """
    repeats = [blocks] * len(widths) if isinstance(blocks, int) else list(blocks)

    def level(index: int) -> nn.Module:
        first = widths[max(index - 1, 0)]
        return nn.Sequential(
            *(
                _Block(
                    axes,
                    first if i == 0 else widths[index],
                    widths[index],
                    halve=i == 0 and index > 0,
                    norm=norm,
                    activation=activation,
                    dropout=block_dropout,
                )
                for i in range(repeats[index])
            )
        )

    def make() -> _PreactResnet:
        return _PreactResnet(
            _stem(axes, channels, widths[0], stride=stem_stride, kind=stem),
            nn.Sequential(*(level(i) for i in range(len(widths)))),
            neck=nn.Sequential(norm_layer(norm, axes, widths[-1]), activation_layer(activation), mean_to(axes, 1), flat()),
            last=answer(widths[-1], outputs, hidden=head, dropout=dropout, activation=activation),
            axes=axes,
            channels=channels,
            outputs=outputs,
            stride=stem_stride,
        )

    return built(make, generator)


def _stem(axes: int, channels: int, width: int, *, stride: int, kind: str) -> nn.Module:
    if kind not in _STEMS:
        raise UsageError("UNKNOWN_STEM", kind, "there is no stem of this name", nearest(kind, _STEMS))
    fold = stride if kind == "fold" else min(stride, 2)
    layers: list[nn.Module] = [SpaceToChannels(fold)] if fold > 1 else []
    layers.append(conv(axes, channels * fold**axes, width, bias=False))
    if stride > fold:
        layers.append(max_pool(axes, kernel=stride // fold))
    return nn.Sequential(*layers)
