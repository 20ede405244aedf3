"""What the decisions of a plan stand on, and the reasons that they leave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sagittal.engine.config import Recipe
from sagittal.engine.defaults import Pictures
from sagittal.engine.facts import Facts
from sagittal.engine.plan import Reason
from sagittal.tasks._task import Task


@dataclass(slots=True)
class Ledger:
    """Collects the reasons."""

    reasons: list[Reason] = field(default_factory=list)

    def choose(self, what: str, given: Any, default: Any, why: str) -> Any:
        """What the recipe gave, or the default; the reason is kept, in the place of that of an earlier choice of the same thing."""
        value = default if given is None else given
        made = Reason(what=what, value=value, why="the recipe says so" if given is not None else why)
        at = next((at for at, reason in enumerate(self.reasons) if reason.what == what), len(self.reasons))
        self.reasons[at : at + 1] = [made]
        return value


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What decisions stand on.

    Args:
        recipe: What is wished.
        facts: Of the training cases.
        row: The task.
        dense: Every sample is answered.
        kind: Of data, with its default answers.
        spacing: World units of the prepared grid; None where each case keeps its own.
        why_spacing: Empty where the recipe says so.
        crop: Windows are cut from the box around what is not 0.
        ledger: Takes the reasons.
    """

    recipe: Recipe
    facts: Facts
    row: Task
    dense: bool
    kind: Pictures
    spacing: tuple[float, ...] | None
    why_spacing: str
    crop: bool
    ledger: Ledger
