"""Kernels that read the scan of a baseline JPEG: Huffman codes to coefficients (ITU-T T.81, F.2), and these to pixels.

One look at ``PEEK`` bits gives what is coded in them: mostly two coefficients with the zeros before them, from a table
``(tables, 2**PEEK)`` of 64-bit entries:

    bits 0-5    bits that all of it takes
    bits 6-11   bits that the first coefficient takes
    bits 12-19  steps to the first coefficient, ``END`` for the end of the block
    bits 20-27  steps from there to the second; 0 where there is none
    bit 28      only the code fits, not the number after it: how many bits that has is where the first value would be
    bits 32-47  first value
    bits 48-63  second value (the first again where there is none, so that it is written twice and nothing is asked)

0 stands for a longer code, which is searched for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sagittal.io.readers._jpeg_blocks import SLOTS, TILE
from sagittal.ops._jit import kernel

Array = Any

PEEK = 11
END = 128
LONGEST = 16
"""Bits of a code."""

SPARE = 1024
"""Zero bytes behind the data: more than a block can take, so that its end is looked for once a block."""

_FLAG = np.int64(1 << 28)
_ALL, _STEPS = np.int64(63), np.int64(255)
_TOP = np.uint64(64 - PEEK)


@kernel
def fill_table(counts: Array, symbols: Array, quick: Array, bounds: Array) -> bool:
    """The table of one Huffman code; False where there is no such code.

    Args:
        counts: How many codes have 1 to 16 bits, ``(16,)``.
        symbols: In the order of their codes, ``(256,)``: steps in the upper four bits, bits of the number in the lower ones.
        quick: ``(2**PEEK,)``; filled.
        bounds: ``(2, 17)``: for each length the first code of more bits, seen as 16 bits, and where its symbols begin; filled.
    """
    quick[:] = 0
    code, place = 0, 0
    for bits in range(1, LONGEST + 1):
        bounds[1, bits] = place - code
        for _ in range(counts[bits - 1]):
            if code >= 1 << bits or place >= symbols.size:
                return False
            steps, size = step_of(symbols[place])
            if bits <= PEEK:
                free = PEEK - bits
                for rest in range(1 << free):
                    entry = np.int64(bits) << 6 | steps << 12
                    if bits + size <= PEEK:
                        value = signed(np.uint64(rest) << np.uint64(1) << np.uint64(63 - free), size) & np.int64(0xFFFF)
                        entry = np.int64(bits + size) | np.int64(bits + size) << 6 | steps << 12 | value << 32 | value << 48
                    else:
                        entry |= _FLAG | size << 32
                    quick[code << free | rest] = entry
            code += 1
            place += 1
        bounds[0, bits] = code << (LONGEST - bits)
        code <<= 1
    return True


@kernel
def pair_table(quick: Array, paired: Array) -> None:
    """The table whose entries hold a second coefficient where the bits suffice."""
    for at in range(quick.size):
        first = quick[at]
        paired[at] = first
        steps = first >> 12 & _STEPS
        if first == 0 or first & _FLAG or steps >= END:
            continue
        bits = first & _ALL
        second = quick[at << bits & (quick.size - 1)]
        both = bits + (second & _ALL)
        if second == 0 or second & _FLAG or both > PEEK:
            continue
        kept = first & np.int64(0xFFFF000FFFC0)
        paired[at] = both | kept | (second >> 12 & _STEPS) << 20 | (second >> 32 & np.int64(0xFFFF)) << 48


@kernel
def step_of(symbol: Any) -> Any:
    """How far it is to the coefficient of a symbol, and how many bits its number has."""
    run, size = np.int64(symbol) >> 4, np.int64(symbol) & 15
    if size == 0 and run != 15:
        return np.int64(END), size
    return run + 1, size


@kernel
def signed(word: Any, size: Any) -> Any:
    """The number of so many bits that a word begins with, and its sign (T.81, F.2.2.1, EXTEND)."""
    number = np.int64(word >> np.uint64(1) >> np.uint64(63 - size))  # by 64 at once is not defined
    if size == 0 or number >> (size - 1):
        return number
    return number - (np.int64(1) << size) + 1


@kernel
def searched(word: Any, bounds: Array, symbols: Array, code: int) -> Any:
    """The symbol of the code that a word begins with, and the code's bits; no bits where there is no such code."""
    seen = np.int64(word >> np.uint64(64 - LONGEST))
    for bits in range(1, LONGEST + 1):
        if seen < bounds[code, 0, bits]:
            place = (seen >> (LONGEST - bits)) + bounds[code, 1, bits]
            return np.int64(symbols[code, place & 255]), np.int64(bits)
    return np.int64(0), np.int64(0)


@kernel
def big_word(data: Array, p: Any) -> Any:
    """Eight bytes from ``p`` on, the first one highest; compilers make one load of it."""
    return (
        np.uint64(data[p]) << np.uint64(56)
        | np.uint64(data[p + np.uint64(1)]) << np.uint64(48)
        | np.uint64(data[p + np.uint64(2)]) << np.uint64(40)
        | np.uint64(data[p + np.uint64(3)]) << np.uint64(32)
        | np.uint64(data[p + np.uint64(4)]) << np.uint64(24)
        | np.uint64(data[p + np.uint64(5)]) << np.uint64(16)
        | np.uint64(data[p + np.uint64(6)]) << np.uint64(8)
        | np.uint64(data[p + np.uint64(7)])
    )


