"""Sweep: many trainings on the same split, compared over seeds; validation chooses."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sagittal.engine.run import Run
from sagittal.engine.settings import lower_is_better
from sagittal.engine.sweep import Asked, check_asked, check_same, grid_of, search_of
from sagittal.engine.trials import CHOICE, Trial, doubt, ranked, table, text_of
from sagittal.errors import Interrupted, UsageError
from sagittal.io import atomic
from sagittal.io.lock import locked
from sagittal.report import words
from sagittal.verbs._asked import Request
from sagittal.verbs._numbers import check_numbers
from sagittal.verbs._open import say
from sagittal.verbs._outcome import Outcome
from sagittal.verbs._sweep import Sweep

_LOOKED = frozenset(["audit.json", "manifest.csv", "manifest.json", "recipe.yaml", "environment.json", "plan.json"])
"""What is written before a sweep is one."""

AGAIN = "see the reasons in the list; the same command takes up again those that may end well"
FOR_GOOD = "see the reasons in the list; each would fail again: leave these settings out, or sweep over others with another -o"


def sweep(
    data: str | Path,
    *,
    out: str | Path | None = None,
    grid: Sequence[str] | Mapping[str, Sequence[Any]] = (),
    search: Sequence[str] | Mapping[str, str] = (),
    trials: int | None = None,
    seeds: int = 1,
    score: str | None = None,
    workers: int = 1,
    threads: int | None = None,
    recipe: str | Path | None = None,
    sets: Sequence[str] | Mapping[str, Any] = (),
    layout: str | None = None,
    allow: Sequence[str] = (),
    allow_unreadable: bool = False,
    max_pixels: int | None = None,
    device: str = "auto",
) -> Outcome:
    """Train one run for each combination of settings and seed, and let validation choose.

    The data are looked at and split once. The test split is never touched. Whatever is killed, the same call goes on
    where it was; several may work on one folder at a time.

    Args:
        data: A folder, a table, a manifest or an array file.
        out: The sweep's folder; by default ``runs/<data>-sweep``.
        grid: ``key=value,value`` texts, or values by setting: every combination, or what a search chooses from.
        search: ``key=low..high`` texts, with ``:log`` behind for even steps of the logarithm.
        trials: Let Optuna (TPE) draw so many, instead of the whole grid.
        seeds: Trainings of each trial, each with another seed; the split stays.
        score: The number of ``log.csv`` behind ``val_`` that is compared; by default what the runs watch.
        workers: Trainings at a time, each in a process of its own.
        threads: Of each training; by default the cores are shared out.
        recipe: A recipe's name or file; ``auto`` decides from the data.
        sets: Settings over the recipe, the same for all trials.
        layout: How the data lie, where looking does not tell.
        allow: Codes of findings that do not stop the run.
        allow_unreadable: Skip unreadable files.
        max_pixels: The largest picture that is decoded.
        device: ``auto``, ``cpu``, ``cuda`` ...

    Returns:
        An outcome whose ``path`` is the folder; ``failed`` names the trainings that have no value, and why is in ``sweep.json``.

    Raises:
        UsageError: A setting that does not exist; a folder that holds another sweep.
        Refused: The data are not safe to use; the message says why.
        Interrupted: Ctrl-C; everything is saved.
    """
    from sagittal.engine.learn import device_of

    check_numbers(seeds=seeds, trials=trials, workers=workers, threads=threads)
    request = Request(
        data=data,
        recipe=recipe,
        sets=sets,
        layout=layout,
        allow=allow,
        allow_unreadable=allow_unreadable,
        max_pixels=max_pixels,
        device=device,
    )
    base = request.settled()
    asked = Asked(
        data=Path(data).resolve().as_posix(),
        recipe=base.record(),
        grid=grid_of(grid),
        search=search_of(search),
        seeds=seeds,
        trials=trials,
        score=score,
        device=device_of(device).type,
        layout=layout,
        allow=sorted(allow),
        allow_unreadable=allow_unreadable,
        max_pixels=max_pixels,
    )
    check_asked(asked, base)
    folder = Path(out) if out else Path("runs") / f"{Path(data).resolve().stem}-sweep"
    made = _opened(folder, asked, replace(request, recipe=base, out=folder / "data"), workers=workers, threads=threads)
    return _worked(made, workers=workers, device=device)


def _opened(folder: Path, asked: Asked, request: Request, *, workers: int, threads: int | None) -> Sweep:
    """The sweep of a folder: begun now, or by an earlier command, or by another one at this very moment.

    Raises:
        UsageError: The folder holds something else.
        StorageFailure: It cannot be made.
    """
    if folder.exists() and not (folder / "sweep.json").exists() and not _is_ours(folder):
        raise UsageError("OUTPUT_EXISTS", folder, "the output folder is not empty, and holds no sweep", "name another with -o")
    with atomic.nothing_left(folder), locked(folder / ".lock"):
        if not (folder / "sweep.json").exists():
            return _begun(folder, asked, request, workers=workers, threads=threads)
        there = Sweep.at(folder)
        check_same(there.asked.record(), asked.record())
        if threads is not None and threads != there.threads:
            what = f"its trainings have {there.threads} threads, which decide the last digits"
            raise UsageError("OTHER_SWEEP", "--threads", what, f"leave it out, or give --threads {there.threads}")
        return Sweep(folder=folder, asked=asked, score=there.score, lower=there.lower, threads=there.threads)


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds nothing but what a sweep leaves that was killed while it looked at the data.

    That is removed: so nothing that could be anybody else's may be among it.
    """
    there = {p.name for p in folder.iterdir()} if folder.is_dir() else {"a file"}
    if there <= {".lock"}:
        return True
    looked = folder / "data"
    return there == {".lock", "data"} and looked.is_dir() and all(p.name in _LOOKED or p.name.startswith(".") for p in looked.iterdir())


