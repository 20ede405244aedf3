"""What an audit or a split has to say about the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["block", "warn", "note"]
"""``block`` stops a run (exit 4, or 3 for unreadable files), ``warn`` is said loudly, ``note`` is said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong with, or worth knowing of, a data set.

    Args:
        code: An upper-case word that scripts can match and ``--allow`` takes.
        severity: What follows from it.
        items: Which cases, groups or classes; as many as there are.
        what: What was found, in a sentence.
        remedy: What to do about it.
        pairs: Where it is about pairs of cases, both ids and how they are alike.

    >>> Finding(code="NO_GROUP", severity="warn", items=(), what="patients are not known", remedy="name a column").n
    0
    """

    code: str
    severity: Severity
    items: tuple[str, ...]
    what: str
    remedy: str
    pairs: tuple[tuple[str, str, str], ...] = ()

    @property
    def n(self) -> int:
        """How many items."""
        return len(self.items)

    def record(self) -> dict[str, object]:
        """The entry of ``audit.json``."""
        row: dict[str, object] = {
            "code": self.code,
            "severity": self.severity,
            "items": list(self.items),
            "n": self.n,
            "what": self.what,
            "remedy": self.remedy,
        }
        if self.pairs:
            row["pairs"] = [list(pair) for pair in self.pairs]
        return row


def some(items: Sequence[str], most: int = 3) -> str:
    """The first few items, for a sentence.

    >>> some(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    shown = ", ".join(items[:most])
    return f"{shown} and {len(items) - most} more" if len(items) > most else shown
