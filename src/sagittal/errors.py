"""Every error a user can meet, each with its exit code and a remedy.

SagittalError
├── UsageError            2   an option, key or name that does not exist; an ambiguous request
├── UnreadableInput       3   a file that cannot be read: truncated, wrong content, not there, over a limit
├── Refused               4   readable, but unsafe to use: leakage, geometry, mixed series
├── InvalidPackage        5   a model package that fails its checks
├── UnsafeConfiguration   6   a setting that would make the answer wrong or the host unsafe
├── NumericFailure        7   NaN, Inf, divergence, a failed parity check
├── WorkerDied            8   a data or training process ended by itself
├── StorageFailure        9   disk full, read-only, permission
├── LimitExceeded        10   out of memory, or over a limit of size or time that no file is to blame for
├── Partial              11   some items failed; the list is written
└── Interrupted         130   Ctrl-C
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

SOURCE = "source"
"""The item of a refusal by somebody who only has the image."""

MOST_NAMES = 24
"""A message lists no more names than this: a data set may have thousands of cases."""


class SagittalError(Exception):
    """A refusal in one line: ``CODE item: what; remedy``.

    Args:
        code: An upper-case word that scripts can match, such as ``GROUP_LEAK``.
        item: What it is about: a file, a case, an option. Never patient data.
        what: What was expected and what was found.
        remedy: What to do about it.

    >>> str(UnreadableInput("TRUNCATED", "a.png", "the file ends after 12 bytes", "copy it again"))
    'TRUNCATED a.png: the file ends after 12 bytes; copy it again'
    """

    exit_code = 1

    def __init__(self, code: str, item: object, what: str, remedy: str) -> None:
        self.code = code
        self.item = one_line(str(item))
        self.what = one_line(what)
        self.remedy = one_line(remedy)
        super().__init__(f"{self.code} {self.item}: {self.what}; {self.remedy}")

    def __reduce__(self) -> tuple[type, tuple[str, str, str, str]]:
        """Survive the trip back from a worker process."""
        return type(self), (self.code, self.item, self.what, self.remedy)

    def record(self) -> dict[str, object]:
        """The same refusal as an object for ``--json``."""
        return {
            "error": self.code,
            "item": self.item,
            "what": self.what,
            "remedy": self.remedy,
            "exit": self.exit_code,
        }


class UsageError(SagittalError):
    """An option, key or name that does not exist, or a request that could mean two things."""

    exit_code = 2


class UnreadableInput(SagittalError):
    """A file that cannot be read."""

    exit_code = 3


class Refused(SagittalError):
    """Data that can be read but must not be used as it is."""

    exit_code = 4


class InvalidPackage(SagittalError):
    """A model package that fails its checks."""

    exit_code = 5


class UnsafeConfiguration(SagittalError):
    """A setting that would make the answer wrong or the host unsafe."""

    exit_code = 6


class NumericFailure(SagittalError):
    """NaN, Inf, divergence, or a parity check above its tolerance."""

    exit_code = 7


class WorkerDied(SagittalError):
    """A data or training process ended by itself."""

    exit_code = 8


class StorageFailure(SagittalError):
    """The disk is full, read-only or not ours."""

    exit_code = 9


class LimitExceeded(SagittalError):
    """Out of memory, or over a limit."""

    exit_code = 10


class Partial(SagittalError):
    """Some items failed; the list of them is written."""

    exit_code = 11


class Interrupted(SagittalError):
    """Stopped by the user; what was finished is kept."""

    exit_code = 130


@contextmanager
def said_of(item: object) -> Iterator[None]:
    """What is said of :data:`SOURCE` inside is said of the item: who looks at an image does not know its file or case.

    Raises:
        SagittalError: The one that was raised inside.

    >>> with said_of("a.tif"):
    ...     raise Refused("NO_MPP", SOURCE, "its file does not say it", "state it")
    Traceback (most recent call last):
        ...
    sagittal.errors.Refused: NO_MPP a.tif: its file does not say it; state it
    """
    try:
        yield
    except SagittalError as error:
        if error.item != SOURCE:
            raise
        raise type(error)(error.code, item, error.what, error.remedy) from error


def one_line(text: str) -> str:
    """The text with every run of white space, line breaks included, as one blank."""
    return " ".join(text.split())


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy for a misspelt name: the closest known one, or the whole choice.

    >>> nearest("resnte", ["vgg", "resnet"])
    'did you mean resnet?'
    >>> nearest("x", ["vgg", "resnet"])
    'choose one of: resnet, vgg'
    """
    choice = sorted(known)
    close = difflib.get_close_matches(name, choice, n=1)
    if close:
        return f"did you mean {close[0]}?"
    if not choice:
        return "there is nothing to choose from"
    more = f" and {len(choice) - MOST_NAMES} more" if len(choice) > MOST_NAMES else ""
    return f"choose one of: {', '.join(choice[:MOST_NAMES])}{more}"
