"""A process that serves another one, and ends with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.process import BaseProcess


def serve_parent() -> None:
    """No ear for Ctrl-C, and no life after the parent's, however it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    # nobody is left to clean up for: threads that feed a pipe without a reader would not end
    os._exit(1)
