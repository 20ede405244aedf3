"""The processes that train a sweep: started, watched, stopped; several sweeps may work on one folder."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sagittal.engine.trials import Training, Trial
from sagittal.errors import SagittalError, WorkerDied
from sagittal.verbs._planner import Planner
from sagittal.verbs._study import Study
from sagittal.verbs._sweep import Sweep
from sagittal.verbs._trial import BUSY, STOPPED, failed

_BEGIN = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from sagittal.verbs._trial import main; sys.exit(main(*sys.argv[2:]))"
_LOOK_S = 0.1
_ELSEWHERE_S = 1.0


@dataclass(slots=True)
class Crew:
    """The processes of one sweep command.

    Args:
        sweep: What they work on.
        study: Its trials.
        planner: Lays out the run of a training.
        workers: How many train at a time.
        device: Where they compute.
        say: Gets a line whenever a training has ended.
    """

    sweep: Sweep
    study: Study
    planner: Planner
    workers: int
    device: str
    say: Callable[[str], None]
    _busy: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _tried: set[str] = field(default_factory=set)
    _over: dict[int, Trial] = field(default_factory=dict)

    def work(self) -> list[Trial]:
        """Train until nothing is left that could be; gives the trials.

        Whatever breaks in here, the processes are asked to save what they have, and are waited for.
        """
        try:
            while self._filled() or self._busy or self._others():
                time.sleep(_LOOK_S if self._busy else _ELSEWHERE_S)
                self._reap()
        except BaseException:
            self._stop()
            raise
        finally:
            trials = self.keep()
        return trials

    def keep(self) -> list[Trial]:
        """Tell the study what is over, and write the tables."""
        with self.sweep.lock():
            trials = self._trials()
            told = {point.number for point in self.study.points() if point.told}
            for trial in trials:
                if trial.over and trial.number not in told:
                    self.study.tell(trial)
            self.sweep.write(trials)
        return trials

    def _trials(self) -> list[Trial]:
        """All that were taken up, as they stand now; what is over is not read again."""
        found = []
        for point in self.study.points():
            trial = self._over.get(point.number) or self.sweep.trial(point.number, point.settings)
            if trial.over:
                self._over[point.number] = trial
            found.append(trial)
        return found

    def _filled(self) -> bool:
        """Start processes while there are hands and work; whether any was started."""
        started = False
        while len(self._busy) < self.workers:
            found = self._free()
            if found is None:
                with self.sweep.lock():
                    more = self.study.draw()
                if not more:
                    break
                continue
            self._start(*found)
            started = True
        return started

    def _open(self) -> list[tuple[Trial, Training]]:
        """What has no end yet and was not tried by this command."""
        return [
            (t, one) for t in self._trials() for one in t.trainings if not (one.over or one.name in self._busy or one.name in self._tried)
        ]

    def _free(self) -> tuple[Trial, Training] | None:
        return next((found for found in self._open() if self._is_free(found[1].name)), None)

    def _others(self) -> bool:
        """Whether somebody else trains what would be left for us if they ended."""
        return bool(self._open())

    def _is_free(self, name: str) -> bool:
        with self.sweep.held(name) as mine:
            return mine

    def _start(self, trial: Trial, training: Training) -> None:
        run = self.sweep.run(training.name)
        try:
            self.planner.lay_out(run, trial, training)
        except SagittalError as error:
            self._tried.add(training.name)
            failed(run, error)
            self._ended(training.name)
            return
        words = [sys.executable, "-I", "-c", _BEGIN, json.dumps(sys.path), str(self.sweep.folder), training.name, self.device]
        with (run.path / "console.log").open("ab") as console:
            # A group of its own: Ctrl-C at the terminal is for the sweep, which asks once, by closing the line.
            self._busy[training.name] = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=console,
                stderr=console,
                bufsize=0,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )

    def _reap(self) -> None:
        """See who has ended, and how."""
        for name, process in list(self._busy.items()):
            code = process.poll()
            if code is not None:
                self._bury(name, process, code)

    def _bury(self, name: str, process: subprocess.Popen[bytes], code: int) -> None:
        del self._busy[name]
        if process.stdin is not None:
            process.stdin.close()
        if code == BUSY:
            return
        self._tried.add(name)
        if code != 0:
            self._found_dead(name, code)
        self._ended(name)

    def _found_dead(self, name: str, code: int) -> None:
        how = f"signal {-code}" if code < 0 else f"exit {code}"
        with contextlib.suppress(ValueError):
            how = signal.Signals(-code).name
        what = f"the process that trained ended by itself ({how})" + ("; memory may have run out" if how == "SIGKILL" else "")
        with self.sweep.held(name) as mine:
            if mine and not (self.sweep.result(name) or {}).get("state"):
                failed(self.sweep.run(name), WorkerDied("WORKER_DIED", name, what, "give the same command again"))

    def _ended(self, name: str) -> None:
        trials = self.keep()
        everything = [one for t in trials for one in t.trainings]
        done = sum(one.over for one in everything)
        trial, training = next((t, one) for t in trials for one in t.trainings if one.name == name)
        settings = " ".join(f"{k}={v}" for k, v in trial.settings.items())
        if training.value is not None:
            came = f"val_{self.sweep.score} {training.value:.4f} (epoch {training.epoch}, {training.seconds:.0f} s)"
        else:
            came = f"{training.state}: {training.reason}"
        self.say(f"{done} of {self.sweep.asked.count * self.sweep.asked.seeds}: {name} {settings}: {came}")

    def _stop(self) -> None:
        """Ask everybody to save and end; a second Ctrl-C does not wait."""
        for process in self._busy.values():
            if process.stdin is not None:
                process.stdin.close()
        try:
            for process in self._busy.values():
                process.wait()
        except BaseException:
            for process in self._busy.values():
                process.kill()
            raise
        for name, process in self._busy.items():
            if process.returncode not in {0, BUSY, STOPPED}:
                self._found_dead(name, process.returncode)
        self._busy.clear()
