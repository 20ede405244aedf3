"""Volumes prepared on disk feed the same batches as those in memory."""

from __future__ import annotations

import pytest

from sagittal.data.discover import discover
from sagittal.data.split import SplitRules, assign
from sagittal.engine.config import load_recipe
from sagittal.engine.facts import facts_of
from sagittal.engine.feed import prepared_for, training_batches, validation_batches
from sagittal.engine.rules import decide
from sagittal.phantoms.brain import brain


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    folder = brain(tmp_path_factory.mktemp("brain") / "set", patients=5, seed=3)
    return assign(discover(folder).manifest, SplitRules(test=0, val=0.3, seed=0))[0]


@pytest.mark.parametrize("windows", ["patches", "slices"])
def test_from_disk_and_from_memory_come_the_same_batches(volumes, tmp_path, windows):
    sets = ["train.batch=3", "train.prepare=disk", f"windows.name={windows}", "windows.size=16", "windows.per_case=2"]
    plan = decide(load_recipe("auto", sets), volumes, facts_of(volumes))
    lines: list[str] = []
    store = prepared_for(plan, volumes, tmp_path, say=lines.append)
    assert "5 volumes were prepared, 0 were there already" in lines[-1]
    for make in (training_batches, validation_batches):
        mapped, plain = make(plan, volumes, store=store).batches(1), make(plan, volumes).batches(1)
        for one, other in zip(mapped, plain, strict=True):
            assert one.images.numpy().tobytes() == other.images.numpy().tobytes()
            assert one.targets.numpy().tobytes() == other.targets.numpy().tobytes()
            assert one.ids == other.ids
    prepared_for(plan, volumes, tmp_path, say=lines.append)
    assert "0 volumes were prepared, 5 were there already" in lines[-1]


def test_few_volumes_stay_in_memory(volumes, tmp_path):
    plan = decide(load_recipe("auto"), volumes, facts_of(volumes))
    assert prepared_for(plan, volumes, tmp_path, say=lambda line: None) is None
    assert not list(tmp_path.iterdir())
