"""From any source to what enters the network: deterministic, the same in training, prediction and serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.window import Window
from sagittal.data.ready import Pixels, Ready
from sagittal.engine.content import Shown, content_of, lungs_in
from sagittal.errors import MOST_NAMES, SOURCE, Refused
from sagittal.ops.finite import check_finite
from sagittal.ops.overview import overview
from sagittal.ops.resample import GRAIN
from sagittal.ops.scale import Rule, Scale, measured
from sagittal.ops.stain import Stains, normalised, stains_of
from sagittal.ops.surroundings import from_zero
from sagittal.ops.tissue import Tissue, tissue_of
from sagittal.ops.warp import ReadMap, Tone, gather

COLOURS = 3
"""Red, green and blue: what stains are measured on."""

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
        spacing: World units of the prepared grid along each axis; with a ``size`` as well, a box of so many samples in the
            middle of what is looked at, padded with the border's values.
        multiple: The network takes grids whose sides are multiples of this.
        channels: ``grey``, ``rgb``, or ``all`` as they come.
        names: The channels that must come, in order; for tables the columns.
        low: What becomes 0, a channel (or one for all).
        high: What becomes 1.
        mean: Subtracted after that, a channel (or one for all).
        std: Divided by.
        scaling: Where these numbers come from: ``fixed`` are the four above; any other rule measures each image
            (:func:`sagittal.ops.scale.measured`).
        clip: Volumes: what lies below ``low`` or above ``high`` is cut off there.
        crop: Volumes: windows are cut from the box around what is not 0.
        region: Chest CT: only the lungs are seen, in the box around them; the rest has the value ``low``.
        order: How volumes are resampled: ``linear`` or ``cubic``.
        tissue: Tissue is looked for, for windows that lie on it.
        stain: Colours of stained tissue are brought to these, measured on each image, of a slide on its overview; None leaves them.
        unit: ``um`` where ``spacing`` is in micrometres: a slide of which nobody says how large its pixels are is then refused.
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
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scaling: Rule = "fixed"
    clip: bool = False
    crop: bool = False
    region: Literal["lungs"] | None = None
    order: Literal["linear", "cubic"] = "linear"
    tissue: bool = False
    stain: Stains | None = None
    unit: Literal["um", ""] = ""

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
            raise Refused("AXES", SOURCE, f"has {source.axes} axes where the model expects {self.axes}", "give data of the same kind")
        if self.axes == 0:
            return source
        if self.spacing is not None and source.unit != "um" and (self.unit == "um" or source.frame == "slide"):
            what = "a spacing in micrometres is asked for, and its file does not say how large its pixels are"
            remedy = "state micrometres a pixel: data.mpp=0.5 or a column mpp for a data set, --mpp 0.5 to predict"
            raise Refused("NO_MPP", SOURCE, what, remedy)
        grid = self._grid(source)
        return _up_to_multiple(grid, self.multiple) if self.size is None or self.spacing is not None else grid

    def _grid(self, source: Geometry) -> Geometry:
        """The same, not yet grown to the multiple that the network takes."""
        source = source.upright() if self.upright else source
        if self.spacing is not None and self.size is not None:
            return _centred(source, self.size, [wanted / own for wanted, own in zip(self.spacing, source.spacing, strict=True)])
        if self.spacing is not None:
            return source.with_spacing(self.spacing)
        if self.size is None:
            return source
        return source.resized(self.size) if self.fit == "stretch" else self._same_aspect(source, self.size)

    def _same_aspect(self, source: Geometry, size: tuple[int, ...]) -> Geometry:
        """Equal steps along all axes, centred; what lies outside is cropped or padded."""
        ratios = [n / s for n, s in zip(source.shape, size, strict=True)]
        step = max(ratios) if self.fit == "pad" else min(ratios)
        if self.fit == "crop" and self.resize is not None:
            step = min(source.shape) / self.resize
        return _centred(source, size, [step] * self.axes)

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
        return self._picked(image.read(), image)

    def _picked(self, stored: NDArray[Any], image: Image) -> NDArray[Any]:
        """The right channels of what is stored in an image, or in a part of it."""
        if self.channels == "all":
            if self.names and image.channels != self.names and (self.axes == 0 or len(image.channels) != len(self.names)):
                has, wants = (f"{len(c)} channels ({', '.join(c[:MOST_NAMES])})" for c in (image.channels, self.names))
                raise Refused("CHANNELS", SOURCE, f"has {has} where {wants} are expected", "give the same channels in the same order")
            return stored
        colours = stored[:-1] if image.channels[-1:] == ("alpha",) else stored
        if self.channels == "rgb":
            one = len(colours) == 1  # three views of one grey channel: no copy, and each pixel is loaded once
            return np.lib.stride_tricks.as_strided(colours, (3, *colours.shape[1:]), (0, *colours.strides[1:])) if one else colours[:3]
        return grey(colours)

    def ready(self, image: Image, *, finest: float = 1.0) -> Ready:
        """The case, read and brought onto one scale; windows of it are then only cut.

        A volume is turned upright, resampled, clipped and cut to its content here, once.

        Args:
            image: Of a case.
            finest: How much smaller steps an augmentation takes at times; 1 without one.

        Raises:
            UnreadableInput: A sample is no number, or infinite; a missing cell of a table is none of these.
            Refused: The image is of another kind than those that the model was trained on.
        """
        grid = self.grid(image.geometry)
        source = self.source(image, grid=grid, finest=finest)
        tissue = tissue_of(image) if self.tissue else None
        if source.tiled and not self.settles:
            return self._late(source, grid, tissue)
        values = self.values(source)
        check_finite(values, holes=self.axes == 0)
        own = self._stains(values)
        values = values if own is None else self._stained(values, own)
        values = from_zero(values) if self.scaling == "nonzero" else values
        scale = self.scale if self.scaling == "fixed" else measured(values, self.scaling)
        if not self.settles:
            return Ready(values=values, geometry=source.geometry, grid=grid, scale=scale, tissue=tissue)
        return self._settled(values, source.geometry, grid, scale)

    def _stains(self, values: NDArray[Any]) -> Stains | None:
        """The stains of a picture whose colours are to be changed; None where they stay: no tissue, or nobody asked."""
        if self.stain is None or len(values) != COLOURS or values.dtype != np.uint8:
            return None
        return stains_of(values, self.stain.method)

    def _stained(self, values: NDArray[Any], own: Stains) -> NDArray[Any]:
        return values if self.stain is None else normalised(values, own, self.stain)

    def _late(self, source: Image, grid: Geometry, tissue: Tissue | None) -> Ready:
        """A slide, whose windows are read when they are asked for; where it is measured itself, an overview is."""
        own = None if self.stain is None else self._stains(self._picked(overview(source).read(), source))

        def pick(stored: NDArray[Any]) -> NDArray[Any]:
            picked = self._picked(stored, source)
            return picked if own is None else self._stained(picked, own)

        scale = self.scale if self.scaling == "fixed" else measured(pick(overview(source).read()), self.scaling)
        return Ready(values=Pixels(image=source, pick=pick), geometry=source.geometry, grid=grid, scale=scale, tissue=tissue)

    def _settled(self, values: NDArray[Any], source: Geometry, grid: Geometry, scale: Scale) -> Ready:
        """A volume on its prepared grid, in unit values."""
        shown = lungs_in(values, source) if self.region == "lungs" else self._cropped(values, source)
        if shown is not None:
            grid = self.grid(shown.place)
        inner = self._grid(source if shown is None else shown.place)
        onto = ReadMap(shape=inner.shape, affine=inner.index_map(source))
        plain = Scale(low=scale.low, high=scale.high).tone
        on_grid = gather(values, onto, tone=plain) if self.order == "linear" else cubic(values, onto, tone=plain)
        if self.clip:
            np.clip(on_grid, 0, 1, out=on_grid)
        if self.scaling == "brats":
            zero = gather(np.asarray(values == 0, np.uint8), onto, order="nearest") > 0
            np.copyto(on_grid, np.asarray(scale.mean, np.float32).reshape(-1, *[1] * inner.axes), where=zero)
        if shown is not None and shown.mask is not None:
            on_grid[:, ~shown.on(inner)] = 0
        if self.crop and self.size is None:
            content = content_of(gather(np.asarray(values != 0, np.uint8), onto, order="nearest"))
            on_grid, inner = np.ascontiguousarray(on_grid[:, *content.slices]), inner.at(content)
            grid = _up_to_multiple(inner, self.multiple)
        return Ready(values=on_grid, geometry=inner, grid=grid, scale=scale.settled())

    def _cropped(self, values: NDArray[Any], source: Geometry) -> Shown | None:
        """The content, where a size is set: it is then that of the content, whatever is around it."""
        if not self.crop or self.size is None:
            return None
        upright = source.upright()
        onto = ReadMap(shape=upright.shape, affine=upright.index_map(source))
        return Shown(place=upright.at(content_of(gather(np.asarray(values != 0, np.uint8), onto, order="nearest"))))

    @property
    def scale(self) -> Scale:
        """The plan's own numbers."""
        return Scale(low=self.low, high=self.high, mean=self.mean, std=self.std)

    @property
    def settles(self) -> bool:
        """Whether cases are brought onto their grid before windows are cut: volumes are, of which many windows are taken."""
        return self.axes > 2

    def sample(self, image: Image, window: Window | None = None) -> NDArray[np.float32]:
        """What enters the network for a case, or for a window of its prepared grid: ``(C, *size)`` float32."""
        ready = self.ready(image)
        return ready.see(ready.grid if window is None else ready.grid.at(window))

    def record(self) -> dict[str, object]:
        """A JSON-ready description; :meth:`from_record` reads it back."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Preparation:
        """A preparation from what :meth:`record` gave."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
        if plain.get("stain") is not None:
            plain["stain"] = Stains.from_record(plain["stain"])
        return cls(**plain)


