"""What volumes decide: one test a rule, each with the data on either side of it."""

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
from sagittal.engine import volume_rules
from sagittal.engine.config import load_recipe
from sagittal.engine.facts import Facts, facts_of
from sagittal.engine.rules import decide
from sagittal.engine.volumes import Volumes, volumes_of
from sagittal.errors import UsageError

MR = Volumes(low=(0.0,), high=(1.0,), mean=(0.3,), std=(0.2,), hounsfield=False, empty=0.0, content=(200.0, 200.0, 200.0))


def facts(*, shape=(64, 64, 64), spacing=(1.0, 1.0, 1.0), finest=None, coarsest=None, same=True, volumes=MR, cases=20) -> Facts:
    return Facts(
        axes=3,
        channels=("value",),
        grey=False,
        shape=shape,
        same_shape=False,
        spacing=spacing,
        same_spacing=same,
        low=(0.0,),
        high=(1.0,),
        mean=(0.3,),
        std=(0.2,),
        cases=cases,
        names=("background", "organ"),
        classes=(0, 0),
        finest=finest or spacing,
        coarsest=coarsest or spacing,
        volumes=volumes,
    )


def test_spacings_that_hardly_differ_are_left_and_others_meet_at_the_median():
    assert volume_rules.spacing_of(facts()) is None
    near = facts(same=False, finest=(0.84, 1.5, 0.84), coarsest=(1.0, 1.5, 1.0), spacing=(0.94, 1.5, 0.94))
    assert volume_rules.spacing_of(near) is None
    far = facts(same=False, finest=(0.6, 0.6, 1.0), coarsest=(1.0, 1.0, 2.5), spacing=(0.8, 0.8, 2.0))
    assert volume_rules.spacing_of(far) == (0.8, 0.8, 2.0)


def test_where_slices_are_thick_the_finest_tenth_decides():
    thick = facts(same=False, finest=(0.7, 0.7, 2.0), coarsest=(1.0, 1.0, 8.0), spacing=(0.8, 0.8, 5.0))
    assert volume_rules.spacing_of(thick) == (0.8, 0.8, 2.0)


def test_ct_is_cut_off_and_mr_is_measured_by_itself():
    assert volume_rules.scaling_of(facts())[0] == "nonzero"
    assert volume_rules.scaling_of(facts(volumes=replace(MR, hounsfield=True)))[0] == "fixed"


@pytest.mark.parametrize(("empty", "hounsfield", "wanted"), [(0.7, False, True), (0.1, False, False), (0.7, True, False)])
def test_only_a_stripped_head_is_cut_to_its_content(empty, hounsfield, wanted):
    assert volume_rules.cropped(facts(volumes=replace(MR, empty=empty, hounsfield=hounsfield))) is wanted


def test_small_volumes_are_seen_whole_and_large_ones_in_patches():
    small = volume_rules.windows_of(facts(shape=(35, 49, 37)), (1.0, 1.0, 1.0), crop=False)
    assert (small[0], small[1]["size"], small[1]["per_case"]) == ("patches", [40, 56, 40], 1)
    large = volume_rules.windows_of(facts(shape=(240, 240, 155)), (1.0, 1.0, 1.0), crop=False)
    assert (large[0], large[1]["size"]) == ("patches", [96, 96, 96])


def test_thick_slices_are_seen_by_a_network_of_pictures_across_the_coarse_axis():
    name, options, why = volume_rules.windows_of(facts(shape=(256, 128, 256), spacing=(0.94, 1.5, 0.94)), (0.94, 1.5, 0.94), crop=False)
    assert (name, options["axis"], options["size"]) == ("slices", 1, [256, 256])
    assert "1.6 times" in why
    content = facts(shape=(256, 128, 256), spacing=(1.0, 3.0, 1.0), volumes=replace(MR, content=(140.0, 300.0, 150.0)))
    assert volume_rules.windows_of(content, (1.0, 3.0, 1.0), crop=True)[1]["size"] == [144, 160]


def test_an_epoch_of_slices_is_long_enough_for_its_validation_and_short_enough_for_a_curve():
    def epoch(cases: int, slices: int) -> tuple[int, int]:
        options = volume_rules.windows_of(
            found := facts(shape=(256, slices, 256), spacing=(0.9, 1.5, 0.9), cases=cases), (0.9, 1.5, 0.9), crop=False
        )[1]
        return options["per_case"], volume_rules.training_of(found, "slices", options)["epochs"]

    assert epoch(8, 128) == (256, 23), "twice as many as a case has: validation looks at all of them"
    assert epoch(100, 300) == (48, 10), "fewer where there would hardly be an epoch"
    assert epoch(100_000, 300)[0] == 1


def test_only_where_left_and_right_may_change_places_they_do():
    assert "flip" in volume_rules.augment_of(facts(), sliced=None, mirrored=True)[0]
    assert "flip" not in volume_rules.augment_of(facts(), sliced=None, mirrored=False)[0]
    assert "flip" not in volume_rules.augment_of(facts(), sliced=0, mirrored=True)[0], "sagittal slices lie on one side"


