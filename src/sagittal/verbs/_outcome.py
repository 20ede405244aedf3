"""What a verb gives back: something to go on with, a record for programs and lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagittal.errors import Partial


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The result of a verb.

    Args:
        path: What was written, or read.
        facts: For programs; JSON-ready.
        text: For people, a line each.
        failed: Items that could not be done; they are listed in a file.
        list_file: That file.
        remedy: What to do about them.
    """

    path: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    text: Sequence[str] = ()
    failed: Sequence[str] = ()
    list_file: Path | None = None
    remedy: str = "see the list, mend them and run again"

    def record(self) -> dict[str, Any]:
        """One object for ``--json``; its ``exit`` is the exit code."""
        return {"exit": Partial.exit_code if self.failed else 0, "path": str(self.path) if self.path else None, **self.facts}

    def lines(self) -> list[str]:
        """For people."""
        return list(self.text)

    def raise_for_exit(self) -> None:
        """Complain after the fact.

        Raises:
            Partial: Some items failed.
        """
        if self.failed:
            many = f"{len(self.failed)} of the items failed, the first is {self.failed[0]}"
            raise Partial("PARTIAL", self.list_file or "items", many, self.remedy)
