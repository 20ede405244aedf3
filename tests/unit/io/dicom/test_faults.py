"""The seventeen faults of a series, each with the one answer that it must get (docs/concepts/dicom-series.md)."""

from __future__ import annotations

import re

import numpy as np
import pytest

from sagittal import io
from sagittal.errors import Refused, SagittalError, UnreadableInput
from sagittal.io.dicom._faults import Fault, gravest
from sagittal.io.dicom.series import find
from sagittal.io.guard import Limits
from sagittal.testing.series import COLUMNS, FAULTS, ROWS, SLICES, SPACING_MM, START_MM, STEP_MM, faulty_series

ALLOWED = frozenset({"SERIES_GAP", "VARIABLE_SPACING", "DUPLICATE_SLICE", "MIXED_PATIENT", "MIXED_RESCALE"})


@pytest.fixture
def series(tmp_path):
    return lambda fault: faulty_series(fault, tmp_path / "scan")


def expected():
    i, j, k = np.mgrid[:COLUMNS, :ROWS, :SLICES]
    return (1000 + 40 * k + 2 * j + i - 1024).astype(np.float32)


def refusal(folder) -> SagittalError:
    with pytest.raises(SagittalError) as caught:
        io.read(folder)
    return caught.value


def test_the_plain_series_is_read_exactly_and_in_its_place(series):
    image = io.read(series("plain"))
    values = image.read()
    assert values.dtype == np.float32
    assert np.array_equal(values[0], expected())
    first = image.geometry.to_world([0, 0, 0])
    assert np.allclose(first, [-START_MM[0], -START_MM[1], START_MM[2]])
    assert np.allclose(image.geometry.spacing, [SPACING_MM[1], SPACING_MM[0], STEP_MM])
    assert np.allclose(image.geometry.to_world([1, 1, 1]) - first, [-SPACING_MM[1], -SPACING_MM[0], STEP_MM])
    assert image.meta["unit"] == "HU"


def test_f01_a_missing_slice_is_refused_and_its_place_is_named(series):
    error = refusal(series("f01"))
    assert (error.code, error.exit_code) == ("SERIES_GAP", 4)
    assert "42.5" in error.what and "series 3 (CT, 11 slices)" in error.item
    assert "--allow SERIES_GAP" in error.remedy


def test_f01_allowed_it_is_marked_and_never_averaged(series):
    (volume,) = find(series("f01"))
    image = volume.image(allow=frozenset({"SERIES_GAP"}))
    values = image.read()[0]
    assert image.meta["missing"] == (5,) and image.meta["allowed"] == ["SERIES_GAP"]
    assert (values[..., 5] == -1024).all()
    rest = [k for k in range(SLICES) if k != 5]
    assert np.array_equal(values[..., rest], expected()[..., rest])


def test_f02_the_same_slice_twice_is_dropped_and_counted(series):
    (volume,) = find(series("f02"))
    (finding,) = volume.findings
    assert (finding.code, finding.exit_code) == ("DUPLICATE_SLICE", 0) and "1 slice " in finding.what
    assert np.array_equal(volume.image().read()[0], expected())


def test_f02_other_pixels_at_the_same_place_are_refused(series):
    error = refusal(series("f02b"))
    assert (error.code, error.exit_code) == ("DUPLICATE_SLICE", 4)
    assert "copy.dcm" in error.what


def test_f03_uneven_distances_are_refused_and_resampled_only_when_asked(series):
    folder = series("f03")
    error = refusal(folder)
    assert (error.code, error.exit_code) == ("VARIABLE_SPACING", 4)
    (volume,) = find(folder)
    image = volume.image(allow=frozenset({"VARIABLE_SPACING"}))
    assert image.meta["resampled"]["to_mm"] == pytest.approx(STEP_MM)
    values = image.read()[0]
    # every voxel is where it says: stored numbers grow by 40 a slice, and slices lie where their headers put them
    for k in range(values.shape[2]):
        z = image.geometry.to_world([0, 0, k])[2]
        n = np.interp(z, volume.stack.along, np.arange(SLICES))
        assert np.allclose(values[..., k], 1000 + 40 * n + 2 * np.arange(ROWS) + np.arange(COLUMNS)[:, None] - 1024, atol=1e-3)


@pytest.mark.parametrize("fault", ["f04", "f05"])
def test_numbers_and_photometry_do_not_change_values(series, fault):
    image = io.read(series(fault))
    assert np.array_equal(image.read()[0], expected())
    assert image.meta["inverted"] is (fault == "f05")


def test_f06_a_slope_a_slice_gives_floats_a_slice(series):
    image = io.read(series("f06"))
    k = np.arange(SLICES)
    assert np.array_equal(image.read()[0], ((expected() + 1024) * (0.5 + 0.25 * k)).astype(np.float32))
    assert image.meta["rescale"] == "a slice"


def test_f07_the_sign_is_that_of_the_stored_bits(series):
    assert np.array_equal(io.read(series("f07")).read()[0], expected() + 1024 - 1200)