def test_only_slices_of_mr_are_brightened_on_one_side_and_never_mirrored():
    ct = facts(volumes=replace(MR, hounsfield=True))
    mr, why = volume_rules.augment_of(facts(), sliced=1, mirrored=True)
    assert {"bias", "elastic"} <= mr.keys() and not {"flip", "blur", "jitter"} & mr.keys() and "MR" in why
    for found, _ in (volume_rules.augment_of(ct, sliced=1, mirrored=True), volume_rules.augment_of(facts(), sliced=None, mirrored=True)):
        assert "bias" not in found and {"flip", "elastic", "blur", "jitter"} <= found.keys()


def test_volumes_say_what_they_show(tmp_path):
    """A head on an oblique, turned grid: the box in millimetres, the share of nothing, and CT told from MR."""
    rng = np.random.default_rng(0)
    head = np.zeros((30, 20, 10), np.int16)
    head[5:25, 4:14, 2:8] = rng.integers(100, 900, (20, 10, 6))
    ct = rng.normal(-1000, 20, (30, 20, 10)).astype(np.int16)
    ct[5:25, 4:14, 2:8] = rng.normal(40, 20, (20, 10, 6))
    turned = Geometry(shape=(30, 20, 10), affine=[[0, 0, 2, 0], [-1, 0, 0, 9], [0, 3, 0, 4], [0, 0, 0, 1]], unit="mm")
    for name, values in (("mr", head), ("ct", ct)):
        io.write(Image.of(values[None], turned), tmp_path / f"{name}.nii.gz")
    cases = [Case(id=name, images={"image": f"{name}.nii.gz"}) for name in ("mr", "ct")]
    manifest = Manifest(cases=tuple(cases), labels=Labels(classes=("a", "b")), root=tmp_path, provenance={"said": "label"})
    mr, scan = (volumes_of(manifest, [case]) for case in cases)
    assert mr.content == pytest.approx((12.0, 20.0, 30.0))
    assert mr.empty == pytest.approx(1 - 20 * 10 * 6 / 6000, abs=0.01)
    assert not mr.hounsfield
    assert scan.hounsfield
    assert -500 < scan.low[0] < 40, "nothing is drawn: the body and what is above it, not the air"


def test_a_box_is_not_cut_where_another_class_than_the_background_would_stand_beyond_it(tmp_path):
    head = np.zeros((20, 20, 20), np.int16)
    head[6:14, 6:14, 6:14] = np.random.default_rng(0).integers(50, 900, (8, 8, 8))
    grid = Geometry(shape=(20, 20, 20), affine=np.eye(4), unit="mm")
    io.write(Image.of(head[None], grid), tmp_path / "a.nii.gz")
    io.write(Image.of((head > 400).astype(np.uint8)[None], grid), tmp_path / "m.nii.gz")
    case = Case(id="a", images={"image": "a.nii.gz"}, annotation="m.nii.gz", split="train")
    names = {"background": 0, "lesion": 1}
    for classes, sets in ((("background", "lesion"), []), (("lesion", "background"), ["prepare.crop=false"])):
        labels = Labels(classes=classes, codes=names, background="background")
        manifest = Manifest(cases=(case,), labels=labels, root=tmp_path, provenance={"said": "mask"})
        assert decide(load_recipe("auto", sets), manifest, facts_of(manifest)).preparation.crop is not bool(sets)
    with pytest.raises(UsageError, match="CROP"):
        decide(load_recipe("auto"), manifest, facts_of(manifest))


def test_a_volume_with_a_class_is_seen_whole_in_its_proportions_and_small_enough():
    size = volume_rules.size_of(facts(shape=(512, 512, 300), spacing=(0.7, 0.7, 1.0)))
    assert all(n % 8 == 0 for n in size) and size[0] == size[1]
    assert np.prod(size) < 1.4 * volume_rules.MOST_WHOLE
    assert size[0] / size[2] == pytest.approx(512 * 0.7 / 300, rel=0.1)
    assert volume_rules.size_of(facts(shape=(40, 48, 16), spacing=(1.0, 1.0, 4.0))) == (40, 48, 16), "nothing is refined"


def test_a_size_with_a_spacing_is_a_box_about_the_middle():
    from sagittal.engine.prepare import Preparation

    source = Geometry(shape=(40, 30, 20), affine=np.diag([1.0, 1.0, 2.0, 1.0]), unit="mm")
    grid = Preparation(axes=3, spacing=(2.0, 2.0, 2.0), size=(16, 16, 24)).grid(source)
    assert grid.shape == (16, 16, 24) and grid.spacing == pytest.approx((2, 2, 2))
    assert grid.corners().mean(axis=0) == pytest.approx(source.corners().mean(axis=0))
