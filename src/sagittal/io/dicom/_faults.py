"""What is wrong with, or worth knowing of, a series: one record a fault, and the refusal that it becomes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sagittal.errors import Refused, SagittalError, UnreadableInput

ALLOWABLE = frozenset({"SERIES_GAP", "VARIABLE_SPACING", "DUPLICATE_SLICE", "MIXED_PATIENT", "MIXED_RESCALE", "MIXED_TIME"})
"""Faults that a person may let pass: a volume can still be made, and its meta says of what."""

MOST_NAMES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing found in a series.

    Args:
        code: An upper-case word that scripts can match, and ``allow`` takes.
        item: The series: ``series 3 (CT, 12 slices)``; or a file, relative to the folder. Never patient data.
        what: What was found.
        remedy: What to do about it.
        exit_code: 4 when it must not be used so, 3 when it cannot be read, 0 for what is only said.
    """

    code: str
    item: str
    what: str
    remedy: str
    exit_code: int = 4

    @classmethod
    def of_file(cls, error: SagittalError, path: Path, root: Path) -> Fault:
        """A file of the series that cannot be read, or is over a limit."""
        found = UnreadableInput.exit_code
        return cls(code=error.code, item=relative(path, root), what=error.what, remedy=error.remedy, exit_code=found)

    @property
    def unreadable(self) -> bool:
        """Whether it is a file that cannot be read."""
        return self.exit_code == UnreadableInput.exit_code

    @property
    def blocks(self) -> bool:
        """Whether no volume is made unless it is allowed."""
        return self.exit_code != 0

    def stops(self, allow: frozenset[str]) -> bool:
        """Whether it stands in the way, with these codes allowed."""
        return self.blocks and not (self.code in allow and self.code in ALLOWABLE)

    def error(self) -> SagittalError:
        """The refusal that it becomes."""
        kind = UnreadableInput if self.unreadable else Refused
        return kind(self.code, self.item, self.what, self.remedy)


def gravest(faults: Iterable[Fault]) -> Fault:
    """The fault that is told where one must be: a file that cannot be read, then the first of the others."""
    return min(faults, key=lambda f: not f.unreadable)


def names(paths: list[Path], root: Path) -> str:
    """File names relative to a folder, the first few of them.

    >>> names([Path("/d/a/1.dcm"), Path("/d/2.dcm")], Path("/d"))
    'a/1.dcm, 2.dcm'
    """
    shown = [relative(path, root) for path in paths[:MOST_NAMES]]
    more = f" and {len(paths) - MOST_NAMES} more" if len(paths) > MOST_NAMES else ""
    return ", ".join(shown) + more


def relative(path: Path, root: Path) -> str:
    """A path as seen from a folder; its last part where it lies elsewhere.

    >>> relative(Path("/d/a.dcm"), Path("/d")), relative(Path("/e/a.dcm"), Path("/d"))
    ('a.dcm', 'a.dcm')
    """
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
