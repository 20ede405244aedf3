"""Volumes keep their values and their place in the world; nibabel is the oracle."""

from __future__ import annotations

import gzip
import tracemalloc

import nibabel
import numpy as np
import pytest

from sagittal import io
from sagittal.core import Geometry, Image, Window
from sagittal.errors import Refused, SagittalError, UnreadableInput
from sagittal.io import Limits

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


def test_trailing_axes_of_one_are_dropped(tmp_path):
    values = RNG.random((5, 4, 3, 1, 1)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), tmp_path / "b.nii.gz")
    assert io.read(tmp_path / "b.nii.gz").read().shape == (1, 5, 4, 3)
    nibabel.save(nibabel.Nifti1Image(values[..., 0, 0, 0], AFFINE), tmp_path / "c.nii.gz")
    assert io.read(tmp_path / "c.nii.gz").read().shape == (1, 5, 4, 1)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_of_several_volumes_one_or_all_are_asked_for(tmp_path, suffix):
    values = RNG.integers(0, 900, (5, 4, 3, 6)).astype(np.int16)
    path = tmp_path / f"a{suffix}"
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), path)
    with pytest.raises(Refused, match=r"6 volumes.*::0 to .*::5.*::channels") as caught:
        io.read(path)
    assert (caught.value.code, caught.value.exit_code) == ("SEVERAL_VOLUMES", 4)
    np.testing.assert_array_equal(io.read(f"{path}::3").read()[0], values[..., 3])
    np.testing.assert_array_equal(io.read(f"{path}::3").read(Window((1, 0, 2), (3, 4, 1)))[0], values[1:4, :, 2:, 3])
    np.testing.assert_array_equal(np.moveaxis(io.read(f"{path}::channels").read(), 0, 3), values)
    for part in ("6", "-1", "x"):
        with pytest.raises(UnreadableInput, match="counted from 0"):
            io.read(f"{path}::{part}")


def test_an_intent_of_vectors_makes_channels(tmp_path):
    values = RNG.random((5, 4, 3, 1, 2)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.moveaxis(io.read(tmp_path / "a.nii.gz").read(), 0, 3), values[..., 0, :])
    made = nibabel.Nifti1Image(values[..., 0, :], AFFINE)
    made.header.set_intent("vector")
    nibabel.save(made, tmp_path / "b.nii")
    image = io.read(tmp_path / "b.nii")
    assert image.channels == ("c0", "c1")
    np.testing.assert_array_equal(np.moveaxis(image.read(), 0, 3), values[..., 0, :])


@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.AnalyzeImage])
@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("named", [".hdr", ".img"])
def test_pairs_are_read_by_either_name(tmp_path, kind, end, named):
    values = RNG.integers(0, 900, (5, 4, 3, 1)).astype(np.int16)
    nibabel.save(kind(values, np.diag([-2, 3, 4, 1.0])), tmp_path / f"subject-1-T1.hdr{end}")
    image = io.read(tmp_path / f"subject-1-T1{named}{end}")
    np.testing.assert_array_equal(image.read()[0], values[..., 0])
    assert image.geometry.spacing == (2, 3, 4)
    if kind is nibabel.AnalyzeImage:
        assert image.geometry.frame == "none"
        assert "right to left" in image.meta["findings"][0]
        np.testing.assert_allclose(image.geometry.affine, nibabel.load(tmp_path / f"subject-1-T1.hdr{end}").affine)
    (tmp_path / f"subject-1-T1.img{end}").unlink()
    with pytest.raises(UnreadableInput, match="not lie beside it"):
        io.read(tmp_path / f"subject-1-T1{named}{end}")


def test_colours_are_channels(tmp_path):
    values = RNG.integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    packed = np.ascontiguousarray(values).view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    nibabel.save(nibabel.Nifti1Image(packed, AFFINE), tmp_path / "a.nii")
    image = io.read(tmp_path / "a.nii")
    assert image.channels == ("red", "green", "blue")
    np.testing.assert_array_equal(np.moveaxis(image.read(), 0, 3), values)