def test_f08_a_localiser_is_split_off_and_nobody_guesses(series):
    folder = series("f08")
    volumes = find(folder)
    assert [v.slices for v in volumes] == [12, 1] or [v.slices for v in volumes] == [1, 12]
    error = refusal(folder)
    assert (error.code, error.exit_code) == ("SERIES_AMBIGUOUS", 4)
    large = max(volumes, key=lambda v: v.slices)
    assert np.array_equal(io.read(f"{folder}::{large.key}").read()[0], expected())


def test_f09_two_series_are_listed_and_one_must_be_named(series):
    folder = series("f09")
    error = refusal(folder)
    assert (error.code, error.exit_code) == ("SERIES_AMBIGUOUS", 4)
    for volume in find(folder):
        assert volume.key in error.what
        assert np.array_equal(io.read(f"{folder}::{volume.key}").read()[0], expected())


def test_f10_no_position_is_refused_in_three_axes_and_a_picture_by_request(series):
    folder = series("f10")
    error = refusal(folder)
    assert (error.code, error.exit_code) == ("NO_POSITION", 4)
    picture = io.read(folder / "00.dcm")
    assert picture.geometry.shape == (ROWS, COLUMNS)
    assert np.array_equal(picture.read()[0], expected()[..., 0].T)


def test_f11_the_shear_of_a_tilted_gantry_stays_in_the_affine(series):
    image = io.read(series("f11"))
    assert image.meta["tilt"] == pytest.approx(15, abs=1e-3)
    assert np.array_equal(image.read()[0], expected())
    step = image.geometry.affine[:3, 2]
    assert np.allclose(step, [0, 0, STEP_MM])
    # PS3.3 C.7.6.2.1.1, voxel by voxel, turned from LPS to RAS
    angle = np.deg2rad(15)
    for i, j, k in ((0, 0, 0), (19, 0, 3), (4, 23, 11)):
        lps = np.array(START_MM) + [SPACING_MM[1] * i, 0, STEP_MM * k] + SPACING_MM[0] * j * np.array([0, np.cos(angle), -np.sin(angle)])
        assert np.allclose(image.geometry.to_world([i, j, k]), lps * [-1, -1, 1])


@pytest.mark.parametrize(
    ("fault", "code", "exit_code", "told"),
    [
        ("f12", "MIXED_SPACING", 4, ("0.8 x 0.7 mm", "0.9 x 0.7 mm", "08.dcm")),
        ("f13", "TRUNCATED", 3, ("08.dcm",)),
        ("f14", "MIXED_PATIENT", 4, ("2 patients",)),
        ("f15", "MIXED_SIZE", 4, ("24 x 20", "20 x 20", "08.dcm")),
        ("f16", "MIXED_RESCALE", 4, ("08.dcm",)),
    ],
)
def test_what_must_be_refused_is_refused_by_name(series, fault, code, exit_code, told):
    error = refusal(series(fault))
    assert (error.code, error.exit_code) == (code, exit_code)
    assert isinstance(error, UnreadableInput if exit_code == 3 else Refused)
    assert all(word in str(error) for word in told), str(error)


def test_f17_rows_from_right_to_left_lie_where_they_lay(series, tmp_path):
    mirrored, plain = io.read(series("f17")), io.read(faulty_series("plain", tmp_path / "plain"))
    # the normal of such slices points down, and so do they in the array; in the world nothing moved
    same = plain.geometry.to_index(mirrored.geometry.to_world([3, 5, 7]))
    assert np.allclose(same, [COLUMNS - 1 - 3, 5, SLICES - 1 - 7])
    assert np.array_equal(mirrored.read(), plain.read()[:, ::-1, :, ::-1])


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_no_message_holds_patient_data(series, fault):
    folder = series(fault)
    said = [f"{f.item} {f.what} {f.remedy}" for v in find(folder) for f in v.findings]
    said += [f"{v.key} {v.title} {v!r}" for v in find(folder)]
    try:
        io.read(folder)
    except SagittalError as error:
        said.append(str(error))
    for text in said:
        assert not re.search(r"Doe|Roe|4711|4712|1\.2\.3\.", text.replace(str(folder), "")), text


@pytest.mark.parametrize("fault", ["f10", "f12", "f13", "f15"])
def test_what_no_grid_can_hold_is_refused_whatever_is_allowed(series, fault):
    everything = ALLOWED | {"MIXED_SIZE", "MIXED_SPACING", "NO_POSITION", "TRUNCATED"}
    with pytest.raises(SagittalError):
        find(series(fault))[0].image(allow=everything)


def test_a_file_over_a_limit_in_a_series_is_over_a_limit_and_not_broken(series):
    folder = series("plain")
    large = max(folder.rglob("*.dcm"), key=lambda p: p.name)
    limit = Limits.default().but(bytes=large.stat().st_size + 100)
    large.write_bytes(large.read_bytes() + bytes(200))
    with pytest.raises(UnreadableInput, match="OVER_LIMIT") as caught:
        io.read(folder, limits=limit)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(("codes", "told"), [((4, 3), 3), ((3, 4), 3), ((4, 3, 3), 3), ((4, 4), 4)])
def test_of_several_faults_the_gravest_is_told_and_the_first_of_its_kind(codes, told):
    faults = [Fault(code=f"F{n}", item="series 1", what="w", remedy="r", exit_code=code) for n, code in enumerate(codes)]
    error = gravest(faults).error()
    assert error.exit_code == told
    assert error.code == f"F{codes.index(told)}"
