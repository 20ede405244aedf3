"""From any source to what enters the network: deterministic, the same in training, prediction and serving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.window import Window
from sagittal.errors import MOST_NAMES, Refused
from sagittal.ops.resample import GRAIN
from sagittal.ops.warp import ReadMap, Tone, gather

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601), as JPEG and Pillow use them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """The steps that the plan decided, applied by everything that feeds the network.

    Args:
        axes: Of the sources: 0, 2 or 3.
        size: Samples of the prepared grid along each axis; None keeps the source's own.
        resize: The shorter side before a centre crop to ``size``; None: ``size`` itself.
        fit: How another aspect ratio is met: ``stretch``, centre ``crop``, or ``pad`` with the border's values.
        upright: Volumes stand the same way round whatever order and direction their axes were stored in.
        spacing: World units of the prepared grid along each axis, instead of ``size``.
        multiple: The network takes grids whose sides are multiples of this.
        channels: ``grey``, ``rgb``, or ``all`` as they come.
        names: The channels that must come, in order; for tables the columns.
        low: What becomes 0, a channel (or one for all).
        high: What becomes 1.
        mean: Subtracted after that, a channel (or one for all); None: each image's own.
        std: Divided by; None: each image's own.
    """

    axes: int
    size: tuple[int, ...] | None = None
    resize: int | None = None
    fit: Literal["stretch", "crop", "pad"] = "stretch"
    upright: bool = False
    spacing: tuple[float, ...] | None = None
    multiple: int = 1
    channels: Literal["grey", "rgb", "all"] = "all"
    names: tuple[str, ...] = ()
    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (1.0,)
    mean: tuple[float, ...] | None = (0.0,)
    std: tuple[float, ...] | None = (1.0,)

    @property
    def count(self) -> int:
        """How many channels enter the network."""
        return {"grey": 1, "rgb": 3}.get(self.channels, len(self.names))

    def grid(self, source: Geometry) -> Geometry:
        """The grid on which the network sees a source; it lies in the same world.

        Raises:
            Refused: The source has another number of axes than the data that the plan was made from.
        """
        if source.axes != self.axes:
            raise Refused("AXES", "source", f"has {source.axes} axes where the model expects {self.axes}", "give data of the same kind")
        if self.axes == 0:
            return source
        source = source.upright() if self.upright else source
        if self.spacing is not None:
            return _up_to_multiple(source.with_spacing(self.spacing), self.multiple)
        if self.size is None:
            return _up_to_multiple(source, self.multiple)
        if self.fit == "stretch":
            return source.resized(self.size)
        return self._same_aspect(source, self.size)

    def _same_aspect(self, source: Geometry, size: tuple[int, ...]) -> Geometry:
        """Equal steps along all axes, centred; what lies outside is cropped or padded."""
        ratios = [n / s for n, s in zip(source.shape, size, strict=True)]
        step = max(ratios) if self.fit == "pad" else min(ratios)
        if self.fit == "crop" and self.resize is not None:
            step = min(source.shape) / self.resize
        scale = np.eye(self.axes + 1)
        for axis, (n, s) in enumerate(zip(source.shape, size, strict=True)):
            scale[axis, axis] = step
            scale[axis, -1] = (n - 1) / 2 - step * (s - 1) / 2
        return Geometry(shape=size, affine=source.affine @ scale, unit=source.unit, frame=source.frame)

    def source(self, image: Image, *, grid: Geometry | None = None, finest: float = 1.0) -> Image:
        """The image as it is read: on a coarser grid where the prepared one does not need more.

        Without augmentation what is read is never coarser than the prepared grid. An augmentation that takes smaller
        steps may meet pixels larger than them by ``GRAIN``, which costs less than 2 grey levels of 255 on average.

        Args:
            image: Of a case.
            grid: The prepared grid, where it is known already.
            finest: How much smaller steps the augmentation takes at times; 1 without one.
        """
        if self.axes == 0 or image.reduce is None:
            return image
        wanted, given = (grid or self.grid(image.geometry)).spacing, image.geometry.spacing
        return image.coarser(min(a / b for a, b in zip(wanted, given, strict=True)) * min(1.0, finest * GRAIN))

    def values(self, image: Image) -> NDArray[Any]:
        """The stored values with the right channels, not yet resampled: ``(C, *shape)``.

        Raises:
            Refused: The channels are not those that the model was trained on.
        """
        stored = image.read()
        if self.channels == "all":
            if self.names and image.channels != self.names and (self.axes == 0 or len(image.channels) != len(self.names)):
                has, wants = (f"{len(c)} channels ({', '.join(c[:MOST_NAMES])})" for c in (image.channels, self.names))
                raise Refused("CHANNELS", "source", f"has {has} where {wants} are expected", "give the same channels in the same order")
            return stored
        colours = stored[:-1] if image.channels[-1:] == ("alpha",) else stored
        if self.channels == "rgb":
            one = len(colours) == 1  # three views of one grey channel: no copy, and each pixel is loaded once
            return np.lib.stride_tricks.as_strided(colours, (3, *colours.shape[1:]), (0, *colours.strides[1:])) if one else colours[:3]
        return grey(colours)

    def unit(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values whose ``low`` becomes 0 and ``high`` 1; not clipped."""
        low, high = self._shaped(self.low, values), self._shaped(self.high, values)
        scaled: NDArray[np.float32] = (values - low) * (np.float32(1) / (high - low))
        # A missing cell of a table becomes the mean, which is what ``low`` is there.
        return np.nan_to_num(scaled, copy=False) if self.axes == 0 else scaled

    def normalise(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Subtract the mean and divide by the standard deviation."""
        if self.mean is None or self.std is None:
            axes = tuple(range(1, values.ndim))
            own: NDArray[np.float32] = (values - values.mean(axis=axes, keepdims=True)) / (values.std(axis=axes, keepdims=True) + 1e-6)
            return own
        moved: NDArray[np.float32] = (values - self._shaped(self.mean, values)) * (np.float32(1) / self._shaped(self.std, values))
        return moved

    def sample(self, image: Image, window: Window | None = None) -> NDArray[np.float32]:
        """What enters the network for a case, or for a window of its prepared grid: ``(C, *size)`` float32."""
        source = self.source(image)
        grid = self.grid(image.geometry)
        place = grid if window is None else grid.at(window)
        return self.enter(self.values(source), source.geometry, place)

    def enter(self, values: NDArray[Any], source: Geometry, place: Geometry, read_map: ReadMap | None = None) -> NDArray[np.float32]:
        """:meth:`read`, :meth:`unit` and :meth:`normalise` in one, in one pass where the statistics are fixed."""
        tone = self.tone
        if tone is None:
            return np.ascontiguousarray(self.normalise(self.unit(self.read(values, source, place, read_map))))
        return gather(values, read_map or ReadMap(shape=place.shape, affine=place.index_map(source)), tone=tone)

    @property
    def tone(self) -> Tone | None:
        """What :meth:`unit` and :meth:`normalise` do as one product and one sum; None where each image is its own measure."""
        if self.axes == 0 or self.mean is None or self.std is None:
            return None
        given = (self.low, self.high, self.mean, self.std)
        count = max(map(len, given))
        low, high, mean, std = (numbers * count if len(numbers) == 1 else numbers for numbers in given)
        factor = [1 / ((h - a) * s) for a, h, s in zip(low, high, std, strict=True)]
        return Tone(factor, [-a * f - m / s for a, f, m, s in zip(low, factor, mean, std, strict=True)])

    def read(self, values: NDArray[Any], source: Geometry, place: Geometry, read_map: ReadMap | None = None) -> NDArray[np.float32]:
        """Sample stored values on a grid (or along a map) once; table rows as they are."""
        if self.axes == 0:
            return np.asarray(values, dtype=np.float32)
        return gather(values, read_map or ReadMap(shape=place.shape, affine=place.index_map(source)), order="linear")

    def _shaped(self, numbers: tuple[float, ...], values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(numbers, dtype=np.float32).reshape(-1, *([1] * (values.ndim - 1)))

    def record(self) -> dict[str, object]:
        """A JSON-ready description; :meth:`from_record` reads it back."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Preparation:
        """A preparation from what :meth:`record` gave."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
        return cls(**plain)


def grey(colours: NDArray[Any]) -> NDArray[Any]:
    """One channel from one or three, ``(1, *shape)``; rounded back to the stored type."""
    if len(colours) < 3:
        return colours[:1]
    mixed = sum(np.float32(w) * colours[i].astype(np.float32) for i, w in enumerate(LUMA))
    if np.issubdtype(colours.dtype, np.integer):
        mixed = np.rint(mixed)
    return np.asarray(mixed, dtype=colours.dtype)[None]


def _up_to_multiple(grid: Geometry, multiple: int) -> Geometry:
    """The grid, grown at its far sides to multiples; what is outside the source is padded when read."""
    size = tuple(-(-n // multiple) * multiple for n in grid.shape)
    return grid.at(Window((0,) * grid.axes, size))
