"""Which tidying of label maps helps: decided on validation, a class at a time, beyond what chance does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import IGNORE
from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.engine.postprocess import Array, Name, Postprocessing, Step
from sagittal.metrics._intervals import draws
from sagittal.ops.components import components
from sagittal.ops.confusion import boxes
from sagittal.ops.holes import fill_holes

LEAST_PATIENTS = 8
"""With fewer, a gain in every one of them is too likely to be chance."""

SIZES = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Smallest pieces that are tried, as shares of the median true volume of the class."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pieces:
    """The separate pieces of a class in one answer.

    Args:
        sizes: ``(m,)`` volumes in world units.
        counted: ``(m,)`` samples of which the truth is known.
        hits: ``(m,)`` samples that are right.
    """

    sizes: Floats = field(repr=False)
    counted: NDArray[np.int64] = field(repr=False)
    hits: NDArray[np.int64] = field(repr=False)

    @classmethod
    def of(cls, truth: NDArray[np.bool_], unknown: NDArray[np.bool_], answer: NDArray[np.bool_], cell: float) -> Pieces:
        """From the class in truth and answer, on one part of the grid that holds all of the answer."""
        pieces, m = components(answer)
        sizes, lost, hits = (np.bincount(pieces[where], minlength=m + 1)[1:] for where in (answer, answer & unknown, answer & truth))
        return cls(sizes=sizes.astype(np.float64) * cell, counted=sizes - lost, hits=hits)

    def dice(self, keep: NDArray[np.bool_], truth: int) -> float:
        """The Dice of the answer with these pieces alone."""
        return 2 * float(self.hits[keep].sum()) / (truth + float(self.counted[keep].sum()))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Seen:
    """What a validation case says of one class that its truth holds.

    Args:
        owner: Whose the case is.
        truth: Samples of the class.
        volume: Of them, in world units.
        plain: The pieces of the answer.
        filled: The pieces of the answer with its holes filled.
    """

    owner: str
    truth: int
    volume: float
    plain: Pieces
    filled: Pieces


def seen(truth: Array, answer: Array, grid: Geometry, labels: Labels, owner: str) -> dict[str, Seen]:
    """What one validation case says of each class that its truth holds; a label map itself is not kept.

    Args:
        truth: Class indices; ``IGNORE`` where nothing is known.
        answer: Class indices as the model gives them.
        grid: Of both.
        labels: The classes, one of them the background.
        owner: Whose the case is.
    """
    ground, found = labels.index(_ground(labels)), {}
    places = boxes(answer, len(labels))
    for k, name in enumerate(labels.classes):
        n = int(np.count_nonzero(truth == k))
        if k == ground or not n:
            continue
        # Holes lie inside of the box of the class, so that nothing is missed outside of it.
        box = places[k] or tuple(slice(0, 0) for _ in truth.shape)
        part, here = answer[box], truth[box]
        filled = fill_holes(part, classes=[k], background=ground)
        plain, whole = (Pieces.of(here == k, here == IGNORE, a == k, grid.cell) for a in (part, filled))
        found[name] = Seen(owner=owner, truth=n, volume=n * grid.cell, plain=plain, filled=whole)
    return found


def undecided(labels: Labels, patients: int) -> Postprocessing:
    """Nothing is switched on, because validation has too few patients to tell."""
    why = f"left off: validation has {patients} patients, and {LEAST_PATIENTS} are needed to tell"
    names: tuple[Name, ...] = ("fill_holes", "largest_component")
    left = [Step(name=step, label=name, why=why) for name in labels.classes if name != labels.background for step in names]
    return Postprocessing(background=_ground(labels), left=tuple(left), n=patients)


def fit_postprocessing(cases: Sequence[dict[str, Seen]], labels: Labels, *, seed: int) -> Postprocessing:
    """What helps, from what :func:`seen` said of the validation cases.

    A step is switched on for a class only if its mean Dice over the cases that have the class gets larger, and the interval
    of the gain lies above 0: a paired bootstrap over patients, made wider by the number of steps that were tried for the
    same place (Bonferroni). Holes come first; then one of the largest component or a minimum size.

    Args:
        cases: Of validation.
        labels: The classes.
        seed: Of the resampling.

    Raises:
        ValueError: The labels have no background, which removed pieces could become.
    """
    background = _ground(labels)
    patients = {s.owner for case in cases for s in case.values()}
    steps: list[Step] = []
    left: list[Step] = []
    for name in labels.classes:
        if name == background:
            continue
        of_class = [case[name] for case in cases if name in case]
        filling, fills = _judged([_Trial(Step(name="fill_holes", label=name), [_filling(s) for s in of_class])], of_class, seed)
        removing, removes = _judged(_removals(name, of_class, filled=fills), of_class, seed)
        for step, helps in ((filling, fills), (removing, removes)):
            (steps if helps else left).append(step)
    order: tuple[Name, ...] = ("fill_holes", "largest_component", "minimum_size")
    return Postprocessing(
        background=background, steps=tuple(sorted(steps, key=lambda s: order.index(s.name))), left=tuple(left), n=len(patients)
    )


def _ground(labels: Labels) -> str:
    if labels.background is None:
        raise ValueError("label maps without a background cannot be tidied")
    return labels.background


@dataclass(frozen=True, slots=True)
class _Trial:
    """A step, and what it changes in the Dice of each case."""

    step: Step
    changes: list[float]


def _removals(name: str, cases: Sequence[Seen], *, filled: bool) -> list[_Trial]:
    """Only the largest piece, and minimum sizes by the volumes that the class has in truth."""
    trials = [_Trial(Step(name="largest_component", label=name), [_removal(s, None, filled=filled) for s in cases])]
    if not cases:
        return trials
    usual = float(np.median([s.volume for s in cases]))
    for volume in (_rounded(usual * share) for share in SIZES):
        step = Step(name="minimum_size", label=name, volume=volume)
        trials.append(_Trial(step, [_removal(s, volume, filled=filled) for s in cases]))
    return trials


def _filling(case: Seen) -> float:
    """What filling holes changes in the Dice of a case."""
    before, after = (pieces.dice(np.ones(len(pieces.sizes), dtype=np.bool_), case.truth) for pieces in (case.plain, case.filled))
    return after - before


def _removal(case: Seen, volume: float | None, *, filled: bool) -> float:
    """What removing pieces changes: those below a volume, or (None) all but the largest."""
    pieces = case.filled if filled else case.plain
    everything = np.ones(len(pieces.sizes), dtype=np.bool_)
    if volume is None:
        keep = np.arange(len(pieces.sizes)) == (pieces.sizes.argmax() if len(pieces.sizes) else -1)
    else:
        keep = pieces.sizes >= volume * (1 - 1e-9)
    return pieces.dice(keep, case.truth) - pieces.dice(everything, case.truth)


def _judged(trials: Sequence[_Trial], cases: Sequence[Seen], seed: int) -> tuple[Step, bool]:
    """The trial with the largest gain of those that help, and true; if none does, the one with the largest gain, and false."""
    owners = np.unique([s.owner for s in cases], return_inverse=True)[1].reshape(-1) if cases else np.zeros(0, dtype=np.intp)
    patients = int(owners.max()) + 1 if owners.size else 0
    if patients < LEAST_PATIENTS:
        why = f"left off: {patients} of the patients of validation have the class, and {LEAST_PATIENTS} are needed to tell"
        return replace(trials[0].step, why=why), False
    changes = np.array([t.changes for t in trials]).T
    ends = _interval(changes, owners, len(trials), seed)
    gains = changes.mean(axis=0)
    helping = [i for i in range(len(trials)) if gains[i] > 0 and ends[0, i] > 0]
    best = max(helping or range(len(trials)), key=lambda i: gains[i])
    gain, low, high = float(gains[best]), float(ends[0, best]), float(ends[1, best])
    if not changes[:, best].any():
        return replace(trials[best].step, why="left off: it changes no validation case", gain=gain), False
    told = f"Dice {gain:+.4f} ({low:+.4f} to {high:+.4f}) on {patients} patients of validation"
    why = told if helping else f"left off: {told}"
    return replace(trials[best].step, why=why, gain=gain, low=low, high=high), bool(helping)


def _interval(changes: Floats, owners: NDArray[np.intp], tried: int, seed: int) -> Floats:
    """``(2, trials)``: the ends of the interval of each mean change; the resamples are the same for all."""
    groups = int(owners.max()) + 1
    means = np.concatenate([(w := counts[:, owners]) @ changes / w.sum(axis=1, keepdims=True) for counts in draws(groups, seed=seed)])
    tail = 0.025 / tried
    ends: Floats = np.quantile(means, [tail, 1 - tail], axis=0)
    return ends


def _rounded(volume: float) -> float:
    """Two digits: more would pretend that they were known."""
    return float(f"{volume:.2g}")
