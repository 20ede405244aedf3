"""Compare: several runs on the same cases, paired."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sagittal.engine.run import Run
from sagittal.errors import UnreadableInput, UsageError
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
        UsageError: Fewer than two runs, or no case in common.
        UnreadableInput: A run was not evaluated.
    """
    if len(runs) < 2:
        raise UsageError("COMPARE", "RUN", "one run cannot be compared", "name two or more")
    tables = [_correct(Run.open(Path(r)), split) for r in runs]
    rows, lines = [], []
    for path, table in zip(runs[1:], tables[1:], strict=True):
        common = sorted(set(table) & set(tables[0]))
        if not common:
            raise UsageError("COMPARE", path, f"has no case in common with {runs[0]}", "compare runs on the same data")
        a = np.array([tables[0][c][0] for c in common])
        b = np.array([table[c][0] for c in common])
        low, high = _interval(b - a, [tables[0][c][1] for c in common])
        names = {"first": str(runs[0]), "second": str(path)}
        rows.append({**names, "n": len(common), "difference": float((b - a).mean()), "low": low, "high": high})
        lines.append(
            f"{path} {b.mean():.3f} against {runs[0]} {a.mean():.3f}: {(b - a).mean():+.3f} ({low:+.3f} to {high:+.3f}), n={len(common)}"
        )
    return Outcome(facts={"comparisons": rows}, text=lines)


def _correct(run: Run, split: str) -> dict[str, tuple[float, str]]:
    """How good each case's answer is, and whose the case is."""
    path = run.evaluation(split) / "predictions.csv"
    if not path.is_file():
        raise UnreadableInput("NOT_EVALUATED", run.path, f"has no evaluation of {split}", f"run `sagittal evaluate {run.path}`")
    found = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["case"]] = (_goodness(row), row["group"] or row["case"])
    return found


def _goodness(row: dict[str, str]) -> float:
    if "predicted" in row:
        try:
            return -abs(float(row["truth"]) - float(row["predicted"]))
        except ValueError:
            return float(row["truth"] == row["predicted"])
    dice = [float(v) for k, v in row.items() if k.startswith("dice:") and _is_number(v)]
    return float(np.mean(dice)) if dice else float("nan")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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
