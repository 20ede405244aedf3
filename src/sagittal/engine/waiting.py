"""Cases that wait for the answers to their windows, and the windows of all of them in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.engine.drawing import Drawing
from sagittal.errors import NumericFailure, SagittalError
from sagittal.ops.stitch import Merger

MOST_ROWS = 4096
"""Rows of a table that are answered at once."""


@dataclass(kw_only=True, slots=True)
class Waiting:
    """A case whose windows are not all answered yet: drawn slab by slab, or merged at the end.

    Args:
        id: Of the case.
        source: The grid on which the answer lies.
        grid: The grid on which the windows lie.
        into: Takes the scores.
        windows: In the order in which they are answered.
        batch: How many of them at once.
        left: How many are not answered yet.
        scores: Keeps the scores of a drawn answer; None where nobody asks for them.
        provenance: Which model this is, and how it was asked.
        broken: Why there is no answer.
    """

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
class Asking:
    """A window to answer.

    Args:
        case: To which it belongs.
        window: Its place.
        values: What enters the network; None off tissue, where nothing is.
    """

    case: Waiting
    window: Window
    values: NDArray[np.float32] | None


def batches(windows: Iterator[Asking]) -> Iterator[list[Asking]]:
    """Windows of one shape together, in their order, as many as the case allows; no window is read before it is needed."""
    group: list[Asking] = []
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


def together(group: Sequence[Asking]) -> torch.Tensor:
    """A batch of what enters the network; one window alone is not copied."""
    values = [w.values for w in group if w.values is not None]
    return torch.from_numpy(values[0][None] if len(values) == 1 else np.stack(values))
