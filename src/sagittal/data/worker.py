"""How a process that loads data begins, and ends with the run it serves."""

from __future__ import annotations

import torch

from sagittal.data._parent import serve_parent


def begin_worker(worker: int) -> None:
    """For ``DataLoader(worker_init_fn=...)``: one thread, no ear for Ctrl-C, no life after the parent's.

    There are as many workers as cores to use, so each computes on one thread. Ctrl-C at a terminal reaches every
    process of it: the run decides when it stops, and still wants the batches that are on their way. And torch's own
    watch over the parent begins too late: a worker whose parent was killed while it started would wait forever.

    Args:
        worker: Its number; not used.
    """
    torch.set_num_threads(1)
    serve_parent()
