"""A metric of masks: measured a case at a time on the source's own grid, then summarised."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sagittal.core import Geometry, Labels
from sagittal.metrics._masks import Mask, Masks

MISSED = "missed: in the truth, not in the answer"
ABSENT = "absent from the truth and from the answer"
ADDED = "absent from the truth, though in the answer"

Kind = Literal["1", "length", "volume"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A separate part of the truth: how large it is, in the unit of volumes of its grid, and whether it was found."""

    volume: float
    found: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseMetric:
    """A score of one case's mask, a class at a time.

    A class that the truth does not hold has no score, and the reason says whether the answer holds it.

    Args:
        name: On the shelf of metrics.
        value: From the masks and a class that the truth holds to the score.
        unit: ``"1"`` for a ratio; ``"length"`` or ``"volume"`` in the unit of the grid's world (mm and ml for patients).
        higher_is_better: For baselines and comparisons.
        convention: Which of several definitions in use it is.
        summary: Cases are summarised by their mean, or by their median with missed structures as the worst.
        needs_answer: There is no score where the answer does not hold the class, either: it is missed.
        pieces: For metrics that count separate parts of a class: those of the truth.
    """

    name: str
    value: Callable[[Masks, int], float]
    unit: Kind = "1"
    higher_is_better: bool = True
    convention: str = ""
    summary: Literal["mean", "median"] = "mean"
    needs_answer: bool = False
    pieces: Callable[[Masks, int], Sequence[Piece]] | None = None

    def of(self, masks: Masks) -> dict[str, float | str]:
        """The score of each class but the background, or the sentence why there is none."""
        return {masks.labels.classes[k]: self._of_class(masks, k) for k in masks.foreground}

    def measure(self, truth: Mask, answer: Mask, grid: Geometry, labels: Labels) -> dict[str, float | str]:
        """The same from label maps; several metrics of one case share :class:`~sagittal.metrics._masks.Masks` instead."""
        return self.of(Masks(truth=truth, answer=answer, grid=grid, labels=labels))

    def _of_class(self, masks: Masks, k: int) -> float | str:
        overlap = masks.overlap(k)
        if overlap.truth == 0:
            return ADDED if overlap.answer else ABSENT
        return MISSED if overlap.answer == 0 and self.needs_answer else float(self.value(masks, k))


def makes_case_metric(part: Callable[..., object]) -> bool:
    """Whether a part of the shelf makes a metric of masks; the others are functions of the answers to a set of cases.

    >>> from sagittal.metrics import accuracy, dice
    >>> makes_case_metric(dice.dice), makes_case_metric(accuracy.accuracy)
    (True, False)
    """
    return typing.get_type_hints(part).get("return") is CaseMetric


def volume_of(samples: float, grid: Geometry) -> float:
    """How much of the world so many samples of a grid are: ml of a patient, else in the unit of the world.

    >>> import numpy as np
    >>> volume_of(500, Geometry(shape=(9, 9, 9), affine=np.diag([1.0, 1.0, 2.0, 1.0]), unit="mm"))
    1.0
    """
    # A thousand cubic millimetres are a millilitre.
    return samples * grid.cell / (1000 if (grid.axes, grid.unit) == (3, "mm") else 1)


def units_of(grid: Geometry) -> Mapping[Kind, str]:
    """In which units scores on a grid are.

    >>> units_of(Geometry.picture((4, 4)))["volume"]
    'px\N{SUPERSCRIPT TWO}'
    """
    power = {2: "\N{SUPERSCRIPT TWO}", 3: "\N{SUPERSCRIPT THREE}"}.get(grid.axes, "")
    volume = "ml" if (grid.axes, grid.unit) == (3, "mm") else grid.unit + power
    return {"1": "1", "length": grid.unit, "volume": volume}
