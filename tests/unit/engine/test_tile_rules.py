"""What is decided for pictures with drawn answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sagittal import io
from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.labels import Labels
from sagittal.data.manifest import Manifest
from sagittal.engine import tile_rules
from sagittal.engine.config import load_recipe
from sagittal.engine.facts import Facts, facts_of
from sagittal.engine.rules import decide
from sagittal.engine.tiles import across_of

GLANDS = Facts(
    axes=2,
    channels=("red", "green", "blue"),
    grey=False,
    shape=(522, 775),
    same_shape=False,
    spacing=(1.0, 1.0),
    same_spacing=True,
    low=(0.0,) * 3,
    high=(255.0,) * 3,
    mean=(0.8, 0.6, 0.8),
    std=(0.2,) * 3,
    cases=24,
    names=("background", "object"),
    classes=(0, 0),
    across=110.0,
)


@pytest.mark.parametrize(
    ("shape", "across", "factor"),
    [
        ((522, 775), 110, 2),
        ((1000, 1000), 22, 1),
        ((2048, 2048), 600, 4),
        ((500, 700), 200, 1),
        ((3000, 3000), None, 4),
        ((760, 760), 47, 1),
    ],
)
def test_large_pictures_are_seen_smaller_unless_objects_would_be_lost(shape, across, factor):
    assert tile_rules.coarser(replace(GLANDS, shape=shape, across=across)) == factor


def test_windows_cover_a_case_about_four_times_and_small_cases_are_seen_whole():
    name, options, why = tile_rules.windows_of(GLANDS, 2, whole=True)
    assert (name, options["size"], options["per_case"]) == ("patches", [256, 256], 6) and "(261, 388)" in why
    small = replace(GLANDS, shape=(250, 240), same_shape=True)
    assert tile_rules.windows_of(small, 1, whole=True)[0] == "whole"
    assert tile_rules.windows_of(small, 1, whole=False)[1]["size"] == [256, 240]


def test_only_pictures_in_colour_lie_any_way_round_and_sides_of_the_body_never():
    assert tile_rules.any_way_round(GLANDS, sided=False)
    assert not tile_rules.any_way_round(GLANDS, sided=True)
    assert not tile_rules.any_way_round(replace(GLANDS, grey=True), sided=False)


def test_a_sample_of_windows_is_seen_as_often_whatever_their_number():
    few, many = (tile_rules.training_of(replace(GLANDS, cases=n), {"per_case": 3}, sided=False)["epochs"] for n in (10, 100))
    assert few == pytest.approx(10 * many, rel=0.05)


def test_few_stains_are_not_learned_by_heart():
    steps = {}
    for cases, grey in ((2, False), (4, False), (9, False), (10, False), (4, True)):
        facts = replace(GLANDS, cases=cases, grey=grey)
        steps[cases, grey] = tile_rules.training_of(facts, {"per_case": 61}, sided=False)["epochs"] * 61 * cases / 8
    assert steps[4, False] == pytest.approx(2 * steps[2, False], rel=0.05)
    assert steps[2, False] == pytest.approx(2 * tile_rules.STEPS_A_CASE, rel=0.05)
    assert steps[9, False] < steps[10, False] == pytest.approx(tile_rules.STEPS, rel=0.05)
    assert steps[4, True] == pytest.approx(tile_rules.STEPS, rel=0.05), "grey pictures have no stains"


@pytest.mark.parametrize(("said", "objects", "wanted"), [("mask", True, 10), ("mask", False, 20)])
def test_the_size_of_the_objects_that_most_of_what_is_drawn_belongs_to(tmp_path, said, objects, wanted):
    mask = np.zeros((40, 60), np.uint8)
    mask[5:15, 5:15], mask[5:15, 15:25], mask[30, 50] = 1, 2, 3
    cases = []
    for name in "ab":
        io.write(Image.of(mask[None], Geometry.picture(mask.shape)), tmp_path / f"{name}_mask.png")
        io.write(Image.of(mask[None], Geometry.picture(mask.shape)), tmp_path / f"{name}.png")
        cases.append(Case(id=name, images={"image": f"{name}.png"}, annotation=f"{name}_mask.png"))
    labels = Labels(classes=("ground", "object"), background="ground", also={"object": (2, 3)})
    manifest = Manifest(cases=tuple(cases), labels=labels, root=tmp_path, provenance={"said": said, "objects": objects})
    assert across_of(manifest, manifest.cases) == pytest.approx(2 * np.sqrt(wanted * 10 / np.pi))
    assert across_of(manifest, []) is None


@pytest.mark.parametrize(
    ("cases", "sets", "scaling", "jitter"),
    [
        (4, [], "image", True),
        (4, ["prepare.normalise=data"], "fixed", True),
        (4, ["prepare.range=[0,255]"], "fixed", True),
        (10, [], "fixed", False),
    ],
)
def test_few_pictures_of_tissue_are_measured_each_by_itself_and_their_colours_change_more(tmp_path, cases, sets, scaling, jitter):
    rng = np.random.default_rng(0)
    grid = Geometry.picture((64, 64))
    mask = np.zeros((64, 64), np.uint8)
    mask[8:40, 8:40] = 1
    made = []
    for number in range(cases):
        io.write(Image.of(rng.integers(0, 255, (3, 64, 64), dtype=np.uint8), grid), tmp_path / f"{number}.png")
        io.write(Image.of(mask[None], grid), tmp_path / f"{number}_mask.png")
        made.append(Case(id=str(number), images={"image": f"{number}.png"}, annotation=f"{number}_mask.png", split="train"))
    labels = Labels(classes=("ground", "nucleus"), background="ground")
    manifest = Manifest(cases=tuple(made), labels=labels, root=tmp_path, provenance={"said": "mask"})
    plan = decide(load_recipe("auto", sets), manifest, facts_of(manifest))
    assert plan.preparation.scaling == scaling
    assert ("jitter" in plan.augment) is jitter
    told = [r for r in plan.reasons if r.what == "prepare.normalise"]
    assert len(told) == 1 and (told[0].value, "few stains" in told[0].why) == (
        ("image", True) if scaling == "image" else (told[0].value, False)
    )
    assert any("few stains" in r.why for r in plan.reasons if r.what == "augment") is jitter


def test_slides_have_glass_around_and_are_not_measured_each_by_itself():
    assert tile_rules.few_stains(replace(GLANDS, cases=9), sided=False)
    assert not tile_rules.few_stains(replace(GLANDS, cases=9, slides=True), sided=False)
    assert not tile_rules.few_stains(replace(GLANDS, cases=9, grey=True), sided=False)


def test_small_pictures_are_often_seen_as_they_are_and_never_blurred():
    small = replace(GLANDS, grey=True, shape=(64, 60), channels=("value",))
    augment, why = tile_rules.augment_for(small, sided=False)
    assert augment["affine"]["p"] == 0.5 and "blur" not in augment and "half" in why
    assert "flip" in augment and "flip" not in tile_rules.augment_for(small, sided=True)[0]
    assert tile_rules.augment_for(replace(small, shape=(65, 60)), sided=False) is None, "any picture's"
    assert tile_rules.augment_for(replace(small, axes=3, shape=(64, 64, 64)), sided=False) is None
    assert tile_rules.augment_for(GLANDS, sided=False)[0]["flip"] == "any"
