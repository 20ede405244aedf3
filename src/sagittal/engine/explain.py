"""Why an answer: an explainer's map, brought onto the source's own grid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.prediction import Explanation
from sagittal.core.window import Window
from sagittal.engine.assess import Assessment
from sagittal.engine.infer import Predictor
from sagittal.engine.plan import EXPLAINERS, Part
from sagittal.engine.rows import Row
from sagittal.explainers._border import border_attention
from sagittal.explainers._quiet import Attend, evaluating
from sagittal.metrics._boxes import matched
from sagittal.metrics._case import ABSENT
from sagittal.models._members import Members
from sagittal.ops.stitch import Stitch
from sagittal.ops.warp import ReadMap, gather
from sagittal.tasks._task import Task

FINE = Part(name="integrated_gradients", options={"steps": 8})
"""What tells the edge from what lies beside it: Grad-CAM's coarse maps bleed inwards (``explainers/_border.py``)."""

MOST_SLICES = 64
"""Slices of a case that are explained at most."""

MOST_SAMPLES = 1 << 27
"""Samples that an explainer of many forwards asks of a case at most: a minute or two of a small network on one core."""

LEAST_ASKED, MOST_ASKED = 27, 128
"""Forwards a window, whatever that makes: three covers an axis of a volume still say where."""

IS_FINE = ("integrated_gradients", "occlusion")


