"""Names in a manifest: of files and of classes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def relative(path: Path, root: Path) -> str:
    """The locator of a file: relative to the root with ``/``; absolute when it lies outside.

    >>> relative(Path("/data/a/b.png"), Path("/data"))
    'a/b.png'
    """
    whole, start = path.as_posix(), root.as_posix().rstrip("/") + "/"
    return whole[len(start) :] if whole.startswith(start) else whole


def classes_of(words: Iterable[str]) -> tuple[str, ...]:
    """Class names in a stable order: numbers by size, words by the alphabet.

    >>> classes_of(["10", "9", "1"]), classes_of(["b", "A"])
    (('1', '9', '10'), ('A', 'b'))
    """
    found = {w for w in words if w}
    if all(w.lstrip("-").isdigit() for w in found):
        return tuple(sorted(found, key=lambda w: (int(w), w)))
    return tuple(sorted(found, key=lambda w: (w.casefold(), w)))