@kernel
def unstuffed(data: Array, out: Array) -> int:
    """Up to the end marker and without the zero after each 255, followed by ``SPARE`` zeros; how many bytes, or -1 for another marker."""
    kept, begun, at = 0, 0, 0
    high, low = np.uint64(0x8080808080808080), np.uint64(0x0101010101010101)
    while at + 1 < data.size:
        if at + 8 <= data.size:
            word = big_word(data, np.uint64(at))
            # Any byte of 255: its upper bit is set, and clear once one is added.
            if word & ~(word + low) & high == np.uint64(0):
                at += 8
                continue
        stop = min(at + 8, data.size - 1)
        while at < stop:
            if data[at] != 255:
                at += 1
                continue
            following = data[at + 1]
            if following != 0 and following != 0xD9:
                return -1
            kept = copied(data, begun, at + (following == 0), out, kept)
            if following != 0:
                for place in range(kept, kept + SPARE):
                    out[place] = 0
                return kept
            at += 2
            begun = at
    return -1


@kernel
def copied(data: Array, begin: int, end: int, out: Array, at: int) -> int:
    """A run of bytes to another place, whose end is given. Not by slices, which take seconds to compile."""
    for place in range(end - begin):
        out[np.uint64(at + place)] = data[np.uint64(begin + place)]
    return at + end - begin


@kernel
def coded(word: Any, entry: Any, tables: Any, code: int) -> Any:
    """Steps, value and bits of what the table has no value for; no bits where there is no such code."""
    if entry:
        length, size, steps = entry >> 6 & _ALL, entry >> 32 & _STEPS, entry >> 12 & _STEPS
    else:
        symbol, length = searched(word, tables[1], tables[2], code)
        if length == 0:
            return np.uint64(0), np.int64(0), np.uint64(0)
        steps, size = step_of(symbol)
    return np.uint64(steps), signed(word << np.uint64(length), size), np.uint64(length + size)


@kernel
def read_units(data: Array, size: int, state: Array, tables: Any, layout: Array, places: Array, rows: int, tiles: Array) -> bool:
    """The coefficients of some rows of units, into their tiles; False where the data are broken, or end too early.

    All in one loop over flat memory: what is at hand stays in the processor's registers.

    Args:
        data: :func:`unstuffed`.
        size: Bytes of it.
        state: The bits at hand, how many they are, which byte comes next, and of each component the first coefficient of the
            block before, ``(3 + n,)``; zeros at first; changed.
        tables: Of all Huffman codes: entries (pairs where they are of other coefficients than first ones) one after the
            other, bounds, symbols.
        layout: Of each component: blocks of a unit across and down, the codes of its first and its other coefficients, units
            in a row, and tiles in a row of its blocks.
        places: Where each coefficient lies in a tile, of each component, ``(n, 2 * END)``.
        rows: How many rows of units.
        tiles: Filled, a component after the other.
    """
    paired = tables[0]
    before = state[3:]
    word, bits, p = np.uint64(state[0]), np.uint64(state[1]), np.uint64(state[2])
    word |= big_word(data, p) >> bits
    p += (np.uint64(63) - bits) >> np.uint64(3)
    bits |= np.uint64(56)
    last = np.uint64(size + 8)
    units = layout[0, 4]
    if places[:, 2:].min() < np.uint64(64 * TILE):  # else no coefficient is wanted but the first ones
        tiles[:] = 0
    for turn in range(rows * units):
        row, unit, begun = turn // units, turn % units, 0
        for c in range(layout.shape[0]):
            across, down = layout[c, 0], layout[c, 1]
            first_code, code = np.uint64(layout[c, 2] << PEEK), np.uint64(layout[c, 3] << PEEK)
            in_a_row = layout[c, 5]
            y, x = 0, 0
            while y < down:
                block = unit * across + x
                column = np.uint64((begun + (row * down + y) * in_a_row + (block // TILE)) * SLOTS + (block % TILE))
                x += 1
                if x == across:
                    y, x = y + 1, 0
                entry = paired[first_code + (word >> _TOP)]
                word |= big_word(data, p) >> bits
                p += (np.uint64(63) - bits) >> np.uint64(3)
                bits |= np.uint64(56)
                value, taken = entry >> 48, np.uint64(entry & _ALL)
                if taken == np.uint64(0):
                    _, value, taken = coded(word, entry, tables, layout[c, 2])
                before[c] += value
                tiles[column] = before[c]
                broken = taken == np.uint64(0)
                word <<= taken
                bits -= taken
                k = np.uint64(1)
                while k < np.uint64(64):
                    # Bits enough for this are at hand still, so that nothing waits for more.
                    entry = paired[code + (word >> _TOP)]
                    word |= big_word(data, p) >> bits
                    p += (np.uint64(63) - bits) >> np.uint64(3)
                    bits |= np.uint64(56)
                    taken = np.uint64(entry & _ALL)
                    if taken == np.uint64(0):
                        steps, value, taken = coded(word, entry, tables, layout[c, 3])
                        k += steps if taken else np.uint64(64)
                        tiles[column + places[c, k]] = value
                    else:
                        k += np.uint64(entry >> 12 & _STEPS)
                        tiles[column + places[c, k]] = np.int16(entry >> 32)
                        if k >= np.uint64(64):  # what follows belongs to the next block
                            taken = np.uint64(entry >> 6 & _ALL)
                        else:
                            k += np.uint64(entry >> 20 & _STEPS)
                            tiles[column + places[c, k]] = np.int16(entry >> 48)
                    word <<= taken
                    bits -= taken
                if broken or p > last or (np.uint64(64) < k and k < np.uint64(END)):
                    return False
            begun += rows * down * in_a_row
    state[0], state[1], state[2] = np.int64(word), np.int64(bits), np.int64(p)
    return bool(p * np.uint64(8) - bits <= np.uint64(8 * size))
