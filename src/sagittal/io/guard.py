"""What a file may cost, checked before it is decoded, and what a broken one may raise."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from sagittal.errors import SagittalError, UnreadableInput
from sagittal.io.dicom._faults import ALLOWABLE

LET_THROUGH = frozenset({"AFFINE_CONFLICT", *ALLOWABLE})
"""Refusals of readers that a user may let through with ``--allow``: the image then says so in ``meta["allowed"]``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How large a decoded input may be, and what a user lets through; a header that says more is refused before decoding.

    Args:
        pixels: Samples of one image, channels not counted. The default holds a CT of 512 x 512 x 2048.
        bytes: Decoded size, and size of the file, in bytes.
        ratio: Decoded size over file size. DEFLATE cannot exceed 1032, and an empty mask reaches nearly that, so
            the default catches nested compression, shared strips and chunks that were never stored.
        floor: Decoded sizes below this many bytes may have any ratio.
        seconds: How long the decoding of one item may take, before what its size adds to that.
        allow: Codes of refusals that the user lets through, of :data:`LET_THROUGH`; whoever would refuse asks.

    >>> Limits.default().but(pixels=100).pixels
    100
    """

    pixels: int = 2**29
    bytes: int = 2**32
    ratio: float = 1100.0
    floor: int = 2**26
    seconds: float = 30.0
    allow: frozenset[str] = frozenset()

    @classmethod
    def default(cls) -> Limits:
        """The one place where the limits of the program are set."""
        return cls()

    def but(
        self,
        *,
        pixels: int | None = None,
        bytes: int | None = None,  # noqa: A002
        ratio: float | None = None,
        seconds: float | None = None,
        allow: Iterable[str] | None = None,
    ) -> Limits:
        """These limits with some replaced; None keeps what was."""
        given = {"pixels": pixels, "bytes": bytes, "ratio": ratio, "seconds": seconds, "allow": None if allow is None else frozenset(allow)}
        return replace(self, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]

    def check(self, item: object, shape: Sequence[int], sample_bytes: int, *, stored: int) -> None:
        """Refuse a header that asks for too much.

        Args:
            item: The file, for the message.
            shape: Of the grid, channels left out.
            sample_bytes: Bytes of all channels of one sample.
            stored: Size of the file (or of its part) in bytes.

        Raises:
            UnreadableInput: More samples, more bytes, or packed more tightly, than is allowed.
            UnreadableInput: No samples at all, or a negative size.
        """
        if any(n <= 0 for n in shape):
            raise UnreadableInput("EMPTY", item, f"its header says {_times(shape)}: there are no samples", "leave it out")
        samples = math.prod(shape)
        size = samples * sample_bytes
        if samples > self.pixels:
            raise _over(item, f"its header says {_times(shape)}, {samples:,} samples, over the limit of {self.pixels:,}")
        if size > self.bytes:
            raise _over(item, f"its header says {_times(shape)}, {size:,} bytes decoded, over the limit of {self.bytes:,}")
        if size > self.floor and size > self.ratio * max(stored, 1):
            raise _over(item, f"{stored:,} bytes would decode to {size:,}, over the limit of {self.ratio:g} times")

    def check_file(self, path: Path, size: int) -> None:
        """Refuse a file that is larger than ``bytes``.

        Raises:
            UnreadableInput: It is.
        """
        if size > self.bytes:
            raise _over(path, f"the file has {size:,} bytes, over the limit of {self.bytes:,}")


@dataclass(frozen=True, slots=True)
class decoding:  # noqa: N801 - used as a word of a with statement
    """Turn what a decoder raises on a broken file into a refusal that names it.

    A class, not a generator: it is entered twice for every picture, and costs a quarter of one.

    Args:
        item: The file.
        what: The format, for the message: ``PNG``.

    Raises:
        UnreadableInput: Whatever the decoder raised; our own errors pass unchanged.
        UnreadableInput: There was not enough memory.
    """

    item: object
    what: str

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not isinstance(error, Exception) or isinstance(error, SagittalError):
            return
        if isinstance(error, MemoryError):
            what = f"there is not enough memory to decode this {self.what}"
            raise UnreadableInput("TOO_LARGE", self.item, what, "free memory, or leave it out") from error
        # A decoder fed with a broken file may raise anything.
        reason = str(error).strip() or type(error).__name__
        what = f"the {self.what} content cannot be decoded ({reason[:160]})"
        raise UnreadableInput("BROKEN", self.item, what, "copy it again from its source") from error


@contextlib.contextmanager
def quiet(*loggers: str) -> Iterator[None]:
    """Keep what libraries warn and log about broken files off the user's screen: the refusal says it.

    Args:
        loggers: Names of the libraries' loggers.
    """
    logs = [logging.getLogger(name) for name in loggers]
    before = [log.propagate for log in logs]
    silent = logging.NullHandler()
    for log in logs:
        log.addHandler(silent)
        log.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, propagate in zip(logs, before, strict=True):
            log.removeHandler(silent)
            log.propagate = propagate


def _over(item: object, what: str) -> UnreadableInput:
    return UnreadableInput("OVER_LIMIT", item, what, "raise the limit (--max-pixels) if the file is to be trusted, or leave it out")


def _times(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape)
