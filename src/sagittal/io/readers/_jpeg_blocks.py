"""Kernels that turn the blocks of a JPEG picture into pixels: the integer transforms of libjpeg, to the bit.

Coefficients lie side by side for ``TILE`` blocks, ``(64, TILE)`` in a row of memory, so that processors work on many
blocks at once. The transform of 8 x 8 is that of Loeffler, Ligtenberg and Moschytz (ICASSP 1989) in 13-bit fixed point, as
libjpeg's ``jidctint.c`` rounds it; those onto 4 x 4 and 2 x 2 leave out what such a size does not show, as its ``jidctred.c`` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sagittal.ops._jit import kernel

Array = Any

TILE = 32
"""Blocks that are transformed together."""

SLOTS = 65 * TILE
"""Numbers of a tile: the last row takes what is not wanted."""

Run = tuple[int, int, int, int]
"""What a transform goes over: the component, its first tile, rows of blocks, and the first row of pixels that is filled."""

TAKEN = {1: (0,), 2: (0, 1, 3, 5, 7), 4: (0, 1, 2, 3, 5, 6, 7), 8: tuple(range(8))}
"""Rows and columns of coefficients that a block of so many pixels a side is made of."""

ALONG = tuple(np.uint64(TILE * n) for n in range(8))
DOWN = tuple(np.uint64(8 * TILE * n) for n in range(8))
"""How far coefficients of the same row, and of the same column, lie apart. Unsigned: a negative index would count from the end."""

BITS, PASS = 13, 2
"""Fraction of the constants, and what the first pass keeps of it (CONST_BITS and PASS1_BITS)."""


@kernel
def plus(a: Any, b: Any) -> Any:
    """In 32 bits: numba computes in 64 unless told, and processors hold twice as many of these at once."""
    return np.int32(a + b)


@kernel
def less(a: Any, b: Any) -> Any:
    """The difference in 32 bits."""
    return np.int32(a - b)


@kernel
def times(a: Any, factor: Any) -> Any:
    """The product in 32 bits."""
    return np.int32(a * np.int32(factor))


@kernel
def rounded(value: Any, shift: Any) -> Any:
    """Divided by a power of two, halves upwards."""
    return np.int32(np.int32(value + np.int32(1 << (shift - 1))) >> np.int32(shift))


@kernel
def byte(value: Any) -> Any:
    """Cut to 0 to 255."""
    return np.uint32(min(max(value, np.int32(0)), np.int32(255)))


@kernel
def pixel(value: Any) -> Any:
    """A sample about 0 as a byte about 128."""
    return byte(plus(value, np.int32(128)))


@kernel
def eight(d: Any, shift: Any) -> Any:
    """The inverse transform of eight numbers, shifted."""
    d0, d1, d2, d3, d4, d5, d6, d7 = d
    z1 = times(plus(d2, d6), 4433)
    t2, t3 = less(z1, times(d6, 15137)), plus(z1, times(d2, 6270))
    t0, t1 = times(plus(d0, d4), 1 << BITS), times(less(d0, d4), 1 << BITS)
    even0, even3, even1, even2 = plus(t0, t3), less(t0, t3), plus(t1, t2), less(t1, t2)
    z1, z2, z3, z4 = plus(d7, d1), plus(d5, d3), plus(d7, d3), plus(d5, d1)
    z5 = times(plus(z3, z4), 9633)
    z1, z2 = times(z1, -7373), times(z2, -20995)
    z3, z4 = less(z5, times(z3, 16069)), less(z5, times(z4, 3196))
    odd0, odd1 = plus(times(d7, 2446), plus(z1, z3)), plus(times(d5, 16819), plus(z2, z4))
    odd2, odd3 = plus(times(d3, 25172), plus(z2, z3)), plus(times(d1, 12299), plus(z1, z4))
    return (
        rounded(plus(even0, odd3), shift),
        rounded(plus(even1, odd2), shift),
        rounded(plus(even2, odd1), shift),
        rounded(plus(even3, odd0), shift),
        rounded(less(even3, odd0), shift),
        rounded(less(even2, odd1), shift),
        rounded(less(even1, odd2), shift),
        rounded(less(even0, odd3), shift),
    )


@kernel
def four(d: Any, shift: Any) -> Any:
    """Four numbers of the inverse transform of eight, of which the fifth is not seen."""
    d0, d1, d2, d3, d5, d6, d7 = d
    t0 = times(d0, 1 << (BITS + 1))
    t2 = less(times(d2, 15137), times(d6, 6270))
    even0, even1 = plus(t0, t2), less(t0, t2)
    odd1 = less(plus(plus(times(d3, -17799), times(d1, 8697)), times(d5, 11893)), times(d7, 1730))
    odd0 = less(less(plus(times(d3, 7373), times(d1, 20995)), times(d5, 4926)), times(d7, 4176))
    more = shift + 1
    return (
        rounded(plus(even0, odd0), more),
        rounded(plus(even1, odd1), more),
        rounded(less(even1, odd1), more),
        rounded(less(even0, odd0), more),
    )


@kernel
def two(d: Any, shift: Any) -> Any:
    """Two numbers of the inverse transform of eight, of which the even ones but the first are not seen."""
    d0, d1, d3, d5, d7 = d
    even = times(d0, 1 << (BITS + 2))
    odd = less(plus(less(times(d1, 29692), times(d3, 10426)), times(d5, 6967)), times(d7, 5906))
    more = shift + 2
    return rounded(plus(even, odd), more), rounded(less(even, odd), more)


@kernel
def to_8(tiles: Array, run: Run, quants: Array, plane: Array) -> None:
    """Blocks of 8 x 8 onto a plane in which a word is a row of a block: eight pixels."""
    component, tile, rows, first = run
    words, out, work = plane.shape[1], plane.reshape(-1), np.empty(64 * TILE, np.int32)
    for place in range(rows * words // TILE):
        at = first * words + place * TILE // words * 8 * words + place * TILE % words
        for u in range(8):
            q0, q1, q2, q3 = quants[component, u], quants[component, 8 + u], quants[component, 16 + u], quants[component, 24 + u]
            q4, q5, q6, q7 = quants[component, 32 + u], quants[component, 40 + u], quants[component, 48 + u], quants[component, 56 + u]
            for b in range(TILE):
                c, w = np.uint64(tile * SLOTS + u * TILE + b), np.uint64(u * TILE + b)
                f = eight(
                    (
                        times(q0, tiles[c]),
                        times(q1, tiles[c + DOWN[1]]),
                        times(q2, tiles[c + DOWN[2]]),
                        times(q3, tiles[c + DOWN[3]]),
                        times(q4, tiles[c + DOWN[4]]),
                        times(q5, tiles[c + DOWN[5]]),
                        times(q6, tiles[c + DOWN[6]]),
                        times(q7, tiles[c + DOWN[7]]),
                    ),
                    BITS - PASS,
                )
                work[w], work[w + DOWN[1]], work[w + DOWN[2]], work[w + DOWN[3]] = f[0], f[1], f[2], f[3]
                work[w + DOWN[4]], work[w + DOWN[5]], work[w + DOWN[6]], work[w + DOWN[7]] = f[4], f[5], f[6], f[7]
        for y in range(8):
            for b in range(TILE):
                w, o = np.uint64(y * 8 * TILE + b), np.uint64(at + y * words + b)
                f = eight(
                    (
                        work[w],
                        work[w + ALONG[1]],
                        work[w + ALONG[2]],
                        work[w + ALONG[3]],
                        work[w + ALONG[4]],
                        work[w + ALONG[5]],
                        work[w + ALONG[6]],
                        work[w + ALONG[7]],
                    ),
                    BITS + PASS + 3,
                )
                low = pixel(f[0]) | pixel(f[1]) << np.uint32(8) | pixel(f[2]) << np.uint32(16) | pixel(f[3]) << np.uint32(24)
                high = pixel(f[4]) | pixel(f[5]) << np.uint32(8) | pixel(f[6]) << np.uint32(16) | pixel(f[7]) << np.uint32(24)
                out[o] = np.uint64(low) | np.uint64(high) << np.uint64(32)
        tile += 1


@kernel
def to_4(tiles: Array, run: Run, quants: Array, plane: Array) -> None:
    """Blocks of 4 x 4, four pixels a word."""
    component, tile, rows, first = run
    words, out, work = plane.shape[1], plane.reshape(-1), np.empty(64 * TILE, np.int32)
    for place in range(rows * words // TILE):
        at = first * words + place * TILE // words * 4 * words + place * TILE % words
        for u in range(8):
            if u == 4:
                continue
            q0, q1, q2, q3 = quants[component, u], quants[component, 8 + u], quants[component, 16 + u], quants[component, 24 + u]
            q5, q6, q7 = quants[component, 40 + u], quants[component, 48 + u], quants[component, 56 + u]
            for b in range(TILE):
                c, w = np.uint64(tile * SLOTS + u * TILE + b), np.uint64(u * TILE + b)
                f = four(
                    (
                        times(q0, tiles[c]),
                        times(q1, tiles[c + DOWN[1]]),
                        times(q2, tiles[c + DOWN[2]]),
                        times(q3, tiles[c + DOWN[3]]),
                        times(q5, tiles[c + DOWN[5]]),
                        times(q6, tiles[c + DOWN[6]]),
                        times(q7, tiles[c + DOWN[7]]),
                    ),
                    BITS - PASS,
                )
                work[w], work[w + DOWN[1]], work[w + DOWN[2]], work[w + DOWN[3]] = f[0], f[1], f[2], f[3]
        for y in range(4):
            for b in range(TILE):
                w, o = np.uint64(y * 8 * TILE + b), np.uint64(at + y * words + b)
                f = four(
                    (
                        work[w],
                        work[w + ALONG[1]],
                        work[w + ALONG[2]],
                        work[w + ALONG[3]],
                        work[w + ALONG[5]],
                        work[w + ALONG[6]],
                        work[w + ALONG[7]],
                    ),
                    BITS + PASS + 3,
                )
                out[o] = pixel(f[0]) | pixel(f[1]) << np.uint32(8) | pixel(f[2]) << np.uint32(16) | pixel(f[3]) << np.uint32(24)
        tile += 1


@kernel
def to_2(tiles: Array, run: Run, quants: Array, plane: Array) -> None:
    """Blocks of 2 x 2, two pixels a word."""
    component, tile, rows, first = run
    words, out, work = plane.shape[1], plane.reshape(-1), np.empty(64 * TILE, np.int32)
    for place in range(rows * words // TILE):
        at = first * words + place * TILE // words * 2 * words + place * TILE % words
        for u in (0, 1, 3, 5, 7):
            q0, q1, q3, q5, q7 = (
                quants[component, u],
                quants[component, 8 + u],
                quants[component, 24 + u],
                quants[component, 40 + u],
                quants[component, 56 + u],
            )
            for b in range(TILE):
                c, w = np.uint64(tile * SLOTS + u * TILE + b), np.uint64(u * TILE + b)
                f = two(
                    (
                        times(q0, tiles[c]),
                        times(q1, tiles[c + DOWN[1]]),
                        times(q3, tiles[c + DOWN[3]]),
                        times(q5, tiles[c + DOWN[5]]),
                        times(q7, tiles[c + DOWN[7]]),
                    ),
                    BITS - PASS,
                )
                work[w], work[w + DOWN[1]] = f
        for y in range(2):
            for b in range(TILE):
                w, o = np.uint64(y * 8 * TILE + b), np.uint64(at + y * words + b)
                seen = (work[w], work[w + ALONG[1]], work[w + ALONG[3]], work[w + ALONG[5]], work[w + ALONG[7]])
                left, right = two(seen, BITS + PASS + 3)
                out[o] = np.uint16(pixel(left) | pixel(right) << np.uint32(8))
        tile += 1


@kernel
def to_1(tiles: Array, run: Run, quants: Array, plane: Array) -> None:
    """Blocks of one pixel: their mean."""
    component, tile, rows, first = run
    words, out = plane.shape[1], plane.reshape(-1)
    q = quants[component, 0]
    for place in range(rows * words // TILE):
        for b in range(TILE):
            mean = tiles[np.uint64((tile + place) * SLOTS + b)]
            out[np.uint64(first * words + place * TILE + b)] = np.uint8(pixel(rounded(times(q, mean), 3)))


@kernel
def to_rgb(luma: Array, blue: Array, red: Array, out: Array) -> None:
    """YCbCr, ``(rows, columns)`` at least, as ``(rows, columns, 3)`` red, green and blue (JFIF; rounded as ``jdcolor.c`` does)."""
    half = np.int32(1 << 15)
    for row in range(out.shape[0]):
        ys, bs, rs, line = luma[row], blue[row], red[row], out[row].reshape(-1)
        for x in range(out.shape[1]):
            y, b, r = np.int32(ys[x]), less(bs[x], 128), less(rs[x], 128)
            green = less(less(half, times(b, 22554)), times(r, 46802))
            line[3 * x] = np.uint8(byte(plus(y, rounded(times(r, 91881), 16))))
            line[3 * x + 1] = np.uint8(byte(plus(y, green >> np.int32(16))))
            line[3 * x + 2] = np.uint8(byte(plus(y, rounded(times(b, 116130), 16))))


TRANSFORMS = {1: to_1, 2: to_2, 4: to_4, 8: to_8}
"""By pixels a side."""
