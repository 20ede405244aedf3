"""The kernel that runs over plain elements of a data set: those whose length is said and whose value needs no look inside."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.io.dicom._tags import CREATORS, LONG_VRS, VR
from sagittal.ops._jit import kernel

ROOM = 160
"""Elements that one run can note."""

_LONG = np.array(sorted(int.from_bytes(vr.encode(), "big") for vr in LONG_VRS), dtype=np.int64)
_SQ = int.from_bytes(b"SQ", "big")
_PRIVATE = np.array(sorted(CREATORS), dtype=np.int64)


@lru_cache(maxsize=8)
def sought(tags: frozenset[int]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The tags in order, and which of them are sequences: as the kernel wants them."""
    ordered = sorted(tags)
    return np.array(ordered, dtype=np.int64), np.array([VR.get(tag) == "SQ" for tag in ordered], dtype=np.bool_)


def skim(
    window: bytes, at: int, end: int, wanted: tuple[Any, Any], notes: NDArray[np.int64], *, implicit: bool, big: bool
) -> tuple[int, int, int]:
    """Run over elements from ``at`` on, up to one that is not plain or that does not lie in the window.

    Args:
        window: Bytes of the data set.
        at: Where an element begins.
        end: Where they stop, within the window.
        wanted: Of :func:`sought`.
        notes: ``(ROOM, 4)``: gets the tag, the VR (two letters as a number), where the value begins and its length, for
            those wanted.
        implicit: No VR is written.
        big: Big endian.

    Returns:
        How many are noted, how many were met, and where it stopped: always before an element.
    """
    data = np.frombuffer(window, dtype=np.uint8)
    noted, met, stop = _skim(data, at, min(end, len(window)), wanted[0], wanted[1], notes, int(implicit), int(big), _LONG, _PRIVATE)
    return int(noted), int(met), int(stop)


@kernel
def _number(data: Any, at: int, size: int, big: int) -> Any:
    value: Any = 0
    for n in range(size):
        value = (value << 8) | np.int64(data[at + n if big else at + size - 1 - n])
    return value


@kernel
def _among(ordered: Any, value: int) -> int:
    """Where a value stands in an ordered array, -1 when it does not."""
    low, high = 0, ordered.size
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low if low < ordered.size and ordered[low] == value else -1


@kernel
def _skim(data: Any, at: int, end: int, tags: Any, nested: Any, notes: Any, implicit: int, big: int, long: Any, private: Any) -> Any:
    noted, met = 0, 0
    while at + 12 <= end and noted < notes.shape[0]:
        group, element = _number(data, at, 2, big), _number(data, at + 2, 2, big)
        if group == 0xFFFE or group == 0x7FE0 or (group & 1 and _among(private, group) >= 0):
            break
        vr, start = 0, at + 8
        if implicit:
            length = _number(data, at + 4, 4, big)
        else:
            vr = _number(data, at + 4, 2, 1)
            if _among(long, vr) >= 0:
                length, start = _number(data, at + 8, 4, big), at + 12
            else:
                length = _number(data, at + 6, 2, big)
        if length > end - start:  # an undefined length is larger than any window
            break
        place = _among(tags, group << 16 | element)
        if place >= 0:
            if vr == _SQ or (vr == 0 and nested[place]):
                break
            notes[noted, 0], notes[noted, 1], notes[noted, 2], notes[noted, 3] = tags[place], vr, start, length
            noted += 1
        at = start + length
        met += 1
    return noted, met, at
