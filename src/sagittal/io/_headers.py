"""Headers of pictures that were read lately: training comes back to each of them in every epoch."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from sagittal.core import Image
from sagittal.io.guard import Limits

MOST = 1 << 14
"""So many are kept, of about two kilobytes each; no pixels and no bytes of their files."""

SETTLED = 2_000_000_000
"""Nanoseconds after which a file that is changed again shows another time of change, on any file system."""


class State(NamedTuple):
    """A file as it was: its path, its number, time of change and size, and within which limits it was read."""

    path: str
    limits: Limits
    about: tuple[int, int, int]


_kept: dict[str, tuple[State, Image]] = {}
_lock = threading.Lock()


def state_of(path: str | Path, limits: Limits) -> State | None:
    """What a header is remembered with; None where there is no such file."""
    try:
        about = os.stat(path)  # noqa: PTH116 - of a text it takes half the time
    except (OSError, ValueError):
        return None
    return State(str(path), limits, (about.st_ino, about.st_mtime_ns, about.st_size))


def known(source: str, limits: Limits) -> Image | None:
    """The image that a locator names, where its file is as it was; None where it was not read lately."""
    kept = _kept.get(source)
    if kept is None:
        return None
    state, image = kept
    return image if state_of(state.path, limits) == state else None


def remember(source: str, state: State | None, image: Image) -> None:
    """Keep an image that holds no more than its header, unless its file was changed just now."""
    if state is None or time.time_ns() - state.about[1] < SETTLED:
        return
    with _lock:
        _kept.pop(source, None)
        _kept[source] = (state, image)
        if len(_kept) > MOST:
            del _kept[next(iter(_kept))]
