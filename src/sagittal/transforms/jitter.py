"""Changes brightness, contrast and, of colour pictures, saturation and hue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sagittal.transforms._kinds import Floats, Intensity, Values
from sagittal.transforms._ranges import Amount, Range, around_one, around_zero, chance, log_uniform, uniform
from sagittal.transforms._tensors import sent

if TYPE_CHECKING:
    from torch import Tensor

LUMA = np.array([0.299, 0.587, 0.114])
"""How bright red, green and blue look (ITU-R BT.601, as in JPEG)."""

PICTURE = 3
"""Axes of a picture's values, with that of the channels."""

TO_YIQ = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


@dataclass(frozen=True, kw_only=True, slots=True)
class Jitter(Intensity):
    """One linear map of the colours a sample."""

    brightness: Range
    contrast: Range
    saturation: Range
    hue: Range
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """In one pass; nothing is clipped, so nothing is lost."""
        if rng.random() >= self.p:
            return values
        bright, contrast = log_uniform(rng, self.brightness), log_uniform(rng, self.contrast)
        saturation, hue = log_uniform(rng, self.saturation), uniform(rng, self.hue)
        # Three or four channels of a volume are modalities, not colours: each keeps to itself.
        colours = values[:3].reshape(3, -1) if values.ndim == PICTURE and values.shape[0] in {3, 4} else None
        if colours is None:
            return _about_mean(values, bright, contrast)
        moved = (_colour(saturation, hue) * bright).astype(np.float32) @ colours
        middle = np.float32(LUMA @ moved.mean(axis=1))
        moved *= np.float32(contrast)
        moved += middle * np.float32(1 - contrast)
        values[:3] = moved.reshape(values[:3].shape)
        return values

    def apply_to_tensor(self, values: Tensor, rng: np.random.Generator) -> Tensor:
        """The same."""
        if rng.random() >= self.p:
            return values
        bright, contrast = log_uniform(rng, self.brightness), log_uniform(rng, self.contrast)
        saturation, hue = log_uniform(rng, self.saturation), uniform(rng, self.hue)
        if values.ndim != PICTURE or values.shape[0] not in {3, 4}:
            middle = values.mean(dim=tuple(range(1, values.ndim)), keepdim=True) * bright
            return values * (bright * contrast) + middle * (1 - contrast)
        moved = sent(_colour(saturation, hue) * bright, values) @ values[:3].flatten(1)
        luma = sum(share * mean for share, mean in zip(LUMA.tolist(), moved.mean(dim=1), strict=True))
        values[:3] = (moved * contrast + luma * (1 - contrast)).reshape(values[:3].shape)
        return values


def jitter(*, brightness: Amount = 0.2, contrast: Amount = 0.2, saturation: Amount = 0.0, hue: Amount = 0.0, p: float = 1.0) -> Intensity:
    """Random brightness, contrast about the picture's mean, saturation and hue.

    Pictures of one channel (or of other channels than red, green, blue) and volumes take brightness and contrast alone; an
    alpha channel is left as it is. The hue is turned in the YIQ plane, which is linear, not in HSV.

    Args:
        brightness: Factor; 0.2 is from 1 / 1.2 to 1.2, or two factors.
        contrast: Factor about the mean.
        saturation: Factor about grey.
        hue: Share of a full turn; 0.05 is from -0.05 to 0.05.
        p: How likely.
    """
    return Jitter(
        brightness=around_one(brightness, "jitter.brightness"),
        contrast=around_one(contrast, "jitter.contrast"),
        saturation=around_one(saturation, "jitter.saturation"),
        hue=around_zero(hue, "jitter.hue"),
        p=chance(p, "jitter.p"),
    )


def _about_mean(values: Values, bright: float, contrast: float) -> Values:
    """Each channel about its own mean."""
    middle = values.mean(axis=tuple(range(1, values.ndim)), keepdims=True) * np.float32(bright)
    values *= np.float32(bright * contrast)
    values += middle * np.float32(1 - contrast)
    return values


def _colour(saturation: float, hue: float) -> Floats:
    """The linear map of red, green and blue that turns and stretches chroma and keeps brightness."""
    angle = 2 * np.pi * hue
    chroma = np.eye(3)
    chroma[1:, 1:] = saturation * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear: Floats = np.linalg.inv(TO_YIQ) @ chroma @ TO_YIQ
    return linear
