"""A table of measurements with patients, and a class or a value to predict."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.io.writers.csv import write_rows
from sagittal.phantoms._folder import planted, rng_of

_NOISE = 0.45


def table(
    out: Path,
    *,
    patients: int = 120,
    visits: int = 3,
    seed: int = 0,
    target: Literal["class", "value"] = "class",
) -> Path:
    """``table.csv`` with ``patient``, ``visit``, ``age``, ``marker_1`` ... ``marker_10`` and ``diagnosis`` or ``severity``.

    A hidden severity drives six of the markers, two of them only together; four are noise. ``severity`` is measured
    with an error; ``diagnosis`` is ``ill`` above a threshold, about four in ten. Visits of a patient resemble each
    other, so a split by row instead of by patient looks better than it is. A few cells are missing.

    Args:
        out: A new or empty folder.
        patients: How many.
        visits: Rows a patient.
        seed: The same seed gives the same bytes.
        target: Whether the last column is the class or the value.

    Returns:
        ``out``.

    Raises:
        UsageError: ``out`` is not empty; another target.
        StorageFailure: ``out`` cannot be written.

    >>> folder = table(getfixture("tmp_path") / "table", patients=4, visits=1)
    >>> len((folder / "table.csv").read_text().splitlines())
    5
    """
    if target not in {"class", "value"}:
        raise UsageError("UNKNOWN_OPTION", f"target={target}", "it is neither class nor value", "choose one of them")
    out = atomic.new_folder(out)
    rng = rng_of(seed, 0)
    own = rng.normal(0, 1, (patients, 12))
    last = "diagnosis" if target == "class" else "severity"
    columns = ["patient", "visit", "age", *(f"marker_{k}" for k in range(1, 11)), last]
    rows = []
    for patient in range(patients):
        age = int(rng.integers(35, 85))
        for visit in range(1, visits + 1):
            severity = own[patient, 0] + 0.35 * rng.normal()
            markers = _markers(severity, own[patient, 1:11], rng)
            said: object = (
                ("ill" if severity > 0.25 else "healthy") if target == "class" else round(10 * float(severity) + 30 + rng.normal(), 2)
            )
            cells = {f"marker_{k}": None if rng.random() < 0.004 else round(float(v), 4) for k, v in enumerate(markers, start=1)}
            rows.append({"patient": f"P{patient + 1:03d}", "visit": visit, "age": age + visit - 1, **cells, last: said})
    write_rows(out / "table.csv", columns, rows)
    planted(
        out, "table", seed, {"patients": patients, "visits": visits, "target": last, "informative": [f"marker_{k}" for k in range(1, 7)]}
    )
    return out


def _markers(severity: float, own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ten measurements: four follow the severity, two carry it in their product, four do not know it."""
    noise = _NOISE * rng.normal(0, 1, 10) + 0.45 * own
    sign = rng.choice([-1.0, 1.0])
    slopes = np.array([1.0, -0.8, 0.0, 0.7, 0.0, 0.0, 0, 0, 0, 0])
    markers = slopes * severity + noise
    markers[2] += np.tanh(2 * severity)
    markers[4] = sign * (1.5 + 0.3 * rng.normal())
    markers[5] = sign * severity + 0.3 * rng.normal()
    return markers