def _begun(folder: Path, asked: Asked, request: Request, *, workers: int, threads: int | None) -> Sweep:
    """Look at the data and split them, once; check every setting on them; ``sweep.json`` is written last."""
    import torch

    from sagittal.verbs._planner import Planner
    from sagittal.verbs.train import begin

    looked = folder / "data"
    shutil.rmtree(looked, ignore_errors=True)
    try:
        begun = begin(request)
        score = Planner(begun.run, device=request.device).check(asked)
    except BaseException:
        shutil.rmtree(looked, ignore_errors=True)
        # Windows keeps files that are open
        with contextlib.suppress(OSError):
            (folder / ".lock").unlink()
        raise
    best = begun.run.plan().train.best
    lower = lower_is_better(score, best.mode if best.watch.removeprefix("val_") == score else "auto")
    share = threads or max(1, torch.get_num_threads() // workers)
    made = Sweep(folder=folder, asked=asked, score=score, lower=lower, threads=share)
    made.write([])
    return made


def _worked(made: Sweep, *, workers: int, device: str) -> Outcome:
    """Everything that is left to do, and what came of all.

    Raises:
        Interrupted: Ctrl-C.
    """
    from sagittal.verbs._crew import Crew
    from sagittal.verbs._planner import Planner
    from sagittal.verbs._study import Study

    with made.lock():
        study = Study(made)
    count = made.asked.count
    total = count * made.asked.seeds
    asked = f"{words.count(count, 'trial')}, {words.count(made.asked.seeds, 'seed')} each: {words.count(total, 'training')}"
    say(f"{asked}, {workers} at a time, in {made.folder / 'runs'}")
    crew = Crew(made, study, Planner(Run(made.folder / "data"), device=device), workers, device, say)
    try:
        found = crew.work()
    except KeyboardInterrupt:
        over = sum(one.over for t in crew.keep() for one in t.trainings)
        what = f"stopped by the user; {over} of {total} trainings are finished and kept, the states of the others are saved"
        raise Interrupted("INTERRUPTED", made.folder, what, "give the same command again to go on") from None
    return _outcome(made, found)


def _outcome(made: Sweep, trials: Sequence[Trial]) -> Outcome:
    keys, order = made.asked.keys, ranked(trials, lower=made.lower)
    trainings = [one for t in trials for one in t.trainings]
    failed, again = [one.name for one in trainings if one.state != "done"], any(not one.over for one in trainings)
    facts: dict[str, Any] = {"trials": len(trials), "best": order[0].number if order else None, "failed": failed}
    text = table(trials, keys, made.score, lower=made.lower)
    if order:
        facts["next"] = made.next_command(order[0])
        text += ["", *_words(made, trials, order[0])]
    else:
        text += ["", "no trial ended well with all of its seeds: there is none to choose"]
    return Outcome(
        path=made.folder, facts=facts, text=text, failed=failed, list_file=made.folder / "sweep.json", remedy=AGAIN if again else FOR_GOOD
    )


def _words(made: Sweep, trials: Sequence[Trial], best: Trial) -> list[str]:
    """The choice in sentences."""
    settings = " ".join(f"{k}={text_of(best.settings[k])}" for k in made.asked.keys)
    return [f"chosen: trial {best.number}, {settings}", doubt(trials, best), CHOICE, f"next: {made.next_command(best)}"]
