"""Values in the order of their indices are the same values."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal.ops.contiguous import contiguous

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">i2", "float32", "float64", "bool"])
@pytest.mark.parametrize("shape", [(1, 70, 131, 121), (2, 65, 64, 130), (3, 5, 4)])
def test_the_copy_has_the_same_values_in_c_order(dtype, shape):
    values = RNG.integers(0, 100, shape[::-1]).astype(dtype).transpose()
    made = contiguous(values)
    assert made.flags.c_contiguous and made.dtype == values.dtype and np.array_equal(made, values)


def test_what_is_in_order_is_not_copied():
    values = np.zeros((1, 128, 128, 128), np.float32)
    assert contiguous(values) is values or np.shares_memory(contiguous(values), values)
