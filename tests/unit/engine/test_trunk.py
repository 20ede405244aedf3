"""A frozen trunk: each picture passes it once, and the answers are those of the whole network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sagittal.data.images import image_of
from sagittal.engine import checkpoint
from sagittal.engine.feed import training_batches
from sagittal.engine.learn import learn, predictor_of
from sagittal.engine.run import Run
from sagittal.engine.trunk import FeatureBatches, OnFeatures
from sagittal.models._precision import AGREEMENT

CPU = torch.device("cpu")
FROZEN = ("model.freeze=features", "model.members=1", "augment=none", "train.schedule=constant")


def features(made, network, *, views=1):
    return FeatureBatches(training_batches(made.plan, made.manifest), network, views=views, device=CPU)


def watched(network):
    """Counts the pictures that pass the first stage."""
    seen = [0]
    network.stages[0][1].register_forward_hook(lambda _, inputs, __: seen.__setitem__(0, seen[0] + len(inputs[0])))
    return seen


def test_each_picture_passes_the_trunk_once_however_many_epochs(planned, stripes):
    made = planned(stripes, *FROZEN)
    network = made.plan.network()
    seen = watched(network)
    found = features(made, network)
    list(found.batches(0))
    first = seen[0]
    n = len(made.manifest.split("train"))
    assert n <= first <= n + 40, "the pictures, and a few more to find the fastest way"
    for epoch in range(1, 5):
        list(found.batches(epoch))
    assert seen[0] == first
    found.close()


def test_views_are_computed_once_each_and_differ(planned, stripes):
    made = planned(stripes, *FROZEN[:2], "augment.noise=0.3", "model.views=2")
    network = made.plan.network()
    seen = watched(network)
    found = features(made, network, views=2)

    def epoch(n):
        batches = list(found.batches(n))
        order = np.argsort([i for b in batches for i in b.ids], kind="stable")
        return torch.cat([b.images for b in batches])[order]

    first, second = epoch(0), epoch(1)
    done = seen[0]
    assert not torch.equal(first, second)
    assert torch.equal(first, epoch(2))
    assert seen[0] == done
    found.close()


def test_the_logits_are_those_of_the_whole_network_and_the_order_is_that_of_the_pictures(planned, stripes):
    made = planned(stripes, *FROZEN)
    network = made.plan.network().eval()
    head = OnFeatures(network)
    pictures = training_batches(made.plan, made.manifest)
    found = features(made, network)
    with torch.inference_mode():
        for epoch, start in ((0, 0), (3, 0), (3, 2)):
            for batch, whole in zip(found.batches(epoch, start), pictures.batches(epoch, start), strict=True):
                assert list(batch.ids) == list(whole.ids)
                assert torch.equal(batch.targets, whole.targets)
                assert torch.equal(batch.weights, whole.weights)
                one, other = head(batch.images).softmax(1), network(whole.images).softmax(1)
                assert torch.allclose(one, other, atol=AGREEMENT)
    found.close()


@pytest.mark.parametrize("ranks", [2, 7])
def test_processes_share_the_features_as_they_share_the_pictures(ranks, planned, stripes):
    made = planned(stripes, *FROZEN, "train.batch=5")
    network = made.plan.network()
    for rank in (0, ranks - 1):
        mine = FeatureBatches(training_batches(made.plan, made.manifest, rank=rank, ranks=ranks), network, views=1, device=CPU)
        theirs = training_batches(made.plan, made.manifest, rank=rank, ranks=ranks)
        for batch, whole in zip(mine.batches(1), theirs.batches(1), strict=True):
            assert list(batch.ids) == list(whole.ids)
            assert torch.equal(batch.weights, whole.weights)
        mine.close()


@pytest.mark.parametrize("ema", ["null", "0.9"])
def test_what_was_trained_on_features_is_a_checkpoint_of_the_whole_network(ema, planned, stripes, tmp_path):
    said = []
    made = planned(stripes, *FROZEN, "train.epochs=3", "train.lr=0.05", f"train.ema={ema}")
    run = Run.create(tmp_path / "run")
    run.write("plan.json", made.plan.record())
    learned = learn(run, made.plan, made.manifest, device=CPU, say=said.append, events=False)
    assert any("computed once" in line for line in said)
    stored = checkpoint.load(run.checkpoints / "best").model
    fresh = made.plan.network()
    fresh.load_state_dict(dict(stored))
    start = made.plan.network().state_dict()
    moved = {name for name, value in stored.items() if not torch.equal(value, start[name])}
    assert moved
    assert all(name.startswith(("last", "fc", "head", "classifier")) for name in moved), "only the head has learnt"
    cases = [(c.id, image_of(c, made.manifest)) for c in made.manifest.split("test")]
    for one, other in zip(learned.predictor.answer(cases), predictor_of(run, device=CPU).answer(cases), strict=True):
        assert np.allclose(one.scores, other.scores, atol=1e-5)


def test_the_temporary_file_goes_with_the_batches(planned, stripes):
    made = planned(stripes, *FROZEN)
    found = features(made, made.plan.network())
    list(found.batches(0))
    folder = found._folder.name
    from pathlib import Path

    assert Path(folder).is_dir()
    found.close()
    assert not Path(folder).exists()
