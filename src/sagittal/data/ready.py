"""A case prepared so far that its windows only need to be read: what training, evaluation and prediction share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.ops.lowpass import SLACK, shrink
from sagittal.ops.scale import Scale
from sagittal.ops.tissue import Tissue
from sagittal.ops.warp import AS_STORED, ReadMap, Tone, gather, gather_pair, needed

PIXELS_BYTES = 16 << 20
"""Counted for an open slide: its table of tiles, and those that are kept."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pixels:
    """Values that are read from a slide when a part of them is asked for.

    Args:
        image: At the level that is read.
        pick: From what is stored to the channels that are wanted, ``(C, *shape)`` to ``(C', *shape)``.
    """

    image: Image
    pick: Callable[[NDArray[Any]], NDArray[Any]] = field(repr=False)

    @property
    def nbytes(self) -> int:
        """The memory that it keeps."""
        return PIXELS_BYTES

    def near(self, through: ReadMap) -> tuple[NDArray[Any], ReadMap]:
        """What a map needs, and the map into that."""
        window = needed(through, self.image.geometry.shape)
        return self.pick(self.image.read(window)), through.within(window)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ready:
    """Values of a case, where they lie, the grid of which the network sees windows, and their scale.

    Args:
        values: ``(C, *shape)``: as stored for pictures and rows; unit values on the grid for volumes; of slides what reads them.
        geometry: Of ``values``.
        grid: On which windows are cut; it may reach beyond ``geometry``, where the border's values are repeated.
        scale: From ``values`` to what enters the network.
        tissue: Where there is tissue, where somebody asks for that.
    """

    values: NDArray[Any] | Pixels
    geometry: Geometry
    grid: Geometry
    scale: Scale
    tissue: Tissue | None = None

    @property
    def lazy(self) -> bool:
        """Whether the values are read from a slide when they are asked for."""
        return isinstance(self.values, Pixels)

    @property
    def nbytes(self) -> int:
        """The memory that it keeps."""
        return self.values.nbytes

    @property
    def array(self) -> NDArray[Any]:
        """All values.

        Raises:
            ValueError: They are those of a slide.
        """
        if isinstance(self.values, Pixels):
            raise ValueError("the values of a slide are not held in memory")
        return self.values

    def see(self, place: Geometry, through: ReadMap | None = None) -> NDArray[np.float32]:
        """What enters the network for a part of the grid: ``(C, *place.shape)``, read along a map where one is given."""
        if place.axes == 0:
            return np.ascontiguousarray(self.normalise(self.unit(place)))
        cut = self._cut(place) if through is None else None
        return self._gather(through or self._straight(place), self.scale.tone) if cut is None else cut

    def _gather(self, through: ReadMap, tone: Tone = AS_STORED) -> NDArray[np.float32]:
        if isinstance(self.values, Pixels):
            values, through = self.values.near(through)
            return gather(values, through, tone=tone)
        return gather(self.values, through, tone=tone)

    def _cut(self, place: Geometry) -> NDArray[np.float32] | None:
        """A part whose samples are samples of the values, without reading between them: a tenth of the time; else None."""
        if isinstance(self.values, Pixels) or self.values.dtype != np.float32:
            return None
        n, onto = place.axes, self._straight(place).affine
        at = onto[:n, n].round().astype(int)
        inside = bool((at >= 0).all() and (at + place.shape <= self.values.shape[1:]).all())
        if not inside or not np.array_equal(onto[:n, :n], np.eye(n)) or not np.array_equal(onto[:n, n], at):
            return None
        part = self.values[(slice(None), *(slice(a, a + m) for a, m in zip(at, place.shape, strict=True)))]
        factor, offset = self.scale.tone.of(len(part)).reshape(2, -1, *[1] * n)
        seen: NDArray[np.float32] = np.multiply(part, factor, dtype=np.float32)
        seen += offset
        return seen

    def unit(self, place: Geometry, through: ReadMap | None = None) -> NDArray[np.float32]:
        """The same before the mean is subtracted: about 0 to 1, for augmentation to change."""
        if place.axes == 0:
            # A missing cell of a table becomes the mean, which is what ``low`` is there.
            return np.nan_to_num(self.scale.unit(np.asarray(self.array, dtype=np.float32)), copy=False)
        return self.scale.unit(self.stored(place, through))

    def pair(self, drawn: NDArray[Any], through: ReadMap) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """:meth:`unit` along a map, and what was drawn on the same samples, read in one walk."""
        stored, labels = gather_pair(self.array, drawn, through)
        return self.scale.unit(stored), labels

    def near(self, through: ReadMap) -> tuple[NDArray[Any], ReadMap]:
        """The values that a map needs and the map into these, to be read between them without averaging: that gives :meth:`stored`."""
        if isinstance(self.values, Pixels):
            values, through = self.values.near(through)
        else:
            window = needed(through, self.values.shape[1:])
            values, through = self.values[(slice(None), *window.slices)], through.within(window)
        if max(through.reach) <= SLACK:
            return values, through
        smooth = [shrink(channel, through.reach) for channel in values]
        return np.stack([v for v, _ in smooth]), through.onto(np.diag([*(1.0 / s for s in smooth[0][1]), 1.0]))

    def normalise(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit values to what enters the network."""
        return self.scale.normalise(values)

    def stored(self, place: Geometry, through: ReadMap | None = None) -> NDArray[np.float32]:
        """The values themselves on a part of the grid."""
        return self._gather(through or self._straight(place))

    def _straight(self, place: Geometry) -> ReadMap:
        return ReadMap(shape=place.shape, affine=place.index_map(self.geometry))
