"""What enters the network for a case is the same, byte for byte, on every road; and for any number of workers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sagittal.data.images import image_of
from sagittal.engine.config import load_recipe
from sagittal.engine.facts import facts_of
from sagittal.engine.feed import training_batches, validation_batches
from sagittal.engine.learn import predictor_of
from sagittal.engine.package import open_package
from sagittal.engine.rules import decide
from sagittal.engine.run import Run
from sagittal.phantoms.brain import brain
from sagittal.phantoms.retina import retina
from sagittal.phantoms.table import table
from sagittal.verbs.package import package
from sagittal.verbs.train import train

CPU = torch.device("cpu")
NET = ["model.widths=[4,8]", "train.epochs=1", "train.batch=4"]
KINDS = {
    "picture": (lambda to: retina(to, patients=12, scans=2, size=(62, 64), flawed=False), [*NET, "model.blocks=1", "prepare.size=32"]),
    "row": (lambda to: table(to, patients=30), ["train.epochs=1", "train.rounds=1", "train.batch=16"]),
    "volume": (lambda to: brain(to, patients=6, spacing=10.0), [*NET, "windows.per_case=2"]),
}


@pytest.fixture(scope="module", params=KINDS)
def run(request, tmp_path_factory) -> Run:
    """A run that has hardly learned anything."""
    draw, sets = KINDS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    torch.set_num_threads(1)
    path = train(draw(folder / "data"), out=folder / "run", sets=sets).path
    assert path is not None
    return Run.open(path)


def test_every_road_leads_to_the_same_bytes(run: Run, tmp_path: Path):
    plan, manifest = run.plan(), run.manifest()
    case = manifest.split("val")[0]
    batches = validation_batches(plan, manifest)
    trained = [i for batch in batches.batches(0) for i, name in zip(batch.images, batch.ids, strict=True) if name == case.id]
    fresh = decide(run.recipe(), manifest, facts_of(manifest))
    file = package(run.path, out=tmp_path / "model.sagittal").path
    assert file is not None
    roads = {
        "a plan decided anew": fresh.preparation,
        "a reloaded run": predictor_of(run, device=CPU).plan.preparation,
        "a reloaded package": open_package(file, device=CPU).plan.preparation,
    }
    assert all(preparation == plan.preparation for preparation in roads.values())
    for predictor in (predictor_of(run, device=CPU), open_package(file, device=CPU)):
        answered = [values for _, values in predictor.windows(image_of(case, manifest))]
        assert len(answered) == len(trained) > 0
        for ours, theirs in zip(answered, trained, strict=True):
            assert ours.dtype == np.float32
            assert ours.tobytes() == theirs.numpy().tobytes()


def test_run_and_package_answer_alike(run: Run, tmp_path: Path):
    manifest = run.manifest()
    case = manifest.split("test")[0]
    file = package(run.path, out=tmp_path / "model.sagittal").path
    assert file is not None
    one, other = (
        next(iter(p.answer([(case.id, image_of(case, manifest))]))) for p in (predictor_of(run, device=CPU), open_package(file, device=CPU))
    )
    assert one.scores.tobytes() == other.scores.tobytes()
    assert np.array_equal(one.answer, other.answer)


@pytest.mark.parametrize("workers", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_workers_do_not_change_the_batches(run: Run, workers: int):
    plan, manifest = run.plan(), run.manifest()
    assert plan.augment, "there would be nothing random to compare"
    alone = training_batches(plan, manifest)
    shared = training_batches(replace(plan, feeding=replace(plan.feeding, workers=workers)), manifest)
    try:
        for epoch, start in ((0, 0), (1, 1)):
            ours, theirs = list(alone.batches(epoch, start)), list(shared.batches(epoch, start))
            assert len(ours) == len(theirs) > 0
            for a, b in zip(ours, theirs, strict=True):
                assert a.ids == b.ids
                assert a.images.numpy().tobytes() == b.images.numpy().tobytes()
                assert a.targets.numpy().tobytes() == b.targets.numpy().tobytes()
                assert torch.equal(a.weights, b.weights)
    finally:
        shared.close()


def test_another_recipe_prepares_otherwise(run: Run):
    """The comparison above would notice: another preparation gives other bytes."""
    plan, manifest = run.plan(), run.manifest()
    if not plan.preparation.axes:
        pytest.skip("a row is only standardised")
    other = decide(load_recipe("auto", ["prepare.normalise=image"]), manifest, facts_of(manifest)).preparation
    image = image_of(manifest.split("val")[0], manifest)
    assert other.sample(image).tobytes() != plan.preparation.sample(image).tobytes()
