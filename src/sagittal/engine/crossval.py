"""Cross-validation: a model a fold, every case answered by a model that has not seen its patient."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from sagittal.core.score import Score
from sagittal.data.manifest import Manifest
from sagittal.data.split import folds
from sagittal.engine.assess import Assessment, of_rows, rejoin
from sagittal.engine.config import Recipe
from sagittal.engine.facts import facts_of
from sagittal.engine.infer import Predictor
from sagittal.engine.learn import fitted_on, learn, predictor_of, unheard, write_calibration
from sagittal.engine.ranks import Ranks
from sagittal.engine.rows import Row, answered
from sagittal.engine.rules import decide
from sagittal.engine.run import Run
from sagittal.engine.shares import reference_of

PARTS = "folds"

FINISHED = "finished.json"
"""Says of a fold that its model is there."""


def teach_folds(run: Run, recipe: Recipe, manifest: Manifest, *, device: torch.device, say: Callable[[str], None]) -> None:
    """Train every fold of every repeat, pool the answers, then train the model that is kept on all cases.

    Folds that are finished are kept when the run is resumed. The pooled scores are of the way of training; the
    model that is kept has seen every case, and the report says so. Several processes train each fold together; the first writes.
    """
    ranks = Ranks(device)
    say = say if ranks.first else unheard
    k, repeats = recipe.split.folds or 2, recipe.split.repeats
    inner = recipe.split.inner(table=bool(manifest.features))
    pooled: list[list[Row]] = []
    predictor: Predictor | None = None
    for repeat in range(repeats):
        rows: list[Row] = []
        for number, fold in enumerate(folds(manifest, k, repeat, recipe.split.seed, val=inner)):
            part = Run(run.path / PARTS / f"{repeat:02d}-{number:02d}")
            predictor = _taught(part, recipe, fold, number=repeat * k + number, device=device)
            rows += ranks.shared(fold.split("test"), functools.partial(answered, predictor, fold))
        pooled.append(sorted(rows, key=lambda r: r.id))
        say(f"repeat {repeat + 1} of {repeats}: {_headline(predictor, manifest, pooled[-1])}")
    if predictor is None:
        return
    all_cases = everyone(manifest, recipe)
    plan = decide(recipe, all_cases, facts_of(all_cases))
    if ranks.first:
        pool(predictor, manifest, pooled, folds=k).write(run.evaluation("test"))
        run.write("plan.json", plan.record())
    learn(run, plan, all_cases, device=device, resume=True, say=say)
    if inner == 0 and predictor.task.calibrated and ranks.first:
        # No case was kept aside, but every pooled answer is one that its model had not seen.
        write_calibration(run, *fitted_on(pooled[0], plan))


def first_fold(run: Run) -> tuple[Run, Manifest]:
    """The first fold of a run: its model, and the cases with those that this model has not seen in ``test``."""
    manifest, recipe = run.manifest(), run.recipe()
    fold = folds(manifest, recipe.split.folds or 2, 0, recipe.split.seed, val=recipe.split.inner(table=bool(manifest.features)))[0]
    return Run(run.path / PARTS / "00-00"), fold


def met(run: Run) -> Manifest:
    """The cases of a run in the splits in which its kept model has met them: where they are by folds, none is left for test."""
    manifest, recipe = run.manifest(), run.recipe()
    return manifest if recipe.split.folds is None else everyone(manifest, recipe)


def everyone(manifest: Manifest, recipe: Recipe) -> Manifest:
    """The cases as the model that is kept meets them: ``train``, and ``val`` where some are kept aside to choose."""
    inner = recipe.split.inner(table=bool(manifest.features))
    fold = folds(manifest, recipe.split.folds or 2, 0, recipe.split.seed, val=inner)[0]
    return fold.with_cases(replace(c, split="train" if c.split == "test" else c.split) for c in fold.cases)


def _taught(part: Run, recipe: Recipe, fold: Manifest, *, number: int, device: torch.device) -> Predictor:
    """The model of a fold: the one that is there when the fold is finished, else trained, or trained on."""
    ranks = Ranks(device)
    # Asked before anybody trains: no process may find what another one has just finished.
    if ranks.any(part.has(FINISHED)):
        ranks.wait()
        return predictor_of(part, device=device)
    plan = decide(recipe, fold, facts_of(fold))
    plan = replace(plan, seed=plan.seed + number)
    if ranks.first:
        part.path.mkdir(parents=True, exist_ok=True)
        part.write("plan.json", plan.record())
    learned = learn(part, plan, fold, device=device, resume=True, say=unheard, events=False)
    ranks.wait()
    if ranks.first:
        part.write(FINISHED, {"format": "sagittal-fold", "version": 1, "number": number, "ended": learned.fitted.ended})
        # what a fold would go on from is not wanted any more
        shutil.rmtree(part.checkpoints / "last", ignore_errors=True)
    return learned.predictor


def pool(predictor: Predictor, manifest: Manifest, pooled: Sequence[Sequence[Row]], *, folds: int) -> Assessment:
    """One assessment of several repeats: values and interval ends are means over the repeats.

    A case counts once in an interval however often it was answered, because repeats are not new cases.
    """
    reference = reference_of(predictor.plan, manifest, manifest.cases)
    each = [of_rows(predictor, manifest, rows, reference=reference) for rows in pooled]
    scores = [_mean([a.scores[i] for a in each]) for i in range(len(each[0].scores))]
    notes = {
        "cross_validation": {
            "folds": folds,
            "repeats": len(each),
            "each": [{s.metric: s.value for s in a.scores if not s.label or s.label == predictor.plan.labels.positive} for a in each],
        }
    }
    rest = {k: v for k, v in each[0].rest.items() if k not in {"calibration", "operating_point", "postprocessing"}}
    return rejoin(replace(each[0], scores=scores, rest=rest), **notes)


def _mean(scores: Sequence[Score]) -> Score:
    known = [s for s in scores if s.value is not None]
    if len(scores) == 1 or not known:
        return scores[0]
    lows, highs = [s.low for s in known if s.low is not None], [s.high for s in known if s.high is not None]
    return replace(
        known[0],
        value=float(np.mean([s.value for s in known if s.value is not None])),
        low=float(np.mean(lows)) if lows else None,
        high=float(np.mean(highs)) if highs else None,
        method=f"{known[0].method}, mean over {len(scores)} repeats",
    )


def _headline(predictor: Predictor | None, manifest: Manifest, rows: Sequence[Row]) -> str:
    if predictor is None:
        return "nothing"
    found = of_rows(predictor, manifest, rows, reference=None).scores
    return f"{found[0].metric} {found[0].text()}" if found else "done"
