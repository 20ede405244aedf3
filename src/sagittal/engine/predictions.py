"""Answers beside the truth as a table: a line a case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import IGNORE
from sagittal.io.writers.csv import as_text

if TYPE_CHECKING:
    from sagittal.engine.assess import Assessment


def predictions_csv(assessment: Assessment) -> str:
    """A line a case: ``case, group, split, truth, predicted, p:<class> ..., abstained``, its scores, or how much was found."""
    rows, task = assessment.rows, assessment.task
    answers = assessment.answers
    if answers is not None and answers.kind == "boxes":
        head = ["case", "group", "split", "true_objects", "found_objects"]
        return as_text([head, *([r.id, r.case.group, r.case.split, len(r.truth), len(r.answer)] for r in rows)])
    if answers is None:
        names = [f"{m}:{c}" for m, values in (rows[0].measured.items() if rows else ()) for c in values]
        drawn = list(rows[0].sizes.volumes if rows else ())
        lines: list[list[Any]] = [["case", "group", "split", *names, *(f"{what}_volume:{c}" for c in drawn for what in ("true", "found"))]]
        for r in rows:
            volumes = [f"{v:.6g}" for c in drawn for v in r.sizes.volumes[c]]
            scores = [r.measured[n.split(":")[0]][n.split(":", 1)[1]] for n in names]
            lines.append([r.id, r.case.group, r.case.split, *scores, *volumes])
        return as_text(lines)
    classes = answers.labels.classes
    prefix = "p:" if task.calibrated else "value:"
    lines = [["case", "group", "split", "truth", "predicted", *(prefix + c for c in classes), "abstained"]]
    for r in rows:
        said = [words(r.truth, classes), words(r.answer, classes)]
        lines.append([r.id, r.case.group, r.case.split, *said, *(f"{s:.6f}" for s in r.scores), "yes" if r.abstained else ""])
    return as_text(lines)


def words(said: NDArray[Any], classes: Sequence[str]) -> str:
    """A truth or an answer as a person writes it: a class, classes parted by ``;``, or numbers.

    >>> words(np.array(1), ("CNV", "DME")), words(np.array([True, False]), ("CNV", "DME"))
    ('DME', 'CNV')
    """
    if said.dtype == np.bool_:
        return ";".join(c for c, present in zip(classes, said, strict=True) if present)
    if said.ndim == 0:
        return "" if int(said) == IGNORE else classes[int(said)]
    return ";".join(f"{v:.6g}" for v in said)
