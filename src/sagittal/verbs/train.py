"""Train: from data to a model that is kept, calibrated, in a run directory."""

from __future__ import annotations

import datetime
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagittal.data.audit import Audit
from sagittal.data.manifest import Manifest
from sagittal.engine.config import Recipe, load_recipe
from sagittal.engine.run import Run
from sagittal.errors import Refused, UsageError
from sagittal.io.guard import LET_THROUGH
from sagittal.verbs._open import check_codes, found_at, limits_of, say
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
) -> Outcome:
    """Train a model on a data set, or go on with a run.

    Args:
        data: A folder, a table, a manifest or an array file.
        out: The run directory; by default named after the data and the time, under ``runs/``.
        recipe: A recipe's name or file; ``auto`` decides from the data.
        sets: Settings over the recipe.
        resume: A run to go on with; ``data`` and everything else is then as it was.
        layout: How the data lie, where looking does not tell.
        allow: Codes of findings that do not stop the run.
        allow_unreadable: Skip unreadable files.
        max_pixels: The largest picture that is decoded.
        seed: Of everything random in training (the setting ``seed``).
        device: ``auto``, ``cpu``, ``cuda`` ...

    Returns:
        An outcome whose ``path`` is the run directory; ``failed`` names the cases whose files were skipped.

    Raises:
        UsageError: Neither data nor a run to resume, or settings that do not exist.
        Refused: The data are not safe to use; the message says why.
    """
    from sagittal.engine.learn import device_of
    from sagittal.engine.ranks import joined

    where = device_of(device)
    skipped: tuple[str, ...] = ()
    with joined(where) as ranks:
        if resume is not None:
            run = Run.open(Path(resume))
        elif data is None:
            raise UsageError("NO_DATA", "DATA", "there is nothing to train on", "name a data set, or a run with --resume")
        elif ranks.count > 1 and out is None:
            raise UsageError("NO_OUTPUT", "-o", "several processes need one run directory", "name it with -o")
        elif ranks.first:
            begun = begin(
                data,
                out=out,
                recipe=load_recipe(recipe, with_seed(sets, seed)),
                layout=layout,
                allow=allow,
                allow_unreadable=allow_unreadable,
                max_pixels=max_pixels,
            )
            run, skipped = begun.run, tuple(begun.audit.unreadable)
        ranks.wait()
        if not ranks.first:
            run = Run.open(Path(str(resume or out)))
            # Every process ends with the same code.
            skipped = () if resume is not None else skipped_of(run)
        teach(run, run.recipe(), run.manifest(), device=where, resume=resume is not None)
        ranks.wait()
    return _outcome(run, skipped)


def begin(
    data: str | Path,
    *,
    out: str | Path | None,
    recipe: Recipe,
    layout: str | None = None,
    allow: Sequence[str] = (),
    allow_unreadable: bool = False,
    max_pixels: int | None = None,
) -> Begun:
    """Look at the data, refuse what is unsafe, split, plan; everything is written to a new run directory."""
    from sagittal.engine.facts import facts_of
    from sagittal.engine.rules import check_settings, decide
    from sagittal.engine.weights import check_start

    check_settings(recipe)
    check_codes(allow)
    started = time.time()
    options = {**recipe.data.met(), "group": recipe.data.group or recipe.split.group, "positive": recipe.labels.positive}
    found = found_at(data, layout=layout or recipe.data.layout, options=options)
    say(found.sentence)
    run = Run.create(Path(out) if out else Path("runs") / f"{Path(data).resolve().stem}-{datetime.datetime.now():%Y%m%d-%H%M%S}")
    # Nothing is written before everything is decided: the same command can then be given again, mended.
    audit, manifest = audited(
        found,
        split=recipe.split.rules(has=found.manifest.splits, allow=allow),
        allow=allow,
        allow_unreadable=allow_unreadable,
        limits=limits_of(max_pixels, allow),
    )
    let = sorted(set(allow) & set(LET_THROUGH))
    told = {**({} if max_pixels is None else {"max_pixels": max_pixels}), **({"allow": let} if let else {})}
    if told:
        manifest = manifest.with_cases(manifest.cases, **told)
    plan = None
    if recipe.split.folds is None:
        _require_cases(manifest, tested=recipe.split.test != 0)
        plan = decide(recipe, manifest, facts_of(manifest))
        if plan.pretrained is not None:
            check_start(plan.network(), plan.pretrained)
    run.write("audit.json", audit.record())
    manifest.write(run.path)
    run.write("environment.json", environment(recipe.seed, started))
    if plan is not None:
        run.write("plan.json", plan.record())
    # Last: what has a recipe is a run, and a run has all that it needs to be taught.
    run.write_recipe(recipe)
    return Begun(run=run, recipe=recipe, manifest=manifest, audit=audit)


def skipped_of(run: Run) -> tuple[str, ...]:
    """The cases whose files the audit of a run could not read."""
    findings = run.read("audit.json")["findings"]
    return tuple(item for found in findings if found["code"] == "UNREADABLE" for item in found["items"])


def with_seed(sets: Sequence[str] | Mapping[str, Any], seed: int | None) -> Sequence[str] | Mapping[str, Any]:
    """The settings with the seed that an option has named.

    >>> with_seed(["train.epochs=1"], 7)
    ['train.epochs=1', 'seed=7']
    """
    if seed is None:
        return sets
    return {**sets, "seed": seed} if isinstance(sets, Mapping) else [*sets, f"seed={seed}"]


def _require_cases(manifest: Manifest, *, tested: bool) -> None:
    """Complain where splits cannot be made of so few cases.

    Raises:
        Refused: No case to train on, or none to test on although one was wanted.
    """
    for split in ("train", "test") if tested else ("train",):
        if not manifest.split(split):
            what = f"of {len(manifest)} cases none is left for {split}"
            raise Refused("EMPTY_SPLIT", split, what, "add cases, set split.test, or give splits of your own")


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


def environment(seed: int, started: float) -> dict[str, Any]:
    """What the run ran on."""
    import os

    import numpy
    import torch

    import sagittal

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
        "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu",
        "seed": seed,
        "started": datetime.datetime.fromtimestamp(started, tz=datetime.UTC).isoformat(timespec="seconds"),
    }


def _outcome(run: Run, skipped: Sequence[str]) -> Outcome:
    facts = run.read("training.json") if run.has("training.json") else {}
    return Outcome(path=run.path, facts=facts, text=[f"the run is in {run.path}"], failed=skipped, list_file=run.path / "audit.json")
