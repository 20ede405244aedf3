"""Samples that a device reads itself: the values near each window, the maps into them, and what intensities depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sagittal.data.dataset import Key, Unread
from sagittal.ops.scale import Scale
from sagittal.ops.warp import ReadMap

SENT = frozenset(np.dtype(kind) for kind in ("uint8", "int16", "float32"))
"""Values that go to the device as they are stored; others become float32 first."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Maps:
    """The read maps of a batch.

    Args:
        shape: The grid that all of them make.
        affine: ``(B, n, n + 1)`` float64, from target indices to source indices.
        fields: Of each sample the displacements at its control points, ``(n, *controls)`` float64; None for straight maps.
    """

    shape: tuple[int, ...]
    affine: Tensor
    fields: tuple[Tensor | None, ...]

    @classmethod
    def of(cls, maps: Sequence[ReadMap]) -> Maps:
        """One map a sample.

        Raises:
            ValueError: They make different grids, or there is none.
        """
        shapes = {m.shape for m in maps}
        if len(shapes) != 1:
            raise ValueError(f"the maps of a batch make one grid, not {sorted(shapes)}")
        return cls(
            shape=shapes.pop(),
            affine=torch.from_numpy(np.stack([m.affine[:-1] for m in maps])),
            fields=tuple(None if m.field is None else torch.from_numpy(np.array(m.field)) for m in maps),
        )

    def pin_memory(self) -> Maps:
        """The same in page-locked memory."""
        bends = tuple(None if f is None else f.pin_memory() for f in self.fields)
        return Maps(shape=self.shape, affine=self.affine.pin_memory(), fields=bends)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class UnreadBatch:
    """A batch before it is read, on the CPU.

    Args:
        values: ``(B, C, *source)``, what each map needs of its case; shorter ones end with their border repeated, which is
            what reading beyond a border gives.
        maps: Into them.
        scale: ``(B, 4, C, 1 ...)`` float32: what is subtracted and multiplied to give unit values, then to give what enters the network.
        targets: As the loss wants them; None where they are read as well.
        labels: ``(B, *source)``, -1 where there is nothing; None where the targets are finished.
        label_maps: Into them; None where they are ``maps``.
        weights: As of a batch.
        ids: As of a batch.
        keys: On which the random numbers depend.
    """

    values: Tensor
    maps: Maps
    scale: Tensor
    targets: Tensor | None
    labels: Tensor | None
    label_maps: Maps | None
    weights: Tensor
    ids: Sequence[str]
    keys: Sequence[Key]

    def pin_memory(self) -> UnreadBatch:
        """The same in page-locked memory: copies to a GPU then do not wait."""
        return replace(
            self,
            values=self.values.pin_memory(),
            maps=self.maps.pin_memory(),
            scale=self.scale.pin_memory(),
            targets=None if self.targets is None else self.targets.pin_memory(),
            labels=None if self.labels is None else self.labels.pin_memory(),
            label_maps=None if self.label_maps is None else self.label_maps.pin_memory(),
        )


def together(samples: Sequence[Unread]) -> UnreadBatch:
    """Samples as one batch, padded to a common shape.

    Raises:
        ValueError: Their windows differ in shape.
    """
    drawn = [s.labels for s in samples if s.labels is not None]
    targets = [s.target for s in samples if s.target is not None]
    same = all(s.labels_onto is s.onto for s in samples)
    return UnreadBatch(
        values=torch.from_numpy(_values([s.values for s in samples])),
        maps=Maps.of([s.onto for s in samples]),
        scale=torch.from_numpy(np.stack([_numbers(s.scale, s.values) for s in samples])),
        targets=torch.from_numpy(_wide(np.stack(targets))) if targets else None,
        labels=torch.from_numpy(_labels(drawn)) if drawn else None,
        label_maps=Maps.of([s.labels_onto for s in samples if s.labels_onto is not None]) if drawn and not same else None,
        weights=torch.tensor([s.key.weight for s in samples], dtype=torch.float32),
        ids=[s.id for s in samples],
        keys=[s.key for s in samples],
    )


def _wide(targets: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(targets.astype(np.int64) if targets.dtype == np.int16 else targets)


def _values(blocks: Sequence[NDArray[Any]]) -> NDArray[Any]:
    shape = tuple(np.max([b.shape for b in blocks], axis=0).tolist())
    kind = np.result_type(*(b.dtype for b in blocks))
    out = np.empty((len(blocks), *shape), kind if kind in SENT else np.float32)
    for row, block in zip(out, blocks, strict=True):
        row[tuple(slice(n) for n in block.shape)] = block
        for axis, n in enumerate(block.shape):
            # Axis after axis: what was filled before is repeated along the next one.
            if n < shape[axis]:
                filled = np.moveaxis(row, axis, 0)
                filled[n:] = filled[n - 1]
    return out


def _labels(blocks: Sequence[NDArray[Any]]) -> NDArray[Any]:
    shape = tuple(np.max([b.shape for b in blocks], axis=0).tolist())
    small = all(np.can_cast(b.dtype, np.int16) for b in blocks)
    out = np.full((len(blocks), *shape), -1, np.int16 if small else np.int64)
    for row, block in zip(out, blocks, strict=True):
        row[tuple(slice(n) for n in block.shape)] = block
    return out


def _numbers(scale: Scale, values: NDArray[Any]) -> NDArray[np.float32]:
    """As :class:`Scale` computes them."""
    found = np.empty((4, len(values)), np.float32)
    low, high, found[2], std = (np.asarray(v, np.float32) for v in (scale.low, scale.high, scale.mean, scale.std))
    found[0], found[1], found[3] = low, np.float32(1) / (high - low), np.float32(1) / std
    return found.reshape(*found.shape, *[1] * (values.ndim - 1))
