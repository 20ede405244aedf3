"""How an image that enters the network is shown to a person: tissue in its own colours, anything else in grey."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sagittal.engine.prepare import Preparation
from sagittal.ops.scale import Scale

Pixels = NDArray[np.uint8]

View = Callable[[NDArray[np.float32]], Pixels]
"""From a prepared image ``(C, *shape)`` to what is shown, ``(*shape, 3)``."""


def view_of(preparation: Preparation) -> View:
    """Colours as they were before each channel was brought to its scale; of other channels the middle one in grey.

    >>> seen = view_of(Preparation(axes=2, channels="rgb", mean=(0.5, 0.2, 0.1), std=(0.1, 0.1, 0.1)))
    >>> seen(np.zeros((3, 1, 1), np.float32)).tolist()
    [[[128, 51, 26]]]
    """
    if preparation.channels != "rgb":
        return grey
    scale = preparation.scale.settled()
    return (lambda image: _coloured(image, scale)) if preparation.scaling == "fixed" else _stretched


def grey(image: NDArray[np.float32]) -> Pixels:
    """The middle channel from its darkest to its brightest samples: of slices with their neighbours the one that is answered.

    >>> grey(np.float32([[[0, 1]]])).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    return np.repeat(_stretched(image[len(image) // 2][None]), 3, axis=-1)


def _coloured(image: NDArray[np.float32], scale: Scale) -> Pixels:
    return _bytes(scale.restored(image))


def _stretched(image: NDArray[np.float32]) -> Pixels:
    """All channels on one scale, so that none of them gets another share of a colour."""
    low, high = np.percentile(image, (0.5, 99.5))
    return _bytes((image - low) / max(high - low, 1e-9))


def _bytes(unit: NDArray[np.floating]) -> Pixels:
    pixels: Pixels = np.moveaxis(np.rint(np.clip(unit, 0, 1) * 255), 0, -1).astype(np.uint8)
    return pixels
