"""A promise, and what is said when it is broken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def must(promise: object, sentence: str) -> None:
    """Complain in a sentence when a promise is broken.

    Raises:
        AssertionError: It is.
    """
    if not promise:
        raise AssertionError(sentence)


@contextmanager
def refused(sentence: str, *errors: type[Exception]) -> Iterator[None]:
    """Complain when the block does not refuse in one of these ways.

    Raises:
        AssertionError: It does not.
    """
    try:
        yield
    except errors:
        return
    raise AssertionError(sentence)
