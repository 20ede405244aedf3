"""Baseline JPEG by our own kernels, to the bit what libjpeg gives and in half its time."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sagittal.core.image import Values

WORTH = 1 << 13
"""Bytes of a file from which on our tables cost less than they save."""

AT_ONCE = 1 << 17
"""Coefficients in memory at a time, which the processor's cache holds."""

_ORDER = tuple(sorted(range(64), key=lambda at: (at // 8 + at % 8, at // 8 if (at // 8 + at % 8) % 2 else at % 8)))
"""The zigzag: where each coefficient lies in its block (T.81, figure A.6)."""

_BASELINE, _EXTENDED, _CODES, _TABLES, _SCAN, _ADOBE = 0xC0, 0xC1, 0xC4, 0xDB, 0xDA, 0xEE
TOLD = {_BASELINE, _EXTENDED, _CODES, _TABLES, _SCAN, _ADOBE}
"""Markers of the segments that a :class:`Plan` is made from."""

_WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
"""A row of a block, by its pixels."""

Segments = tuple[tuple[int, bytes], ...]
Tables = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]


class _OtherError(Exception):
    """Of a kind that is left to libjpeg."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Plan:
    """How the scan of pictures of one size with the same tables is read onto one scale.

    Args:
        tables: Of the Huffman codes (see :func:`sagittal.io.readers._jpeg_scan.read_units`).
        layout: As there.
        places: As there.
        quants: Factors of the coefficients of each component, ``(n, 64)``.
        sides: Pixels a side of the blocks of each component.
        rows: Of units.
        shape: Rows and columns of the picture.
    """

    tables: Tables
    layout: NDArray[np.int64]
    places: NDArray[np.uint64]
    quants: NDArray[np.int32]
    sides: tuple[int, ...]
    rows: int
    shape: tuple[int, int]

    def read(self, scan: NDArray[np.uint8]) -> Values | None:
        """The pixels, ``(rows, columns)`` or ``(rows, columns, 3)``; None where the scan is broken."""
        from sagittal.io.readers import _jpeg_blocks as blocks
        from sagittal.io.readers._jpeg_scan import SPARE, read_units, unstuffed

        data = np.empty(scan.size + SPARE, np.uint8)
        size = unstuffed(scan, data)
        if size < 0:
            return None
        parts = [(side, down, in_a_row) for side, (_, down, *_, in_a_row) in zip(self.sides, self.layout.tolist(), strict=True)]
        planes = [np.empty((self.rows * down * side, in_a_row * blocks.TILE), _WORDS[side]) for side, down, in_a_row in parts]
        a_row = sum(down * in_a_row for _, down, in_a_row in parts)
        step = min(max(1, AT_ONCE // (a_row * blocks.SLOTS)), self.rows)
        tiles, state = np.empty(step * a_row * blocks.SLOTS, np.int16), np.zeros(3 + len(parts), np.int64)
        for first in range(0, self.rows, step):
            rows = min(step, self.rows - first)
            if not read_units(data, size, state, self.tables, self.layout, self.places, rows, tiles):
                return None
            tile = 0
            for c, (side, down, in_a_row) in enumerate(parts):
                blocks.TRANSFORMS[side](tiles, (c, tile, rows * down, first * down * side), self.quants, planes[c])
                tile += rows * down * in_a_row
        seen = [plane.view(np.uint8) for plane in planes]
        if len(seen) == 1:
            return np.ascontiguousarray(seen[0][: self.shape[0], : self.shape[1]])
        out = np.empty((*self.shape, 3), np.uint8)
        luma, blue, red = seen
        blocks.to_rgb(luma, blue, red, out)
        return out


@lru_cache(maxsize=64)
def plan_of(segments: Segments, step: int) -> Plan | None:
    """The plan for a header; None for what libjpeg reads: progressive files, colour that is to be interpolated, rare kinds.

    Args:
        segments: Those of ``TOLD``, marker and content, in their order.
        step: By which the picture is scaled down: 1, 2, 4 or 8.
    """
    if sys.byteorder != "little":
        return None
    try:
        return _plan(segments, step)
    except (_OtherError, IndexError, KeyError, ValueError):
        return None


def _plan(segments: Segments, step: int) -> Plan:
    from sagittal.io.readers._jpeg_blocks import TAKEN, TILE
    from sagittal.io.readers._jpeg_scan import END

    (frame,) = (body for marker, body in segments if marker in {_BASELINE, _EXTENDED})
    rows, columns = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    parts = [tuple(frame[i : i + 3]) for i in range(6, 6 + 3 * frame[5], 3)]
    (scan,) = (body for marker, body in segments if marker == _SCAN)
    used = [tuple(scan[i : i + 2]) for i in range(1, 1 + 2 * scan[0], 2)]
    _require([name for name, _ in used] == [name for name, *_ in parts] and scan[1 + 2 * scan[0] :] == b"\0\x3f\0")
    _require(len(parts) == 1 or ([name for name, *_ in parts] == [1, 2, 3] and all(m != _ADOBE for m, _ in segments)))
    sampling = [(1, 1)] if len(parts) == 1 else [(s >> 4, s & 15) for _, s, _ in parts]
    across, down = sampling[0]
    _require(sampling[1:] in ([], [(1, 1), (1, 1)]) and (across, down) in {(1, 1), (2, 2)})
    side = 8 // step
    sides = [side, *(across * side for _ in sampling[1:])]
    _require(max(sides) <= 8)
    units_x, units_y = -(-columns // (8 * across)), -(-rows // (8 * down))
    named, tables = _codes(segments)
    quants = _quants(segments)
    layout = [
        (h, v, named[0, code >> 4], named[1, code & 15], units_x, -(-units_x * h // TILE))
        for (h, v), (_, code) in zip(sampling, used, strict=True)
    ]
    places = np.full((len(parts), 2 * END), 64 * TILE, np.uint64)
    for row, size in zip(places, sides, strict=True):
        for k, at in enumerate(_ORDER):
            if at // 8 in TAKEN[size] and at % 8 in TAKEN[size]:
                row[k + 1] = at * TILE
    return Plan(
        tables=tables,
        layout=np.array(layout),
        places=places,
        quants=np.stack([quants[q] for *_, q in parts]),
        sides=tuple(sides),
        rows=units_y,
        shape=(-(-rows // step), -(-columns // step)),
    )


def _codes(segments: Segments) -> tuple[dict[tuple[int, int], int], Tables]:
    """The number of each Huffman code by its kind and name, and the tables of all."""
    from sagittal.io.readers._jpeg_scan import PEEK, fill_table, pair_table

    found: dict[tuple[int, int], tuple[bytes, bytes]] = {}
    for marker, body in segments:
        while marker == _CODES and body:
            n = sum(body[1:17])
            _require(len(body) >= 17 + n and body[0] >> 4 < 2 and n <= 256)
            found[body[0] >> 4, body[0] & 15] = (body[1:17], body[17 : 17 + n])
            body = body[17 + n :]
    quick, bounds = np.zeros((len(found), 1 << PEEK), np.int64), np.zeros((len(found), 2, 17), np.int64)
    symbols = np.zeros((len(found), 256), np.uint8)
    for i, ((kind, _), (counts, named)) in enumerate(found.items()):
        _require(kind == 1 or max(named, default=0) <= 11)
        symbols[i, : len(named)] = np.frombuffer(named, np.uint8)
        _require(fill_table(np.frombuffer(counts, np.uint8).astype(np.int64), symbols[i], quick[i], bounds[i]))
        if kind == 1:
            pair_table(quick[i].copy(), quick[i])
    return {name: i for i, name in enumerate(found)}, (quick.reshape(-1), bounds, symbols)


def _quants(segments: Segments) -> dict[int, NDArray[np.int32]]:
    """The factors of the coefficients, in the order of the block, by their name."""
    found = {}
    for marker, body in segments:
        while marker == _TABLES and body:
            _require(len(body) >= 65 and body[0] < 4)
            table = np.zeros(64, np.int32)
            table[list(_ORDER)] = np.frombuffer(body[1:65], np.uint8)
            found[body[0]] = table
            body = body[65:]
    return found


def _require(met: bool) -> None:  # noqa: FBT001 - reads as a sentence
    if not met:
        raise _OtherError
