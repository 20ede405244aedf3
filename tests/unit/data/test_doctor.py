"""What an audit says of volumes: how they lie, what their numbers are, whether their parts belong together."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Geometry, Image
from sagittal.data._planes import planes
from sagittal.data.audit import audit
from sagittal.data.discover import discover
from sagittal.data.measure import Asked, measure
from sagittal.errors import Refused
from sagittal.verbs.audit import audit as verb

SHAPE = (20, 22, 18)


def _write(path, values, *, affine=None, frame="patient"):
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = Geometry(shape=values.shape, affine=np.eye(4) if affine is None else affine, unit="mm", frame=frame)
    io.write(Image.of(values[None], grid), path)


def _body(seed, shape=SHAPE):
    """A ball of three tissues in a sea of zeros: its labels, and how far each sample lies from a wandering middle."""
    rng = np.random.default_rng(seed)
    middle = np.array(shape) / 2 + rng.uniform(-2, 2, 3)
    stretch = rng.uniform(0.75, 1.2, 3)
    away = np.linalg.norm((np.moveaxis(np.indices(shape), 0, -1) - middle) * stretch, axis=-1)
    return (away < 7).astype(np.uint8) + (away < 5) + (away < 3), rng


def _image(labels, rng, tissue=(0, 300, 500, 800)):
    values = np.array(tissue)[labels] + (labels > 0) * rng.normal(0, 12, labels.shape)
    return np.clip(np.rint(values), 0, None).astype(np.int16)


@pytest.fixture
def heads(tmp_path):
    """Six heads with labels; nothing is wrong."""
    for i in range(6):
        labels, rng = _body(i)
        _write(tmp_path / f"set/images/sub-{i:02}.nii.gz", _image(labels, rng))
        _write(tmp_path / f"set/labels/sub-{i:02}.nii.gz", labels.astype(np.uint8))
    return tmp_path / "set"


@pytest.fixture
def pairs(tmp_path):
    """Eight heads with T1 and T2; nothing is wrong."""
    for i in range(8):
        labels, rng = _body(i)
        _write(tmp_path / f"set/{i}_T1.nii.gz", _image(labels, rng))
        _write(tmp_path / f"set/{i}_T2.nii.gz", _image(labels, rng, (0, 900, 300, 250)))
        _write(tmp_path / f"set/{i}_seg.nii.gz", labels.astype(np.uint8))
    return tmp_path / "set"


def _look(folder, **options):
    return audit(discover(folder, options=options).manifest, workers=0)


def _found(seen, code):
    return next((f for f in seen.findings if f.code == code), None)


def _codes(seen):
    return {f.code for f in seen.findings} - {"NO_GROUP", "SMALL_SPLIT"}


# --- grids and numbers -------------------------------------------------------------------------------------------


def test_sound_volumes_have_no_finding(heads, pairs):
    assert _codes(_look(heads)) == set()
    assert _codes(_look(pairs)) == set()


def test_a_label_map_on_another_grid_stops_until_it_may_be_resampled(heads):
    shift = np.eye(4)
    shift[0, 3] = 0.3
    _write(heads / "labels/sub-02.nii.gz", _body(2)[0].astype(np.uint8), affine=shift)
    seen = _look(heads)
    refusal = seen.refusal()
    assert isinstance(refusal, Refused)
    assert (refusal.code, refusal.exit_code) == ("LABEL_GRID", 4)
    assert "corners lie 0.3 mm apart" in refusal.what
    assert "--set data.resample_labels=true" in refusal.remedy
    assert _found(seen, "LABEL_GRID").items == ("images/sub-02",)
    asked = _look(heads, resample_labels=True)
    assert asked.refusal() is None
    assert _found(asked, "LABEL_GRID").severity == "note"


def test_a_shift_below_a_tenth_of_a_millimetre_is_rounding(heads):
    shift = np.eye(4)
    shift[0, 3] = 0.05
    _write(heads / "labels/sub-02.nii.gz", _body(2)[0].astype(np.uint8), affine=shift)
    assert _codes(_look(heads)) == set()


def test_modalities_on_different_grids_stop_with_both_names(pairs):
    labels, rng = _body(3, (20, 22, 9))
    _write(pairs / "3_T2.nii.gz", _image(labels, rng), affine=np.diag([1.0, 1, 2, 1]))
    seen = _look(pairs)
    assert seen.refusal().code == "MODALITY_GRID"
    assert "t2 and t1: sizes 20 x 22 x 9 and 20 x 22 x 18" in seen.refusal().what
    asked = _look(pairs, resample_modalities=True)
    assert asked.refusal() is None
    assert asked.fingerprint["channels"] == ["t1", "t2"]


def test_the_command_line_takes_the_remedy(heads, tmp_path):
    shift = np.eye(4)
    shift[0, 3] = 5
    _write(heads / "labels/sub-02.nii.gz", _body(2)[0].astype(np.uint8), affine=shift)
    stopped = verb(heads, out=tmp_path / "a", workers=0)
    assert stopped.record()["exit"] == 4
    mended = verb(heads, out=tmp_path / "b", sets=["data.resample_labels=true"], workers=0)
    assert mended.error is None
    assert json.loads((tmp_path / "b/manifest.json").read_text())["provenance"]["resample_labels"] is True


def test_numbers_that_stand_for_no_class_stop(heads):
    labels = _body(4)[0].astype(np.uint8)
    labels[labels == 2] = 7
    manifest = discover(heads).manifest
    _write(heads / "labels/sub-04.nii.gz", labels)
    seen = audit(manifest, workers=0)
    assert _found(seen, "LABEL_VALUES").items == ("images/sub-04",)
    assert "hold 7, which stands for no class" in seen.refusal().what
    assert seen.unreadable == {}


def test_labels_outside_the_skull_stripped_brain_are_told_with_their_share(heads):
    for i in range(6):
        labels, rng = _body(i)
        values = _image(labels, rng)
        values[:, :, 11:] = 0
        _write(heads / f"images/sub-{i:02}.nii.gz", values)
    found = _found(_look(heads), "LABEL_OUTSIDE")
    assert found.what.startswith("in every case (6) labels lie where nothing is shown: ")
    assert found.severity == "warn"
    labels = _body(0)[0]
    measured = measure(Asked.of(discover(heads).manifest.cases[0], discover(heads).manifest))
    assert measured.anatomy.outside == pytest.approx((labels[:, :, 11:] > 0).sum() / (labels > 0).sum())


def test_an_image_that_is_not_stripped_has_no_outside(heads):
    for i in range(6):
        labels, rng = _body(i)
        _write(heads / f"images/sub-{i:02}.nii.gz", _image(labels, rng) - 1000)
    assert _codes(_look(heads)) == set()


# --- spacing, orientation, values --------------------------------------------------------------------------------


def test_voxels_of_quite_another_size_are_told(heads):
    odd = np.diag([0.73, 0.73, 5, 1])
    labels, rng = _body(5)
    _write(heads / "images/sub-05.nii.gz", _image(labels, rng), affine=odd)
    _write(heads / "labels/sub-05.nii.gz", labels.astype(np.uint8), affine=odd)
    found = _found(_look(heads), "ODD_SPACING")
    assert found.items == ("images/sub-05",)
    assert "0.73 x 0.73 x 5 mm, usual 1 x 1 x 1 mm" in found.what


def test_absurd_voxels_are_told(heads):
    for part, values in (("images", _image(*_body(1))), ("labels", _body(1)[0].astype(np.uint8))):
        _write(heads / part / "sub-01.nii.gz", values, affine=np.diag([1000.0, 1000, 1000, 1]))
    assert _found(_look(heads), "ABSURD_SPACING").items == ("images/sub-01",)


def test_orientations_are_counted_and_left_as_they_are(heads):
    for part in ("images", "labels"):
        values = io.read(heads / part / "sub-01.nii.gz").read()[0]
        _write(heads / part / "sub-01.nii.gz", np.ascontiguousarray(values[::-1]), affine=np.diag([-1.0, 1, 1, 1]))
    seen = _look(heads)
    assert _found(seen, "ORIENTATIONS").severity == "note"
    assert seen.tables["orientations"] == {"RAS": 5, "LAS": 1}


def test_samples_that_are_no_number_are_counted(heads):
    values = _image(*_body(1)).astype(np.float32)
    values[0, 0, :3] = (np.nan, np.inf, -np.inf)
    _write(heads / "images/sub-01.nii.gz", values)
    found = _found(_look(heads), "NOT_FINITE")
    assert (found.items, found.severity) == (("images/sub-01",), "warn")
    assert "up to 3 of them" in found.what


def test_an_empty_label_and_a_constant_volume_are_told(heads):
    _write(heads / "labels/sub-03.nii.gz", np.zeros(SHAPE, np.uint8))
    _write(heads / "images/sub-04.nii.gz", np.full(SHAPE, 7, np.int16))
    seen = _look(heads)
    assert _found(seen, "EMPTY_MASK").items == ("images/sub-03",)
    assert _found(seen, "BLANK").items == ("images/sub-04",)


def test_copies_and_mirrored_copies_of_volumes_are_found(heads):
    for name, source, turn in (("sub-10", "sub-01", 1), ("sub-11", "sub-02", -1)):
        for part in ("images", "labels"):
            values = io.read(heads / part / f"{source}.nii.gz").read()[0]
            _write(heads / part / f"{name}.nii.gz", np.ascontiguousarray(values[::turn]))
    found = _found(_look(heads), "DUPLICATE_WITHIN")
    kinds = {(a.rpartition("/")[2], b.rpartition("/")[2]): kind for a, b, kind in found.pairs}
    assert kinds == {("sub-01", "sub-10"): "same pixels", ("sub-02", "sub-11"): "flipped or rotated"}


def test_intensities_on_another_scale_are_noted(heads):
    _write(heads / "images/sub-01.nii.gz", _image(*_body(1)).astype(np.float32) * 500)
    found = _found(_look(heads), "INTENSITY_SCALE")
    assert found.items == ("images/sub-01",)
    assert re.match(r"intensities are on another scale in 1 case: [\d.e+,]+, usual ", found.what)


# --- modalities --------------------------------------------------------------------------------------------------


def test_exchanged_modalities_look_like_each_other(pairs):
    one, two = (pairs / f"5_{part}.nii.gz" for part in ("T1", "T2"))
    a, b = one.read_bytes(), two.read_bytes()
    one.write_bytes(b)
    two.write_bytes(a)
    found = _found(_look(pairs), "MODALITY_SWAPPED")
    assert found.items == ("5",)
    assert found.severity == "warn"


def test_a_modality_of_somebody_else_does_not_belong(pairs):
    labels, rng = _body(99)
    rolled = np.roll(labels, 4, axis=1)
    _write(pairs / "6_T2.nii.gz", _image(rolled, rng, (0, 900, 300, 250)))
    found = _found(_look(pairs), "MODALITY_STRANGE")
    assert found.items == ("6",)


def test_the_same_file_as_the_modality_of_two_people(pairs):
    (pairs / "6_T2.nii.gz").write_bytes((pairs / "2_T2.nii.gz").read_bytes())
    found = _found(_look(pairs), "SAME_MODALITY")
    assert set(found.items) == {"2", "6"}


def test_a_constant_modality_is_told(pairs):
    _write(pairs / "1_T2.nii.gz", np.full(SHAPE, 3, np.int16))
    assert _found(_look(pairs), "CONSTANT_CHANNEL").items == ("1",)


# --- tables and pictures -----------------------------------------------------------------------------------------


def test_tables_tell_spacing_values_and_volumes(heads):
    told = _look(heads).tables
    assert told["spacings"] == [{"spacing": [1.0, 1.0, 1.0], "unit": "mm", "n": 6}]
    (row,) = told["intensities"]
    assert (row["levels"]["p0"], row["n"]) == (0.0, 6)
    volumes = {row["class"]: row for row in told["drawn"]}
    innermost = sorted(float((_body(i)[0] == 3).sum()) / 1000 for i in range(6))
    assert volumes["3"]["least"] == pytest.approx(innermost[0])
    assert volumes["3"]["n"] == 6


def test_planes_are_upright_whatever_the_file(heads):
    labels, rng = _body(1)
    values = _image(labels, rng)
    straight = Geometry(shape=SHAPE, affine=np.eye(4), unit="mm", frame="patient")
    turned = Geometry(
        shape=(18, 20, 22), affine=np.array([[0.0, -1, 0, 19], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]), unit="mm", frame="patient"
    )
    stored = np.ascontiguousarray(np.moveaxis(values, -1, 0)[:, ::-1])
    drawn = np.ascontiguousarray(np.moveaxis(labels, -1, 0)[:, ::-1])
    a, b = planes(values[None], straight, labels), planes(stored[None], turned, drawn)
    assert all(np.array_equal(x.values, y.values) and np.array_equal(x.drawn, y.drawn) for x, y in zip(a, b, strict=True))


def test_a_few_cases_are_shown_and_the_first_of_each_finding(heads):
    for i in range(6, 30):
        labels, rng = _body(i)
        for part, values in (("images", _image(labels, rng)), ("labels", labels.astype(np.uint8))):
            _write(heads / part / f"sub-{i:02}.nii.gz", values, affine=np.diag([1.0, 1, 4 if i == 7 else 1, 1]))
    seen = _look(heads)
    assert len(seen.planes) == 9
    assert "images/sub-07" in seen.planes
    assert all(len(views) == 3 for views in seen.planes.values())


def test_the_page_shows_planes_and_tables(heads, tmp_path):
    verb(heads, out=tmp_path / "a", workers=0)
    page = (tmp_path / "a/audit.html").read_text()
    assert page.count("data:image/png") == 6
    for text in ("How they lie", "What they hold", "What was drawn", "right, front, head (RAS)", "Axial, coronal and sagittal"):
        assert text in page


@pytest.mark.real_data
@pytest.mark.slow
def test_every_ibsr_case_has_labels_outside_the_brain(real_data):
    seen = audit(discover(real_data / "ibsr18").manifest, workers=0)
    found = _found(seen, "LABEL_OUTSIDE")
    assert found.what.startswith("in every case (10) labels lie where nothing is shown")
    assert seen.refusal() is None
