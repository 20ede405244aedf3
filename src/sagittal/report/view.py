"""A run directory as the report sees it: its files, read when a section asks for them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from sagittal.core.labels import PALETTE, Labels
from sagittal.core.score import Score
from sagittal.errors import UnreadableInput
from sagittal.io.writers.csv import read_rows
from sagittal.report import words
from sagittal.report.score_reading import goodness, number_in, pick, scores_of

Record = Mapping[str, Any]
Row = Mapping[str, str]


NO_SCORES = frozenset({"p", "value", "true_volume", "found_volume"})
"""Heads of columns ``head:class`` of predictions.csv that hold no score of a case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseScore:
    """One metric of one class in one case; no value where it is undefined there."""

    case: str
    metric: str
    label: str
    value: float | None


class RunView:
    """The files of one run, each read once and only when asked for; an absent file is empty, a broken one is named.

    Args:
        folder: The run directory.
        evaluation: Which folder of ``evaluation/`` is reported; the test split where there is one.

    Raises:
        UnreadableInput: When a property is asked for whose file is not what it should be.
    """

    def __init__(self, folder: Path, evaluation: str | None = None) -> None:
        self.folder = folder
        self.evaluation = evaluation if evaluation is not None else _first_of(self.evaluations)

    @cached_property
    def evaluations(self) -> list[str]:
        """The names of all evaluations that have scores, sorted."""
        return sorted(p.parent.name for p in self.folder.glob("evaluation/*/scores.json"))

    @cached_property
    def recipe_text(self) -> str:
        """The recipe as it was written."""
        path = self.folder / "recipe.yaml"
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    @cached_property
    def recipe(self) -> Record:
        """The recipe's keys and values."""
        try:
            found = yaml.safe_load(self.recipe_text)
        except yaml.YAMLError as error:
            raise _broken(self.folder / "recipe.yaml", str(error)) from error
        return found if isinstance(found, dict) else {}

    @cached_property
    def plan(self) -> Record:
        """What the data decided."""
        return self._json("plan.json")

    @cached_property
    def audit(self) -> Record:
        """What was found in the data."""
        return self._json("audit.json")

    @cached_property
    def axes(self) -> int | None:
        """Of the data; None where nobody said."""
        return words.axes_of(self.audit)

    @cached_property
    def environment(self) -> Record:
        """Versions, device, seed, times."""
        return self._json("environment.json")

    @cached_property
    def manifest(self) -> Record:
        """Labels, rules and provenance of the data."""
        return self._json("manifest.json")

    @cached_property
    def cases(self) -> Sequence[Row]:
        """The rows of the manifest."""
        return self._csv("manifest.csv", exact=True)

    @cached_property
    def labels(self) -> Labels:
        """The classes; where the manifest does not name them, those of the evaluation."""
        told = self.manifest.get("labels")
        if isinstance(told, dict) and told.get("classes"):
            return Labels.from_record(told)
        names = self.confusion.get("classes") or sorted({s.label for s in self.scores if s.label})
        return Labels(classes=tuple(str(n) for n in names))

    @cached_property
    def log(self) -> dict[str, list[float | None]]:
        """The columns of log.csv, one number an epoch; None where a cell is empty or no number."""
        return _columns(self._csv("log.csv"))

    @cached_property
    def speed(self) -> dict[str, list[float | None]]:
        """The columns of speed.csv: what the clock said of each epoch."""
        return _columns(self._csv("speed.csv"))

    @cached_property
    def training(self) -> Record:
        """How the training ended: the best epoch, the reason, the time."""
        return self._json("training.json")

    @cached_property
    def best_epoch(self) -> float | None:
        """The epoch whose weights were kept, as in log.csv; None where it is not told."""
        best = self.training.get("best")
        return number_in(best.get("epoch")) if isinstance(best, dict) else None

    @cached_property
    def result(self) -> Record:
        """scores.json of the reported evaluation."""
        return self.result_of(self.evaluation)

    def result_of(self, evaluation: str) -> Record:
        """scores.json of any evaluation."""
        return self._json(f"evaluation/{evaluation}/scores.json")

    @cached_property
    def scores(self) -> list[Score]:
        """The scores of the reported evaluation."""
        return scores_of(self.result)

    @cached_property
    def patient_scores(self) -> list[Score]:
        """The scores a patient, where patients are known."""
        return scores_of(self.result, "patient_scores")

    @cached_property
    def baselines(self) -> dict[str, list[Score]]:
        """The scores of models that do not look, by their name."""
        return {str(b.get("name", "baseline")): scores_of(b) for b in self.result.get("baselines") or ()}

    @cached_property
    def confusion(self) -> Record:
        """``{"classes": [...], "counts": [[...]]}``, rows are the truth; empty where there is none."""
        found = self.result.get("confusion")
        return found if isinstance(found, dict) else {}

    @cached_property
    def predictions(self) -> Sequence[Row]:
        """The rows of predictions.csv."""
        return self._csv(f"evaluation/{self.evaluation}/predictions.csv")

    @cached_property
    def withheld(self) -> int:
        """How many answers lie in the band in which the model should not decide."""
        return sum((row.get("abstained") or "").lower() in {"yes", "true", "1"} for row in self.predictions)

    @cached_property
    def truths(self) -> dict[str, int]:
        """How many cases truly have each class; empty where answers are not one class."""
        classes, rows = self.confusion.get("classes") or (), self.confusion.get("counts") or ()
        return {str(name): int(sum(row)) for name, row in zip(classes, rows, strict=False)}

    @cached_property
    def case_scores(self) -> list[CaseScore]:
        """The columns ``metric:class`` of predictions.csv, for answers that are drawn."""
        columns = [c for c in (self.predictions[0] if self.predictions else ()) if ":" in c and c.split(":")[0] not in NO_SCORES]
        found = []
        for row in self.predictions:
            for column in columns:
                metric, label = column.split(":", 1)
                value = number_in(row[column])
                found.append(CaseScore(case=row.get("case", ""), metric=metric, label=label, value=value))
        return found

    @cached_property
    def pieces(self) -> Sequence[Row]:
        """The rows of pieces.csv: separate parts of the truth, how large they are, and whether they were found."""
        return self._csv(f"evaluation/{self.evaluation}/pieces.csv")

    @cached_property
    def volume_unit(self) -> str:
        """Of the columns ``true_volume:class`` and ``found_volume:class``: ml of a patient."""
        return str(self.result.get("volume_unit") or "")

    @cached_property
    def curves(self) -> Record:
        """ROC, precision-recall and reliability points."""
        return self._json(f"evaluation/{self.evaluation}/curves.json")

    @cached_property
    def explanation(self) -> Record:
        """The index of explained cases."""
        return self._json(f"explanation/{self.evaluation}/index.json")

    def explained(self, name: object) -> Path | None:
        """The picture of this name beside that index; None where it is missing or lies elsewhere."""
        return within(self.folder / "explanation" / self.evaluation, name)

    def colour(self, name: str) -> str:
        """A CSS colour for a class: the user's own, or a place in the theme's palette."""
        own = self.labels.colours.get(name, "")
        if re.fullmatch(r"#[0-9a-fA-F]{6}", own):
            return own
        # more classes than colours: none is better than the same one twice
        if name not in self.labels.classes or len(self.labels) > len(PALETTE):
            return "var(--series-0)"
        return f"var(--series-{self.labels.classes.index(name)})"

    def find(self, metric: str, label: str = "") -> Score | None:
        """The score of a metric and class; for the whole run the named positive class may speak."""
        return pick(self.scores, metric, label, self.result.get("positive"))

    def best_baseline(self, metric: str, label: str = "") -> tuple[str, Score] | None:
        """The baseline that does best on a metric, with its name; None where none has a value."""
        found = [(name, pick(scores, metric, label, self.result.get("positive"))) for name, scores in self.baselines.items()]
        valued = [(name, score) for name, score in found if score is not None and score.value is not None]
        return max(valued, key=lambda b: goodness(b[1]), default=None)

    def _json(self, name: str) -> Record:
        path = self.folder / name
        if not path.is_file():
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise _broken(path, str(error)) from error
        if not isinstance(found, dict):
            raise _broken(path, f"it holds a {type(found).__name__}, not an object")
        return found

    def _csv(self, name: str, *, exact: bool = False) -> Sequence[Row]:
        path = self.folder / name
        if not path.is_file():
            return []
        try:
            return read_rows(path, exact=exact)
        except (ValueError, OSError) as error:
            raise _broken(path, str(error)) from error


def within(folder: Path, name: object) -> Path | None:
    """The file of a folder that a name points to; None for one that is missing or outside."""
    if not isinstance(name, str) or not name:
        return None
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


def _first_of(names: Sequence[str]) -> str:
    """The evaluation that a reader wants first: held-out test, then pooled folds, then validation."""
    for wanted in ("test", "folds", "val"):
        if wanted in names:
            return wanted
    return names[0] if names else "test"


def _columns(rows: Sequence[Row]) -> dict[str, list[float | None]]:
    return {name: [number_in(row.get(name)) for row in rows] for name in (rows[0] if rows else ())}


def _broken(path: Path, why: str) -> UnreadableInput:
    return UnreadableInput("BROKEN_RUN", path.name, f"the file cannot be read: {why}", "write it again with the verb that made it")
