"""Values in the order of their indices, copied in blocks that stay in the processor's cache."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.ops._jit import kernel

_BLOCK = 32
_WORTH = 1 << 20


def contiguous(values: NDArray[Any]) -> NDArray[Any]:
    """The same ``(C, X, Y, Z)`` values in C order; themselves where they are already.

    A DICOM volume lies in memory slice by slice, its first index fastest; numpy's copy of it into the order of the
    indices touches a cache line for every number, and takes six times as long.

    >>> a = np.arange(24.0).reshape(1, 4, 3, 2).transpose(0, 3, 2, 1)
    >>> bool((contiguous(a) == a).all()), contiguous(a).flags.c_contiguous
    (True, True)
    """
    if values.flags.c_contiguous or values.ndim != 4 or values.size < _WORTH or values.dtype.kind not in "iuf" or not values.dtype.isnative:
        return np.ascontiguousarray(values)
    made = np.empty(values.shape, dtype=values.dtype)
    # as whole numbers: one compiled kernel a width
    plain = f"u{values.dtype.itemsize}"
    for given, target in zip(values.view(plain), made.view(plain), strict=True):
        _copy(given, target)
    return made


@kernel
def _copy(values: Any, made: Any) -> None:
    n, rows, depth = values.shape
    for i0 in range(0, n, _BLOCK):
        for j in range(rows):
            for k0 in range(0, depth, _BLOCK):
                for i in range(i0, min(i0 + _BLOCK, n)):
                    for k in range(k0, min(k0 + _BLOCK, depth)):
                        made[i, j, k] = values[i, j, k]
