"""What was read or decoded last, so that the rows of one table or array do not each decode it all again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Decoded files by path, size and time of change; the oldest go when ``most`` bytes are exceeded.

    The last one is always kept. Values are shared: nobody may write to them. A file that was changed is decoded again.
    """

    def __init__(self, most: int, size_of: Callable[[T], int]) -> None:
        self._most = most
        self._size_of = size_of
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path, part: Hashable, decode: Callable[[], T]) -> T:
        """The decoded value, from memory or by ``decode``."""
        about = path.stat()
        key = (str(path.absolute()), about.st_mtime_ns, about.st_size, part)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        value = decode()
        with self._lock:
            self._kept[key] = value
            while len(self._kept) > 1 and sum(map(self._size_of, self._kept.values())) > self._most:
                self._kept.popitem(last=False)
        return value


class Last(Generic[T]):
    """What was read last, for whom it was read: of many headers only one keeps the bytes of its file."""

    def __init__(self) -> None:
        self._kept: tuple[object, T] | None = None

    def put(self, owner: object, value: T) -> None:
        """Keep a value, and no longer the one before it."""
        self._kept = (owner, value)

    def get(self, owner: object) -> T | None:
        """The value, where it is this owner's."""
        kept = self._kept  # read once: another thread may put its own
        return kept[1] if kept is not None and kept[0] is owner else None


def array_bytes(value: Any) -> int:
    """The size of an array in memory."""
    return int(value.nbytes)