def cubic(values: NDArray[Any], onto: ReadMap, *, tone: Tone) -> NDArray[np.float32]:
    """Values on a map's grid by a cubic B-spline, for maps without a field; no averaging where the grid is coarser."""
    from scipy import ndimage  # takes .2 s to import

    n = onto.axes
    matrix, shift = onto.affine[:n, :n], onto.affine[:n, n]
    factor, offset = tone.of(len(values))
    made = [
        ndimage.affine_transform(channel.astype(np.float32) * f + o, matrix, shift, onto.shape, order=3, mode="nearest")
        for channel, f, o in zip(values, factor, offset, strict=True)
    ]
    return np.stack(made).astype(np.float32)


def grey(colours: NDArray[Any]) -> NDArray[Any]:
    """One channel from one or three, ``(1, *shape)``; rounded back to the stored type."""
    if len(colours) < 3:
        return colours[:1]
    mixed = sum(np.float32(w) * colours[i].astype(np.float32) for i, w in enumerate(LUMA))
    if np.issubdtype(colours.dtype, np.integer):
        mixed = np.rint(mixed)
    return np.asarray(mixed, dtype=colours.dtype)[None]


def _centred(source: Geometry, size: tuple[int, ...], steps: Sequence[float]) -> Geometry:
    """A grid of a size about the middle of a source, with so many of its samples from one sample to the next."""
    scale = np.eye(source.axes + 1)
    for axis, (n, s, step) in enumerate(zip(source.shape, size, steps, strict=True)):
        scale[axis, axis] = step
        scale[axis, -1] = (n - 1) / 2 - step * (s - 1) / 2
    return Geometry(shape=size, affine=source.affine @ scale, unit=source.unit, frame=source.frame)


def _up_to_multiple(grid: Geometry, multiple: int) -> Geometry:
    """The grid, grown at its far sides to multiples; what is outside the source is padded when read."""
    size = tuple(-(-n // multiple) * multiple for n in grid.shape)
    return grid.at(Window((0,) * grid.axes, size))
