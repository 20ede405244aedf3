"""What is to be done apart, and the refusal that stands for what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagittal import errors
from sagittal.errors import SagittalError, UnreadableInput, WorkerDied

_KILL = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One call that runs apart and fills one array.

    Args:
        item: The file, for messages.
        call: ``package.module:function``; it is called as ``function(out, **options)`` and fills ``out``.
        options: JSON-ready.
        shape: Of the answer.
        dtype: Of the answer.
        seconds: How long it may take.
        memory: How many bytes it may take beyond the answer.
    """

    item: object
    call: str
    options: Mapping[str, Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    seconds: float = 60.0
    memory: int = 2**30

    @property
    def nbytes(self) -> int:
        """Size of the answer."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


def refusal(job: Job, said: Mapping[str, Any]) -> SagittalError:
    """The refusal for what the other process says it met."""
    if said["failed"] == "memory":
        return no_memory(job)
    told = said.get("refusal")
    if told is not None:
        kind = getattr(errors, str(said["failed"]), UnreadableInput)
        made: SagittalError = kind(told["error"], told["item"], told["what"], told["remedy"])
        return made
    reason = str(said.get("said", "")).strip() or str(said["failed"])
    return UnreadableInput("BROKEN", job.item, f"the content cannot be decoded ({reason[:160]})", "copy it again from its source")


def dead(job: Job, code: int | None) -> SagittalError:
    """The refusal of an item whose decoding ended the process."""
    if code == -_KILL:  # nobody of us: the system was short of memory
        return no_memory(job)
    what = f"decoding it ended the process that was at it ({_how(code)})"
    return UnreadableInput("DECODER_DIED", job.item, what, "copy it again from its source, or leave it out")


def _how(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit {code}"


def too_slow(job: Job) -> SagittalError:
    """The refusal of an item that has no end."""
    what = f"decoding it takes longer than {job.seconds:g} s"
    return UnreadableInput("TOO_SLOW", job.item, what, "copy it again from its source, or leave it out")


def no_memory(job: Job) -> SagittalError:
    """The refusal of an item that swells."""
    mb = (job.memory + job.nbytes) / 2**20
    what = f"decoding it takes more than the {mb:,.0f} MB that its header is worth, or than there is"
    return UnreadableInput("DECODER_MEMORY", job.item, what, "copy it again from its source, or leave it out")


def cannot_start(why: str) -> WorkerDied:
    """No process, no decoding."""
    return WorkerDied("NO_DECODER", "decoding process", f"it cannot be started ({why})", "check the installation with `sagittal list`")
