"""From a plan and a manifest to what the training loop reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
from sagittal.data._pool import mapped
from sagittal.data.batches import Batches
from sagittal.data.dataset import CaseSamples, Question
from sagittal.data.images import image_of
from sagittal.data.manifest import DRAWN, Manifest
from sagittal.data.order import Balanced, InOrder, Order, Shuffled
from sagittal.data.prepared import Prepared, key_of
from sagittal.engine.batch_read import reading_for
from sagittal.engine.plan import Plan
from sagittal.errors import Refused
from sagittal.tasks._task import as_it_is
from sagittal.transforms._compose import Augmentation

CPU = torch.device("cpu")


def training_batches(
    plan: Plan,
    manifest: Manifest,
    *,
    store: Prepared | None = None,
    rank: int = 0,
    ranks: int = 1,
    pin: bool = False,
    device: torch.device = CPU,
) -> Batches:
    """Augmented batches of the training cases; see ``reading_for`` for what is done on the device."""
    augmentation = Augmentation.of(plan.augment) if plan.augment else None
    varied = Augmentation.of(plan.varied) if plan.varied else None
    cases, rounds = manifest.split("train"), plan.feeding.rounds
    samples = _samples(plan, manifest, cases, augmentation=augmentation, varied=varied, rounds=rounds, store=store)
    order: Order = Shuffled(n=len(samples), seed=plan.seed)
    if plan.feeding.balance:
        order = Balanced(classes=sample_classes(plan, manifest, samples), seed=plan.seed)
    return Batches(
        samples=samples,
        order=order,
        size=plan.train.batch,
        workers=plan.feeding.workers,
        pin=pin,
        read=reading_for(plan, augmentation, device),
        rank=rank,
        ranks=ranks,
        networks=plan.members,
        # A row takes as long to draw as to learn from; on Sonar networks that shared theirs answered as well.
        shared=plan.preparation.axes == 0,
    )


def validation_batches(
    plan: Plan, manifest: Manifest, *, store: Prepared | None = None, rank: int = 0, ranks: int = 1, pin: bool = False
) -> Batches:
    """Batches of the validation cases: every window that covers them, not augmented, in order.

    Of the training cases where there are none: the log then at least shows that something is learned.
    """
    samples = _samples(plan, manifest, manifest.split("val") or manifest.split("train"), augmentation=None, cover=True, store=store)
    return Batches(
        samples=samples,
        order=InOrder(n=len(samples)),
        size=plan.train.batch,
        workers=plan.feeding.workers,
        pin=pin,
        rank=rank,
        ranks=ranks,
    )


def sample_classes(plan: Plan, manifest: Manifest, samples: CaseSamples) -> NDArray[np.int64]:
    """The class of each training sample, ``(n,)``, for balancing.

    Raises:
        Refused: The annotation has no one class for a sample.
    """
    windowing = samples.windowing
    if not windowing.fixed:
        raise Refused("BALANCE", "train.balance", "windows of a case have no class before they are drawn", "set train.balance=false")
    if windowing.one and manifest.said not in DRAWN:
        classes = [manifest.annotation(case).label_of(Geometry.none()) for case in samples.cases]
    else:
        classes = [c for case in samples.cases for c in _window_classes(plan, manifest, case)]
    return np.tile(np.asarray(classes, dtype=np.int64), samples.rounds)


def _window_classes(plan: Plan, manifest: Manifest, case: Case) -> list[int]:
    """The class of each window of a case; the picture's header is read, and what was drawn on it."""
    source = image_of(case, manifest).geometry
    said, grid = manifest.annotation(case, like=source), plan.preparation.grid(source)
    return [said.label_of(grid.at(window)) for window in plan.windowing.cover(grid)]


def class_weights(plan: Plan, manifest: Manifest) -> list[float]:
    """Weights inverse to the class's share of the training cases, with a mean of 1 over the samples.

    A class without a training case weighs 1.
    """
    counts = np.zeros(len(plan.labels))
    for case in manifest.split("train"):
        drawn = manifest.said in DRAWN
        source = image_of(case, manifest).geometry if drawn else Geometry.none()
        counts += manifest.annotation(case, like=source if drawn else None).presence_of(source)
    weights = counts.sum() / (max((counts > 0).sum(), 1) * np.maximum(counts, 1))
    return [float(w) if n else 1.0 for w, n in zip(weights, counts, strict=True)]


def prepared_for(plan: Plan, manifest: Manifest, folder: Path, *, say: Callable[[str], None]) -> Prepared | None:
    """Prepare the training and validation volumes on disk, on all cores, where memory would not hold them.

    What is there already and sound is kept: a run that was killed goes on, and two runs may share the folder.

    Args:
        plan: Of the run.
        manifest: With splits.
        folder: Each way to prepare has a folder of its own in it.
        say: Gets lines for people.

    Returns:
        None where the cases are prepared as they are read: pictures and rows, and few volumes.
    """
    cases = [*manifest.split("train"), *manifest.split("val")]
    if not plan.preparation.settles or not cases or plan.feeding.prepare == "memory":
        return None
    grids = (plan.preparation.grid(image_of(case, manifest).geometry) for case in cases)
    needed = sum(math.prod(grid.shape) * (4 * plan.preparation.count + 2) for grid in grids)
    if plan.feeding.prepare == "auto" and needed <= plan.feeding.cache_mb << 20:
        return None
    how = {"preparation": plan.preparation.record(), "labels": plan.labels.record(), "task": plan.task}
    store = Prepared(folder=folder / key_of(how))
    store.sweep()
    samples = _samples(plan, manifest, cases, augmentation=None, store=store)
    say(f"{len(cases)} volumes are prepared on disk (up to {needed / 2**30:.1f} GiB)")
    made = sum(mapped(samples.prepare, range(len(cases)), chunk=1))
    say(f"{made} volumes were prepared, {len(cases) - made} were there already")
    return store


def _samples(
    plan: Plan,
    manifest: Manifest,
    cases: Sequence[Case],
    *,
    augmentation: Augmentation | None,
    varied: Augmentation | None = None,
    cover: bool = False,
    rounds: int = 1,
    store: Prepared | None = None,
) -> CaseSamples:
    row = plan.row
    head = row.head(plan.labels, plan.preparation.axes)
    return CaseSamples(
        cases=cases,
        manifest=manifest,
        preparation=plan.preparation,
        question=Question(encode=row.encode, target=row.target, dense=head.dense, plain=row.target is as_it_is),
        windowing=plan.windowing,
        augmentation=augmentation,
        varied=varied,
        seed=plan.seed,
        cache_bytes=plan.feeding.cache_mb << 20,
        store=store,
        cover=cover,
        rounds=rounds,
    )
