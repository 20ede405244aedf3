"""A metric of masks: measured a case at a time on the source's own grid, then summarised."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sagittal.core import Geometry, Labels
from sagittal.metrics._counted import Counted
from sagittal.metrics._intervals import Floats
from sagittal.metrics._masks import Compared, Mask, Masks
from sagittal.metrics._surfaces import Convention

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
        counted: Instead of ``value``, from counted samples of a class to the score: such a metric can be had of all samples of a
            patient, or of all cases, together. NaN where it is undefined.
        unit: ``"1"`` for a ratio; ``"length"`` or ``"volume"`` in the unit of the grid's world (mm and ml for patients).
        higher_is_better: For baselines and comparisons.
        convention: Which of several definitions in use it is.
        summary: Cases are summarised by their mean, or by their median with missed structures as the worst.
        needs_answer: There is no score where the answer does not hold the class, either: it is missed.
        needs_truth: There is no score where the truth does not hold the class.
        needs_scores: It is made of the probabilities of samples.
        why: The reason where ``counted`` is undefined although the truth holds the class.
        pieces: For metrics that count separate parts of a class: those of the truth.
        surface: Where the surfaces are put that it measures; None where it measures none.
        needs_whole: Its value looks at pieces or objects, so that the masks of a case must be in memory.
    """

    name: str
    value: Callable[[Compared, int], float] | None = None
    counted: Callable[[Counted], Floats] | None = None
    unit: Kind = "1"
    higher_is_better: bool = True
    convention: str = ""
    summary: Literal["mean", "median"] = "mean"
    needs_answer: bool = False
    needs_truth: bool = True
    needs_scores: bool = False
    why: str = "it is not defined here"
    pieces: Callable[[Compared, int], Sequence[Piece]] | None = None
    surface: Convention | None = None
    needs_whole: bool = False

    def of(self, masks: Compared) -> dict[str, float | str]:
        """The score of each class but the background, or the sentence why there is none."""
        return {masks.labels.classes[k]: self._of_class(masks, k) for k in masks.foreground}

    def measure(self, truth: Mask, answer: Mask, grid: Geometry, labels: Labels) -> dict[str, float | str]:
        """The same from label maps; several metrics of one case share :class:`~sagittal.metrics._masks.Masks` instead."""
        return self.of(Masks(truth=truth, answer=answer, grid=grid, labels=labels))

    def _of_class(self, masks: Compared, k: int) -> float | str:
        if self.counted is not None:
            return self.of_counted(masks.counted(k))
        overlap = masks.overlap(k)
        if overlap.truth == 0:
            return ADDED if overlap.answer else ABSENT
        if self.value is None or (overlap.answer == 0 and self.needs_answer):
            return MISSED
        return float(self.value(masks, k))

    def of_counted(self, found: Counted) -> float | str:
        """The score of counted samples, or the sentence why there is none."""
        if self.needs_truth and not found.truth:
            return ADDED if found.answer else ABSENT
        value = np.nan if self.counted is None else float(self.counted(found))
        return value if np.isfinite(value) else self.why


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
