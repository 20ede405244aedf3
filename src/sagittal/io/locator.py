"""Where a source lies: a path, or ``path::part`` for a part of a file."""

from __future__ import annotations

MARK = "::"


def split(locator: str) -> tuple[str, str]:
    """The path and the part of a locator; the part is empty where the whole file is meant.

    The last ``::`` parts them, so that a path may hold one when a part follows. No file is looked at.

    >>> split("scans/a.npz::train_images/12")
    ('scans/a.npz', 'train_images/12')
    >>> split("scans/a.png")
    ('scans/a.png', '')
    """
    path, mark, part = locator.rpartition(MARK)
    return (path, part) if mark else (locator, "")


def join(path: str, part: str | int = "") -> str:
    """The locator of a part of a file; :func:`split` gives both back.

    >>> join("table.csv", 17)
    'table.csv::17'
    >>> join("a.png")
    'a.png'
    """
    return f"{path}{MARK}{part}" if part != "" else path
