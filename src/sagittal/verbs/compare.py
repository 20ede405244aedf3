"""Compare: several runs on the same cases, paired."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sagittal.engine.run import Run
from sagittal.errors import UnreadableInput, UsageError
from sagittal.io.writers.csv import read_rows
from sagittal.verbs._outcome import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 2000


def compare(runs: Sequence[str | Path], *, split: str = "test") -> Outcome:
    """The difference of each run to the first, on the cases that both answered.

    The score is the share of right answers (for values, minus the mean absolute error; for masks, the mean Dice); the
    interval is a bootstrap over patients that draws the same patients for both.

    Args:
        runs: Two or more run directories that were evaluated.
        split: Name of the evaluation.

    Raises:
        UsageError: Fewer than two runs, one that was not evaluated, no case in common, or cases of which the runs hold different things
            for true.
        UnreadableInput: What an evaluation has left cannot be read.
    """
    if len(runs) < 2:
        raise UsageError("COMPARE", "RUN", "one run cannot be compared", "name two or more")
    tables = [_answered(Run.open(Path(r)), split) for r in runs]
    rows, lines = [], []
    for path, table in zip(runs[1:], tables[1:], strict=True):
        common = _common(tables[0], table, names=(runs[0], path))
        a, b = (np.array([t[c].goodness for c in common]) for t in (tables[0], table))
        low, high = _interval(b - a, [tables[0][c].owner for c in common])
        names = {"first": str(runs[0]), "second": str(path)}
        rows.append({**names, "n": len(common), "difference": float((b - a).mean()), "low": low, "high": high})
        lines.append(
            f"{path} {b.mean():.3f} against {runs[0]} {a.mean():.3f}: {(b - a).mean():+.3f} ({low:+.3f} to {high:+.3f}), n={len(common)}"
        )
    return Outcome(facts={"comparisons": rows}, text=lines)


@dataclass(frozen=True, slots=True)
class _Answer:
    """One case: what is true of it, whose it is, and how good the answer is."""

    truth: str
    owner: str
    goodness: float


def _common(first: Mapping[str, _Answer], second: Mapping[str, _Answer], *, names: tuple[object, object]) -> list[str]:
    """The cases that both answered."""
    common = sorted(set(first) & set(second))
    if not common:
        raise UsageError("COMPARE", names[1], f"has no case in common with {names[0]}", "compare runs on the same data")
    differs = next((c for c in common if first[c].truth != second[c].truth), None)
    if differs is not None:
        what = f"of {differs} the truth is {first[differs].truth} in one and {second[differs].truth} in the other"
        raise UsageError("COMPARE", names[1], what, "compare runs on the same data and task")
    return common


def _answered(run: Run, split: str) -> dict[str, _Answer]:
    """The answered cases; those whose answer has no score are left out."""
    path = run.evaluation(split) / "predictions.csv"
    if not path.is_file():
        there = [p.parent.name for p in run.path.glob("evaluation/*/predictions.csv")]
        remedy = f"run `sagittal evaluate {run.path} --split {split}`" + (f", or compare {', '.join(sorted(there))}" if there else "")
        raise UsageError("NOT_EVALUATED", run.path, f"has no evaluation of {split}", remedy)
    try:
        rows = read_rows(path)
    except ValueError as error:
        raise UnreadableInput(
            "BROKEN_RUN", path, f"the file cannot be read: {error}", f"run `sagittal evaluate {run.path}` again"
        ) from error
    good = _goodness_of(list(rows[0]), run) if rows else None
    found = {row["case"]: _Answer(row.get("truth", ""), row["group"] or row["case"], good(row)) for row in rows} if good else {}
    return {name: answer for name, answer in found.items() if not np.isnan(answer.goodness)}


def _goodness_of(columns: Sequence[str], run: Run) -> Callable[[dict[str, str]], float]:
    """How good an answer is: right or not, how far from the value, or the mean Dice; NaN where that is not defined."""
    if any(c.startswith("p:") for c in columns):
        return lambda row: float(row["truth"] == row["predicted"]) if row["truth"] else float("nan")
    if any(c.startswith("value:") for c in columns):
        return lambda row: -float(np.mean(np.abs(np.subtract(_numbers(row["truth"]), _numbers(row["predicted"])))))
    dice = [c for c in columns if c.startswith("dice:")]
    if not dice:
        raise UsageError("COMPARE", run.path, "its answers have no score of their own a case", "compare classes, values or masks")

    def mean_dice(row: dict[str, str]) -> float:
        known = [float(row[c]) for c in dice if _is_number(row[c])]
        return float(np.mean(known)) if known else float("nan")

    return mean_dice


def _numbers(text: str) -> list[float]:
    return [float(v) for v in text.split(";")]


def _is_number(text: str) -> bool:
    try:
        return not np.isnan(float(text))
    except ValueError:
        return False


def _interval(differences: NDArray[np.float64], owners: Sequence[str]) -> tuple[float, float]:
    """95 % percentile bootstrap over patients."""
    names, index = np.unique(owners, return_inverse=True)
    sums = np.bincount(index, weights=differences, minlength=len(names))
    counts = np.bincount(index, minlength=len(names))
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(names), size=(RESAMPLES, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
