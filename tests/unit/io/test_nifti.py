"""Volumes keep their values and their place in the world; nibabel is the oracle."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from sagittal import io
from sagittal.core import Geometry, Image, Window

RNG = np.random.default_rng(5)
AFFINE = np.array([[-1.5, 0.1, 0, 90], [0.1, 2.0, 0.2, -70], [0, -0.2, 3.0, 12], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8", "i8"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_values_and_affine(tmp_path, suffix, dtype, order, version):
    values = RNG.integers(0, 100, (7, 6, 5)).astype(dtype)
    path = tmp_path / f"a{suffix}"
    made = version(values, AFFINE, header=version.header_class(endianness=order), dtype=values.dtype)
    nibabel.save(made, path)
    image = io.read(path)
    np.testing.assert_allclose(image.geometry.affine, nibabel.load(path).affine)
    assert image.geometry.unit == "mm"
    assert image.geometry.frame == "patient"
    found = image.read()
    assert found.dtype == np.dtype(dtype)
    assert found.dtype.isnative
    np.testing.assert_array_equal(found[0], values)
    np.testing.assert_array_equal(image.read(Window((1, 2, 0), (3, 2, 5)))[0], values[1:4, 2:4])


def test_slope_and_intercept_are_applied(tmp_path):
    made = nibabel.Nifti1Image(RNG.integers(0, 900, (4, 4, 4)).astype(np.int16), AFFINE)
    made.header.set_slope_inter(2.5, -1024)
    data = bytearray(made.to_bytes())
    data[112:120] = np.array([2.5, -1024], "<f4").tobytes()
    (tmp_path / "a.nii").write_bytes(data)
    found = io.read(tmp_path / "a.nii").read()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], nibabel.load(tmp_path / "a.nii").get_fdata(), rtol=1e-6)


def test_a_fourth_axis_is_dropped_or_gives_channels(tmp_path):
    values = RNG.random((5, 4, 3, 2)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), tmp_path / "a.nii.gz")
    image = io.read(tmp_path / "a.nii.gz")
    assert image.channels == ("c0", "c1")
    np.testing.assert_array_equal(np.moveaxis(image.read(), 0, 3), values)
    nibabel.save(nibabel.Nifti1Image(values[..., :1], AFFINE), tmp_path / "b.nii.gz")
    assert io.read(tmp_path / "b.nii.gz").read().shape == (1, 5, 4, 3)
    nibabel.save(nibabel.Nifti1Image(values[..., 0, 0], AFFINE), tmp_path / "c.nii.gz")
    assert io.read(tmp_path / "c.nii.gz").read().shape == (1, 5, 4, 1)


def test_colours_are_channels(tmp_path):
    values = RNG.integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    packed = np.ascontiguousarray(values).view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    nibabel.save(nibabel.Nifti1Image(packed, AFFINE), tmp_path / "a.nii")
    image = io.read(tmp_path / "a.nii")
    assert image.channels == ("red", "green", "blue")
    np.testing.assert_array_equal(np.moveaxis(image.read(), 0, 3), values)


def test_which_affine_is_taken(tmp_path):
    made = nibabel.Nifti1Image(np.zeros((4, 4, 4), np.uint8), None)
    made.header.set_zooms((2, 3, 4))
    made.header.set_sform(AFFINE, code=0)
    made.header.set_qform(np.diag([2, 3, 4, 1.0]), code=0)
    path = tmp_path / "a.nii"
    path.write_bytes(_raw(made, sform=0, qform=0))
    plain = io.read(path)
    assert plain.geometry.frame == "none"
    assert plain.geometry.spacing == (2, 3, 4)
    path.write_bytes(_raw(made, sform=0, qform=1))
    assert io.read(path).meta["affine"] == "qform"
    path.write_bytes(_raw(made, sform=2, qform=1))
    assert io.read(path).meta["affine"] == "sform"
    np.testing.assert_allclose(io.read(path).geometry.affine, AFFINE, rtol=1e-6)


def _raw(made: nibabel.Nifti1Image, *, sform: int, qform: int) -> bytes:
    data = bytearray(made.to_bytes())
    data[252:256] = np.array([qform, sform], "<i2").tobytes()
    data[280:328] = AFFINE[:3].astype("<f4").tobytes()
    return bytes(data)


@pytest.mark.parametrize(("unit", "scale"), [("mm", 1), ("meter", 1000), ("micron", 0.001), ("unknown", 1)])
def test_lengths_come_out_in_millimetres(tmp_path, unit, scale):
    made = nibabel.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.diag([1, 2, 3, 1.0]))
    made.header.set_xyzt_units(unit)
    nibabel.save(made, tmp_path / "a.nii")
    np.testing.assert_allclose(io.read(tmp_path / "a.nii").geometry.spacing, np.array([1, 2, 3]) * scale)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_what_is_written_comes_back(tmp_path, suffix):
    values = RNG.random((2, 5, 6, 7)).astype(np.float32)
    image = Image.of(values, Geometry(shape=(5, 6, 7), affine=AFFINE, unit="mm", frame="patient"))
    io.write(image, tmp_path / f"a{suffix}")
    again = io.read(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(again.read(), values)
    np.testing.assert_allclose(again.geometry.affine, AFFINE, rtol=1e-6)
    first = (tmp_path / f"a{suffix}").read_bytes()
    io.write(image, tmp_path / f"a{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == first, "the same input gives the same bytes"


@pytest.mark.real_data
def test_real_volumes_agree_with_nibabel(real_data):
    files = sorted(real_data.glob("msd_hippocampus/*/*.nii.gz"))[::40] + sorted(real_data.glob("ibsr18/Test_Set/*/*.nii.gz"))[:1]
    files += [real_data / "ct_totalseg_example" / "example_ct.nii.gz"]
    for file in files:
        image, oracle = io.read(file), nibabel.load(file)
        np.testing.assert_allclose(image.geometry.affine, oracle.affine)
        np.testing.assert_allclose(image.read()[0], oracle.get_fdata().reshape(image.geometry.shape), rtol=1e-6, err_msg=file.name)
