"""One function over many items in several processes, answers in order, memory flat."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import time
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from sagittal.errors import WorkerDied

A = TypeVar("A")
B = TypeVar("B")

_CHUNK = 64
_AHEAD = 4
_LOOK_S = 0.5
_WORTH_S = 4.0


def mapped(function: Callable[[A], B], items: Sequence[A], *, workers: int | None = None) -> Iterator[B]:
    """The answers in the order of the items.

    A first few are done here; only when the rest would take longer than starting processes are they started.
    At most a few hundred answers wait at any time.

    Args:
        function: Of one item; it must be importable, as must its items.
        items: In order.
        workers: How many processes; 0 or 1 stays in this one, None takes one a core.

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
    if left * (time.monotonic() - began) / max(done, 1) < _WORTH_S:
        yield from map(function, items[done:])
        return
    yield from _by_processes(function, items[done:], count)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _by_processes(function: Callable[[A], B], items: Sequence[A], count: int) -> Iterator[B]:
    chunks = [items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK)]
    done = 0
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_quiet) as pool:
        waiting: deque[Future[list[B]]] = deque()
        try:
            for chunk in chunks:
                with _without_main():
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


def _quiet() -> None:
    """Workers are as many as there are cores: none needs threads of its own."""
    import cv2

    cv2.setNumThreads(1)
