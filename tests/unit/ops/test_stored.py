"""Stored numbers to values, beside a slow twin: bits above and below the stored ones never count."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sagittal.ops.stored import to_values


def _twin(number: int, *, bits: int, high: int, signed: bool) -> int:
    kept = (number >> (high + 1 - bits)) & ((1 << bits) - 1)
    return kept - (1 << bits) if signed and kept >> (bits - 1) else kept


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("line", [(1.0, -1024.0), (0.37, 5.5)])
def test_only_the_stored_bits_are_the_number(signed, line):
    slope, intercept = line
    for width, (bits, low) in itertools.product((8, 16, 32), ((8, 0), (12, 0), (12, 4), (16, 0), (10, 2), (24, 8))):
        if bits + low > width:
            continue
        high = bits + low - 1
        numbers = np.random.default_rng(bits).integers(0, 1 << width, (4, 25), dtype=np.uint64).astype(f"u{width // 8}")
        out = np.empty(numbers.shape, np.float32)
        to_values(numbers, out, slope, intercept, bits=bits, high=high, signed=signed)
        wanted = [[_twin(int(n), bits=bits, high=high, signed=signed) * slope + intercept for n in row] for row in numbers]
        assert np.array_equal(out, np.array(wanted).astype(np.float32)), (width, bits, low)
