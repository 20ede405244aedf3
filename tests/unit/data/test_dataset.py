"""From cases to batches: the same samples whatever is between."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sagittal.core import Case, Labels
from sagittal.data.batches import Batches
from sagittal.data.dataset import Key
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.data.order import Balanced, InOrder, Shuffled
from sagittal.engine.feed import training_batches, validation_batches
from sagittal.engine.infer import Predictor
from sagittal.errors import UnreadableInput
from sagittal.io.writers.raster import encode_png
from sagittal.phantoms.brain import brain
from sagittal.phantoms.tiles import tiles

SEEDS = st.integers(0, 10_000)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), SEEDS, st.integers(0, 50))
def test_balanced_takes_every_class_equally_often_and_every_sample_before_one_comes_twice(classes, seed, epoch):
    order = Balanced(classes=np.array(classes), seed=seed).of(epoch)
    assert len(order) == len(classes)
    shares = [int((np.array(classes)[order] == c).sum()) for c in set(classes)]
    assert max(shares) - min(shares) <= 1
    for name in set(classes):
        members = np.flatnonzero(np.array(classes) == name)
        often = np.array([(order == m).sum() for m in members])
        assert often.max() - often.min() <= 1, "one comes twice while another waits"


@given(st.integers(1, 80), SEEDS, st.integers(0, 50))
def test_shuffled_takes_every_sample_once_in_another_order_each_epoch(n, seed, epoch):
    order = Shuffled(n=n, seed=seed)
    assert sorted(order.of(epoch)) == list(range(n)) == list(InOrder(n=n).of(epoch))
    assert np.array_equal(order.of(epoch), Shuffled(n=n, seed=seed).of(epoch))
    if n > 20:
        assert not np.array_equal(order.of(epoch), order.of(epoch + 1))
        assert not np.array_equal(order.of(epoch), Shuffled(n=n, seed=seed + 1).of(epoch))


def test_orders_do_not_depend_on_the_epochs_before():
    order = Balanced(classes=np.arange(20) % 3, seed=1)
    late = order.of(7)
    for epoch in range(5):
        order.of(epoch)
    assert np.array_equal(late, order.of(7))


def same(one, other):
    one, other = list(one), list(other)
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.targets, b.targets)
        assert torch.equal(a.weights, b.weights)
        assert list(a.ids) == list(b.ids)


AUGMENTED = ("augment.flip=horizontal", "augment.affine.rotate=15", "augment.noise=0.1", "augment.mixup=0.4", "augment.cutout=true")


def test_workers_and_starts_do_not_change_the_batches(planned, stripes):
    made = planned(stripes, *AUGMENTED)
    plain = training_batches(made.plan, made.manifest)
    whole = list(plain.batches(3))
    same(whole[2:], plain.batches(3, start=2))
    worked = replace(training_batches(made.plan, made.manifest), workers=2)
    try:
        same(whole, worked.batches(3))
        same(plain.batches(4), worked.batches(4))
    finally:
        worked.close()


def test_a_refusal_in_a_worker_keeps_its_exit_code_and_file(planned, stripes, tmp_path):
    made = planned(stripes)
    missing = replace(made.manifest.cases[0], images={"image": "lying/gone.png"}, split="train")
    batches = training_batches(made.plan, made.manifest.with_cases([missing, *made.manifest.split("val")]))
    with pytest.raises(UnreadableInput, match=r"gone\.png"):
        list(batches.batches(0))
    batches.workers = 1
    try:
        with pytest.raises(UnreadableInput, match=r"gone\.png"):
            list(batches.batches(0))
    finally:
        batches.close()


@pytest.mark.parametrize("balance", [False, True])
def test_rounds_go_through_the_cases_again_with_other_random_numbers(balance, planned, stripes):
    sets = ("augment.noise=0.2", "train.rounds=3", f"train.balance={str(balance).lower()}", "train.batch=200", "model.members=1")
    made = planned(stripes, *sets)
    (batch,) = training_batches(made.plan, made.manifest).batches(0)
    n = len(made.manifest.split("train"))
    assert len(batch) == 3 * n
    ids = np.array(batch.ids)
    assert {int((ids == i).sum()) for i in set(ids)} == {3}
    one = batch.images[torch.from_numpy(np.flatnonzero(ids == ids[0]))]
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(one[1], one[2])
    (later,) = training_batches(made.plan, made.manifest).batches(1)
    assert not torch.equal(batch.images, later.images)


@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_the_shares_of_processes_make_up_every_batch(ranks, planned, stripes):
    made = planned(stripes, "train.batch=4", *AUGMENTED[:3])
    whole = list(training_batches(made.plan, made.manifest).batches(1))
    shares = [list(training_batches(made.plan, made.manifest, rank=r, ranks=ranks).batches(1)) for r in range(ranks)]
    assert {len(s) for s in shares} == {len(whole)}, "every process takes the same number of steps"
    for number, batch in enumerate(whole):
        for rank in range(ranks):
            share, mine = shares[rank][number], list(range(rank, len(batch), ranks))
            if mine:
                assert torch.equal(share.images, batch.images[mine])
                assert torch.equal(share.weights, torch.ones(len(mine)))
            else:
                assert share.weights.tolist() == [0.0]
        assert sum(float(s[number].weights.sum()) for s in shares) == len(batch)


@pytest.mark.parametrize(
    "sets",
    [
        (),
        ("prepare.size=[16, 24]", "prepare.fit=crop", "prepare.resize=20"),
        ("prepare.size=[30, 16]", "prepare.fit=pad", "prepare.channels=rgb"),
        ("windows.name=tiles", "windows.size=8", "prepare.size=20"),
        ("prepare.normalise=image",),
    ],
    ids=["stretch", "crop", "pad", "tiles", "own mean"],
)
def test_a_sample_is_byte_for_byte_what_prediction_sees(sets, planned, stripes):
    made = planned(stripes, *sets)
    samples = validation_batches(made.plan, made.manifest).samples
    predictor = Predictor(plan=made.plan, task=made.plan.row, members=[])
    for number, case in enumerate(samples.cases[:3]):
        image = image_of(case, made.manifest)
        seen = [values for _, values in predictor.windows(image)]
        mine = [samples[Key(epoch=0, index=i)] for i, (n, _) in enumerate(samples.items) if n == number]
        assert [s.id for s in mine] == [case.id] * len(seen)
        for sample, values in zip(mine, seen, strict=True):
            assert sample.image.dtype == values.dtype == np.float32
            assert sample.image.tobytes() == values.tobytes()
        if made.plan.windows.name == "whole":
            assert made.plan.preparation.sample(image).tobytes() == seen[0].tobytes()


def test_a_table_row_is_byte_for_byte_what_prediction_sees(planned, rows):
    made = planned(rows, base=())
    samples = validation_batches(made.plan, made.manifest).samples
    predictor = Predictor(plan=made.plan, task=made.plan.row, members=[])
    for index, case in enumerate(samples.cases):
        ((_, values),) = predictor.windows(image_of(case, made.manifest))
        assert samples[Key(epoch=0, index=index)].image.tobytes() == values.tobytes()


def test_image_and_mask_are_moved_together(planned, tmp_path):
    data = tiles(tmp_path / "tiles", patients=4, each=1, size=(128, 128))
    made = planned(
        data, "augment.affine.rotate=40", "augment.flip=any", "windows.name=patches", "windows.size=64", base=("task=segmentation",)
    )
    samples = training_batches(made.plan, made.manifest).samples
    plain = replace(samples, augmentation=None, _kept={})
    moved, still = samples[Key(epoch=2, index=1)], plain[Key(epoch=2, index=1)]
    assert moved.target.shape == still.target.shape == moved.image.shape[1:]
    assert not np.array_equal(moved.target, still.target)
    # dark crowded cells are what was outlined, wherever they were moved to
    for sample in (moved, still):
        inside, outside = sample.image[:, sample.target == 1].mean(), sample.image[:, sample.target == 0].mean()
        assert inside < outside
    assert samples[Key(epoch=2, index=1)].target.tobytes() == moved.target.tobytes()


def test_the_cache_changes_nothing_and_stays_at_home(planned, stripes):
    made = planned(stripes)
    kept = training_batches(made.plan, made.manifest).samples
    poor = replace(kept, cache_bytes=0, _kept={}, _free=-1)
    first, again = kept[Key(epoch=0, index=0)], kept[Key(epoch=0, index=0)]
    assert first.image.tobytes() == again.image.tobytes() == poor[Key(epoch=0, index=0)].image.tobytes()
    assert len(kept._kept) == 1
    assert poor._kept == {}
    assert pickle.loads(pickle.dumps(kept))._kept == {}


def test_mixing_gives_soft_targets_that_add_up_to_one(planned, stripes):
    made = planned(stripes, "augment.mixup=1.0", "train.batch=60")
    (batch,) = training_batches(made.plan, made.manifest).batches(0)
    assert batch.targets.shape == (len(batch), 2)
    assert torch.allclose(batch.targets.sum(dim=1), torch.ones(len(batch)))
    assert ((batch.targets > 0.01) & (batch.targets < 0.99)).any()


def test_of_a_table_only_the_feature_columns_are_seen(planned, rows):
    made = planned(rows, base=())
    image = image_of(made.manifest.cases[0], made.manifest)
    assert image.channels == ("a", "b", "c") == made.manifest.features


def test_batches_count_the_samples_of_all_processes(planned, stripes):
    made = planned(stripes)
    batches = training_batches(made.plan, made.manifest, rank=1, ranks=2)
    assert isinstance(batches, Batches)
    assert len(batches) == len(made.manifest.split("train"))


def test_the_limit_of_the_audit_holds_when_cases_are_read_later(tmp_path):
    (tmp_path / "a.png").write_bytes(encode_png(np.zeros((1, 20, 30), np.uint8)))
    case = Case(id="a", images={"image": "a.png"}, label="x")
    manifest = Manifest(cases=(case,), labels=Labels(classes=("x", "y")), root=tmp_path)
    assert image_of(case, manifest).geometry.shape == (20, 30)
    with pytest.raises(UnreadableInput, match="--max-pixels"):
        image_of(case, manifest.with_cases((case,), max_pixels=599)).read()
    assert image_of(case, manifest.with_cases((case,), max_pixels=600)).read().shape == (1, 20, 30)


@pytest.mark.parametrize("rule", ["patches", "balanced", "labelled"])
def test_modalities_and_label_of_a_volume_go_to_the_same_place(rule, planned, tmp_path):
    """The defects of MedicalZoo at the end of the whole way: the classes keep their looks in every modality, wherever they went."""
    data = brain(tmp_path / "brain", patients=6, modalities=("T1", "T2"), spacing=6.0)
    strong = ("augment={affine: {rotate: 40, scale: 0.3, shift: 0.2}, elastic: 0.06, flip: any}",)
    windows = (f"windows.name={rule}", "windows.size=[24, 24, 16]")
    made = planned(data, *strong, *windows, base=("task=segmentation", "model.name=unet"))
    samples = training_batches(made.plan, made.manifest).samples
    plain = replace(samples, augmentation=None, _kept={})
    looks = {}
    for name, way in (("moved", samples), ("still", plain)):
        drawn = [way[Key(epoch=3, index=i)] for i in range(12)]
        images = np.concatenate([s.image.reshape(2, -1) for s in drawn], axis=1)
        targets = np.concatenate([s.target.reshape(-1) for s in drawn])
        assert set(np.unique(targets).tolist()) <= {-1, 0, 1, 2, 3}
        looks[name] = np.array([images[:, targets == c].mean(axis=1) for c in (1, 2, 3)])
    t1, t2 = looks["moved"].T
    assert t1[0] < t1[1] < t1[2], "CSF is dark, white matter bright"
    assert t2[0] > t2[1] > t2[2], "and the other way round in T2"
    np.testing.assert_allclose(looks["moved"], looks["still"], atol=0.35)
