"""The trials of a sweep in an Optuna study: who drew what, in ``sweep.db``.

The study knows the settings of each trial and, once it is over, its value; what came of each training is in the run's own
folder, and the study is told of it. A study that missed something is told again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sagittal.engine.sweep import points
from sagittal.engine.trials import Trial
from sagittal.verbs._sweep import Sweep

_SETTINGS = "settings"
_WAIT_S = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A trial that was taken up.

    Args:
        number: Its place.
        settings: What it tries.
        told: Whether the study knows what came of it.
    """

    number: int
    settings: dict[str, Any]
    told: bool


class Study:
    """The study of a sweep. What is drawn or told is drawn or told under the sweep's lock.

    Args:
        sweep: Whose grid or search it is.
    """

    def __init__(self, sweep: Sweep) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._sweep, self._asked = sweep, sweep.asked
        # braces would be fields of a format to Optuna
        path = (sweep.folder.resolve() / "sweep.db").as_posix().replace("{", "{{").replace("}", "}}")
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": _WAIT_S}})
        direction = StudyDirection.MINIMIZE if sweep.lower else StudyDirection.MAXIMIZE
        self._study = optuna.create_study(study_name="sweep", storage=storage, direction=direction, load_if_exists=True)
        self._grid = points(self._asked.grid) if self._asked.trials is None else None

    def points(self) -> list[Point]:
        """Every trial that was taken up, in order."""
        return [self._point(t) for t in self._study.get_trials(deepcopy=False) if _SETTINGS in t.user_attrs]

    def draw(self) -> bool:
        """Take up one more trial, or one whose drawing was cut off; False where there are to be no more.

        A grid is taken in its own order (Optuna's grid sampler would shuffle it). A search is seeded anew for each
        trial: with one worker it is the same search again, also after it was stopped.
        """
        known = self._study.get_trials(deepcopy=False)
        cut = next((t for t in known if t.state == TrialState.RUNNING and _SETTINGS not in t.user_attrs), None)
        if cut is None and len(known) >= self._asked.count:
            return False
        number = cut.number if cut is not None else len(known)
        self._study.sampler = optuna.samplers.TPESampler(seed=number)
        if cut is not None:
            trial = optuna.trial.Trial(self._study, cut._trial_id)
        else:
            if self._grid is not None:
                self._study.enqueue_trial({k: _plain(v) for k, v in self._grid[number].items()})
            trial = self._study.ask()
        trial.set_user_attr(_SETTINGS, self._drawn(trial))
        return True

    def _drawn(self, trial: optuna.trial.Trial) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        for key, values in self._asked.grid.items():
            texts = [_plain(v) for v in values]
            settings[key] = values[texts.index(trial.suggest_categorical(key, texts))]
        for key, room in self._asked.search.items():
            if room.whole:
                settings[key] = trial.suggest_int(key, int(room.low), int(room.high), log=room.log)
            else:
                settings[key] = trial.suggest_float(key, room.low, room.high, log=room.log)
        return settings

    def tell(self, trial: Trial) -> None:
        """Keep what came of a trial that is over; once."""
        value = trial.mean if trial.state == "done" else None
        state = TrialState.FAIL if value is None else TrialState.COMPLETE
        self._study.tell(trial.number, value, state=state, skip_if_finished=True)

    def _point(self, trial: FrozenTrial) -> Point:
        return Point(number=trial.number, settings=dict(trial.user_attrs[_SETTINGS]), told=trial.state.is_finished())


def _plain(value: Any) -> str | int | float | bool | None:
    """A value as Optuna keeps it: what is no number and no word, as JSON."""
    return value if value is None or isinstance(value, str | int | float | bool) else json.dumps(value, sort_keys=True)
