"""Where a run stands: everything that is not a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sagittal.engine.pace import Pace
from sagittal.engine.settings import TrainSettings
from sagittal.engine.stopping import Monitor, Watch

Row = dict[str, float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """Where a run stands between two steps.

    Args:
        pace: How many steps the run has.
        epoch: The epoch at work, from 0 on.
        batch: How many of its batches are done.
        step: How often the weights were updated in the whole run.
        loss_sum: Of the epoch so far, over samples.
        weight_sum: Of the epoch so far.
        rate: The share of the learning rate in the last step.
        scores: Sums and counts of the scores of the epoch so far.
        watch: The monitors of early stopping.
        plateau: The monitor of the plateau schedule.
        drop: What the learning rate was multiplied by, by both of them.
        best: The monitor of the kept weights.
        best_epoch: Their epoch; None before the first validation.
        history: The rows of ``log.csv``.
        speed: The rows of ``speed.csv``.
        seconds: How long the run has taken.
        ended: Why it ended; None while it goes on.
    """

    pace: Pace
    best: Monitor
    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    weight_sum: float = 0.0
    rate: float = 0.0
    scores: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    watch: Watch | None = None
    plateau: Monitor | None = None
    drop: float = 1.0
    best_epoch: int | None = None
    history: tuple[Row, ...] = ()
    speed: tuple[Row, ...] = ()
    seconds: float = 0.0
    ended: str | None = None

    @classmethod
    def fresh(cls, settings: TrainSettings, *, steps: int) -> State:
        """Before the first step."""
        plateau = Monitor.of(settings.schedule.watch) if settings.schedule.name == "plateau" else None
        return cls(
            pace=Pace(total=steps),
            best=Monitor.of(settings.best.watch, settings.best.mode),
            watch=Watch.of(settings.stop) if settings.stop else None,
            plateau=plateau,
        )

    def record(self) -> dict[str, Any]:
        """For ``state.json``."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> State:
        """From what ``record`` made, after its way through JSON.

        >>> state = State.fresh(TrainSettings(), steps=10)
        >>> State.from_record(state.record()) == state
        True
        """
        made = {
            "pace": Pace(**record["pace"]),
            "best": Monitor(**record["best"]),
            "watch": Watch.from_record(record["watch"]) if record["watch"] else None,
            "plateau": Monitor(**record["plateau"]) if record["plateau"] else None,
            "scores": {name: (pair[0], pair[1]) for name, pair in record["scores"].items()},
            "history": tuple(record["history"]),
            "speed": tuple(record["speed"]),
        }
        return cls(**{**record, **made})
