"""A table of laboratory values: patients with two visits each, and a diagnosis or a measured value to tell from them."""

from __future__ import annotations

import csv
import io as text_io
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UsageError
from sagittal.phantoms._folder import new_folder, planted, put, rng_of

COLUMNS = ("ferritin", "crp", "albumin", "lactate", "glucose", "sodium", "platelets", "heart_rate")
_USEFUL = 5
_LATENT = 3


def table(out: Path, *, patients: int = 120, visits: int = 2, asked: Literal["class", "value"] = "class", seed: int = 0) -> Path:
    r"""``table.csv``: ``patient``, eight laboratory columns, and ``diagnosis`` (healthy, ill) or ``target`` (days).

    The answer follows from what lies behind five of the columns, and not by a straight line; three columns are noise,
    and one cell in a hundred is missing. The visits of a patient are alike.

    Args:
        out: A new or empty folder.
        patients: How many, at least 20.
        visits: Rows a patient.
        asked: Whether the last column is a class or a value.
        seed: The same seed gives the same bytes.

    Returns:
        ``out``.

    Raises:
        UsageError: Too few patients, ``out`` is not empty, or ``asked`` is neither.
        StorageFailure: ``out`` cannot be written.

    >>> folder = table(getfixture("tmp_path") / "rows", patients=20)
    >>> (folder / "table.csv").read_text().split("\n")[0].split(",")[-1]
    'diagnosis'
    """
    if patients < 20 or visits < 1:
        raise UsageError("TOO_FEW", f"patients={patients}, visits={visits}", "they cannot be split by patient", "take 20 and 1 or more")
    if asked not in {"class", "value"}:
        raise UsageError("UNKNOWN_OPTION", f"asked={asked}", "it is neither class nor value", "choose one of them")
    out = new_folder(out)
    rng = rng_of(seed)
    mixing = rng.normal(size=(_LATENT, _USEFUL))
    behind = np.repeat(rng.normal(size=(patients, _LATENT)), visits, axis=0) + 0.2 * rng.normal(size=(patients * visits, _LATENT))
    useful = behind @ mixing + 0.2 * rng.normal(size=(len(behind), _USEFUL))
    cells = np.concatenate([useful, rng.normal(size=(len(behind), len(COLUMNS) - _USEFUL))], axis=1)
    words = _words(_stored(cells), rng)
    severity = behind[:, 0] + 0.8 * np.abs(behind[:, 1]) - 0.5
    said = ["ill" if s > 0 else "healthy" for s in severity] if asked == "class" else [f"{40 + 12 * s:.1f}" for s in severity]
    text = text_io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["patient", *COLUMNS, "diagnosis" if asked == "class" else "target"])
    for row, (line, answer) in enumerate(zip(words, said, strict=True)):
        writer.writerow([f"P{row // visits + 1:04d}", *line, answer])
    put(out / "table.csv", text.getvalue().encode())
    planted(out, "table", seed, {"patients": patients, "visits": visits, "noise": list(COLUMNS[_USEFUL:])})
    return out


def _stored(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values in the columns' own ranges: means and spreads that differ by orders of magnitude."""
    stored: NDArray[np.float64] = cells * np.array([80, 6, 0.4, 0.5, 1.2, 3, 60, 12]) + np.array([150, 10, 4, 1.5, 6, 140, 250, 75])
    return stored


def _words(cells: NDArray[np.float64], rng: np.random.Generator) -> list[list[str]]:
    missing = rng.random(cells.shape) < 0.01
    return [["" if gone else f"{v:.3f}" for v, gone in zip(row, holes, strict=True)] for row, holes in zip(cells, missing, strict=True)]
