"""Whether every sample is a number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.errors import SOURCE, UnreadableInput


def check_finite(values: NDArray[Any], *, holes: bool) -> None:
    """Complain before the network would be blamed: whatever it makes of such a sample is no number either.

    Args:
        values: As stored.
        holes: What is missing is NaN, and not wrong: the row of a table.

    Raises:
        UnreadableInput: A sample is no number, or infinite.

    >>> check_finite(np.array([1.0, np.nan]), holes=True)
    >>> check_finite(np.array([1.0, np.nan]), holes=False)
    Traceback (most recent call last):
        ...
    sagittal.errors.UnreadableInput: NOT_FINITE source: a sample is no number or infinite; write 0, or what stands for air, in their place
    """
    if values.dtype.kind != "f":
        return
    flat = values.ravel(order="K")
    # The sum of squares tells nearly always, in a fortieth of the time.
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.dot(flat, flat)
    if np.isfinite(whole):
        return
    broken = int(np.isinf(flat).sum() if holes else flat.size - np.isfinite(flat).sum())
    if broken:
        what = f"{broken:,} samples are no number or infinite" if broken > 1 else "a sample is no number or infinite"
        raise UnreadableInput("NOT_FINITE", SOURCE, what, "write 0, or what stands for air, in their place")
