"""From a source to what enters the network, and what the data decide of it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import tifffile

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.window import Window
from sagittal.data.discover import discover
from sagittal.engine.facts import are_ordered, facts_of
from sagittal.engine.feed import class_weights, sample_classes, training_batches
from sagittal.engine.prepare import LUMA, Preparation, grey
from sagittal.engine.sides import sided
from sagittal.errors import Refused, UnreadableInput, UsageError


def picture(values) -> Image:
    values = np.asarray(values)
    return Image.of(values, Geometry.picture(values.shape[1:]))


RAMP = np.arange(20 * 30, dtype=np.float32).reshape(1, 20, 30)


def test_stretching_keeps_the_whole_field_of_view_and_the_mean():
    found = Preparation(axes=2, size=(10, 10), channels="grey").sample(picture(RAMP))
    assert found.shape == (1, 10, 10)
    assert found.mean() == pytest.approx(RAMP.mean(), rel=1e-3)
    assert found.dtype == np.float32


@pytest.mark.parametrize(("fit", "inside"), [("crop", True), ("pad", False)])
def test_the_aspect_is_kept_where_it_is_asked(fit, inside):
    grid = Preparation(axes=2, size=(16, 16), fit=fit).grid(Geometry.picture((20, 30)))
    assert grid.spacing[0] == pytest.approx(grid.spacing[1])
    centre = grid.to_world([7.5, 7.5])
    assert centre == pytest.approx([15, 10]), "centred"
    edges = np.array([grid.to_world([-0.5, -0.5]), grid.to_world([15.5, 15.5])])
    assert bool((edges[0] >= -1e-9).all() and (edges[1] <= np.array([30, 20]) + 1e-9).all()) is inside


def test_resize_then_centre_crop_is_what_the_published_systems_do():
    grid = Preparation(axes=2, size=(224, 224), resize=256, fit="crop").grid(Geometry.picture((496, 512)))
    assert grid.spacing == pytest.approx((496 / 256, 496 / 256))
    assert grid.to_world([111.5, 111.5]) == pytest.approx([256, 248])


def test_grids_grow_to_multiples_without_moving():
    source = Geometry.picture((20, 33))
    grid = Preparation(axes=2, multiple=16).grid(source)
    assert grid.shape == (32, 48)
    assert np.allclose(grid.to_world([0, 0]), source.to_world([0, 0]))
    spaced = Preparation(axes=2, multiple=4, spacing=(2.0, 2.0)).grid(source)
    assert spaced.shape == (12, 16)


def test_volumes_stand_upright_however_they_were_stored():
    values = np.random.default_rng(0).normal(size=(1, 4, 5, 6)).astype(np.float32)
    plain = Image.of(values, Geometry(shape=(4, 5, 6), affine=np.eye(4), unit="mm"))
    turned = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 4], [0, 1, 0, 0], [0, 0, 0, 1]])
    stored = np.ascontiguousarray(np.flip(values.transpose(0, 2, 3, 1), axis=1))
    other = Image.of(stored, Geometry(shape=(5, 6, 4), affine=np.eye(4) @ turned, unit="mm"))
    preparation = Preparation(axes=3, upright=True, names=("value",))
    assert np.allclose(preparation.sample(plain), preparation.sample(other), atol=1e-5)
    assert preparation.sample(plain).shape == (1, 4, 5, 6)


def test_channels_are_made_what_the_network_takes():
    colour = picture(np.stack([np.full((2, 2), v, np.uint8) for v in (10, 100, 200)]))
    mixed = Preparation(axes=2, channels="grey").values(colour)
    assert mixed.tolist() == [[[round(sum(w * v for w, v in zip(LUMA, (10, 100, 200), strict=True)))] * 2] * 2]
    assert mixed.dtype == np.uint8
    single = picture(np.full((1, 2, 2), 7, np.uint8))
    assert Preparation(axes=2, channels="rgb").values(single).tolist() == [[[7, 7], [7, 7]]] * 3
    alpha = picture(np.stack([np.full((2, 2), v, np.uint8) for v in (1, 2, 3, 255)]))
    assert len(Preparation(axes=2, channels="rgb").values(alpha)) == 3
    assert grey(np.zeros((2, 3, 3))).shape == (1, 3, 3)
    with pytest.raises(Refused, match="CHANNELS"):
        Preparation(axes=2, channels="all", names=("a", "b")).values(colour)


def test_low_becomes_0_and_high_1_and_the_mean_is_taken_off():
    preparation = Preparation(axes=2, channels="grey", low=(100.0,), high=(300.0,), mean=(0.5,), std=(0.25,))
    found = preparation.sample(picture(np.array([[[100, 300], [200, 400]]], np.uint16)))
    assert found.tolist() == [[[-2, 2], [0, 4]]]
    own = Preparation(axes=2, channels="grey", scaling="image").sample(picture(RAMP))
    assert (own.mean(), own.std()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, abs=1e-4))


def test_a_missing_cell_of_a_table_is_the_mean():
    preparation = Preparation(axes=0, names=("a", "b"), low=(5.0, 1.0), high=(7.0, 2.0))
    row = Image.of(np.array([np.nan, 3.0], np.float32), Geometry.none(), channels=("a", "b"))
    assert preparation.sample(row).tolist() == [0.0, 2.0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("axes", [0, 2, 3])
def test_samples_that_are_no_number_are_the_inputs_fault_whatever_their_kind(axes, value):
    preparation = Preparation(axes=axes, names=("a",) * max(1, 2 - axes))
    values = np.ones((len(preparation.names), *(6,) * axes), np.float32)
    grid = Geometry(shape=(6,) * axes, affine=np.eye(axes + 1))
    huge = Image.of(values * np.float32(1e30), grid, channels=preparation.names)
    assert np.isfinite(preparation.sample(huge)).all(), "large is not infinite"
    values.flat[1] = value
    broken = Image.of(values, grid, channels=preparation.names)
    if axes == 0 and np.isnan(value):
        assert np.isfinite(preparation.sample(broken)).all(), "a missing cell is not wrong"
        return
    with pytest.raises(UnreadableInput, match="NOT_FINITE source: a sample is no number or infinite") as told:
        preparation.sample(broken)
    assert told.value.exit_code == 3


def test_a_window_is_cut_from_the_prepared_grid():
    preparation = Preparation(axes=2, size=(12, 12), channels="grey")
    whole, part = preparation.sample(picture(RAMP)), preparation.sample(picture(RAMP), Window((3, 4), (5, 6)))
    assert np.allclose(part, whole[:, 3:8, 4:10], atol=1e-4)


def test_other_axes_are_refused_and_a_preparation_comes_back_from_its_record():
    preparation = Preparation(axes=2, size=(8, 8), scaling="image", names=("a",), spacing=(1.0, 2.0))
    assert Preparation.from_record(json.loads(json.dumps(preparation.record()))) == preparation
    with pytest.raises(Refused, match="3 axes"):
        preparation.grid(Geometry(shape=(2, 2, 2), affine=np.eye(4)))


def test_the_facts_are_those_of_the_training_cases_alone(planned, stripes):
    made = planned(stripes)
    facts = facts_of(made.manifest)
    assert (facts.axes, facts.grey, facts.shape, facts.same_shape, facts.cases) == (
        2,
        True,
        (24, 20),
        True,
        len(made.manifest.split("train")),
    )
    assert (facts.low, facts.high) == ((0.0,), (255.0,))
    assert sum(facts.classes) == facts.cases
    only = made.manifest.with_cases(made.manifest.split("train"))
    assert facts_of(only) == facts
    with pytest.raises(Refused, match="NO_TRAINING"):
        facts_of(made.manifest.with_cases(made.manifest.split("test")))


def test_shuffled_columns_have_no_order():
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=(80, 30)), axis=1)
    assert are_ordered(walk)
    assert not are_ordered(walk[:, rng.permutation(30)])
    assert not are_ordered(walk[:, :10])
    holes = walk.copy()
    holes[3, 4] = np.nan
    assert are_ordered(holes)


@pytest.mark.parametrize(
    ("names", "answer"), [(["OD", "OS"], True), (["left", "b"], True), (["Adam", "cloud"], False), (["right-sided effusion"], True)]
)
def test_sides_are_words_and_not_parts_of_words(names, answer):
    assert sided(names) is answer


def test_a_side_in_a_class_name_switches_mirrors_off(planned, stripes):
    plan = planned(stripes, base=()).plan
    assert plan.augment["flip"] == "horizontal"
    assert plan.flips == (1,)
    from sagittal.engine.rules import decide

    made = planned(stripes, base=())
    facts = dataclasses.replace(facts_of(made.manifest), names=("left", "right"))
    other = decide(made.recipe, made.manifest, facts)
    assert "flip" not in other.augment
    assert other.flips == ()


def test_a_task_that_the_annotation_cannot_answer_is_refused_with_those_that_it_can(planned, stripes, rows):
    with pytest.raises(UsageError, match="classification"):
        planned(stripes, "task=segmentation")
    with pytest.raises(UsageError, match="UNKNOWN_CLASS"):
        planned(stripes, "labels.positive=sitting")
    with pytest.raises(UsageError, match="one answer a case"):
        planned(stripes, "model.name=unet", base=()).plan.network()


@pytest.mark.parametrize("how", ["data", "imagenet", "none"])
def test_there_is_one_mean_a_channel_however_it_is_normalised(how, planned, stripes):
    found = planned(stripes, f"prepare.normalise={how}").plan.preparation
    assert found.channels == "grey"
    assert len(found.mean) == len(found.std) == found.count == 1


def test_every_decision_has_a_reason_and_what_was_asked_for_says_so(planned, stripes):
    reasons = {r.what: r for r in planned(stripes, "prepare.fit=pad").plan.reasons}
    assert reasons["prepare.fit"].value == "pad"
    assert reasons["prepare.fit"].why == "the recipe says so"
    assert {"task", "prepare.channels", "train", "loss"} <= set(reasons)
    assert all(r.why for r in reasons.values())


@pytest.mark.parametrize(("wish", "told"), [(1, "1 epoch of"), (3, "3 epochs of")])
def test_the_plan_says_who_asked_for_how_long(planned, stripes, wish, told):
    asked = {r.what: r for r in planned(stripes, f"train.epochs={wish}").plan.reasons}["train"]
    assert asked.value.startswith(told)
    assert asked.why == "the recipe says so"
    timed = {r.what: r for r in planned(stripes, "train.minutes=2").plan.reasons}["train"]
    assert timed.value.startswith("2 minutes of")


def test_rare_classes_weigh_more_and_the_samples_weigh_one_on_average(planned, stripes):
    made = planned(stripes)
    train = made.manifest.split("train")
    lying = [c for c in train if c.label == "lying"]
    rare = made.manifest.with_cases([*lying[:4], *(c for c in train if c.label == "standing")])
    n = len(rare.cases) - 4
    weights = class_weights(made.plan, rare)
    assert weights[0] / weights[1] == pytest.approx(n / 4)
    assert (4 * weights[0] + n * weights[1]) / (n + 4) == pytest.approx(1)
    gone = made.manifest.with_cases(c for c in train if c.label == "standing")
    assert class_weights(made.plan, gone) == [1.0, 1.0]


def test_windows_have_the_class_of_what_was_drawn_on_them(planned, tmp_path):
    from sagittal.phantoms.tiles import tiles

    data = tiles(tmp_path / "tiles", patients=4, each=1, size=(128, 128))
    sets = ("task=classification", "windows.name=tiles", "windows.size=32", "windows.unit=window", "prepare.size=128")
    made = planned(data, *sets, base=("model.members=1",))
    samples = training_batches(made.plan, made.manifest).samples
    classes = sample_classes(made.plan, made.manifest, samples)
    assert len(classes) == len(samples) == 16 * len(made.manifest.split("train"))
    from sagittal.data.dataset import Key

    plain = dataclasses.replace(samples, augmentation=None, _kept={})
    assert [int(plain[Key(epoch=0, index=i)].target) for i in range(16)] == classes[:16].tolist()
    assert len(set(classes.tolist())) == 2
    with pytest.raises(Refused, match=r"train\.balance=false"):
        sample_classes(
            made.plan, made.manifest, dataclasses.replace(samples, windowing=planned(data, "windows.name=patches", base=()).plan.windowing)
        )


def test_samples_that_are_no_number_do_not_count_in_what_is_decided(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(6):
        values = rng.random((20, 30), dtype=np.float32)
        values[3, 4] = (np.nan, np.inf, 0.5)[i % 3]
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "ab"[i % 2] / f"{i}.tif", values)
    found = discover(tmp_path).manifest
    facts = facts_of(found.with_cases(dataclasses.replace(c, split="train") for c in found.cases))
    assert facts.grey
    assert 0 <= facts.low[0] < facts.high[0] <= 1
    assert np.isfinite([*facts.mean, *facts.std]).all()
