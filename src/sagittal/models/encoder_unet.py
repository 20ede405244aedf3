"""U-Net whose way down is a published classification network: ResNet, DenseNet or VGG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from sagittal.errors import UsageError, nearest
from sagittal.models._blocks.layers import conv, upconv
from sagittal.models._blocks.levels import Style, Up
from sagittal.models._blocks.weights import built
from sagittal.models._network import Network
from sagittal.models.densenet import densenet
from sagittal.models.resnet import resnet
from sagittal.models.vgg import vgg

_WHOLE = 32
_ENCODERS: dict[str, tuple[Callable[..., Network], int]] = {"resnet": (resnet, 18), "densenet": (densenet, 121), "vgg": (vgg, 16)}


class _Trunk(nn.Module):
    """A chain of layers; gives what it sees on each grid last, the finest first."""

    def __init__(self, steps: Sequence[nn.Module]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """``(B, channels, *shape)`` to six maps, from the grid of the input, each half as fine as the one before."""
        found: list[Tensor] = []
        for step in self.steps:
            y = step(x)
            if y.shape[2:] != x.shape[2:]:
                found.append(x)
            x = y
        return (*found, x)


class _Decoder(nn.Module):
    """The way up, and the last 1x1 convolution."""

    def __init__(self, ups: Sequence[nn.Module], last: nn.Module) -> None:
        super().__init__()
        self.ups = nn.ModuleList(ups)
        self.last = last

    def forward(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Six maps to ``(B, outputs, *shape)``."""
        *skips, x = maps
        for up in self.ups:
            x = up(x, skips.pop())
        answer: Tensor = self.last(x)
        return answer


class _EncoderUnet(Network):
    """The encoder's layers belong to the network itself, so that its weights carry their published names."""

    def __init__(self, encoder: Network, decoder: nn.Module, *, outputs: int) -> None:
        super().__init__(axes=encoder.axes, channels=encoder.channels, outputs=outputs, multiple=_WHOLE, smallest=_WHOLE, dense=True)
        for name, child in encoder.named_children():
            if name not in {"fc", "classifier", "avgpool"}:
                self.add_module(name, child)
        self.decoder = decoder
        # in a tuple, where torch does not see them a second time
        self._down = tuple((name, tuple(steps)) for name, steps in _down(encoder))
        self.published = encoder.published

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        """Those of the encoder, and ``head``, the way up."""
        return [*((name, nn.Sequential(*steps)) for name, steps in self._down), ("head", self.decoder)]

    @property
    def trunk(self) -> nn.Module:
        """The encoder."""
        return _Trunk([step for _, steps in self._down for step in steps])

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        if not torch.compiler.is_exporting():
            self.check(x.shape[2:])
        answer: Tensor = self.head(self.trunk(x))
        return answer


def _down(encoder: Network) -> list[tuple[str, list[nn.Module]]]:
    """The stages of a classifier up to where it pools, each as its layers; DenseNet ends in a norm."""
    *stages, (_, pool), _ = encoder.stages
    found = [(name, _steps(stage)) for name, stage in stages]
    end = [step for step in _steps(pool) if not type(step).__name__.startswith(("Adaptive", "Flatten"))]
    return [*found, ("norm", end)] if end else found


def _steps(stage: nn.Module) -> list[nn.Module]:
    """The layers of a stage, one by one where it is a plain chain of them."""
    return list(stage.children()) if type(stage) is nn.Sequential else [stage]


def encoder_unet(
    *,
    channels: int,
    outputs: int,
    axes: int = 2,
    encoder: Literal["resnet", "densenet", "vgg"] = "resnet",
    depth: int | None = None,
    widths: Sequence[int] = (256, 128, 64, 32, 16),
    norm: str | None = "batch",
    activation: str = "relu",
    generator: torch.Generator | None = None,
) -> Network:
    """A dense network: ``(B, channels, *shape) -> (B, outputs, *shape)``; sizes must be multiples of 32.

    What the encoder sees on each grid last joins the way up; on the finest grid, where ResNet and DenseNet see nothing, it is
    the image itself. Published weights load as into the classifier: ``pretrained: imagenet``.

    Args:
        channels: Of the input; 3 (or 1, of which the three add up) for published weights.
        outputs: Logits a sample of the grid.
        axes: 1, 2 or 3.
        encoder: ``resnet``, ``densenet`` or ``vgg``.
        depth: Of the encoder; 18, 121 and 16 by default.
        widths: Channels on the way up, from the coarsest but one to the finest.
        norm: ``batch``, ``instance``, ``group`` or ``None``; published weights of ResNet and DenseNet want ``batch``.
        activation: Its name.
        generator: For the starting weights.

    Raises:
        UsageError: An unknown encoder, or another number of widths than five.

    >>> encoder_unet(channels=1, outputs=2).eval()(torch.zeros(1, 1, 32, 64)).shape
    torch.Size([1, 2, 32, 64])
    """
    if encoder not in _ENCODERS:
        raise UsageError("UNKNOWN_ENCODER", encoder, "there is no encoder of this name", nearest(encoder, _ENCODERS))
    if len(widths) != 5:
        raise UsageError("LEVELS", "widths", f"{len(widths)} numbers for 5 levels", "give one a level")
    family, usual = _ENCODERS[encoder]
    style = Style(axes, norm, activation)

    def make() -> _EncoderUnet:
        more = {"classifier": "pool"} if encoder == "vgg" else {}
        down = family(channels=channels, outputs=1, axes=axes, depth=depth or usual, norm=norm, activation=activation, **more)
        steps = [step for _, some in _down(down) for step in some]
        *skips, deepest = (m.shape[1] for m in _Trunk(steps).eval()(torch.empty(1, channels, *(_WHOLE,) * axes)))
        ups, arriving = [], deepest
        for width, skip in zip(widths, reversed(skips), strict=True):
            ups.append(Up(upconv(axes, arriving, width), nn.Sequential(*style.pair(width + skip, width, width))))
            arriving = width
        return _EncoderUnet(down, _Decoder(ups, conv(axes, arriving, outputs, kernel=1)), outputs=outputs)

    return built(make, generator)
