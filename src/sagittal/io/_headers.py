"""Headers of pictures that were read lately: training comes back to each of them in every epoch."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from pathlib import Path

from sagittal.core import Image
from sagittal.io.guard import Limits

MOST = 1 << 14
"""So many are kept, of about a kilobyte each; no pixels and no bytes of their files."""

SETTLED = 2_000_000_000
"""Nanoseconds after which a file that is changed again shows another time of change, on any file system."""

State = tuple[str, str, Limits, int, int, int]
"""A path, the part, what was let through, and the file's number, time of change and size."""

_kept: OrderedDict[State, Image] = OrderedDict()
_lock = threading.Lock()


def state_of(path: Path, part: str, limits: Limits) -> State | None:
    """What a header is remembered by; None where there is no such file."""
    try:
        about = path.stat()
    except (OSError, ValueError):
        return None
    return str(path), part, limits, about.st_ino, about.st_mtime_ns, about.st_size


def known(state: State | None) -> Image | None:
    """The image of a file that is as it was; None where it was not read lately."""
    if state is None or state not in _kept:
        return None
    with _lock:
        image = _kept.get(state)
        if image is not None:
            _kept.move_to_end(state)
    return image


def remember(state: State | None, image: Image) -> None:
    """Keep an image that holds no more than its header, unless its file was changed just now."""
    if state is None or time.time_ns() - state[4] < SETTLED:
        return
    with _lock:
        _kept[state] = image
        if len(_kept) > MOST:
            _kept.popitem(last=False)
