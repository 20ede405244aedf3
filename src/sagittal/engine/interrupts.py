"""What may break into a run from outside: Ctrl-C, a dead worker, too little memory."""

from __future__ import annotations

import contextlib
import signal
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from sagittal.errors import LimitExceeded, SagittalError, WorkerDied
from sagittal.failures import is_out_of_memory

_WORKER = "DataLoader worker (pid"


class Asked:
    """Whether somebody asked the run to stop. The first Ctrl-C asks; a second one does not wait."""

    def __init__(self) -> None:
        self.to_stop = False

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.to_stop:
            raise KeyboardInterrupt
        self.to_stop = True


@contextlib.contextmanager
def stoppable() -> Iterator[Asked]:
    """Within the block SIGINT and SIGTERM only ask. Outside the main thread signals are not ours: nobody asks."""
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, asked._ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextlib.contextmanager
def named_failures(folder: Path) -> Iterator[None]:
    """Turn what torch raises into errors with a remedy.

    Raises:
        WorkerDied: A process that loads data ended by itself.
        LimitExceeded: Out of memory.
    """
    try:
        yield
    except SagittalError:
        raise
    except MemoryError as error:
        raise _too_large(error) from error
    except RuntimeError as error:
        text = str(error)
        if _WORKER in text:
            # what the frames hold keeps the other workers alive
            traceback.clear_frames(error.__traceback__)
            what = f"a process that loads data ended by itself ({text.split('. ')[0]})"
            raise WorkerDied("WORKER_DIED", folder, what, "go on with --resume, with fewer workers if memory is short") from error
        if is_out_of_memory(error):
            raise _too_large(error) from error
        raise


def _too_large(error: BaseException) -> LimitExceeded:
    remedy = "halve train.batch and double train.accumulate: the result is the same"
    return LimitExceeded("OUT_OF_MEMORY", "train.batch", f"a step does not fit into memory ({str(error)[:120]})", remedy)
