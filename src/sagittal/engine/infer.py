"""The one way from a source to an answer: evaluation, prediction, explanation and serving all call it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.prediction import Prediction
from sagittal.core.window import Window
from sagittal.data.ready import Ready
from sagittal.engine.budget import Budget, Choice, Resizable
from sagittal.engine.calibrate import Calibration, OperatingPoint
from sagittal.engine.drawing import Drawing, Store
from sagittal.engine.halving import in_parts
from sagittal.engine.plan import Plan
from sagittal.engine.postprocess import Postprocessing
from sagittal.errors import LimitExceeded, NumericFailure, SagittalError
from sagittal.models._members import Members
from sagittal.models._network import Network
from sagittal.models._precision import same_in_bf16
from sagittal.ops.ring import Blend
from sagittal.ops.stitch import Merger
from sagittal.ops.warp import Outside, ReadMap, gather
from sagittal.tasks._objects import parted
from sagittal.tasks._task import Task
from sagittal.windows._windowing import Cover, seeing

MOST_ROWS = 4096
"""Rows of a table that are answered at once."""

Answered = tuple[NDArray[np.float32], NDArray[np.generic], NDArray[np.float32] | None, bool]
"""Scores, answer, scores before calibration, and whether the model should not decide."""

Item = tuple[str, Image]
"""A case's id and its image."""

Failed = Callable[[str, SagittalError], None]
"""Is told of a case that could not be answered, and why."""

_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


@dataclass(kw_only=True, slots=True)
class _Open:
    """A case whose windows are not all answered yet: drawn slab by slab, or merged at the end."""

    id: str
    source: Geometry
    grid: Geometry
    into: Drawing | Merger
    windows: Sequence[Window]
    batch: int
    left: int
    scores: NDArray[np.float32] | None = None
    provenance: dict[str, str] = field(default_factory=dict)
    broken: SagittalError | None = None

    def take(self, window: Window, scores: NDArray[np.float32]) -> None:
        """The scores of the next window."""
        self.left -= 1
        if not np.isfinite(scores.sum()):
            what = "the network gave NaN or infinity"
            self.broken = NumericFailure("NAN_SCORE", self.id, what, "look at the input's values, or train again")
        if self.broken is None:
            self.into.add(window, scores)