def explain_case(predictor: Predictor, name: str, image: Image, *, target: int, way: Part | None = None) -> Explanation:
    """What in an image spoke for a class; windows of a large case are stitched, each scaled by itself.

    Of a drawn class only the samples count that are answered as it (Seg-Grad-CAM, Vinogradova et al., 2020), and windows
    without any stay cold. Of many slices every n-th is explained, and stands for those beside it.

    Args:
        predictor: The model; of several members the first is explained: their maps cannot be averaged before they are scaled.
        name: The case's id.
        image: Its image.
        target: The class's index.
        way: The explainer and its options; those of the plan otherwise.
    """
    part, ready = way or predictor.plan.explain, predictor.plan.preparation.ready(image)
    grid = ready.grid
    merger = Stitch(grid)
    row: NDArray[np.float32] | None = None
    network = predictor.members[0]
    asked = network.members[0] if isinstance(network, Members) else network
    windows = predictor.plan.windowing.cover(grid)
    step = 1 if predictor.plan.windowing.thin is None else -(-len(windows) // MOST_SLICES)
    options = _bounded(part, len(windows) // step * math.prod(windows[0].size))
    found: NDArray[np.float32] | None = None
    for n, window in enumerate(windows):
        if found is None or n % step == 0:
            x = torch.from_numpy(predictor.see(ready, window))[None].to(predictor.device)
            attend = _attending(predictor.task, asked, x, target)
            cold = np.zeros(x.shape[2:], np.float32)
            found = cold if attend is None else EXPLAINERS.make(part.name, options, model=asked, x=x, attend=attend)
        if grid.axes == 0:
            row = found
        else:
            merger.add(window, predictor.place(found[None]))
    if row is None:
        row = merger.scores()
        if not grid.same_grid(image.geometry):
            row = gather(row, ReadMap(shape=image.geometry.shape, affine=image.geometry.index_map(grid)), order="linear", outside=0.0)
        row = row[0]
    return Explanation(case=name, geometry=image.geometry, target=predictor.plan.labels.classes[target], method=part.name, values=row)


def _attending(task: Task, network: nn.Module, x: torch.Tensor, target: int) -> Attend | None:
    """The number that is explained of a window; None where nothing in it is answered as a drawn class."""
    if not task.samplewise:
        return lambda outputs: task.attend(outputs, target).sum()
    with evaluating(network), torch.no_grad():
        # Fixed before anything is covered: what is explained is the answer as it was given.
        mine = network(x).argmax(dim=1, keepdim=True) == target
    return (lambda outputs: task.attend(outputs * mine, target).sum()) if bool(mine.any()) else None


def _bounded(part: Part, samples: int) -> Mapping[str, Any]:
    """The options, with a limit on what is asked of a case where the explainer knows one and none is set."""
    if "most" not in EXPLAINERS.options(part.name) or "most" in part.options:
        return part.options
    return {**part.options, "most": max(LEAST_ASKED, min(MOST_ASKED, MOST_SAMPLES // max(1, samples)))}


def border_of(predictor: Predictor, found: Explanation, image: Image, *, target: int) -> float | None:
    """The share of what spoke for the class that lies at the picture's edge, from a map fine enough to tell; None where nothing spoke.

    Args:
        predictor: The model.
        found: Its explanation of the image, which is taken where it is fine enough.
        image: The case's image.
        target: The class's index.
    """
    if found.method not in IS_FINE:
        found = explain_case(predictor, found.case, image, target=target, way=FINE)
    return border_attention(found.values)


def part_of(predictor: Predictor, image: Image, place: Geometry) -> Image:
    """The part of an image that a window shows, on the window's grid, so that the window is explained by itself."""
    preparation = predictor.plan.preparation
    values = preparation.ready(image).stored(place)
    shown = np.clip(np.rint(values), 0, 255).astype(np.uint8) if image.read(_first(image.geometry)).dtype == np.uint8 else values
    names = image.channels if len(image.channels) == len(shown) else None
    return Image.of(shown, place, channels=names)


def _first(grid: Geometry) -> Window:
    """One sample: what a slide stores is known without reading it."""
    return Window((0,) * grid.axes, (1,) * grid.axes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pick:
    """A case worth looking at.

    Args:
        row: The answered case.
        kind: ``TP``, ``FP``, ``TN``, ``FN`` of the positive class; ``right``, ``wrong`` where none is named;
            ``confident_mistake``; ``near_threshold``; ``worst``, ``median``, ``best`` of values and of what is drawn.
        target: The class to explain.
        p: Its probability; None where the answer is none.
        note: How good the answer is, in words.
    """

    row: Row
    kind: str
    target: int
    p: float | None
    note: str = ""


def pick(assessment: Assessment, *, most: int, threshold: float | None = None, classes: Sequence[str] = ()) -> list[Pick]:
    """Cases for the galleries: the surest of each kind, the surest mistakes, and those nearest to the threshold.

    Of values, masks and boxes the worst and the best.

    Args:
        assessment: Of several labels a case, only the first cases are taken.
        most: Of each kind.
        threshold: Of the positive class's probability.
        classes: Of what is drawn, in order; the one that is drawn worst is the target.
    """
    answers = assessment.answers
    if answers is None or answers.kind in {"value", "boxes"}:
        return _extremes(assessment, most, classes)
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
        picks += sorted(by_kind[kind], key=_surest)[:most]
    wrong = [p for found in by_kind.values() for p in found if int(p.row.truth) != int(p.row.answer)]
    picks += [_as(p, "confident_mistake") for p in sorted(wrong, key=_surest)[:most]]
    return picks + _nearest([p for found in by_kind.values() for p in found], positive, threshold, most)


def _surest(p: Pick) -> tuple[float, str]:
    return -(p.p or 0.0), p.row.id


def _extremes(assessment: Assessment, most: int, classes: Sequence[str]) -> list[Pick]:
    """The worst, a usual and the best cases, each once; cases without anything to find or draw are left out."""
    told = sorted(((good, note, row.id, row) for row, good, note in _goodness(assessment)), key=lambda t: (t[0], t[2]))
    # The median is shown once, as what is usual; the ends are counted without it.
    middle = [told.pop((len(told) - 1) // 2)] if len(told) > 2 else []
    half = min(most, (len(told) + 1) // 2)
    worst, best = told[:half], told[half:][::-1][:most]
    return [
        Pick(row=row, kind=kind, target=_farthest(row, assessment, classes), p=None, note=note)
        for kind, some in (("worst", worst), ("median", middle), ("best", best))
        for _, note, _, row in some
    ]


def _farthest(row: Row, assessment: Assessment, classes: Sequence[str]) -> int:
    """The value that is farthest off, or the class that is drawn worst."""
    if assessment.answers is None:
        each = row.measured[assessment.task.per_case[0]]
        known = {name: v if isinstance(v, float) else 0.0 for name, v in each.items() if v != ABSENT}
        return list(classes).index(min(known, key=lambda name: known[name])) if known and classes else 0
    return (
        int(np.abs(row.truth - row.answer).argmax())
        if row.truth.shape == row.answer.shape and row.truth.ndim == 1 and row.truth.size
        else 0
    )


def _goodness(assessment: Assessment) -> Iterator[tuple[Row, float, str]]:
    """Each case with a number that is higher for a better answer, and the same in words."""
    answers, task = assessment.answers, assessment.task
    for i, row in enumerate(assessment.rows):
        if answers is None:
            known = [v if isinstance(v, float) else 0.0 for v in row.measured[task.per_case[0]].values() if v != ABSENT]
            if known:
                scored = any(isinstance(v, float) for v in row.measured[task.per_case[0]].values())
                note = f"{task.per_case[0].capitalize()} {np.mean(known):.2f}" if scored else "drawn where there is none"
                yield row, float(np.mean(known)), note
        elif answers.kind == "value":
            yield row, -float(np.abs(row.truth - row.answer).sum()), ""
        else:
            each = matched(answers.take(np.array([i])), iou=0.5)
            hits, said, true = (
                sum(int(v) for v in values) for values in zip(*((m.hit.sum(), len(m.hit), m.truths.sum()) for m in each), strict=True)
            )
            if said + true:
                yield row, 2 * hits / (said + true), f"{hits} of {true} found, {said - hits} false"


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
