"""Train: from data to a model that is kept, calibrated, in a run directory."""

from __future__ import annotations

import datetime
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagittal.data.audit import Audit
from sagittal.data.leaks import unite
from sagittal.data.manifest import Manifest
from sagittal.engine.config import Recipe
from sagittal.engine.run import Run
from sagittal.errors import Refused, UsageError
from sagittal.io import atomic
from sagittal.verbs._asked import Request
from sagittal.verbs._open import found_at, say
from sagittal.verbs._outcome import Outcome
from sagittal.verbs.audit import audited

if TYPE_CHECKING:
    import torch

    from sagittal.engine.plan import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A run that is planned but not trained."""

    run: Run
    recipe: Recipe
    manifest: Manifest
    audit: Audit


def train(
    data: str | Path | None = None,
    *,
    out: str | Path | None = None,
    recipe: str | Path | None = None,
    sets: Sequence[str] | Mapping[str, Any] = (),
    resume: str | Path | None = None,
    layout: str | None = None,
    allow: Sequence[str] = (),
    allow_unreadable: bool = False,
    max_pixels: int | None = None,
    seed: int | None = None,
    device: str = "auto",
    max_ram: float | None = None,
) -> Outcome:
    """Train a model on a data set, or go on with a run.

    Args:
        data: A folder, a table, a manifest or an array file.
        out: The run directory; by default named after the data and the time, under ``runs/``.
        recipe: A recipe's name or file; ``auto`` decides from the data.
        sets: Settings over the recipe.
        resume: A run to go on with; ``data`` and everything else but the device is as it was, and is not said again.
        layout: How the data lie, where looking does not tell.
        allow: Codes of findings that do not stop the run.
        allow_unreadable: Skip unreadable files.
        max_pixels: The largest picture that is decoded.
        seed: Of everything random in training (the setting ``seed``).
        device: ``auto``, ``cpu``, ``cuda`` ...
        max_ram: GiB for a step of the training and for the windows of drawn answers (``train.max_ram`` and ``evaluate.max_ram``).

    Returns:
        An outcome whose ``path`` is the run directory; ``failed`` names the cases whose files were skipped.

    Raises:
        UsageError: Neither data nor a run to resume, or both; or settings that do not exist.
        Refused: The data are not safe to use; the message says why.
    """
    if resume is not None:
        more: dict[str, object] = {"DATA": data, "--out": out, "--recipe": recipe, "--set": sets, "--layout": layout, "--allow": allow}
        more |= {"--allow-unreadable": allow_unreadable or None, "--max-pixels": max_pixels, "--seed": seed, "--max-ram": max_ram}
        _refuse_more(more)
        return _worked(None, Path(resume), device)
    if data is None:
        raise UsageError("NO_DATA", "DATA", "there is nothing to train on", "name a data set, or a run with --resume")
    return trained(
        Request(
            data=data,
            out=out,
            recipe=recipe,
            sets=sets,
            layout=layout,
            allow=allow,
            allow_unreadable=allow_unreadable,
            max_pixels=max_pixels,
            seed=seed,
            max_ram=max_ram,
            device=device,
        )
    )


def trained(asked: Request) -> Outcome:
    """Train what was asked for; see :func:`train`."""
    return _worked(asked, _place(asked), asked.device)


def _worked(asked: Request | None, place: Path, device: str) -> Outcome:
    """Begin in a place what is asked for, and teach it, in one process or several; where nothing is, go on with what lies there."""
    from sagittal.engine.learn import device_of
    from sagittal.engine.ranks import joined

    where = device_of(device)
    with joined(where) as ranks:
        if ranks.count > 1 and asked is not None and asked.out is None:
            raise UsageError("NO_OUTPUT", "-o", "several processes need one run directory", "name it with -o")
        if ranks.first and asked is not None:
            begin(replace(asked, out=place))
        ranks.wait()
        run = Run.open(place)
        # Every process ends with the same code.
        skipped = () if asked is None else skipped_of(run)
        teach(run, run.recipe(), run.manifest(), device=where, resume=asked is None)
        ranks.wait()
    return _outcome(run, skipped)


def begin(asked: Request) -> Begun:
    """Look at the data, refuse what is unsafe, split, plan; everything is written to a new run directory, or nothing is.

    Raises:
        UsageError: Settings that do not exist, or that leave no case for what was asked.
        Refused: The data are not safe to use; the message says why.
    """
    place = _place(asked)
    with atomic.nothing_left(place):
        return _begun(asked, place)


def _begun(asked: Request, place: Path) -> Begun:
    from sagittal.engine.checks import check_settings
    from sagittal.engine.facts import facts_of
    from sagittal.engine.rules import decide
    from sagittal.engine.weights import check_start

    recipe = asked.settled()
    check_settings(recipe)
    started = time.time()
    options = {**recipe.data.met(), "group": recipe.data.group or recipe.split.group, "positive": recipe.labels.positive}
    found = found_at(asked.data, layout=asked.layout or recipe.data.layout, options=options)
    say(found.sentence)
    run = Run.create(place)
    # Nothing is written before everything is decided: the same command can then be given again, mended.
    audit, manifest = audited(found, split=recipe.split.rules(has=found.manifest.splits, allow=asked.allow), terms=asked)
    manifest = asked.within(manifest)
    plan = None
    if recipe.split.folds is None:
        _require_cases(manifest, audit, tested=recipe.split.test != 0, scored=asked.scored)
        plan = decide(recipe, manifest, facts_of(manifest))
        if plan.pretrained is not None:
            check_start(plan.network(), plan.pretrained)
    run.write("audit.json", audit.record())
    manifest.write(run.path)
    run.write("environment.json", environment(recipe.seed, started, device=asked.device))
    if plan is not None:
        run.write("plan.json", plan.record())
    # Last: what has a recipe is a run, and a run has all that it needs to be taught.
    run.write_recipe(recipe)
    return Begun(run=run, recipe=recipe, manifest=manifest, audit=audit)


def _place(asked: Request) -> Path:
    """The run directory: the one that is named, or one after the data and the time."""
    named = f"{Path(asked.data).resolve().stem}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    return Path(asked.out) if asked.out is not None else Path("runs") / named


def _refuse_more(more: Mapping[str, object]) -> None:
    """Complain about what was said beside a run to go on with: it would change nothing.

    Raises:
        UsageError: Anything was.
    """
    for option, said in more.items():
        if said is not None and said != () and said != []:
            raise UsageError(
                "RESUME", option, "a run goes on as it began, and would not heed this", "leave it out, or train anew without --resume"
            )


def skipped_of(run: Run) -> tuple[str, ...]:
    """The cases whose files the audit of a run could not read."""
    findings = run.read("audit.json")["findings"]
    return tuple(item for found in findings if found["code"] == "UNREADABLE" for item in found["items"])


def _require_cases(manifest: Manifest, audit: Audit, *, tested: bool, scored: bool) -> None:
    """Complain where splits cannot be made of so few cases, or keep none back for the score that is wanted.

    Raises:
        Refused: No case to train on, or none to test on although one was wanted.
        UsageError: The model is to be scored at once, and nothing is kept back for that.
    """
    for split in ("train", "test") if tested else ("train",):
        if not manifest.split(split):
            sides = len({c.owner for c in unite(manifest, audit.alike()).cases})
            what = f"of {len(manifest)} cases none is left for {split}"
            if sides < len(manifest):
                what += f": those of a patient and copies, also near ones, stay on one side, which leaves {sides} to share out"
            raise Refused("EMPTY_SPLIT", split, what, "add cases, set split.test, or give splits of your own")
    if scored and not {"test", "val"} & set(manifest.splits):
        what = "no case is kept back, neither for test nor for validation, so that nothing could be scored"
        raise UsageError(
            "NO_CASES", "split.test", what, "set split.test or split.val above 0, or use `sagittal train`, which scores nothing"
        )


def teach(run: Run, recipe: Recipe, manifest: Manifest, *, device: torch.device, resume: bool = False) -> None:
    """Train what a run has planned: one model, or one a fold and then one for all."""
    if recipe.split.folds is not None:
        from sagittal.engine.crossval import teach_folds

        teach_folds(run, recipe, manifest, device=device, say=say)
        return
    _learn(run, run.plan(), manifest, device=device, resume=resume)


def _learn(run: Run, plan: Plan, manifest: Manifest, *, device: torch.device, resume: bool) -> None:
    from sagittal.engine.learn import learn
    from sagittal.engine.progress import progress_on
    from sagittal.engine.ranks import Ranks

    learned = learn(run, plan, manifest, device=device, resume=resume, say=say, progress=progress_on(sys.stderr))
    fitted = learned.fitted
    if not Ranks(device).first:
        return
    run.write(
        "training.json",
        {
            "format": "sagittal-training",
            "version": 1,
            "ended": fitted.ended,
            "best": dict(fitted.best),
            "epochs": fitted.epochs,
            "steps": fitted.steps,
            "seconds": round(fitted.seconds, 1),
            "device": str(device),
        },
    )
    say(f"trained {fitted.epochs} epochs in {fitted.seconds:.0f} s; {fitted.ended}")


def environment(seed: int, started: float, *, device: str) -> dict[str, Any]:
    """What the run runs on; ``gpu`` is the one that is there, also where it is not used."""
    import os

    import numpy
    import torch

    import sagittal
    from sagittal.engine.learn import device_of

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    used = device_of(device)
    return {
        "format": "sagittal-environment",
        "version": 1,
        "sagittal": sagittal.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "platform": platform.platform(terse=True),
        "cpu": platform.machine(),
        "cores": os.cpu_count(),
        "device": torch.cuda.get_device_name(used) if used.type == "cuda" else str(used),
        "gpu": gpu,
        "seed": seed,
        "started": datetime.datetime.fromtimestamp(started, tz=datetime.UTC).isoformat(timespec="seconds"),
    }


def _outcome(run: Run, skipped: Sequence[str]) -> Outcome:
    facts = run.read("training.json") if run.has("training.json") else {}
    return Outcome(path=run.path, facts=facts, text=[f"the run is in {run.path}"], failed=skipped, list_file=run.path / "audit.json")
