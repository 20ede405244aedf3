"""Random patches for training, a share of them on an object; overlapping windows for the answer."""

from __future__ import annotations

from collections.abc import Sequence

from sagittal.windows._random import OnObject, check_share, random_windows
from sagittal.windows._windowing import Windowing


def patches(
    *, size: int | Sequence[int] = 96, per_case: int = 4, on_object: float = 0.5, overlap: float = 0.5, blend: str = "gaussian"
) -> Windowing:
    """Random patches of one size.

    Args:
        size: Samples along each axis; one number for all axes.
        per_case: Patches taken from each case in an epoch.
        on_object: The share of patches that is made to hold a sample of a foreground class, each class as often.
        overlap: Of the windows that cover a case for the answer.
        blend: How those are weighted where they overlap: ``gaussian`` or ``constant``.

    >>> import numpy as np
    >>> from sagittal.core.geometry import Geometry
    >>> patches(size=32).draw(Geometry.picture((64, 64)), 0, np.random.default_rng(0), None).size
    (32, 32)
    """
    rule = OnObject(share=check_share(on_object, "windows.on_object"), by="class")
    return random_windows(rule, size=size, per_case=per_case, overlap=overlap, blend=blend)
