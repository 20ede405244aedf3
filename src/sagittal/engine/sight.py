"""What a model sees of a case: its windows as they enter the network, and where its answers belong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.window import Window
from sagittal.data.ready import Ready
from sagittal.engine.budget import Resizable
from sagittal.engine.plan import Plan
from sagittal.ops.ring import Blend
from sagittal.ops.warp import Outside
from sagittal.tasks._task import Task
from sagittal.windows._windowing import Cover, seeing


@dataclass(frozen=True, kw_only=True, eq=False)
class Sight:
    """A plan as an answer needs it, without networks.

    Args:
        plan: What the data decided, preparation included.
        task: The row of the plan's task.
    """

    plan: Plan
    task: Task

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

    def nothing(self, size: Sequence[int]) -> NDArray[np.float32]:
        """The scores ``(K, *size)`` of a window without tissue: background, where there is such a class."""
        labels = self.plan.labels
        scores = np.zeros((self.task.head(labels, len(size)).channels, *size), np.float32)
        if labels.background is not None and self.task.exclusive:
            scores[labels.index(labels.background)] = 1
        return scores

    def on_tissue(self, ready: Ready, windows: Sequence[Window]) -> frozenset[Window] | None:
        """Those windows that lie on tissue; None where nobody looks for it."""
        windowing = seeing(self.plan.windowing, ready.tissue)
        if windowing is self.plan.windowing or ready.tissue is None:
            return None
        return frozenset(windowing.cover(ready.grid)) & frozenset(windows)

    @property
    def dense(self) -> bool:
        """Whether every sample is answered."""
        return self.task.head(self.plan.labels, self.plan.preparation.axes).dense

    @property
    def blend(self) -> Blend:
        """How overlapping windows are weighted."""
        windowing = self.plan.windowing
        cover = windowing.patch if isinstance(windowing, Resizable) else getattr(windowing, "tiles", None)
        return cover.blend if isinstance(cover, Cover) else "gaussian"

    @property
    def outside(self) -> Outside:
        """The scores of samples off the grid on which the network looks."""
        return 0.0 if self.plan.preparation.crop else "edge"


def answer_grid(source: Geometry, ready: Ready) -> Geometry:
    """On which grid an answer lies: the source's own; of a slide that of what the network saw, without what was padded."""
    if not ready.lazy or not ready.grid.axes:
        return source
    ends = ready.grid.to_index(source.to_world([n - 0.5 for n in source.shape])) + 0.5
    return ready.grid.at(
        Window((0,) * source.axes, tuple(min(n, max(1, round(float(e)))) for n, e in zip(ready.grid.shape, ends, strict=True)))
    )
