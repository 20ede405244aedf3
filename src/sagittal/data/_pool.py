"""One function over many items in several processes, answers in order, memory flat."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from typing import TypeVar

from sagittal.data._parent import serve_parent
from sagittal.errors import WorkerDied

A = TypeVar("A")
B = TypeVar("B")

_CHUNK = 64
_AHEAD = 4
_LOOK_S = 0.5
_WORTH_S = 4.0


def mapped(function: Callable[[A], B], items: Sequence[A], *, workers: int | None = None, chunk: int = _CHUNK) -> Iterator[B]:
    """The answers in the order of the items.

    A first few are done here; only when the rest would take longer than starting processes are they started.
    At most a few hundred answers wait at any time.

    Args:
        function: Of one item; it must be importable, as must its items.
        items: In order.
        workers: How many processes; 0 or 1 stays in this one, None takes one a core.
        chunk: Items that a process takes at once at most: fewer where each takes long.

    Raises:
        WorkerDied: A process ended by itself, for want of memory perhaps.
    """
    count = cores() if workers is None else workers
    began = time.monotonic()
    done = 0
    while done < len(items) and (count <= 1 or time.monotonic() - began < _LOOK_S):
        yield function(items[done])
        done += 1
    left = len(items) - done
    if not left:
        return
    each = (time.monotonic() - began) / max(done, 1)
    if left * each < _WORTH_S:
        yield from map(function, items[done:])
        return
    # Small things go in parcels; of large ones, volumes, every process takes one at a time.
    yield from _by_processes(function, items[done:], count, max(1, min(chunk, int(_LOOK_S / max(each, 1e-9)), -(-left // count))))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _by_processes(function: Callable[[A], B], items: Sequence[A], count: int, size: int) -> Iterator[B]:
    chunks = [items[i : i + size] for i in range(0, len(items), size)]
    done = 0
    before = {*multiprocessing.active_children()}
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_begin) as pool:
        waiting: deque[Future[list[B]]] = deque()
        try:
            for chunk in chunks:
                with _without_main(), _deaf():
                    waiting.append(pool.submit(_each, function, chunk))
                if len(waiting) >= _AHEAD * count:
                    answers = waiting.popleft().result()
                    yield from answers
                    done += len(answers)
            while waiting:
                answers = waiting.popleft().result()
                yield from answers
                done += len(answers)
            return
        except BrokenProcessPool as error:
            # Nothing done at all: processes cannot be started here; go on alone.
            if done:
                what = f"a process that reads files ended by itself after {done} of {len(items)} items"
                raise WorkerDied("WORKER_DIED", "audit", what, "free memory, or use workers: 0") from error
        except BaseException:
            # Ctrl-C, a consumer that stops: what was asked for beyond is not waited for.
            for process in {*multiprocessing.active_children()} - before:
                process.terminate()
            raise
    yield from map(function, items)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """While a process is started, hide the script that runs.

    A spawned process would run the script anew to find functions in it. Ours are not there, and a script without a
    main guard would start processes without end.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _each(function: Callable[[A], B], chunk: Sequence[A]) -> list[B]:
    return [function(item) for item in chunk]


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """While a process is started, keep Ctrl-C waiting: who is born now never hears it and cannot complain.

    Ctrl-C at a terminal reaches every process of it; this one ends the others.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # It listens to Ctrl-C again once it has started its own process: that comes first.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Workers are as many as there are cores, so none needs threads of its own; and none outlives its parent."""
    import cv2

    serve_parent()
    cv2.setNumThreads(1)
