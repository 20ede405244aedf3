"""What is decided for pictures that get one answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sagittal.engine import picture_rules
from sagittal.engine.config import load_recipe
from sagittal.engine.facts import Facts
from sagittal.engine.ground import Ledger
from sagittal.engine.plan import TASKS, Part
from sagittal.engine.rules import _augment, _ground, _varied
from sagittal.errors import UsageError

CHESTS = Facts(
    axes=2,
    channels=("value",),
    grey=True,
    shape=(300, 410),
    same_shape=False,
    spacing=(1.0, 1.0),
    same_spacing=True,
    low=(0.0,),
    high=(255.0,),
    mean=(0.5,),
    std=(0.2,),
    cases=425,
    names=("ill", "well"),
    classes=(191, 234),
)


@pytest.mark.parametrize(
    ("shape", "cases", "default_network", "side"),
    [
        ((300, 410), 425, True, 128),
        ((300, 410), 425, False, 160),
        ((300, 410), 2000, True, 160),
        ((28, 28), 4000, True, 28),
        ((28, 28), 100, True, 28),
        ((70, 90), 425, True, 64),
        ((100, 120), 425, True, 96),
    ],
)
def test_few_pictures_are_seen_coarser_and_small_ones_as_they_are(shape, cases, default_network, side):
    found, why = picture_rules.size_of(replace(CHESTS, shape=shape, cases=cases), default_network=default_network)
    assert found == side
    assert str(shape[0]) in why
    assert ("coarse" in why) is (side == 128)


@pytest.mark.parametrize("cases", [200, 425, 999])
def test_few_pictures_are_learned_in_the_same_number_of_steps(cases):
    found = picture_rules.training_of(replace(CHESTS, cases=cases), balanced=True, whole=True)
    steps = found["epochs"] * cases / found["batch"]
    assert steps == pytest.approx(picture_rules.STEPS_OF_FEW, rel=0.02)


def test_no_picture_is_seen_too_often_and_none_too_seldom():
    found = picture_rules.training_of(replace(CHESTS, cases=20), balanced=True, whole=True)
    assert found["epochs"] == 300
    assert picture_rules.training_of(replace(CHESTS, cases=20), balanced=True, whole=False)["epochs"] == 100, "windows are more than cases"
    assert picture_rules.training_of(replace(CHESTS, cases=100_000), balanced=True, whole=True)["epochs"] == 12


def test_mixing_and_members_are_for_few_pictures():
    assert picture_rules.mixed(CHESTS)
    assert not picture_rules.mixed(replace(CHESTS, shape=(28, 28)))
    assert not picture_rules.mixed(replace(CHESTS, cases=5000))
    assert (picture_rules.members_of(CHESTS), picture_rules.members_of(replace(CHESTS, cases=10_000))) == (3, 1)


def test_nothing_is_mirrored_where_a_class_speaks_of_a_side():
    assert "flip" in picture_rules.augment_of(mirrored=True)
    assert "flip" not in picture_rules.augment_of(mirrored=False)


def varied(facts, *sets, members=3, dense=False):
    """What is decided of every second network, and why."""
    row = TASKS.get("segmentation" if dense else "classification")
    stands = _ground(load_recipe("auto", list(sets)), facts, row, Ledger(), dense=dense)
    found = _varied(stands, _augment(stands, Part(name="whole", options={})), members=members)
    return found, {r.what: (r.value, r.why) for r in stands.ledger.reasons}.get("model.varied")


def test_every_second_network_of_few_pictures_sees_them_changed_in_another_way():
    found, (value, why) = varied(CHESTS)
    assert set(found) == {"flip", "affine"}
    assert value is True
    assert "different ways" in why
    assert "flip" not in varied(replace(CHESTS, names=("left", "right")))[0], "a side is not mirrored there either"
    assert varied(CHESTS, "augment.noise=0.1")[0], "one part was changed"
    assert varied(CHESTS, "augment={noise: 0.1}", "model.varied=true")[0].keys() == {"affine"}


@pytest.mark.parametrize(
    ("facts", "sets", "more"),
    [
        (CHESTS, ("augment={noise: 0.1}",), {}),
        (CHESTS, ("augment=none",), {}),
        (CHESTS, ("model.varied=false",), {}),
        (CHESTS, (), {"members": 1}),
        (CHESTS, (), {"dense": True}),
        (replace(CHESTS, cases=1000), (), {}),
        (replace(CHESTS, shape=(28, 28)), (), {}),
    ],
)
def test_elsewhere_all_networks_see_samples_that_are_changed_alike(facts, sets, more):
    assert varied(facts, *sets, **more)[0] == {}


def test_one_network_alone_is_not_varied():
    with pytest.raises(UsageError, match="set model"):
        varied(CHESTS, "model.varied=true", members=1)


def test_networks_of_a_table_are_not_varied():
    with pytest.raises(UsageError, match="share the rows"):
        varied(replace(CHESTS, axes=0, shape=()), "model.varied=true")
