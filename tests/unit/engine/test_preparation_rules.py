"""From a file to what enters the network: what the recipe says goes before what the data decide, and each has its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sagittal.engine.config import load_recipe
from sagittal.engine.facts import Facts
from sagittal.engine.ground import Ground, Ledger
from sagittal.engine.plan import Part
from sagittal.engine.preparation_rules import IMAGENET_MEAN, IMAGENET_STD, crops, preparation_of, spacing_of
from sagittal.engine.rules import TASKS, _augment, _flips, _ground
from sagittal.engine.volumes import Volumes

PHOTOS = Facts(
    axes=2,
    channels=("red", "green", "blue"),
    grey=False,
    shape=(300, 410),
    same_shape=False,
    spacing=(1.0, 1.0),
    same_spacing=True,
    low=(0.0,),
    high=(255.0,),
    mean=(0.6, 0.4, 0.2),
    std=(0.3, 0.2, 0.0),
    cases=2000,
    names=("left eye", "right eye"),  # sides: no tissue, which has none
    classes=(1000, 1000),
)
XRAYS = replace(PHOTOS, channels=("value",), grey=True, mean=(0.5,), std=(0.2,))
TABLE = replace(
    PHOTOS,
    axes=0,
    channels=("age", "dose"),
    shape=(),
    spacing=(),
    low=(0.0,),
    high=(1.0,),
    mean=(50.0, 2.0),
    std=(10.0, 0.0),
    names=("a", "b"),
)
MR = replace(
    PHOTOS,
    axes=3,
    channels=("t1", "t2"),
    shape=(160, 200, 160),
    spacing=(1.0, 1.0, 1.0),
    mean=(0.3, 0.4),
    std=(0.2, 0.1),
    low=(0.0, 0.0),
    high=(900.0, 700.0),
    finest=(1.0, 1.0, 1.0),
    coarsest=(1.0, 1.0, 1.0),
    volumes=Volumes(low=(0.0,), high=(1.0,), mean=(0.3,), std=(0.2,), hounsfield=False, empty=0.8, content=(150.0, 150.0, 150.0)),
)
CT = replace(MR, channels=("value",), volumes=replace(MR.volumes, hounsfield=True), mean=(0.3,), std=(0.2,), low=(-160.0,), high=(240.0,))
SLIDES = replace(PHOTOS, slides=True, unit="um", spacing=(0.25, 0.25), shape=(40_000, 60_000), names=("normal", "tumour"))


def ground(facts: Facts, *sets: str, dense: bool = False) -> Ground:
    row = TASKS.get("segmentation" if dense else "classification")
    return _ground(load_recipe("auto", list(sets)), facts, row, Ledger(), dense=dense)


def prepared(facts: Facts, *sets: str, dense: bool = False):
    """The preparation, and the reasons by what they are of."""
    stands = ground(facts, *sets, dense=dense)
    made, reasons = preparation_of(stands), {r.what: (r.value, r.why) for r in stands.ledger.reasons}
    assert len(reasons) == len(stands.ledger.reasons), "each thing is decided once"
    return made, reasons


def test_columns_are_standardised_and_one_that_is_always_the_same_is_only_shifted():
    made, reasons = prepared(TABLE)
    assert (made.axes, made.names, made.low, made.high) == (0, ("age", "dose"), (50.0, 2.0), (60.0, 3.0))
    assert reasons == {}


@pytest.mark.parametrize(
    ("facts", "sets", "channels", "names", "mean"),
    [
        (XRAYS, (), "grey", (), (0.5,)),
        (PHOTOS, (), "rgb", (), (0.6, 0.4, 0.2)),
        (PHOTOS, ("prepare.channels=grey",), "grey", (), (pytest.approx(0.4),)),
        (XRAYS, ("prepare.channels=rgb",), "rgb", (), (0.5, 0.5, 0.5)),
        (XRAYS, ("model.pretrained=imagenet", "model.name=vgg"), "rgb", (), IMAGENET_MEAN),
        (replace(PHOTOS, channels=(*"rgba",), mean=(0.6, 0.4, 0.2, 1.0), std=(0.3, 0.2, 0.1, 0.0)), (), "rgb", (), (0.6, 0.4, 0.2)),
        (replace(PHOTOS, channels=("dapi", "cd3"), mean=(0.1, 0.2), std=(0.1, 0.1)), (), "all", ("dapi", "cd3"), (0.1, 0.2)),
        (MR, (), "all", ("t1", "t2"), (0.3, 0.4)),
    ],
    ids=["grey", "colour", "colour as grey", "grey as colour", "pretrained", "alpha", "two stains", "modalities"],
)
def test_colours_and_a_number_for_each(facts, sets, channels, names, mean):
    made, reasons = prepared(facts, *sets)
    assert (made.channels, made.names, made.mean) == (channels, names, mean)
    told = next((s.partition("=")[2] for s in sets if s.startswith("prepare.channels")), None)
    assert reasons["prepare.channels"][0] == channels
    assert ("the recipe says so" in reasons["prepare.channels"][1]) is (told is not None)


def test_nothing_is_divided_by_no_spread():
    assert prepared(PHOTOS)[0].std == (0.3, 0.2, 1.0)


@pytest.mark.parametrize(
    ("how", "mean", "std"), [("imagenet", IMAGENET_MEAN, IMAGENET_STD), ("none", (0.0,), (1.0,)), ("data", PHOTOS.mean, (0.3, 0.2, 1.0))]
)
def test_a_recipe_says_how_pictures_are_normalised(how, mean, std):
    made, reasons = prepared(PHOTOS, f"prepare.normalise={how}")
    assert (made.mean, made.std, made.scaling) == (mean, std, "fixed")
    assert reasons["prepare.normalise"] == (how, "the recipe says so")


def test_what_becomes_0_and_1():
    assert (prepared(PHOTOS)[0].low, prepared(PHOTOS)[0].high) == ((0.0,) * 3, (255.0,) * 3)
    made, _ = prepared(PHOTOS, "prepare.range=[10, 200]")
    assert (made.low, made.high) == ((10.0,) * 3, (200.0,) * 3)


@pytest.mark.parametrize(("facts", "low", "high"), [(PHOTOS, 10, 200), (CT, -1000, 400)])
def test_mean_and_deviation_are_those_of_the_range_that_a_recipe_names(facts, low, high):
    own, named = prepared(facts)[0], prepared(facts, f"prepare.range=[{low}, {high}]")[0]
    for at in range(len(own.mean)):
        a, b = own.low[at], own.high[at]
        assert low + named.mean[at] * (high - low) == pytest.approx(a + own.mean[at] * (b - a))
        if own.std[at] < 1:  # else there was none
            assert named.std[at] * (high - low) == pytest.approx(own.std[at] * (b - a))


@pytest.mark.parametrize(
    ("sets", "dense", "size", "reason"),
    [
        (("prepare.size=96",), False, (96, 96), None),
        (("prepare.size=[64, 80]",), False, (64, 80), None),
        (("prepare.size=96",), True, (96, 96), None),
        ((), True, None, "own"),
        (("prepare.spacing=2",), False, None, "own"),
        (("windows.name=tiles", "windows.size=32"), False, None, "own"),
        ((), False, (160, 160), 160),
    ],
)
def test_how_large_a_picture_is_seen(sets, dense, size, reason):
    made, reasons = prepared(PHOTOS, *sets, dense=dense)
    assert made.size == size
    assert reasons.get("prepare.size", (None,))[0] == reason


def test_only_pictures_that_are_drawn_on_come_in_sixteens():
    assert [prepared(f, dense=d)[0].multiple for f, d in ((PHOTOS, True), (PHOTOS, False), (MR, True))] == [16, 1, 1]


@pytest.mark.parametrize(
    ("facts", "sets", "scaling", "clip"),
    [
        (MR, (), "nonzero", False),
        (CT, (), "fixed", True),
        (CT, ("prepare.normalise=ct",), "fixed", True),
        (CT, ("prepare.range=[-1000, 400]",), "fixed", False),
        (CT, ("prepare.range=[-1000, 400]", "prepare.normalise=ct"), "fixed", True),
        (MR, ("prepare.normalise=data",), "fixed", False),
        (MR, ("prepare.normalise=brats",), "brats", False),
        (PHOTOS, ("prepare.normalise=image",), "image", False),
        (PHOTOS, (), "fixed", False),
    ],
)
def test_by_what_intensities_are_measured_and_whether_they_are_cut_off(facts, sets, scaling, clip):
    made, _ = prepared(facts, *sets)
    assert (made.scaling, made.clip) == (scaling, clip)


def test_volumes_stand_upright_and_pictures_as_they_are():
    assert prepared(MR)[0].upright
    assert not prepared(PHOTOS)[0].upright


def test_a_stripped_head_is_cut_to_its_content_unless_the_recipe_says_otherwise():
    auto = load_recipe("auto")
    assert crops(auto, MR)
    assert not crops(auto, CT)
    assert not crops(load_recipe("auto", ["prepare.crop=false"]), MR)
    assert crops(load_recipe("auto", ["prepare.crop=true"]), CT)
    assert not crops(load_recipe("auto", ["prepare.crop=true"]), PHOTOS), "pictures have no empty air around them"


@pytest.mark.parametrize(
    ("facts", "sets", "spacing", "unit"),
    [
        (PHOTOS, (), None, ""),
        (MR, ("prepare.spacing=2",), (2.0, 2.0, 2.0), ""),
        (MR, ("prepare.spacing=[1, 1, 3]",), (1.0, 1.0, 3.0), ""),
        (SLIDES, (), (1.0, 1.0), "um"),
        (replace(SLIDES, spacing=(2.0, 2.0)), (), (2.0, 2.0), "um"),
        (replace(SLIDES, unit="px"), (), None, ""),
        (SLIDES, ("prepare.spacing=0.5",), (0.5, 0.5), "um"),
        (SLIDES, ("prepare.size=224",), None, ""),
        (replace(MR, unit="mm"), ("prepare.spacing=1",), (1.0, 1.0, 1.0), ""),
    ],
)
def test_the_spacing_at_which_all_are_seen(facts, sets, spacing, unit):
    made, reasons = prepared(facts, *sets)
    assert (made.spacing, made.unit) == (spacing, unit)
    told = any(s.startswith("prepare.spacing") for s in sets)
    assert ("prepare.spacing" in reasons) is (spacing is not None and not told), "only what the data decided has a reason here"


def test_a_spacing_has_its_reason_or_the_recipe():
    stands = ground(SLIDES)
    assert spacing_of(stands.recipe, SLIDES, stands.kind)[1]
    recipe = load_recipe("auto", ["prepare.spacing=0.5"])
    assert spacing_of(recipe, SLIDES, stands.kind) == ((0.5, 0.5), "")


def test_few_pictures_of_tissue_are_measured_each_by_itself_unless_colours_are_met_otherwise():
    tissue = replace(PHOTOS, names=("normal", "tumour"), cases=9)
    assert prepared(tissue, dense=True)[0].scaling == "image"
    for says in ("prepare.normalise=data", "prepare.range=[0, 255]", "prepare.stain=reinhard", "model.pretrained=imagenet"):
        assert prepared(tissue, says, *(["model.name=vgg"] if "model" in says else []), dense=True)[0].scaling == "fixed", says
    assert prepared(replace(tissue, cases=10), dense=True)[0].scaling == "fixed"
    assert prepared(tissue)[0].scaling == "fixed", "one answer for all"


def test_what_only_a_recipe_asks_for():
    made, _ = prepared(PHOTOS, "prepare.fit=crop", "prepare.resize=256", "prepare.size=224")
    assert (made.fit, made.resize, made.size) == ("crop", 256, (224, 224))
    made, reasons = prepared(CT, "prepare.region=lungs", "prepare.order=cubic")
    assert (made.region, made.order) == ("lungs", "cubic")
    assert reasons["prepare.region"] == ("lungs", "the recipe says so")
    assert (prepared(CT)[0].region, prepared(CT)[0].order, prepared(CT)[0].fit) == (None, "linear", "stretch")


@pytest.mark.parametrize(
    ("facts", "windows", "sets", "flips"),
    [
        (MR, Part(name="patches", options={}), (), (0,)),
        (MR, Part(name="slices", options={"axis": 1}), (), ()),
        (CT, Part(name="slices", options={"axis": 1}), (), (0,)),
        (CT, Part(name="slices", options={"axis": 0}), (), ()),
        (MR, Part(name="slices", options={"axis": 1}), ("evaluate.flips=[0]",), (0,)),
        (MR, Part(name="patches", options={}), ("augment={noise: 0.1}",), ()),
        (MR, Part(name="patches", options={}), ("augment={flip: any}",), ()),
        (MR, Part(name="patches", options={}), ("augment.noise=0.1",), (0,)),
        (MR, Part(name="patches", options={}), ("augment.flip=null",), ()),
        (MR, Part(name="patches", options={}), ("augment.flip=vertical",), ()),
        (MR, Part(name="patches", options={}), ("augment=none",), ()),
    ],
)
def test_a_mirrored_case_is_asked_where_training_mirrors(facts, windows, sets, flips):
    stands = ground(replace(facts, names=("liver", "spleen")), *sets, dense=True)
    assert _flips(stands, _augment(stands, windows)) == flips


def test_one_part_of_the_augmentation_is_changed_and_the_others_stay():
    windows = Part(name="patches", options={})
    whole = _augment(ground(MR, dense=True), windows)
    sets = ("augment.blur=null", "augment.noise=0.5", "augment.affine.rotate=3", "augment.elastic=false")
    stands = ground(MR, *sets, dense=True)
    changed = _augment(stands, windows)
    assert {"blur", "elastic", "affine"} <= set(whole)
    assert changed == {
        **{name: options for name, options in whole.items() if name not in {"blur", "elastic"}},
        "noise": 0.5,
        "affine": {**whole["affine"], "rotate": 3},
    }
    (reason,) = [r for r in stands.ledger.reasons if r.what == "augment"]
    assert reason.why.endswith("the recipe changes blur, noise, affine, elastic")
    assert reason.value == ", ".join(changed)
    assert _augment(ground(MR, "augment={noise: 0.5}", dense=True), windows) == {"noise": 0.5}
    assert _augment(ground(MR, "augment={}", dense=True), windows) == {}
    assert _augment(ground(MR, "augment={default: false, noise: 0.5}", dense=True), windows) == {"noise": 0.5}