@dataclass(kw_only=True, slots=True)
class _Window:
    """A window to answer; without values it lies off tissue, and nothing is there."""

    case: _Open
    window: Window
    values: NDArray[np.float32] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """A trained model with all that its answers depend on.

    Args:
        plan: What the data decided, preparation included.
        task: The row of the plan's task.
        members: Networks whose scores are averaged; nearly always one.
        calibration: Fitted on validation; None before that.
        operating: Threshold and abstain band; None where there are none.
        device: Where the networks are.
        batch: Windows answered at once, at most.
        postprocessing: What tidies label maps, switched on by validation; None where nothing does.
        provenance: Which model this is.
        max_ram: GiB for the windows of a drawn answer, where the user allows less than the plan does.
        say: Gets lines for people.

    Attributes:
        numbers: In which the networks compute.
    """

    plan: Plan
    task: Task
    members: Sequence[Network]
    calibration: Calibration | None = None
    operating: OperatingPoint | None = None
    postprocessing: Postprocessing | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    batch: int = 32
    provenance: dict[str, str] = field(default_factory=dict)
    max_ram: float | None = None
    say: Callable[[str], None] | None = None
    numbers: torch.dtype = field(init=False, default=torch.float32)

    def __post_init__(self) -> None:
        if self.plan.precision == "auto" and self.task.samplewise:
            same = all(same_in_bf16(member, self.task.activate, self.device) for member in self.members)
            object.__setattr__(self, "numbers", torch.bfloat16 if same else torch.float32)
        # A GPU has its fast bf16 kernels for this layout, and its fast fp32 ones for the usual one.
        fast = self.device.type == "cpu" or (self.device.type == "cuda" and self.numbers == torch.bfloat16)
        if fast and self.plan.row.head(self.plan.labels, self.plan.preparation.axes).dense:
            for member in self.members:
                _lay_out(member)

    @property
    def budget(self) -> Budget:
        """Which windows answer a case."""
        return Budget(plan=self.plan, networks=self.members, device=self.device, most=self.max_ram, batch=self.batch, say=self.say)

    def answer(self, items: Iterable[Item], *, store: Store | None = None, failed: Failed | None = None) -> Iterator[Prediction]:
        """The answers to cases, in their order, one at a time; a case is read when its turn comes.

        Args:
            items: The cases.
            store: Keeps the probabilities of drawn answers; without it they are forgotten as soon as they have been used.
            failed: Is told of a case that cannot be answered, and the others go on; without it the first one ends all.

        Raises:
            NumericFailure: The network gave a number that is none; the case is named.
            LimitExceeded: There is not enough memory for a window.
        """
        waiting: list[_Open] = []
        for group in _batches(self._windows(items, waiting, store=store, failed=failed)):
            self._take(group)
            while waiting and waiting[0].left == 0:
                case = waiting.pop(0)
                if case.broken is None:
                    yield self._finish(case)
                elif failed is None:
                    raise case.broken
                else:
                    failed(case.id, case.broken)

    def _take(self, group: list[_Window]) -> None:
        """Answer windows and forget them."""
        seen = [w for w in group if w.values is not None]
        answers = iter(self._scores(_together(seen)) if seen else ())
        for window in group:
            scores = self.nothing(window.window.size) if window.values is None else self.place(next(answers))
            window.case.take(window.window, scores)
        group.clear()

    def nothing(self, size: Sequence[int]) -> NDArray[np.float32]:
        """The scores ``(K, *size)`` of a window without tissue: background, where there is such a class."""
        labels = self.plan.labels
        scores = np.zeros((self.task.head(labels, len(size)).channels, *size), np.float32)
        if labels.background is not None and self.task.exclusive:
            scores[labels.index(labels.background)] = 1
        return scores

    def windows(self, image: Image) -> Iterator[tuple[Window, NDArray[np.float32]]]:
        """What enters the network for an image: each window with its values ``(C, *size)``."""
        ready = self.plan.preparation.ready(image)
        for window in seeing(self.plan.windowing, ready.tissue).cover(ready.grid):
            yield window, self.see(ready, window)

    def see(self, ready: Ready, window: Window) -> NDArray[np.float32]:
        """What enters the network for a window."""
        place, thin = ready.grid.at(window), self.plan.windowing.thin
        return ready.see(place) if thin is None else thin.fold(ready.see(thin.seen(place)))

    def place(self, answer: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's answer as that of its window."""
        thin = self.plan.windowing.thin
        return answer if thin is None or answer.ndim == 1 else thin.stood(answer)

    def scores_of(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated scores ``(B, K)`` of what enters the network, ``(B, C)``: rows of a table, many at once."""
        each = range(0, len(values), MOST_ROWS)
        scores = np.concatenate([self._scores(torch.from_numpy(np.ascontiguousarray(values[a : a + MOST_ROWS]))) for a in each])
        return scores if self.calibration is None or not self.task.calibrated else self.calibration.apply(scores).astype(np.float32)

    def answer_windows(self, items: Iterable[Item]) -> Iterator[Prediction]:
        """An answer for every window by itself, named ``case@start``, on the window's own grid."""
        for case, image in items:
            ready = self.plan.preparation.ready(image)
            for group in _batches(self._parts(case, ready)):
                for part, answer in zip(group, self._scores(_together(group)), strict=True):
                    part.case.take(Window.whole(part.window.size), self.place(answer))
                    if part.case.broken is not None:
                        raise part.case.broken
                    yield self._finish(part.case)

    def _parts(self, case: str, ready: Ready) -> Iterator[_Window]:
        """Every window as a case of its own."""
        choice = self.budget.as_trained(ready.grid)
        for window in seeing(self.plan.windowing, ready.tissue).cover(ready.grid):
            place, name = ready.grid.at(window), f"{case}@{','.join(map(str, window.start))}"
            into = self.task.merge(place)
            part = _Open(id=name, source=place, grid=place, into=into, windows=(window,), batch=choice.batch, left=1)
            yield _Window(case=part, window=window, values=self.see(ready, window))

    def apart(self) -> list[Predictor]:
        """Each network of an ensemble as a model of its own, not calibrated; none where there is only one."""
        networks = [n for member in self.members for n in (member.members if isinstance(member, Members) else [member])]
        quiet = replace(self, calibration=None, operating=None, say=None)
        return [replace(quiet, members=[cast(Network, n)]) for n in networks] if len(networks) > 1 else []

    def calibrated(self, calibration: Calibration | None, operating: OperatingPoint | None) -> Predictor:
        """The same model with other calibration."""
        return replace(self, calibration=calibration, operating=operating)

    def _windows(self, items: Iterable[Item], waiting: list[_Open], *, store: Store | None, failed: Failed | None) -> Iterator[_Window]:
        budget = self.budget
        for name, image in items:
            try:
                ready = self.plan.preparation.ready(image)
                case = self._begun(name, answer_grid(image.geometry, ready), ready.grid, budget.choose(ready.grid), store=store)
                on_tissue = self.on_tissue(ready, case.windows)
            except SagittalError as error:
                if failed is None or (isinstance(error, LimitExceeded) and error.code == "MAX_RAM"):
                    raise
                failed(name, error)
                continue
            waiting.append(case)
            if not isinstance(case.into, Drawing) and on_tissue is not None and not self.dense:
                case.windows = [w for w in case.windows if w in on_tissue]
                case.left = len(case.windows)
            for window in case.windows:
                yield _Window(
                    case=case, window=window, values=self.see(ready, window) if on_tissue is None or window in on_tissue else None
                )
            # The next case is not read while this one is still in memory.
            del ready, image

    def _begun(self, name: str, source: Geometry, grid: Geometry, choice: Choice, *, store: Store | None) -> _Open:
        """A case without an answer yet."""
        task = self.task
        kept = store(name, (len(self.plan.labels), *source.shape)) if store is not None and task.samplewise else None
        drawing = Drawing.of(
            task=task,
            labels=self.plan.labels,
            grid=grid,
            source=source,
            windows=choice.windows,
            blend=self.blend,
            outside=self._outside,
            store=kept,
        )
        windows = drawing.windows if drawing is not None else choice.windows
        told = (
            {"windows": f"{len(windows)} of {'x'.join(map(str, windows[0].size))}", "numbers": str(self.numbers).removeprefix("torch.")}
            if choice.need
            else {}
        )
        return _Open(
            id=name,
            source=source,
            grid=grid,
            into=drawing or task.merge(grid),
            windows=windows,
            batch=choice.batch,
            left=len(windows),
            scores=kept,
            provenance={**self.provenance, **told},
        )

    @property
    def dense(self) -> bool:
        """Whether every sample is answered."""
        return self.task.head(self.plan.labels, self.plan.preparation.axes).dense

    def on_tissue(self, ready: Ready, windows: Sequence[Window]) -> frozenset[Window] | None:
        """Those windows that lie on tissue; None where nobody looks for it."""
        windowing = seeing(self.plan.windowing, ready.tissue)
        return (
            None
            if windowing is self.plan.windowing or ready.tissue is None
            else frozenset(windowing.cover(ready.grid)) & frozenset(windows)
        )

    @property
    def _outside(self) -> Outside:
        """The scores of samples off the grid on which the network looks."""
        return 0.0 if self.plan.preparation.crop else "edge"

    @property
    def blend(self) -> Blend:
        """How overlapping windows are weighted."""
        windowing = self.plan.windowing
        cover = windowing.patch if isinstance(windowing, Resizable) else getattr(windowing, "tiles", None)
        return cover.blend if isinstance(cover, Cover) else "gaussian"

    def scores(self, x: torch.Tensor) -> NDArray[np.float32]:
        """Scores ``(B, K, *size)`` of what enters the network for windows of one size."""
        return np.stack([self.place(answer) for answer in self._scores(x)])

    def _scores(self, x: torch.Tensor) -> NDArray[np.float32]:
        """``(B, C, *shape)`` to scores ``(B, K, ...)``, some windows at a time where the device has no memory for all."""
        return in_parts(self._asked, x)

    @torch.inference_mode()
    def _asked(self, x: torch.Tensor) -> NDArray[np.float32]:
        """``(B, C, *shape)`` to scores ``(B, K, ...)``: the mean over members and mirrored views."""
        x = x.to(self.device, non_blocking=True)
        total: torch.Tensor | None = None
        flips = self.plan.flips
        views = [axes for n in range(len(flips) + 1) for axes in itertools.combinations(flips, n)]
        for member, axes in itertools.product(self.members, views):
            dims = [a + 2 for a in axes]
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.numbers == torch.bfloat16):
                outputs = member(x.flip(dims) if dims else x)
            scores = self.task.activate(outputs)
            if dims and scores.ndim > 2:
                scores = scores.flip(dims)
            total = scores if total is None else total.add_(scores)
        if total is None:
            raise ValueError("a predictor needs at least one network")
        if len(views) * len(self.members) > 1:
            total /= len(views) * len(self.members)
        mean: NDArray[np.float32] = total.float().cpu().numpy()
        return mean

    def _finish(self, case: _Open) -> Prediction:
        scores, answer, raw, abstains = self._drawn(case, case.into) if isinstance(case.into, Drawing) else self._merged(case, case.into)
        if self.postprocessing is not None:
            answer = self.postprocessing.apply(answer, case.source, self.plan.labels)
        objects = None
        if self.task.objects is not None:
            labels = self.plan.labels
            ground = 0 if labels.background is None else labels.index(labels.background)
            answer, objects = parted(answer, len(labels), ground)
        return Prediction(
            case=case.id,
            geometry=case.source,
            labels=self.plan.labels,
            scores=scores,
            answer=answer,
            objects=objects,
            raw=raw,
            abstained=abstains,
            provenance=case.provenance,
        )

    def _drawn(self, case: _Open, drawing: Drawing) -> Answered:
        answer = drawing.answer if self.task.apart is None else self.task.apart.joined(drawing.answer, self.plan.labels)
        scores = case.scores if case.scores is not None else np.zeros((0, *answer.shape), np.float32)
        return scores, answer, None, False

    def _merged(self, case: _Open, merger: Merger) -> Answered:
        scores = merger.scores()
        raw = None
        if self.calibration is not None and self.task.calibrated:
            raw = scores
            scores = self.calibration.apply(scores[None])[0].astype(np.float32)
        where = case.source if self.task.regrid else case.grid
        if scores.ndim > 1 and self.task.regrid and not case.source.same_grid(case.grid):
            back = ReadMap(shape=case.source.shape, affine=case.source.index_map(case.grid))
            scores = gather(scores, back, order="linear", outside=self._outside)
        abstains = self.operating is not None and self.task.calibrated and bool(self.operating.abstains(scores[None])[0])
        return scores, self.task.finish(scores, self.plan.labels, where), raw, abstains


def answer_grid(source: Geometry, ready: Ready) -> Geometry:
    """On which grid an answer lies: the source's own; of a slide that of what the network saw, without what was padded."""
    if not ready.lazy or not ready.grid.axes:
        return source
    ends = ready.grid.to_index(source.to_world([n - 0.5 for n in source.shape])) + 0.5
    return ready.grid.at(
        Window((0,) * source.axes, tuple(min(n, max(1, round(float(e)))) for n, e in zip(ready.grid.shape, ends, strict=True)))
    )


def _batches(windows: Iterator[_Window]) -> Iterator[list[_Window]]:
    """Windows of one shape together, in their order, as many as the case allows; no window is read before it is needed."""
    group: list[_Window] = []
    for window in windows:
        if group and group[0].window.size != window.window.size:
            yield group
            group = []
        group.append(window)
        if sum(w.values is not None for w in group) >= group[0].case.batch or len(group) >= MOST_ROWS:
            yield group
            group = []
    if group:
        yield group


def _together(group: Sequence[_Window]) -> torch.Tensor:
    """A batch; one window alone is not copied."""
    values = [w.values for w in group if w.values is not None]
    return torch.from_numpy(values[0][None] if len(values) == 1 else np.stack(values))


def _lay_out(network: Network) -> None:
    """Weights channels last: convolutions then take .6 of the time, and less memory, on CPUs."""
    for weight in network.parameters():
        layout = _LAYOUTS.get(weight.dim())
        if layout is not None:
            weight.data = weight.data.contiguous(memory_format=layout)
