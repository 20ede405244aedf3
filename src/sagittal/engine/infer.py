"""The one way from a source to an answer: evaluation, prediction, explanation and serving all call it."""

from __future__ import annotations

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
from sagittal.engine.asking import Ask, lay_out, numbers_of
from sagittal.engine.budget import Budget, Choice
from sagittal.engine.calibrate import Calibration, OperatingPoint
from sagittal.engine.drawing import Drawing, Store
from sagittal.engine.finish import Finish
from sagittal.engine.postprocess import Postprocessing
from sagittal.engine.sight import Sight, answer_grid
from sagittal.engine.validation import Validation
from sagittal.engine.waiting import MOST_ROWS, Asking, Waiting, batches, together
from sagittal.errors import LimitExceeded, SagittalError, said_of
from sagittal.models._members import Members
from sagittal.models._network import Network
from sagittal.windows._windowing import seeing

Item = tuple[str, Image]
"""A case's id and its image."""

Failed = Callable[[str, SagittalError], None]
"""Is told of a case that could not be answered, and why."""

Look = Callable[[Waiting, Window, NDArray[np.float32]], None]
"""Is shown every window of a case with its scores."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor(Sight):
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
        validation: What a package tells of its validation cases; None where nothing does.
        provenance: Which model this is.
        max_ram: GiB for the windows of a drawn answer, where the user allows less than the plan does.
        say: Gets lines for people.

    Attributes:
        numbers: In which the networks compute.
    """

    members: Sequence[Network]
    calibration: Calibration | None = None
    operating: OperatingPoint | None = None
    postprocessing: Postprocessing | None = None
    validation: Validation | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    batch: int = 32
    provenance: dict[str, str] = field(default_factory=dict)
    max_ram: float | None = None
    say: Callable[[str], None] | None = None
    numbers: torch.dtype = field(init=False, default=torch.float32)

    def __post_init__(self) -> None:
        if self.plan.precision == "auto" and self.task.samplewise:
            object.__setattr__(self, "numbers", numbers_of(self.members, self.task.activate, self.device))
        if self.dense:
            lay_out(self.members, self.numbers, self.device)

    @property
    def tidies(self) -> bool:
        """Whether label maps are tidied before anybody sees them."""
        return self.postprocessing is not None and bool(self.postprocessing.steps)

    @property
    def budget(self) -> Budget:
        """Which windows answer a case."""
        return Budget(plan=self.plan, networks=self.members, device=self.device, most=self.max_ram, batch=self.batch, say=self.say)

    def answer(
        self, items: Iterable[Item], *, store: Store | None = None, failed: Failed | None = None, look: Look | None = None
    ) -> Iterator[Prediction]:
        """The answers to cases, in their order, one at a time; a case is read when its turn comes.

        Args:
            items: The cases.
            store: Keeps the probabilities of drawn answers; without it they are forgotten as soon as they have been used.
            failed: Is told of a case that cannot be answered, and the others go on; without it the first one ends all.
            look: Is shown every window before its case is answered.

        Raises:
            NumericFailure: The network gave a number that is none; the case is named.
            LimitExceeded: There is not enough memory for a window.
        """
        waiting: list[Waiting] = []
        for group in batches(self._windows(items, waiting, store=store, failed=failed)):
            self._take(group, look)
            while waiting and waiting[0].left == 0:
                case = waiting.pop(0)
                if case.broken is None:
                    yield self._finish(case)
                elif failed is None:
                    raise case.broken
                else:
                    failed(case.id, case.broken)

    def _take(self, group: list[Asking], look: Look | None) -> None:
        """Answer windows and forget them."""
        seen = [w for w in group if w.values is not None]
        answers = iter(self._ask(together(seen)) if seen else ())
        for window in group:
            scores = self.nothing(window.window.size) if window.values is None else self.place(next(answers))
            if look is not None:
                look(window.case, window.window, scores)
            window.case.take(window.window, scores)
        group.clear()

    def scores_of(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated scores ``(B, K)`` of what enters the network, ``(B, C)``: rows of a table, many at once."""
        each = range(0, len(values), MOST_ROWS)
        scores = np.concatenate([self._ask(torch.from_numpy(np.ascontiguousarray(values[a : a + MOST_ROWS]))) for a in each])
        return scores if self.calibration is None or not self.task.calibrated else self.calibration.apply(scores).astype(np.float32)

    def answer_windows(self, items: Iterable[Item]) -> Iterator[Prediction]:
        """An answer for every window by itself, named ``case@start``, on the window's own grid."""
        for case, image in items:
            with said_of(case):
                ready = self.plan.preparation.ready(image)
            for group in batches(self._parts(case, ready)):
                for part, answer in zip(group, self._ask(together(group)), strict=True):
                    part.case.take(Window.whole(part.window.size), self.place(answer))
                    if part.case.broken is not None:
                        raise part.case.broken
                    yield self._finish(part.case)

    def _parts(self, case: str, ready: Ready) -> Iterator[Asking]:
        """Every window as a case of its own."""
        choice = self.budget.as_trained(ready.grid)
        for window in seeing(self.plan.windowing, ready.tissue).cover(ready.grid):
            place, name = ready.grid.at(window), f"{case}@{','.join(map(str, window.start))}"
            into = self.task.merge(place)
            part = Waiting(id=name, source=place, grid=place, into=into, windows=(window,), batch=choice.batch, left=1)
            yield Asking(case=part, window=window, values=self.see(ready, window))

    def apart(self) -> list[Predictor]:
        """Each network of an ensemble as a model of its own, not calibrated; none where there is only one."""
        networks = [n for member in self.members for n in (member.members if isinstance(member, Members) else [member])]
        quiet = replace(self, calibration=None, operating=None, say=None)
        return [replace(quiet, members=[cast(Network, n)]) for n in networks] if len(networks) > 1 else []

    def calibrated(self, calibration: Calibration | None, operating: OperatingPoint | None) -> Predictor:
        """The same model with other calibration."""
        return replace(self, calibration=calibration, operating=operating)

    def _windows(self, items: Iterable[Item], waiting: list[Waiting], *, store: Store | None, failed: Failed | None) -> Iterator[Asking]:
        budget = self.budget
        for name, image in items:
            try:
                with said_of(name):
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
                yield Asking(case=case, window=window, values=self.see(ready, window) if on_tissue is None or window in on_tissue else None)
            # The next case is not read while this one is still in memory.
            del ready, image

    def _begun(self, name: str, source: Geometry, grid: Geometry, choice: Choice, *, store: Store | None) -> Waiting:
        """A case without an answer yet."""
        task = self.task
        channels = task.head(self.plan.labels, source.axes).channels
        kept = store(name, (channels, *source.shape)) if store is not None and task.in_slabs else None
        drawing = Drawing.of(
            task=task,
            labels=self.plan.labels,
            grid=grid,
            source=source,
            windows=choice.windows,
            blend=self.blend,
            outside=self.outside,
            store=kept,
        )
        windows = drawing.windows if drawing is not None else choice.windows
        told = (
            {"windows": f"{len(windows)} of {'x'.join(map(str, windows[0].size))}", "numbers": str(self.numbers).removeprefix("torch.")}
            if choice.need
            else {}
        )
        return Waiting(
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

    def scores(self, x: torch.Tensor) -> NDArray[np.float32]:
        """Scores ``(B, K, *size)`` of what enters the network for windows of one size."""
        return np.stack([self.place(answer) for answer in self._ask(x)])

    def _ask(self, x: torch.Tensor) -> NDArray[np.float32]:
        """``(B, C, *shape)`` to scores ``(B, K, ...)``."""
        ask = Ask(networks=self.members, activate=self.task.activate, flips=self.plan.flips, device=self.device, numbers=self.numbers)
        return ask(x)

    def _finish(self, case: Waiting) -> Prediction:
        """The answer to a case whose windows are answered."""
        finish = Finish(
            task=self.task,
            labels=self.plan.labels,
            calibration=self.calibration,
            operating=self.operating,
            postprocessing=self.postprocessing,
            outside=self.outside,
        )
        return finish(case)