def test_which_affine_is_taken(tmp_path):
    made = _made(AFFINE, AFFINE)
    path = tmp_path / "a.nii"
    path.write_bytes(_raw(made, sform=0, qform=0))
    plain = io.read(path)
    assert plain.geometry.frame == "none"
    assert plain.geometry.spacing == pytest.approx((2, 3, 4))
    assert "not known" in plain.meta["findings"][0]
    path.write_bytes(_raw(made, sform=0, qform=1))
    assert io.read(path).meta["affine"] == "qform"
    np.testing.assert_allclose(io.read(path).geometry.affine, nibabel.load(path).affine, atol=5e-3)  # nearly a half turn
    path.write_bytes(_raw(made, sform=2, qform=0))
    assert io.read(path).meta["affine"] == "sform"
    np.testing.assert_allclose(io.read(path).geometry.affine, AFFINE, rtol=1e-6)
    assert io.read(path).meta["findings"] == ()


@pytest.mark.parametrize("seed", range(8))
def test_qforms_agree_with_nibabel(tmp_path, seed):
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * rng.uniform(0.3, 4, 3), rng.normal(0, 90, 3)
    made = nibabel.Nifti1Image(np.zeros((9, 8, 7), np.uint8), affine)
    made.set_sform(None, code=0)
    made.set_qform(affine, code=1)
    nibabel.save(made, tmp_path / "a.nii.gz")
    np.testing.assert_allclose(io.read(tmp_path / "a.nii.gz").geometry.affine, affine, atol=1e-4)


def test_a_conflict_of_both_is_refused_with_both_unless_allowed(tmp_path):
    path = tmp_path / "a.nii"
    shifted = np.diag([2, 3, 4, 1.0])
    shifted[0, 3] = 0.3
    for far, sform in ((0.3, shifted), (0.05, None), (None, np.diag([-2.0, 3, 4, 1]))):
        if sform is None:
            sform = shifted.copy()
            sform[0, 3] = far
        made = _made(sform, np.diag([2, 3, 4, 1.0]))
        path.write_bytes(_raw(made, sform=1, qform=1, rows=sform))
        if far == 0.05:
            np.testing.assert_allclose(io.read(path).geometry.affine, sform, rtol=1e-6)
            continue
        with pytest.raises(Refused, match=r"--allow AFFINE_CONFLICT") as caught:
            io.read(path)
        assert caught.value.code == "AFFINE_CONFLICT"
        assert "sform (code 1) [" in caught.value.what
        assert "qform (code 1) [" in caught.value.what
        let = io.read(path, limits=Limits.default().but(allow=["AFFINE_CONFLICT"]))
        np.testing.assert_allclose(let.geometry.affine, sform, rtol=1e-6)
        assert "the sform is taken" in let.meta["findings"][0]


