"""NRRD and MetaImage volumes keep their values and their place; SimpleITK writes them, and is the oracle."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Geometry, Image, Labels, Window
from sagittal.errors import Refused, SagittalError, UnreadableInput

itk = pytest.importorskip("SimpleITK")
RNG = np.random.default_rng(8)
NAMES = ["a.nrrd", "a.nhdr", "a.mha", "a.mhd"]


def oblique(values, *, vector=False):
    """An image of ITK whose grid lies askew; values ``(k, j, i[, C])``."""
    turn, _ = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))
    made = itk.GetImageFromArray(values, isVector=vector)
    made.SetDirection(turn.ravel().tolist())
    made.SetSpacing((0.7, 1.3, 2.5))
    made.SetOrigin((-100.25, 30.5, 812.125))
    return made


def corners_of(made):
    ends = [[0, n - 1] for n in made.GetSize()]
    index = np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1).T
    return np.array([made.TransformIndexToPhysicalPoint([int(v) for v in row]) for row in index]) * [-1, -1, 1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_what_simpleitk_writes_is_read_alike(tmp_path, name, packed, kind):
    values = RNG.integers(0, 100, (5, 6, 7)).astype(kind)
    made = oblique(values)
    itk.WriteImage(made, str(tmp_path / name), packed)
    image = io.read(tmp_path / name)
    assert image.read().dtype == values.dtype
    np.testing.assert_array_equal(image.read()[0].transpose(2, 1, 0), values)
    np.testing.assert_array_equal(image.read(Window((1, 2, 3), (4, 3, 1)))[0], values.transpose(2, 1, 0)[1:5, 2:5, 3:4])
    np.testing.assert_allclose(image.geometry.corners(), corners_of(made), atol=1e-3)
    assert (image.geometry.unit, image.geometry.frame) == ("mm", "patient")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("packed", [False, True])
def test_vectors_are_channels(tmp_path, name, packed):
    values = RNG.random((5, 6, 7, 3)).astype(np.float32)
    itk.WriteImage(oblique(values, vector=True), str(tmp_path / name), packed)
    found = io.read(tmp_path / name).read()
    np.testing.assert_array_equal(found.transpose(3, 2, 1, 0), values)


@pytest.mark.parametrize(
    ("space", "sign"), [("left-posterior-superior", (-1, -1, 1)), ("RAS", (1, 1, 1)), ("left-anterior-superior", (-1, 1, 1))]
)
def test_every_space_of_nrrd_comes_out_in_ras(tmp_path, space, sign):
    (tmp_path / "a.nrrd").write_bytes(nrrd_of(space=space))
    affine = io.read(tmp_path / "a.nrrd").geometry.affine
    np.testing.assert_allclose(affine[:3, 3], np.array([10, 20, 30]) * sign)
    np.testing.assert_allclose(affine[:3, :3], np.diag([2, 3, 4] * np.array(sign)))


def nrrd_of(
    *, space="LPS", sizes="2 3 4", kinds="domain domain domain", extra=(), directions="(2,0,0) (0,3,0) (0,0,4)", body=bytes(range(24))
):
    where = [f"space: {space}", f"space directions: {directions}", "space origin: (10,20,30)"] if space else []
    lines = [
        "NRRD0004",
        "# made by a test",
        "type: uchar",
        f"dimension: {len(sizes.split())}",
        f"sizes: {sizes}",
        f"kinds: {kinds}",
        *where,
    ]
    chosen = [*extra] if any(e.startswith("encoding") for e in extra) else ["encoding: raw", *extra]
    return "\n".join([*lines, *chosen, "key:=value", "", ""]).encode() + body


def test_numbers_as_text_bzip2_and_an_axis_of_time(tmp_path):
    import bz2

    path = tmp_path / "a.nrrd"
    want = np.arange(24, dtype=np.uint8).reshape((2, 3, 4), order="F")
    path.write_bytes(nrrd_of(extra=["encoding: ascii"], body=" ".join(map(str, range(24))).encode()))
    np.testing.assert_array_equal(io.read(path).read()[0], want)
    path.write_bytes(nrrd_of(extra=["encoding: bzip2"], body=bz2.compress(bytes(range(24)))))
    np.testing.assert_array_equal(io.read(path).read()[0], want)
    path.write_bytes(nrrd_of(sizes="2 3 2 2", kinds="domain domain domain list", directions="(2,0,0) (0,3,0) (0,0,4) none"))
    with pytest.raises(Refused, match=r"2 volumes.*::channels"):
        io.read(path)
    np.testing.assert_array_equal(io.read(f"{path}::1").read()[0], want.reshape(-1, order="F")[12:].reshape((2, 3, 2), order="F"))
    path.write_bytes(nrrd_of(space="", extra=["spacings: 1 2 3"]))
    image = io.read(path)
    assert image.geometry.frame == "none"
    assert image.geometry.spacing == (1, 2, 3)
    assert "not known" in image.meta["findings"][0]


@pytest.mark.parametrize("name", ["/etc/hostname", "../secret.raw", "sub/a.raw", "..\\a.raw", "C:a.raw", ".."])
def test_values_in_another_folder_are_refused(tmp_path, name):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for place in (tmp_path / "secret.raw", folder / "sub" / "a.raw"):
        place.write_bytes(bytes(24))
    (folder / "a.nhdr").write_bytes(nrrd_of(extra=[f"data file: {name}"], body=b""))
    text = f"ObjectType = Image\nNDims = 3\nDimSize = 2 3 4\nElementType = MET_UCHAR\nElementDataFile = {name}\n"
    (folder / "a.mhd").write_text(text)
    for path in (folder / "a.nhdr", folder / "a.mhd"):
        with pytest.raises(Refused) as caught:
            io.read(path)
        assert caught.value.code == "DATA_FILE"


def test_a_header_that_announces_more_than_there_is(tmp_path):
    huge = "ObjectType = Image\nNDims = 3\nDimSize = 30000 30000 30000\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    (tmp_path / "a.mha").write_text(huge)
    (tmp_path / "b.nrrd").write_bytes(nrrd_of(sizes="30000 30000 30000"))
    (tmp_path / "c.nrrd").write_bytes(nrrd_of(sizes="2 3 5"))
    (tmp_path / "d.nrrd").write_bytes(nrrd_of(extra=["encoding: gzip"], body=gzip.compress(bytes(10**8))))
    for name, code in (("a.mha", "OVER_LIMIT"), ("b.nrrd", "OVER_LIMIT"), ("c.nrrd", "TRUNCATED"), ("d.nrrd", "BROKEN")):
        with pytest.raises(UnreadableInput) as caught:
            io.read(tmp_path / name).read()
        assert caught.value.code == code


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
@pytest.mark.parametrize("packed", [False, True])
def test_only_refusals_come_out_of_mutated_files(tmp_path, name, packed):
    path = tmp_path / name
    itk.WriteImage(oblique(RNG.integers(0, 100, (5, 6, 7)).astype(np.int16)), str(path), packed)
    whole, rng, refused = path.read_bytes(), np.random.default_rng(3), 0
    for turn in range(300):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 5)):
            at = int(rng.integers(0, min(len(data), 700)))
            data[at] = rng.choice(list(b"0123456789-. \n=:()aeN\xff\x00")) if turn % 2 else rng.integers(0, 256)
        if turn % 7 == 0:
            del data[int(rng.integers(1, len(data))) :]
        path.write_bytes(data)
        try:
            image = io.read(path)
            assert image.read().shape == (len(image.channels), *image.geometry.shape)
        except SagittalError as error:
            refused += 1
            assert error.exit_code in {3, 4, 10}
    assert refused > 50


@pytest.mark.parametrize("name", NAMES)
def test_label_maps_are_annotations_with_a_place_of_their_own(tmp_path, name):
    values = RNG.integers(0, 2, (5, 6, 7)).astype(np.uint8)
    made = oblique(values)
    itk.WriteImage(made, str(tmp_path / name))
    said = io.read_annotation(tmp_path / name, Labels(classes=("tissue", "tumour"), background="tissue"))
    grid = io.read(tmp_path / name).geometry
    np.testing.assert_array_equal(said.mask_of(grid), values.transpose(2, 1, 0))


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_written_is_read_alike_by_simpleitk(tmp_path, name, channels):
    turn, _ = np.linalg.qr(RNG.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * [0.5, 1, 3], [3, -4, 99]
    values = RNG.integers(0, 999, (channels, 4, 5, 6)).astype(np.int16)
    image = Image.of(values, Geometry(shape=(4, 5, 6), affine=affine, unit="mm", frame="patient"))
    io.write(image, tmp_path / name)
    read = itk.ReadImage(str(tmp_path / name))
    np.testing.assert_allclose(corners_of(read), image.geometry.corners(), atol=1e-3)
    np.testing.assert_array_equal(itk.GetArrayFromImage(read).reshape(6, 5, 4, channels).transpose(3, 2, 1, 0), values)
    again = io.read(tmp_path / name)
    np.testing.assert_allclose(again.geometry.affine, affine, atol=1e-9)
    np.testing.assert_array_equal(again.read(), values)
