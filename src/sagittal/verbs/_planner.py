"""From a trial's settings to a run that can be trained: everything is decided here, once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from sagittal.data.manifest import Manifest
from sagittal.engine.config import with_settings
from sagittal.engine.facts import Facts, facts_of
from sagittal.engine.logged import check_score
from sagittal.engine.plan import Plan
from sagittal.engine.rules import decide
from sagittal.engine.run import Run
from sagittal.engine.settings import LAST
from sagittal.engine.sweep import Asked, corners
from sagittal.engine.trials import Training, Trial
from sagittal.engine.weights import check_start
from sagittal.errors import UsageError
from sagittal.verbs.train import environment


class Planner:
    """Plans of the trainings of a sweep.

    Args:
        data: The run that the audit, the split and the common recipe were written to; see ``verbs/train.begin``.
        device: Where the trainings compute.
    """

    def __init__(self, data: Run, *, device: str) -> None:
        self._data = data
        self._device = device
        self._recipe = data.recipe()
        self._manifest: Manifest | None = None
        self._facts: Facts | None = None
        self._last: tuple[int, Plan] | None = None

    @property
    def manifest(self) -> Manifest:
        """The cases with their splits, the same for all."""
        if self._manifest is None:
            self._manifest = self._data.manifest()
        return self._manifest

    def plan(self, settings: Mapping[str, Any]) -> Plan:
        """What the data decide with these settings.

        Raises:
            UsageError: They ask for something that the data cannot give.
        """
        if self._facts is None:
            # read once by each command, and only where a run is still to be laid out
            self._facts = facts_of(self.manifest)
        return decide(with_settings(self._recipe, settings), self.manifest, self._facts)

    def lay_out(self, run: Run, trial: Trial, training: Training) -> None:
        """Write the run of a training, as ``train`` would begin it; what is laid out already stays.

        Raises:
            UsageError: The settings ask for something that the data cannot give.
        """
        run.path.mkdir(parents=True, exist_ok=True)
        if run.has("plan.json"):
            return
        if self._last is None or self._last[0] != trial.number:
            self._last = trial.number, self.plan(trial.settings)
        self.manifest.write(run.path)
        run.write("audit.json", self._data.read("audit.json"))
        run.write_recipe(with_settings(self._recipe, {**trial.settings, "seed": training.seed}))
        run.write("environment.json", environment(training.seed, time.time(), device=self._device))
        # last: where it stands, the rest does
        run.write("plan.json", replace(self._last[1], seed=training.seed).record())

    def check(self, asked: Asked) -> str:
        """Build every value that is asked for once, before anything is trained; gives the score that is compared.

        Raises:
            UsageError: A network that cannot be, a score that does not exist, no case to choose on.
        """
        if not self.manifest.split("val"):
            what = "no case is left for validation, and a sweep chooses on nothing else"
            raise UsageError("NO_VALIDATION", "split.val", what, "set split.val above 0, such as --set split.val=0.2")
        plans = [self.plan(settings) for settings in _each_value(asked)]
        built: list[object] = []
        for plan in plans:
            if (plan.model, plan.windows) not in built:
                built.append((plan.model, plan.windows))
                _build(plan)
            if plan.pretrained is not None and plan is plans[0]:
                check_start(plan.network(), plan.pretrained)
        score = (asked.score or plans[0].train.best.watch).removeprefix("val_")
        score = "loss" if score == LAST else score
        check_score(score, plans[0], self.manifest)
        return score


def _build(plan: Plan) -> None:
    """Whether there can be such a network; it takes no memory.

    Raises:
        UsageError: There cannot, whatever the network's own code says to it.
    """
    try:
        with torch.device("meta"):
            plan.network()
    except (RuntimeError, TypeError, ValueError) as error:
        options = " ".join(f"{k}={v}" for k, v in plan.model.options.items())
        raise UsageError("MODEL", f"{plan.model.name} {options}", str(error).split("\n")[0], "correct the values of model.*") from None


def _each_value(asked: Asked) -> list[dict[str, Any]]:
    """Settings in which each value comes once: the reading of all drawings for a whole grid would take long."""
    seen: set[tuple[str, str]] = set()
    found = []
    for settings in corners(asked):
        new = {(key, repr(value)) for key, value in settings.items()} - seen
        if new:
            found.append(settings)
            seen |= new
    return found
