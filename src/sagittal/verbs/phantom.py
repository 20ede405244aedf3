"""Phantom: a synthetic data set."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.shelf import Shelf
from sagittal.verbs._numbers import check_numbers
from sagittal.verbs._outcome import Outcome

PHANTOMS = Shelf("sagittal.phantoms", kind="phantom")


def phantom(kind: str, *, out: str | Path, sets: Sequence[str] = (), seed: int = 0) -> Outcome:
    """Draw a synthetic data set, free of anybody's data.

    Args:
        kind: Name on the shelf of phantoms.
        out: A new folder.
        sets: ``option=value`` of the phantom.
        seed: The same seed draws the same data.

    Returns:
        An outcome whose ``path`` is the folder.

    Raises:
        UsageError: There is no such phantom or option, an option it cannot be drawn with, or the folder is not empty.
    """
    check_numbers(seed=seed)
    options = {}
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError("SETTING", text, "is not option=value", "write for example --set patients=20")
        options[key] = yaml.safe_load(value)
    out = Path(out)
    try:
        with atomic.nothing_left(out), _whole(out):
            PHANTOMS.make(kind, options, out=out, seed=seed)
    except (TypeError, ValueError, ArithmeticError) as error:
        if not options:
            raise
        what = f"it cannot be drawn with these settings ({str(error)[:160]})"
        raise UsageError(
            "SETTING", " ".join(f"{kind}.{k}={v}" for k, v in options.items()), what, "correct them, or leave them out"
        ) from error
    return Outcome(path=out, text=[f"a synthetic {kind} data set is in {out}"])


@contextlib.contextmanager
def _whole(folder: Path) -> Iterator[None]:
    """Half a data set is none, and would stand in the way of the same command: it is taken away. Nothing that was there before is."""
    taken = atomic.is_taken(folder)
    try:
        yield
    except BaseException:
        for path in () if taken or not folder.is_dir() else tuple(folder.iterdir()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
