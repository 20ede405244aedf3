"""Volumes prepared on disk feed the same batches as those in memory; networks side by side draw samples of their own."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

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


@pytest.mark.parametrize("balance", [True, False])
def test_networks_side_by_side_draw_samples_of_their_own_each_case_once(balance, planned, stripes):
    made = planned(stripes, "model.members=3", "train.batch=4", "train.rounds=1", f"train.balance={balance}", "augment.noise=0.3")
    source = training_batches(made.plan, made.manifest)
    batches = list(source.batches(1))
    n = len(made.manifest.split("train"))
    assert len(source) == n, "an epoch shows each network every case"
    own = [[name for batch in batches for name in batch.ids[network::3]] for network in range(3)]
    images = [np.concatenate([batch.images[network::3].numpy() for batch in batches]) for network in range(3)]
    for one, other in combinations(range(3), 2):
        assert own[one] != own[other]
        assert not {i.tobytes() for i in images[one]} & {i.tobytes() for i in images[other]}, "no picture is changed the same way twice"
    if not balance:
        assert all(len(names) == len(set(names)) == n for names in own)
    assert [len(batch) for batch in batches[:-1]] == [12] * (len(batches) - 1)


@pytest.mark.parametrize("ranks", [2, 3, 100])
def test_processes_share_what_each_network_draws(ranks, planned, stripes):
    made = planned(stripes, "model.members=3", "train.batch=5")
    whole = list(training_batches(made.plan, made.manifest).batches(0))
    shares = [list(training_batches(made.plan, made.manifest, rank=rank, ranks=ranks).batches(0)) for rank in range(ranks)]
    for number, batch in enumerate(whole):
        for network in range(3):
            parts = [share[number] for share in shares]
            assert all(len(part) % 3 == 0 for part in parts), "every network has as many"
            counted = [
                name for part in parts for name, weight in zip(part.ids[network::3], part.weights[network::3], strict=True) if weight
            ]
            assert sorted(counted) == sorted(batch.ids[network::3])


def test_networks_of_tables_share_what_is_drawn(planned, rows):
    made = planned(rows, "model.members=3", "train.batch=8", "augment.noise=0.3")
    batch = next(training_batches(made.plan, made.manifest).batches(1))
    alone = next(training_batches(replace(made.plan, members=1), made.manifest).batches(1))
    assert len(batch) == 3 * len(alone)
    for network in range(3):
        assert list(batch.ids[network::3]) == list(alone.ids)
        for mine, theirs in ((batch.images, alone.images), (batch.targets, alone.targets), (batch.weights, alone.weights)):
            assert torch.equal(mine[network::3], theirs)


def test_every_second_network_sees_samples_that_are_changed_in_another_way(planned, stripes):
    sets = ("augment.mixup=0.4", "augment.noise=0.3", "model.members=3", "train.batch=6")
    made = planned(stripes, *sets, "model.varied=true")
    plain = replace(made.plan, varied={})
    other = replace(plain, augment=made.plan.varied)
    assert "mixup" not in made.plan.varied
    assert made.plan.varied["affine"]["rotate"] == 15

    def images(plan):
        return next(training_batches(plan, made.manifest).batches(1))

    varied, alike, moved = images(made.plan), images(plain), images(other)
    assert list(varied.ids) == list(alike.ids)
    assert torch.equal(varied.images[1::3], moved.images[1::3]), "the second network sees what it would if all were changed so"
    assert not torch.equal(varied.images[1::3], alike.images[1::3])
    soft = varied.targets
    assert set(soft[1::3].unique().tolist()) == {0.0, 1.0}, "it learns whole answers"
    assert torch.equal(soft[1::3].argmax(1), moved.targets[1::3])
    for network in (0, 2):
        assert ((soft[network::3] > 0) & (soft[network::3] < 1)).any(), "the others learn mixed ones"
    assert torch.allclose(soft.sum(1), torch.ones(len(soft)))


def test_workers_change_samples_of_every_second_network_as_this_process_does(planned, stripes):
    made = planned(stripes, "augment.mixup=0.4", "model.members=2", "train.batch=6", "model.varied=true")
    apart = training_batches(replace(made.plan, feeding=replace(made.plan.feeding, workers=2)), made.manifest)
    for one, two in zip(training_batches(made.plan, made.manifest).batches(0), apart.batches(0), strict=True):
        assert torch.equal(one.images, two.images)
        assert torch.equal(one.targets, two.targets)
    apart.close()