@pytest.mark.parametrize(
    "sform",
    [
        np.diag([1, 0, 1, 1.0]),
        np.diag([1, np.nan, 1, 1.0]),
        np.diag([1, 1500, 1, 1.0]),
        np.array([[1, 1, 0, 0], [1, 1.00001, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        np.array([[1, 0, 0, 1e9], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
    ],
)
def test_affines_that_cannot_be_are_refused(tmp_path, sform):
    (tmp_path / "a.nii").write_bytes(_raw(_made(np.eye(4), np.eye(4)), sform=1, qform=0, rows=sform))
    with pytest.raises(Refused, match="sform") as caught:
        io.read(tmp_path / "a.nii")
    assert (caught.value.code, caught.value.exit_code) == ("AFFINE", 4)


@pytest.mark.parametrize("seed", range(20))
def test_rounding_near_a_half_turn_is_no_conflict(tmp_path, seed):
    rng = np.random.default_rng(seed)
    b, c, d = (v := rng.normal(size=3)) / np.linalg.norm(v)
    turn = 2 * np.outer([b, c, d], [b, c, d]) - np.eye(3)
    angle = rng.choice([0.0, 2e-4, 1e-3])
    turn = turn @ [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    affine = np.eye(4)
    affine[:3, :3] = turn
    made = nibabel.Nifti1Image(np.zeros((500, 500, 4), np.uint8), affine)
    made.set_sform(affine, code=1)
    made.set_qform(affine, code=1)
    nibabel.save(made, tmp_path / "a.nii.gz")
    np.testing.assert_allclose(io.read(tmp_path / "a.nii.gz").geometry.affine, affine, atol=1e-6)


def test_shear_is_kept(tmp_path):
    sheared = np.array([[2, 0.7, 0, 1], [0, 2, 0.5, 2], [0, 0, 3, 3], [0, 0, 0, 1.0]])
    values = RNG.random((1, 5, 6, 7)).astype(np.float32)
    io.write(Image.of(values, Geometry(shape=(5, 6, 7), affine=sheared, unit="mm", frame="patient")), tmp_path / "a.nii.gz")
    np.testing.assert_allclose(io.read(tmp_path / "a.nii.gz").geometry.affine, sheared, rtol=1e-6)


def _made(sform: np.ndarray, qform: np.ndarray) -> nibabel.Nifti1Image:
    made = nibabel.Nifti1Image(np.zeros((4, 4, 4), np.uint8), None)
    made.header.set_qform(qform, code=1)
    if np.array_equal(sform, AFFINE):
        made.header["pixdim"][1:4] = 2, 3, 4
    return made


def _raw(made: nibabel.Nifti1Image, *, sform: int, qform: int, rows: np.ndarray = AFFINE) -> bytes:
    data = bytearray(made.to_bytes())
    data[252:256] = np.array([qform, sform], "<i2").tobytes()
    data[280:328] = rows[:3].astype("<f4").tobytes()
    return bytes(data)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_scaling_costs_no_digits_and_little_memory(tmp_path, suffix, order):
    stored = RNG.integers(-(2**15), 2**15, (64, 64, 64)).astype(np.int16)
    made = nibabel.Nifti1Image(stored, AFFINE, header=nibabel.Nifti1Header(endianness=order))
    data = bytearray(made.to_bytes())
    data[112:120] = np.array([0.123456789, 7e4], f"{order}f4").tobytes()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(bytes(data)) if suffix.endswith("gz") else bytes(data))
    slope, intercept = np.float32(0.123456789).astype(float), np.float32(7e4).astype(float)
    image = io.read(path)
    tracemalloc.start()
    found = image.read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found[0], (stored * slope + intercept).astype(np.float32))
    assert peak < 1.1 * found.nbytes + 12 * 2**20, "pieces of a megabyte pass through, no second volume"
    np.testing.assert_array_equal(image.read(Window((3, 4, 5), (6, 7, 8)))[0], found[0, 3:9, 4:11, 5:13])


def test_a_plain_file_is_mapped_and_a_window_reads_only_itself(tmp_path):
    values = RNG.integers(0, 900, (64, 64, 64)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), tmp_path / "a.nii")
    image = io.read(tmp_path / "a.nii")
    tracemalloc.start()
    image.read()
    image.read(Window((1, 1, 1), (8, 8, 8)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**16


def test_gzip_is_read_to_its_end(tmp_path):
    made = nibabel.Nifti1Image(RNG.integers(0, 900, (20, 20, 20)).astype(np.int16), AFFINE).to_bytes()
    path = tmp_path / "a.nii.gz"
    half = len(made) // 2
    path.write_bytes(gzip.compress(made[:half]) + gzip.compress(made[half:]) + bytes(100))
    whole = io.read(path).read()
    path.write_bytes(gzip.compress(made))
    np.testing.assert_array_equal(io.read(path).read(), whole)
    for at, code in ((-8, "BROKEN"), (-2, "BROKEN")):  # the checksum, the length
        data = bytearray(gzip.compress(made))
        data[at] ^= 1
        path.write_bytes(data)
        with pytest.raises(UnreadableInput) as caught:
            io.read(path).read()
        assert caught.value.code == code
    path.write_bytes(gzip.compress(made)[:-3])
    with pytest.raises(UnreadableInput, match="before its checksum"):
        io.read(path).read()
    path.write_bytes(gzip.compress(made[:-100]))
    with pytest.raises(UnreadableInput, match="the values end after"):
        io.read(path).read()
    path.write_bytes(gzip.compress(made) + b"more")
    with pytest.raises(UnreadableInput):
        io.read(path).read()


@pytest.mark.parametrize(("unit", "scale"), [("mm", 1), ("meter", 1000), ("micron", 0.001), ("unknown", 1)])
def test_lengths_come_out_in_millimetres(tmp_path, unit, scale):
    made = nibabel.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.diag([1 / scale, 2 / scale, 3 / scale, 1.0]))
    made.header.set_xyzt_units(unit)
    nibabel.save(made, tmp_path / "a.nii")
    np.testing.assert_allclose(io.read(tmp_path / "a.nii").geometry.spacing, (1, 2, 3), rtol=1e-6)


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


@pytest.mark.parametrize("version", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_refusal_of_a_mutated_header_is_ours(tmp_path, version, order):
    values = RNG.integers(0, 100, (7, 6, 5)).astype(np.int16)
    whole = version(values, AFFINE, header=version.header_class(endianness=order)).to_bytes()
    rng, path, refused = np.random.default_rng(11), tmp_path / "a.nii", 0
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(0, 540))
            data[at : at + 4] = [rng.bytes(4), b"\xff" * 4, bytes(4), b"\x7f\xc0\0\0", b"\0\0\xc0\x7f"][rng.integers(0, 5)]
        path.write_bytes(data)
        try:
            image = io.read(path)
            assert image.read().shape == (len(image.channels), *image.geometry.shape)
            assert np.isfinite(image.geometry.corners()).all()
        except SagittalError as error:
            refused += 1
            assert error.exit_code in {3, 4, 10}
    assert refused > 80


@pytest.mark.parametrize(
    ("given", "written"), [("i8", "u1"), ("bool", "u1"), ("i4", "u1"), ("f2", "f4"), ("f8", "f8"), ("i2", "i2"), ("u2", "u2")]
)
def test_types_on_disk_are_sensible(tmp_path, given, written):
    values = RNG.integers(0, 2, (1, 4, 5, 6)).astype(given)
    io.write(Image.of(values, Geometry(shape=(4, 5, 6), affine=AFFINE, unit="mm", frame="patient")), tmp_path / "a.nii.gz")
    oracle = nibabel.load(tmp_path / "a.nii.gz")
    assert oracle.get_data_dtype() == np.dtype(written)
    np.testing.assert_array_equal(np.asarray(oracle.dataobj), values[0].astype(written))
    assert oracle.header.get_xyzt_units() == ("mm", "sec")
    assert bytes(oracle.header["descrip"]).strip(b"\0") == b""


@pytest.mark.parametrize(("low", "high", "written"), [(0, 300, "u2"), (-1, 100, "i1"), (-1, 200, "i2"), (0, 2**20, "u4")])
def test_large_integers_take_the_smallest_type(tmp_path, low, high, written):
    values = np.array([low, high], np.int64).reshape(1, 2, 1, 1)
    io.write(Image.of(values, Geometry(shape=(2, 1, 1), affine=np.eye(4), unit="mm")), tmp_path / "a.nii")
    assert nibabel.load(tmp_path / "a.nii").get_data_dtype() == np.dtype(written)
    np.testing.assert_array_equal(io.read(tmp_path / "a.nii").read(), values)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_simpleitk_and_nibabel_see_the_world_that_was_written(tmp_path, name):
    itk = pytest.importorskip("SimpleITK")
    rng = np.random.default_rng(9)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * [0.8, 1.1, 3.0], [-70, 20, 400]
    for shape in ((1, 5, 6, 7), (3, 5, 6, 7)):
        grid = Geometry(shape=shape[1:], affine=affine, unit="mm", frame="patient")
        values = rng.random(shape).astype(np.float32)
        io.write(Image.of(values, grid), tmp_path / name)
        np.testing.assert_allclose(nibabel.load(tmp_path / name).affine, affine, atol=1e-4)
        read = itk.ReadImage(str(tmp_path / name))
        world = [read.TransformIndexToPhysicalPoint(list(map(int, c))) for c in np.ndindex(2, 2, 2)]
        ours = grid.to_world(list(np.ndindex(2, 2, 2))) * [-1, -1, 1]
        np.testing.assert_allclose(world, ours, atol=1e-3)
        seen = itk.GetArrayFromImage(read).reshape(7, 6, 5, -1)
        np.testing.assert_array_equal(seen.transpose(3, 2, 1, 0), values)


@pytest.mark.real_data
def test_real_volumes_agree_with_nibabel(real_data):
    files = sorted(real_data.glob("msd_hippocampus/*/*.nii.gz"))[::40] + sorted(real_data.glob("ibsr18/Test_Set/*/*.nii.gz"))[:1]
    files += [real_data / "ct_totalseg_example" / "example_ct.nii.gz"]
    for file in files:
        image, oracle = io.read(file), nibabel.load(file)
        np.testing.assert_allclose(image.geometry.affine, oracle.affine)
        np.testing.assert_allclose(image.read()[0], oracle.get_fdata().reshape(image.geometry.shape), rtol=1e-6, err_msg=file.name)
