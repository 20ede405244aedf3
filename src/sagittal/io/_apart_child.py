"""The process in which decoders run; it may crash, hang or be killed, and knows nothing of the rest of the program."""

from __future__ import annotations

import contextlib
import importlib
import json
import mmap
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np


def main(block: str) -> None:
    """Answer the requests on standard input, one JSON object a line, until it is closed.

    Args:
        block: The shared memory: a file descriptor, or on Windows the name of a mapping.
    """
    # Libraries may print: what they say must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes our input
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    shared = _Shared(block)
    _say(answers, {"ready": True})
    while True:
        request = json.loads(requests.get())
        _say(answers, _answer(request, shared))


def _listen(requests: queue.SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        requests.put(line)
    # The parent has gone: whatever is being decoded is for nobody.
    os._exit(0)


def _say(answers: BinaryIO, record: dict[str, Any]) -> None:
    try:
        answers.write(json.dumps(record).encode() + b"\n")
    except OSError:
        os._exit(0)


class _Shared:
    """The memory in which the answers lie, mapped anew when the parent has made it larger."""

    def __init__(self, block: str) -> None:
        self._block = block
        self._size = 0
        self._map: mmap.mmap | None = None

    def at(self, offset: int, shape: tuple[int, ...], dtype: str, total: int) -> np.ndarray[Any, Any]:
        if self._map is None or self._size != total:
            if self._map is not None:
                with contextlib.suppress(BufferError):
                    self._map.close()
            if sys.platform == "win32":
                self._map = mmap.mmap(-1, total, tagname=f"{self._block}-{total}")
            else:
                self._map = mmap.mmap(int(self._block), total)
            self._size = total
        return np.ndarray(shape, dtype=dtype, buffer=self._map, offset=offset)


def _answer(request: dict[str, Any], shared: _Shared) -> dict[str, Any]:
    number = request["id"]
    out = shared.at(request["at"], tuple(request["shape"]), request["dtype"], request["total"])
    try:
        with _limited(request["memory"], request["seconds"]):
            module, _, name = request["call"].partition(":")
            getattr(importlib.import_module(module), name)(out, **request["with"])
    except MemoryError:
        return {"id": number, "failed": "memory"}
    except BaseException as error:  # noqa: BLE001 - decoders raise what they like; pylibjpeg-rle's panics are no Exceptions
        return {"id": number, "failed": type(error).__name__, **_told(error)}
    return {"id": number}


def _told(error: BaseException) -> dict[str, Any]:
    record = getattr(error, "record", None)
    if callable(record) and hasattr(error, "exit_code"):
        return {"refusal": record()}
    return {"said": str(error)[:300]}


@contextlib.contextmanager
def _limited(memory: int, seconds: float) -> Any:
    """Memory and time of one item, held by the kernel: they hold also in C code that never comes back.

    The alarm ends this process also when the parent has died and cannot.
    """
    alarm = getattr(signal, "setitimer", None)
    before = _bound_memory(memory)
    if alarm is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        alarm(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        if alarm is not None:
            alarm(signal.ITIMER_REAL, 0)
        if before is not None:
            _set_memory(before)


def _bound_memory(more: int) -> int | None:
    """Allow this many bytes above what is mapped now; gives the limit that held before, None where there is no such limit."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        return None
    before = resource.getrlimit(resource.RLIMIT_AS)[0]
    _set_memory(pages * resource.getpagesize() + more)
    return before


def _set_memory(limit: int) -> None:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (bound, hard))
