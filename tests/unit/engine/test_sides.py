"""Left and right: what is refused where pictures would be mirrored and classes tell sides apart."""

from __future__ import annotations

import dataclasses

import pytest

from sagittal import cli
from sagittal.engine.facts import facts_of
from sagittal.engine.rules import decide
from sagittal.engine.sides import check_sides
from sagittal.errors import UnsafeConfiguration
from sagittal.transforms._compose import Augmentation

BOTH = ("left lung", "right lung", "background")


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize(
    ("augment", "across"),
    [
        ({"flip": "horizontal"}, True),
        ({"flip": "any"}, True),
        ({"flip": {"axes": ["vertical", "horizontal"]}}, True),
        ({"flip": "vertical"}, False),
        ({"flip": {"axes": "horizontal", "p": 0}}, False),
        ({"rotate": 180, "affine": {"scale": [0.9, 1.1]}}, False),
    ],
)
def test_what_mirrors_left_and_right_is_refused_where_classes_tell_them_apart(axes, augment, across):
    made = Augmentation.of(augment)
    if across:
        with pytest.raises(UnsafeConfiguration, match=r"SIDES_MIRRORED augment\.flip: .* labels\.sided: false"):
            check_sides(BOTH, axes, made, (), told=None)
    else:
        check_sides(BOTH, axes, made, (), told=None)
    check_sides(BOTH, axes, made, (), told=False)
    check_sides(("left atrium", "background"), axes, made, (), told=None)


@pytest.mark.parametrize(("axes", "flips", "wrong"), [(2, (1,), True), (2, (0,), False), (3, (0,), True), (3, (1, 2), False)])
def test_answers_are_not_averaged_with_those_of_the_other_side(axes, flips, wrong):
    if wrong:
        with pytest.raises(UnsafeConfiguration, match=r"evaluate\.flips"):
            check_sides(BOTH, axes, Augmentation.of({}), flips, told=None)
    else:
        check_sides(BOTH, axes, Augmentation.of({}), flips, told=None)


def test_numbers_of_axes_mean_the_axes_of_the_data():
    check_sides(BOTH, 2, Augmentation.of({"flip": {"axes": [0]}}), (), told=None)
    with pytest.raises(UnsafeConfiguration):
        check_sides(BOTH, 3, Augmentation.of({"flip": {"axes": [0]}}), (), told=None)


def test_the_user_decides_what_class_names_do_not_say(planned, stripes):
    made = planned(stripes, "labels.sided=true", base=())
    assert "flip" not in made.plan.augment and made.plan.flips == ()
    with pytest.raises(UnsafeConfiguration):
        planned(stripes, "labels.sided=true", "augment={flip: horizontal}", base=())
    facts = dataclasses.replace(facts_of(made.manifest), names=("left", "right"))
    recipe = planned(stripes, "labels.sided=false", base=()).recipe
    assert decide(recipe, made.manifest, facts).flips == (1,)


def test_it_ends_with_exit_6_and_leaves_no_run(stripes, tmp_path, capsys):
    eyes = tmp_path / "eyes"
    for side, old in (("OD", "lying"), ("OS", "standing")):
        (eyes / side).mkdir(parents=True)
        for path in sorted((stripes / old).glob("*.png")):
            (eyes / side / path.name).write_bytes(path.read_bytes())
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", str(eyes), "-o", str(tmp_path / "run"), "--set", "augment={flip: horizontal}"])
    assert stop.value.code == 6
    assert "SIDES_MIRRORED augment.flip" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
