"""Random patches of which each holds an object: every class, or every lesion, as often as the others."""

from __future__ import annotations

from collections.abc import Sequence

from sagittal.errors import UsageError, nearest
from sagittal.ops.positions import By
from sagittal.windows._random import OnObject, check_share, random_windows
from sagittal.windows._windowing import Windowing

BY: dict[str, By] = {"class": "class", "lesion": "piece"}


def balanced(
    *,
    size: int | Sequence[int] = 96,
    per_case: int = 4,
    by: str = "class",
    elsewhere: float = 0.0,
    overlap: float = 0.5,
    blend: str = "gaussian",
) -> Windowing:
    """Random patches around objects.

    Args:
        size: Samples along each axis; one number for all axes.
        per_case: Patches taken from each case in an epoch.
        by: ``class``: each foreground class of the case as often, and within it each sample. ``lesion``: each class as often,
            and within it each connected piece, so that the small ones are seen as often as the large one.
        elsewhere: The share of patches that lies anywhere; without any, a network never sees a patch of nothing.
        overlap: Of the windows that cover a case for the answer.
        blend: How those are weighted where they overlap: ``gaussian`` or ``constant``.

    Raises:
        UsageError: An unknown way to balance.

    >>> import numpy as np
    >>> from sagittal.core.geometry import Geometry
    >>> from sagittal.ops.positions import foreground
    >>> where = foreground(np.eye(64, dtype=np.uint8), rng=np.random.default_rng(0))
    >>> window = balanced(size=8, by="lesion").draw(Geometry.picture((64, 64)), 0, np.random.default_rng(0), where)
    >>> bool(np.eye(64)[window.slices].any())
    True
    """
    if by not in BY:
        raise UsageError("WINDOW_BALANCE", "windows.by", f"{by!r} is nothing to balance by", nearest(by, BY))
    rule = OnObject(share=1 - check_share(elsewhere, "windows.elsewhere"), by=BY[by])
    return random_windows(rule, size=size, per_case=per_case, overlap=overlap, blend=blend)
