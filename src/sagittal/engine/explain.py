"""Why an answer: an explainer's map, brought onto the source's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.core.image import Image
from sagittal.core.prediction import Explanation
from sagittal.engine.assess import Assessment, Row
from sagittal.engine.infer import Predictor
from sagittal.models._members import Members
from sagittal.ops.stitch import Stitch
from sagittal.ops.warp import ReadMap, gather
from sagittal.shelf import Shelf

EXPLAINERS = Shelf("sagittal.explainers", kind="explainer")


def explain_case(predictor: Predictor, name: str, image: Image, *, target: int) -> Explanation:
    """What in an image spoke for a class; windows of a large case are stitched.

    Args:
        predictor: The model; of several members the first is explained: their maps cannot be averaged before they are scaled.
        name: The case's id.
        image: Its image.
        target: The class's index.
    """
    part, grid = predictor.plan.explain, predictor.plan.preparation.grid(image.geometry)
    merger = Stitch(grid)
    row: NDArray[np.float32] | None = None

    def attend(outputs: torch.Tensor) -> torch.Tensor:
        return predictor.task.attend(outputs, target).sum()

    network = predictor.members[0]
    asked = network.members[0] if isinstance(network, Members) else network
    for window, values in predictor.windows(image):
        x = torch.from_numpy(values)[None].to(predictor.device)
        found: NDArray[np.float32] = EXPLAINERS.make(part.name, part.options, model=asked, x=x, attend=attend)
        if grid.axes == 0:
            row = found
        else:
            merger.add(window, found[None])
    if row is None:
        row = merger.scores()
        if not grid.same_grid(image.geometry):
            row = gather(row, ReadMap(shape=image.geometry.shape, affine=image.geometry.index_map(grid)), order="linear")
        row = row[0]
    return Explanation(case=name, geometry=image.geometry, target=predictor.plan.labels.classes[target], method=part.name, values=row)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pick:
    """A case worth looking at.

    Args:
        row: The answered case.
        kind: ``TP``, ``FP``, ``TN``, ``FN`` of the positive class; ``right``, ``wrong`` where none is named;
            ``confident_mistake``; ``near_threshold``.
        target: The class to explain.
        p: Its probability.
    """

    row: Row
    kind: str
    target: int
    p: float


def pick(assessment: Assessment, *, most: int, threshold: float | None = None) -> list[Pick]:
    """Cases for the galleries: the surest of each kind, the surest mistakes, and those nearest to the threshold.

    Args:
        assessment: Of classes that exclude each other; others give no picks of a kind, only the first cases.
        most: Of each kind.
        threshold: Of the positive class's probability.
    """
    answers = assessment.answers
    if answers is None or answers.kind not in {"class", "classes"}:
        return []
    rows = list(assessment.rows)
    if answers.kind == "classes":
        return [Pick(row=r, kind="case", target=int(r.scores.argmax()), p=float(r.scores.max())) for r in rows[:most]]
    positive = answers.labels.index(answers.labels.positive) if answers.labels.positive is not None else None
    picks: list[Pick] = []
    by_kind: dict[str, list[Pick]] = {}
    for row in rows:
        if int(row.truth) >= 0:
            found = Pick(row=row, kind=_kind(row, positive), target=int(row.answer), p=float(row.scores[int(row.answer)]))
            by_kind.setdefault(found.kind, []).append(found)
    for kind in sorted(by_kind, key=lambda k: ["TP", "FP", "TN", "FN", "right", "wrong"].index(k)):
        picks += sorted(by_kind[kind], key=lambda p: (-p.p, p.row.id))[:most]
    wrong = [p for found in by_kind.values() for p in found if int(p.row.truth) != int(p.row.answer)]
    picks += [_as(p, "confident_mistake") for p in sorted(wrong, key=lambda p: (-p.p, p.row.id))[:most]]
    return picks + _nearest([p for found in by_kind.values() for p in found], positive, threshold, most)


def _nearest(picks: Sequence[Pick], positive: int | None, threshold: float | None, most: int) -> list[Pick]:
    def distance(p: Pick) -> float:
        scores = np.sort(p.row.scores)[::-1]
        if positive is not None:
            return abs(float(p.row.scores[positive]) - (0.5 if threshold is None else threshold))
        return float(scores[0] - scores[1])

    return [_as(p, "near_threshold") for p in sorted(picks, key=lambda p: (distance(p), p.row.id))[:most]]


def _as(p: Pick, kind: str) -> Pick:
    return Pick(row=p.row, kind=kind, target=p.target, p=p.p)


def _kind(row: Row, positive: int | None) -> str:
    right = int(row.truth) == int(row.answer)
    if positive is None:
        return "right" if right else "wrong"
    said = int(row.answer) == positive
    return {(True, True): "TP", (True, False): "TN", (False, True): "FP", (False, False): "FN"}[(right, said)]
