"""What the operating system and the libraries raise, as one of our errors."""

from __future__ import annotations

import errno

from sagittal.errors import Interrupted, LimitExceeded, SagittalError, StorageFailure, UnreadableInput, one_line

_FULL = ("out of memory", "can't allocate memory", "cannot allocate memory", "defaultcpuallocator", "alloc_failed")
"""How torch and the libraries of a GPU say it, in lower case."""


def as_refusal(error: BaseException) -> SagittalError:
    """Our error for any exception; what we do not know is a fault of ours and says so.

    >>> as_refusal(MemoryError()).exit_code
    10
    """
    if isinstance(error, SagittalError):
        return error
    if isinstance(error, KeyboardInterrupt):
        remedy = "what was finished is kept; give the command again, or go on with train --resume RUN where training had begun"
        return Interrupted("INTERRUPTED", "sagittal", "stopped by the user", remedy)
    if isinstance(error, MemoryError) or is_out_of_memory(error):
        return LimitExceeded("OUT_OF_MEMORY", "memory", "there is not enough of it", "set a smaller train.batch or windows.size")
    if isinstance(error, OSError):
        return _of_the_system(error)
    return _Fault(
        "FAULT",
        type(error).__name__,
        one_line(str(error))[:300] or "no message",
        "this is a fault of the program: run again with --debug and report it",
    )


class _Fault(SagittalError):
    """An error that the program did not foresee."""

    exit_code = 1


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is how torch says that there is no memory, of whatever device; only some of it has a type of its own.

    >>> is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    True
    """
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _FULL)


def _of_the_system(error: OSError) -> SagittalError:
    item = error.filename or "storage"
    what = error.strerror or str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFailure("DISK_FULL", item, what, "free some space and go on with train --resume RUN")
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return StorageFailure("NOT_WRITABLE", item, what, "choose a place that you may write to, or read from")
    if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}:
        return UnreadableInput("NOT_FOUND", item, what, "check the path")
    return StorageFailure("STORAGE", item, what, "check the disk")
