"""A case prepared so far that its windows only need to be read: what training, evaluation and prediction share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.ops.scale import Scale
from sagittal.ops.warp import ReadMap, gather, gather_pair


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ready:
    """Values of a case, where they lie, the grid of which the network sees windows, and their scale.

    Args:
        values: ``(C, *shape)``: as stored for pictures and rows; unit values on the grid for volumes.
        geometry: Of ``values``.
        grid: On which windows are cut; it may reach beyond ``geometry``, where the border's values are repeated.
        scale: From ``values`` to what enters the network.
    """

    values: NDArray[Any]
    geometry: Geometry
    grid: Geometry
    scale: Scale

    def see(self, place: Geometry, through: ReadMap | None = None) -> NDArray[np.float32]:
        """What enters the network for a part of the grid: ``(C, *place.shape)``, read along a map where one is given."""
        if place.axes == 0:
            return np.ascontiguousarray(self.normalise(self.unit(place)))
        cut = self._cut(place) if through is None else None
        return gather(self.values, through or self._straight(place), tone=self.scale.tone) if cut is None else cut

    def _cut(self, place: Geometry) -> NDArray[np.float32] | None:
        """A part whose samples are samples of the values, without reading between them: a tenth of the time; else None."""
        if self.values.dtype != np.float32:
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
            return np.nan_to_num(self.scale.unit(np.asarray(self.values, dtype=np.float32)), copy=False)
        return self.scale.unit(self.stored(place, through))

    def pair(self, drawn: NDArray[Any], through: ReadMap) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """:meth:`unit` along a map, and what was drawn on the same samples, read in one walk."""
        stored, labels = gather_pair(self.values, drawn, through)
        return self.scale.unit(stored), labels

    def normalise(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit values to what enters the network."""
        return self.scale.normalise(values)

    def stored(self, place: Geometry, through: ReadMap | None = None) -> NDArray[np.float32]:
        """The values themselves on a part of the grid."""
        return gather(self.values, through or self._straight(place))

    def _straight(self, place: Geometry) -> ReadMap:
        return ReadMap(shape=place.shape, affine=place.index_map(self.geometry))
