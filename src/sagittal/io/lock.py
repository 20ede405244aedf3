"""A lock between processes, which the system lets go of when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sagittal.io.atomic import storage

_LOOK_S = 0.05


@contextlib.contextmanager
def locked(path: Path, *, wait_s: float | None = None) -> Iterator[bool]:
    """Hold a lock for the time of the block; gives whether it could be had.

    Nothing is left to clean up after a ``kill -9``: the lock goes with the process. The file itself, which is empty,
    stays, unless its holder removes it: whoever waits then makes a new one, since a lock on a removed file would be no lock.

    Args:
        path: Of the lock's own file; its folder is made where it is missing.
        wait_s: For how long to wait; 0 only asks, None waits without end.

    Raises:
        StorageFailure: The file cannot be made.

    >>> path = getfixture("tmp_path") / "a.lock"
    >>> with locked(path) as mine, locked(path, wait_s=0) as second:
    ...     mine, second
    (True, False)
    """
    until = None if wait_s is None else time.monotonic() + wait_s
    file, mine = _waited(path, until)
    with file:
        try:
            yield mine
        finally:
            if mine:
                _let_go(file)


def _waited(path: Path, until: float | None) -> tuple[BinaryIO, bool]:
    """The open file, and whether its lock was had in time."""
    while True:
        with storage(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                file = path.open("ab")
            except FileNotFoundError:
                # the folder has gone with the lock that was waited for
                continue
        while not (mine := _taken(file)) and (until is None or time.monotonic() < until):
            time.sleep(_LOOK_S)
        if not mine or _is_at(file, path):
            return file, mine
        file.close()


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether the open file is the one that has the name now."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _taken(file: BinaryIO) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _let_go(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _taken(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _let_go(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
