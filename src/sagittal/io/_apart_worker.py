"""One process that decodes, as its parent sees it, and those that wait for work."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from sagittal.errors import SagittalError
from sagittal.io._apart_block import Block, padded
from sagittal.io._apart_job import Job, cannot_start, dead, refusal, too_slow

Answer = tuple[int, NDArray[Any] | SagittalError]

_START_S = 120.0
_GRACE_S = 2.0
_MOST_IDLE = 4
_ALARM = 14
_BEGIN = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from sagittal.io._apart_child import main; main(sys.argv[2])"


class Worker:
    """One process, the memory it answers in, and what it has to do."""

    def __init__(self) -> None:
        self.todo: deque[tuple[int, Job, int]] = deque()
        self.over = False
        self.deadline = time.monotonic() + _START_S
        self._ready = False
        self._block = Block()
        self._heard: queue.SimpleQueue[tuple[Worker, bytes]] = queue.SimpleQueue()
        # Not multiprocessing: its spawn runs the caller's main module again, and its shared memory starts one more process.
        words = [sys.executable, "-I", "-c", _BEGIN, json.dumps(sys.path), self._block.name]
        quiet = subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet, bufsize=0, pass_fds=self._block.fds
            )
        except OSError as error:
            raise cannot_start(str(error.strerror)) from error
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def listen_to(self, heard: queue.SimpleQueue[tuple[Worker, bytes]]) -> None:
        """Where the answers go from now on."""
        self._heard = heard

    def send(self, batch: list[tuple[int, Job]]) -> None:
        """Have jobs done, one after the other."""
        self._block.hold(sum(padded(job.nbytes) for _, job in batch))
        at, lines = 0, []
        for number, job in batch:
            self.todo.append((number, job, at))
            lines.append(
                json.dumps(
                    {
                        "id": number,
                        "call": job.call,
                        "with": dict(job.options),
                        "shape": job.shape,
                        "dtype": job.dtype.str,
                        "at": at,
                        "total": self._block.size,
                        "memory": job.memory + job.nbytes,
                        "seconds": job.seconds,
                    }
                )
            )
            at += padded(job.nbytes)
        if self._ready:
            self._clock()
        # One that has died does not read: its end is heard as any other answer.
        with contextlib.suppress(OSError):
            self._in.write(("\n".join(lines) + "\n").encode())

    def hear(self, line: bytes) -> list[Answer]:
        """The answer that a line stands for; an empty line is the end of the process."""
        if not line:
            return self._died()
        said = json.loads(line)
        if "ready" in said:
            self._ready = True
            self._clock()
            return []
        number, job, at = self.todo.popleft()
        self._clock()
        if "failed" in said:
            return [(number, refusal(job, said))]
        return [(number, self._block.copy(at, job.shape, job.dtype))]

    def expire(self) -> list[Answer]:
        """End what takes too long."""
        self.end()
        if not self._ready:
            raise cannot_start("it does not answer")
        number, job, _ = self.todo.popleft()
        return [(number, too_slow(job))]

    def left(self) -> list[tuple[int, Job]]:
        """What it had not begun when it ended."""
        return [(number, job) for number, job, _ in self.todo]

    def end(self) -> None:
        """Kill the process and wait for it."""
        self.over = True
        self._process.kill()
        with contextlib.suppress(OSError):
            self._in.close()
        self._process.wait()
        self._block.close()

    def rest(self) -> None:
        """Give back memory that only one large answer needed."""
        self._block.shrink()

    @property
    def alive(self) -> bool:
        """Whether it can be given work."""
        return not self.over and self._listener.is_alive() and self._process.poll() is None

    @property
    def _in(self) -> Any:
        return self._process.stdin

    def _clock(self) -> None:
        # The process has an alarm of its own: it is told from a crash by its signal.
        seconds = self.todo[0][1].seconds if self.todo else 1e9
        self.deadline = time.monotonic() + seconds + _GRACE_S

    def _listen(self) -> None:
        out: Any = self._process.stdout
        buffered = os.fdopen(os.dup(out.fileno()), "rb")
        out.close()
        with buffered:
            for line in buffered:
                self._heard.put((self, line))
        self._heard.put((self, b""))

    def _died(self) -> list[Answer]:
        self.end()
        code = self._process.returncode
        if not self._ready:
            raise cannot_start(f"it ended with {code}")
        if not self.todo:
            return []
        number, job, _ = self.todo.popleft()
        return [(number, too_slow(job) if code == -_ALARM else dead(job, code))]


class Idle:
    """Processes that wait for work.

    No lock: a generator that is thrown away gives its processes back whenever the garbage is collected, which may be
    in the middle of anything. What a deque does is done in one step.
    """

    def __init__(self) -> None:
        self._workers: deque[Worker] = deque()

    def take(self, heard: queue.SimpleQueue[tuple[Worker, bytes]]) -> Worker:
        """One that waits, or a new one."""
        while True:
            try:
                worker = self._workers.pop()
            except IndexError:
                worker = Worker()
            # first where to, then whether it lives: so its end is heard whenever it comes
            worker.listen_to(heard)
            if worker.alive:
                return worker
            worker.end()

    def give(self, worker: Worker) -> None:
        """Keep one for later, or end it where enough wait already."""
        if len(self._workers) >= _MOST_IDLE:
            worker.end()
            return
        worker.rest()
        self._workers.append(worker)

    def close(self) -> None:
        """End all."""
        while self._workers:
            self._workers.pop().end()


@lru_cache(maxsize=1)
def kept(process: int) -> Idle:
    """The waiting processes of this process; one that was forked off has none and starts its own."""
    idle = Idle()
    if process == os.getpid():
        atexit.register(idle.close)
    return idle
