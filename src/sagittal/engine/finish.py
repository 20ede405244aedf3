"""From the scores of all windows of a case to its answer: calibrated, on its own grid, tidied, objects told apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagittal.core.labels import Labels
from sagittal.core.prediction import Prediction
from sagittal.engine.calibrate import Calibration, OperatingPoint
from sagittal.engine.drawing import Drawing
from sagittal.engine.postprocess import Postprocessing
from sagittal.engine.waiting import Waiting
from sagittal.ops.stitch import Merger
from sagittal.ops.warp import Outside, ReadMap, gather
from sagittal.tasks._objects import parted
from sagittal.tasks._task import Task

Answered = tuple[NDArray[np.float32], NDArray[np.generic], NDArray[np.float32] | None, bool]
"""Scores, answer, scores before calibration, and whether the model should not decide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finish:
    """What follows when the last window of a case is answered.

    Args:
        task: The row of the plan's task.
        labels: The classes.
        calibration: Fitted on validation; None before that.
        operating: Threshold and abstain band; None where there are none.
        postprocessing: What tidies label maps; None where nothing does.
        outside: The scores of samples off the grid on which the network looks.
    """

    task: Task
    labels: Labels
    calibration: Calibration | None
    operating: OperatingPoint | None
    postprocessing: Postprocessing | None
    outside: Outside

    def __call__(self, case: Waiting) -> Prediction:
        """The answer."""
        scores, answer, raw, abstains = self._drawn(case, case.into) if isinstance(case.into, Drawing) else self._merged(case, case.into)
        if self.postprocessing is not None:
            answer = self.postprocessing.apply(answer, case.source, self.labels)
        objects = None
        if self.task.objects is not None:
            ground = 0 if self.labels.background is None else self.labels.index(self.labels.background)
            answer, objects = parted(answer, len(self.labels), ground)
        return Prediction(
            case=case.id,
            geometry=case.source,
            labels=self.labels,
            scores=scores,
            answer=answer,
            objects=objects,
            raw=raw,
            abstained=abstains,
            provenance=case.provenance,
        )

    def _drawn(self, case: Waiting, drawing: Drawing) -> Answered:
        answer = drawing.answer if self.task.apart is None else self.task.apart.joined(drawing.answer, self.labels)
        scores = case.scores if case.scores is not None else np.zeros((0, *answer.shape), np.float32)
        return scores, answer, None, False

    def _merged(self, case: Waiting, merger: Merger) -> Answered:
        scores = merger.scores()
        raw = None
        if self.calibration is not None and self.task.calibrated:
            raw = scores
            scores = self.calibration.apply(scores[None])[0].astype(np.float32)
        where = case.source if self.task.regrid else case.grid
        if scores.ndim > 1 and self.task.regrid and not case.source.same_grid(case.grid):
            back = ReadMap(shape=case.source.shape, affine=case.source.index_map(case.grid))
            scores = gather(scores, back, order="linear", outside=self.outside)
        if case.scores is not None:
            case.scores[...] = scores
        abstains = self.operating is not None and self.task.calibrated and bool(self.operating.abstains(scores[None])[0])
        return scores, self.task.finish(scores, self.labels, where), raw, abstains
