"""Decoding in processes of its own: what crashes, hangs or swells there ends with a refusal that names the file."""

from __future__ import annotations

import os
import queue
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator

from sagittal.io._apart_block import BLOCK, padded
from sagittal.io._apart_job import Job
from sagittal.io._apart_worker import Answer, Worker, kept

__all__ = ["Job", "apart"]

_BATCH = 16


def apart(jobs: Iterable[Job], *, workers: int = 1) -> Generator[Answer, None, None]:
    """The answers of jobs that run in other processes, in the order in which they are done.

    The processes are started once and kept. One that dies is replaced; the job that it was at is answered with a
    refusal, and the others are done again elsewhere. Nothing but numbers comes back: arrays through shared memory,
    refusals as text.

    Args:
        jobs: What to do; drawn as it is needed.
        workers: At most so many processes.

    Yields:
        ``(place of the job, answer)``: an array of its own, or the refusal that says why there is none.

    Raises:
        WorkerDied: The processes cannot be started at all.
    """
    waiting = _Waiting(jobs)
    heard: queue.SimpleQueue[tuple[Worker, bytes]] = queue.SimpleQueue()
    busy: list[Worker] = []
    try:
        while True:
            while len(busy) < max(workers, 1) and (batch := waiting.batch()):
                busy.append(kept(os.getpid()).take(heard))
                busy[-1].send(batch)
            if not busy:
                return
            for worker, answers in _next(heard, busy):
                yield from answers
                if worker.over:
                    busy.remove(worker)
                    waiting.again(worker.left())
                elif not worker.todo:
                    if batch := waiting.batch():
                        worker.send(batch)
                    else:
                        busy.remove(worker)
                        kept(os.getpid()).give(worker)
    finally:
        # whoever asked has heard enough, after a refusal for example: those who are done can be asked again
        for worker in busy:
            if worker.alive and not worker.todo:
                kept(os.getpid()).give(worker)
            else:
                worker.end()


class _Waiting:
    """Jobs that nobody is at, given out in batches that fit a block."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._more = enumerate(jobs)
        self._ahead: deque[tuple[int, Job]] = deque()

    def batch(self) -> list[tuple[int, Job]]:
        made: list[tuple[int, Job]] = []
        size = 0
        while len(made) < _BATCH and (job := self._peek()) is not None:
            size += padded(job[1].nbytes)
            if made and size > BLOCK:
                break
            made.append(self._ahead.popleft())
        return made

    def again(self, jobs: list[tuple[int, Job]]) -> None:
        """Take back what a process that died had not begun."""
        self._ahead.extendleft(reversed(jobs))

    def _peek(self) -> tuple[int, Job] | None:
        if not self._ahead:
            following = next(self._more, None)
            if following is None:
                return None
            self._ahead.append(following)
        return self._ahead[0]


def _next(heard: queue.SimpleQueue[tuple[Worker, bytes]], busy: list[Worker]) -> Iterator[tuple[Worker, list[Answer]]]:
    """Wait for one answer, or for the time of somebody to run out."""
    left = min(worker.deadline for worker in busy) - time.monotonic()
    try:
        worker, line = heard.get(timeout=max(left, 0.001))
    except queue.Empty:
        for late in [w for w in busy if w.deadline <= time.monotonic()]:
            yield late, late.expire()
        return
    if worker in busy:
        yield worker, worker.hear(line)
