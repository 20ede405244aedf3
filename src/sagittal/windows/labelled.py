"""Random blocks that are kept when enough of them is labelled: the rule of MedicalZoo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sagittal.core.window import Window
from sagittal.errors import UsageError
from sagittal.ops.positions import Positions
from sagittal.windows._random import Room, check_share, random_windows
from sagittal.windows._windowing import Windowing


@dataclass(frozen=True, kw_only=True, slots=True)
class _Enough:
    share: float
    tries: int

    def place(self, room: Room, rng: np.random.Generator, where: Positions) -> Window:
        """The first block with enough, or the fullest of all tries."""
        best, most = room.anywhere(rng), -1.0
        window = best
        for _ in range(self.tries):
            held = where.share(window.start, window.size)
            if held > most:
                best, most = window, held
            if most >= self.share:
                break
            window = room.anywhere(rng)
        return best


def labelled(
    *,
    size: int | Sequence[int] = 96,
    per_case: int = 4,
    share: float = 0.1,
    tries: int = 100,
    overlap: float = 0.5,
    blend: str = "gaussian",
) -> Windowing:
    """Random blocks of which a share is labelled.

    The share is estimated from the index of the case's objects (up to 10,000 samples a class), which is exact for small objects
    and within about a hundredth for large ones. The original draws until it finds a block, however long that takes; here
    the fullest of so many blocks is taken.

    Args:
        size: Samples along each axis; one number for all axes. The published blocks are (128, 128, 64).
        per_case: Blocks taken from each case in an epoch.
        share: Of the block's samples that must be of a foreground class.
        tries: How many blocks are looked at.
        overlap: Of the windows that cover a case for the answer.
        blend: How those are weighted where they overlap: ``gaussian`` or ``constant``.

    Raises:
        UsageError: An option means nothing.

    Source: github.com/black0017/MedicalZooPytorch, ``lib/medloaders/medical_loader_utils.py`` (threshold .1).

    >>> from sagittal.core.geometry import Geometry
    >>> from sagittal.ops.positions import foreground
    >>> mask = np.zeros((64, 64), np.uint8)
    >>> mask[:8, :8] = 1
    >>> where = foreground(mask, rng=np.random.default_rng(0))
    >>> window = labelled(size=16).draw(Geometry.picture((64, 64)), 0, np.random.default_rng(1), where)
    >>> bool((mask[window.slices] > 0).mean() >= 0.1)
    True
    """
    if isinstance(tries, bool) or not isinstance(tries, int) or tries < 1:
        raise UsageError("WINDOW_TRIES", "windows.tries", f"{tries!r} is no number of tries", "give a whole number of at least 1")
    rule = _Enough(share=check_share(share, "windows.share"), tries=tries)
    return random_windows(rule, size=size, per_case=per_case, overlap=overlap, blend=blend)
