"""A check of tasks."""

from __future__ import annotations

import math
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from sagittal.core import Geometry, Labels, Window
from sagittal.metrics._case import makes_case_metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sagittal.tasks._task import Task

from sagittal.testing._promise import must


def check_task(task: Task) -> None:
    """A row whose functions fit each other: from what was said to a loss, to scores, to an answer and its metrics.

    Raises:
        AssertionError: A promise is broken.
    """
    import torch

    from sagittal.shelf import Shelf

    must(task.said, "it says which annotations answer it")
    losses, metrics = Shelf("sagittal.losses", kind="loss"), Shelf("sagittal.metrics", kind="metric")
    must(task.loss in losses.names(), "its loss is on the shelf")
    must(task.metrics or task.per_case, "it is measured")
    must(all(makes_case_metric(metrics.get(name)) for name in task.per_case), "metrics a case are of masks")
    must(not any(makes_case_metric(metrics.get(name)) for name in task.metrics), "other metrics are of sets")
    pickle.loads(pickle.dumps((task.encode, task.target)))  # noqa: S301 - our own bytes: a worker process is sent it
    labels, said = _annotated(task)
    grid = Geometry.picture((32, 24))
    target = task.target(task.encode(said, grid), labels)
    head = task.head(labels, grid.axes)
    shape = grid.shape if head.dense else ()
    outputs = torch.randn(2, head.channels, *shape, generator=torch.Generator().manual_seed(0))
    targets = torch.from_numpy(np.stack([target, target]))
    targets = targets.long() if not targets.is_floating_point() else targets
    loss = losses.make(task.loss)(outputs, targets)
    must(loss.shape == (2,) and torch.isfinite(loss).all(), "the loss takes what the head gives and the target says")
    quick = task.quick(outputs, targets)
    must(quick and all(math.isfinite(total) and n >= 0 for total, n in quick.values()), "its quick scores are sums and counts")
    scores = task.activate(outputs)
    must(scores.shape == outputs.shape and scores.dtype == torch.float32, "activation keeps the shape, in float32")
    must(not task.exclusive or torch.allclose(scores.sum(dim=1), torch.ones(())), "exclusive scores add up to 1")
    must(task.attend(outputs, 0).shape == (2,), "an explainer gets one number a sample")
    if task.units is not None:
        mean, std = task.units([target, target], labels)
        must(np.shape(mean) == np.shape(std) == (head.channels,), "units are a number each an output channel")
    _check_answer(task, labels, said, grid, scores[0].numpy())


def _check_answer(task: Task, labels: Labels, said: Any, grid: Geometry, scores: NDArray[np.float32]) -> None:
    """Merging one window gives its scores; the answer can be compared with the truth."""
    merger = task.merge(grid)
    merger.add(Window.whole(grid.shape), scores)
    merged = merger.scores()
    must(np.allclose(merged, scores, atol=1e-5), "one window is merged to itself")
    answer, truth = np.asarray(task.finish(merged, labels, grid)), np.asarray(task.truth(said, grid))
    boxes = answer.ndim == 2 and answer.shape != grid.shape
    alike = truth.shape[1] == 2 * grid.axes + 1 and answer.shape[1] == truth.shape[1] + 1 if boxes else truth.shape == answer.shape
    must(alike, f"truth {truth.shape} and answer {answer.shape} can be compared")


def _annotated(task: Task) -> tuple[Labels, Any]:
    """Something that was said in the most natural way for the task, on a picture of 32 x 24."""
    from sagittal.core.annotation import ClassLabel, Value
    from sagittal.core.polygons import Outline, Polygons

    kind = task.said[0]
    if kind == "value":
        labels = Labels(classes=("age", "weight"))
        return labels, Value(values=(41.0, 70.5), labels=labels)
    if kind in {"label", "labels"}:
        labels = Labels(classes=("a", "b", "c"))
        return labels, ClassLabel(names=("b",), labels=labels)
    labels = Labels(classes=("ground", "object"), background="ground")
    ring = np.array([[4.0, 6.0], [14.0, 6.0], [14.0, 20.0], [4.0, 20.0]])
    return labels, Polygons(outlines=(Outline(rings=(ring,), name="object"),), labels=labels)
