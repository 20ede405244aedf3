"""What vendors store: multi-frame, mosaics, grids, echoes, time points, colours; each in its place."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from sagittal import io
from sagittal.core import Window
from sagittal.errors import Refused, UnreadableInput
from sagittal.io.dicom.series import find
from sagittal.testing import check_image
from sagittal.testing.series import faulty_series, plain_series, write_series

RNG = np.random.default_rng(3)


def stack(n=4, rows=5, columns=6, dtype=np.uint16):
    return RNG.integers(0, 4000, (n, rows, columns)).astype(dtype)


def as_file_order(image):
    """Values ``(slices, rows, columns)``."""
    return image.read()[0].transpose(2, 1, 0)


def lps(image, i, j, k):
    return image.geometry.to_world([i, j, k]) * [-1, -1, 1]


# classic files


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_every_uncompressed_syntax_gives_the_same_volume(objects, tmp_path, syntax):
    stored = stack(dtype=np.int16) - 2000
    for k, one in enumerate(stored):
        big = one.astype(">i2") if syntax == ExplicitVRBigEndian else one
        d = objects.placed(objects.blank(big.view(big.dtype), syntax=syntax), (1, 2, 3 + 2.5 * k))
        d.PixelRepresentation = 1
        d.PixelData = big.tobytes()
        objects.saved(d, tmp_path / f"{9 - k}.dcm")
    image = io.read(tmp_path)
    assert np.array_equal(as_file_order(image), stored)
    assert np.allclose(lps(image, 2, 1, 3), [1 + 2 * 3, 2 + 1 * 2, 3 + 7.5])


def test_a_file_without_preamble_is_known_by_its_first_element(tmp_path):
    write_series(plain_series()[:3], tmp_path)
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        path.write_bytes(data[data.index(b"\x08\x00\x08\x00CS") :])
        path.rename(path.with_suffix(""))
    assert io.read(tmp_path).geometry.shape == (20, 24, 3)


def test_one_slice_is_a_volume_as_thick_as_it_says(tmp_path):
    image = io.read(write_series(plain_series()[:1], tmp_path) / "00.dcm")
    assert image.geometry.shape == (20, 24, 1) and image.geometry.spacing[2] == 5.0


def test_windows_read_only_their_part(tmp_path):
    image = io.read(faulty_series("plain", tmp_path))
    check_image(image)
    whole = image.read()
    window = Window((3, 4, 2), (9, 11, 5))
    assert np.array_equal(image.read(window), whole[(slice(None), *window.slices)])
    for path in sorted(tmp_path.iterdir())[:1]:
        path.unlink()  # slice 0: outside the window
    assert np.array_equal(image.read(window), whole[(slice(None), *window.slices)])


@pytest.mark.parametrize("vr", ["OB", "OW"])
@pytest.mark.parametrize("colours", [False, True])
def test_bytes_of_a_big_endian_file_are_words_where_it_says_so(objects, tmp_path, vr, colours):
    # PS3.5 A.3: OW is written as words, the most significant byte first; OB as it is
    shape = (6, 5, 3) if colours else (6, 5)
    stored = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    d = objects.placed(objects.blank(stored[..., 0] if colours else stored, syntax=ExplicitVRBigEndian), (0, 0, 0))
    if colours:
        d.SamplesPerPixel, d.PhotometricInterpretation, d.PlanarConfiguration = 3, "RGB", 0
    d.PixelData = stored.reshape(-1).view(np.uint16).byteswap().tobytes() if vr == "OW" else stored.tobytes()
    d["PixelData"].VR = vr
    objects.saved(d, tmp_path / "0.dcm")
    read = find(tmp_path)[0].image().read()
    assert np.array_equal(read[..., 0].T, stored if colours else stored[..., None])


def test_padding_of_ct_is_told_from_values_before_the_slope(objects, tmp_path):
    stored = np.array([[[-2000, -1, 0], [5, -1999, 63]]], np.int16)
    for vr, said in (("SS", -2000), ("US", 63536)):
        d = objects.placed(objects.blank(stored[0], modality="CT"), (0, 0, 0))
        d.RescaleSlope, d.RescaleIntercept = 2, 10
        d.add_new(0x00280120, vr, said)
        image = io.read(objects.saved(d, tmp_path / f"{vr}.dcm"))
        assert as_file_order(image)[0].tolist() == [[-1024, 8, 10], [20, -3988, 136]]
        assert image.meta["padding"] == {"stored": (-2000, -2000), "becomes": -1024.0}
    d.PixelPaddingRangeLimit = 63537
    d[0x00280121].VR = "US"
    assert as_file_order(io.read(objects.saved(d, tmp_path / "range.dcm")))[0, 1, 1] == -1024
    kept = find(tmp_path / "SS.dcm")[0].image(padding="kept")
    assert kept.read().min() == -3990 and "padding" not in kept.meta
    d.Modality = "MR"
    assert as_file_order(io.read(objects.saved(d, tmp_path / "mr.dcm")))[0, 0, 0] == -3990


def test_a_slope_that_float32_cannot_hold_is_rounded_once(objects, tmp_path):
    stored = stack(1)
    d = objects.placed(objects.blank(stored[0]), (0, 0, 0))
    d.RescaleSlope, d.RescaleIntercept = "0.0123456789012", "-7.1"
    image = io.read(objects.saved(d, tmp_path / "a.dcm"))
    assert np.array_equal(as_file_order(image), (stored * 0.0123456789012 - 7.1).astype(np.float32))


# several volumes in a series


def series_of(objects, folder, members):
    """Writes slices of 2 x 2 mm; each member is ``(value, z, changes)``. Names are shuffled."""
    for n, (value, z, changes) in enumerate(members):
        d = objects.placed(objects.blank(np.full((4, 5), value, np.uint16)), (0, 0, z))
        d.InstanceNumber = n + 1
        for name, given in changes.items():
            setattr(d, name, given)
        objects.saved(d, folder / f"{(n * 7919) % 1000:03d}.dcm")
    return find(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([{"EchoTime": 4.9}, {"EchoTime": 7.3}], ["echo1", "echo2"]),
        ([{"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}], ["t1", "t2"]),
        ([{"ImageType": ["ORIGINAL", "PRIMARY", "M"]}, {"ImageType": ["ORIGINAL", "PRIMARY", "P"]}], ["m", "p"]),
        ([{"DiffusionBValue": 0.0}, {"DiffusionBValue": 1000.0}], ["b0", "b1000"]),
        ([{"AcquisitionNumber": 4}, {"AcquisitionNumber": 7}], ["a4", "a7"]),
        ([{"TriggerTime": 10.0}, {"TriggerTime": 60.0}], ["trigger1", "trigger2"]),
        ([{}, {}], ["t1", "t2"]),
    ],
)
def test_volumes_of_one_series_are_told_apart(objects, tmp_path, changes, words):
    members = [(10 * v + k, 3.0 * k, changes[v]) for v in range(2) for k in range(4)]
    volumes = series_of(objects, tmp_path, members)
    assert [v.words for v in volumes] == [(w,) for w in words]
    assert [v.findings for v in volumes] == [(), ()]
    for v, volume in enumerate(volumes):
        assert as_file_order(volume.image())[:, 0, 0].tolist() == [10 * v + k for k in range(4)]
        assert np.array_equal(io.read(f"{tmp_path}::{volume.key}").read(), volume.image().read())
    with pytest.raises(Refused, match="SERIES_AMBIGUOUS"):
        io.read(tmp_path)


def test_three_planes_of_a_localiser_are_three_volumes(objects, tmp_path):
    planes = {"axial": (1, 0, 0, 0, 1, 0), "coronal": (1, 0, 0, 0, 0, -1), "sagittal": (0, 1, 0, 0, 0, -1)}
    for n, directions in enumerate(list(planes.values()) * 2):
        position = np.cross(directions[:3], directions[3:]) * (10.0 + 5 * (n // 3))
        objects.saved(objects.placed(objects.blank(stack(1)[0]), position, orientation=directions), tmp_path / f"{n}.dcm")
    volumes = find(tmp_path)
    assert [(v.words, v.slices, v.findings) for v in volumes] == [((name,), 2, ()) for name in planes]
    assert [v.orientation for v in volumes] == ["LPS", "LIP", "PIR"]


def test_acquisition_numbers_and_echo_times_that_only_drift_split_nothing(objects, tmp_path):
    members = [(k, 3.0 * k, {"AcquisitionNumber": k + 1, "EchoTime": 4.9 + 1e-3 * k}) for k in range(5)]
    assert [v.slices for v in series_of(objects, tmp_path, members)] == [5]


def test_an_unfinished_time_point_is_refused_and_the_others_are_not(objects, tmp_path):
    members = [(10 * v + k, 3.0 * k, {}) for v in range(3) for k in range(4)][:-1]
    volumes = series_of(objects, tmp_path, members)
    assert [[f.code for f in v.findings] for v in volumes] == [[], [], ["SERIES_GAP"]]


def test_two_b_values_with_directions_and_repeats(objects, tmp_path):
    directions = [(0.0, None), (0.0, None), (700.0, [1.0, 0.0, 0.0]), (700.0, [0.0, 1.0, 0.0])]
    members = []
    for v, (b, direction) in enumerate(directions):
        changes = {"DiffusionBValue": b} | ({"DiffusionGradientOrientation": direction} if direction else {})
        members += [(10 * v + k, 3.0 * k, changes) for k in range(3)]
    volumes = series_of(objects, tmp_path, members)
    assert sorted(as_file_order(v.image())[0, 0, 0] for v in volumes) == [0, 10, 20, 30]
    assert len({v.key for v in volumes}) == 4


def test_keys_do_not_change_when_files_are_renamed_or_others_join(objects, tmp_path):
    first = {v.key for v in find(faulty_series("f09", tmp_path / "a"))}
    for path in list((tmp_path / "a").iterdir()):
        path.rename(path.with_name(f"x{path.name}.ima"))
    series_of(objects, tmp_path / "a" / "more", [(k, 3.0 * k, {}) for k in range(3)])
    assert first < {v.key for v in find(tmp_path / "a")}


# multi-frame


def test_frames_of_an_enhanced_object_go_where_their_positions_say(objects, tmp_path):
    stored = stack(6)
    frames = [
        {"position": (0, 0, 10 - 5 * (n % 3)), "time": n // 3 + 1, "slope": (1.0 + n, 0.5)} for n in range(6)
    ]  # slices from top to bottom, fastest
    path = objects.saved(objects.enhanced(stored, frames), tmp_path / "a.dcm")
    volumes = find(path)
    assert [v.words for v in volumes] == [("t1",), ("t2",)]
    for t, volume in enumerate(volumes):
        image = volume.image()
        order = [3 * t + 2, 3 * t + 1, 3 * t]
        assert np.array_equal(as_file_order(image), np.stack([stored[n] * (1.0 + n) + 0.5 for n in order]))
        assert np.allclose(lps(image, 0, 0, 1), [0, 0, 5]) and np.allclose(image.geometry.spacing, [3, 2, 5])
    assert np.array_equal(io.read(f"{path}::{volumes[1].key}").read(), volumes[1].image().read())


def test_time_points_in_enhanced_files_of_their_own_follow_their_numbers(objects, tmp_path):
    for t in range(3):
        d = objects.enhanced(np.full((2, 4, 5), t, np.uint16), [{"position": (0, 0, 2 * k)} for k in range(2)])
        d.InstanceNumber = t + 1
        objects.saved(d, tmp_path / f"{9 - t}.dcm")
    volumes = find(tmp_path)
    assert [(v.words, v.image().read().max()) for v in volumes] == [(("t1",), 0), (("t2",), 1), (("t3",), 2)]


def test_magnitude_and_phase_frames_of_two_echoes(objects, tmp_path):
    frames = [{"position": (0, 0, 2 * k), "echo": e, "type": [kind, "NONE"]} for kind in ("M", "P") for e in (4.9, 7.4) for k in range(3)]
    volumes = find(objects.saved(objects.enhanced(stack(12), frames), tmp_path / "a.dcm"))
    assert [v.words for v in volumes] == [("m", "echo1"), ("m", "echo2"), ("p", "echo1"), ("p", "echo2")]
    assert all(v.slices == 3 and not v.findings for v in volumes)


def test_a_dose_grid_and_a_film_without_places(objects, tmp_path):
    stored = stack(3)
    dose = objects.placed(objects.blank(stored, modality="RTDOSE"), (1, 2, 3))
    dose.GridFrameOffsetVector, dose.DoseGridScaling = [0.0, 2.5, 5.0], 0.25
    image = io.read(objects.saved(dose, tmp_path / "dose.dcm"))
    assert np.array_equal(as_file_order(image), stored * np.float32(0.25))
    assert np.allclose(lps(image, 0, 0, 2), [1, 2, 8])
    film = io.read(objects.saved(objects.blank(stored.astype(np.uint8), modality="US"), tmp_path / "us.dcm"))
    assert film.geometry.shape == (6, 5, 3) and film.geometry.frame == "none"


def test_float_pixels_are_read_as_they_are(objects, tmp_path):
    values = RNG.normal(size=(5, 6)).astype(np.float32)
    d = objects.placed(objects.blank(np.zeros((5, 6), np.uint16)), (0, 0, 0))
    del d.PixelData
    d.BitsAllocated = 32
    d.FloatPixelData = values.tobytes()
    assert np.array_equal(as_file_order(io.read(objects.saved(d, tmp_path / "f.dcm")))[0], values)


# mosaics


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("count_in", ["tag", "csa"])
def test_a_siemens_mosaic_is_the_volume_that_was_tiled(objects, tmp_path, turned, count_in):
    stored = stack(7, rows=4, columns=6)
    d = objects.placed(objects.blank(objects.tiled(stored, 3, 3)), (0, 0, 0), spacing=(2.0, 3.0))
    first = np.array([10.0, -20.0, 30.0])
    # the position of a mosaic is that of a picture as large as it, around the first slice
    d.ImagePositionPatient = list(first - [3.0 * (18 - 6) / 2, 2.0 * (12 - 4) / 2, 0])
    d.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    d.SpacingBetweenSlices, d.SliceThickness, d.Manufacturer = 4.5, 4.0, "SIEMENS"
    block = d.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    if count_in == "tag":
        block.add_new(0x0A, "US", 7)
    other = d.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    other.add_new(0x10, "OB", objects.csa(NumberOfImagesInMosaic=[7], SliceNormalVector=[0.0, 0.0, -1.0 if turned else 1.0]))
    image = io.read(objects.saved(d, tmp_path / "m.dcm"))
    way = -1 if turned else 1
    assert image.geometry.shape == (6, 4, 7)
    assert np.array_equal(as_file_order(image), stored[::way])
    assert np.allclose(lps(image, 0, 0, 6 if turned else 0), first)
    assert np.allclose(lps(image, 0, 0, 0 if turned else 6), first + np.array([0, 0, way * 6 * 4.5]))


def test_the_protocol_of_a_mosaic_says_where_its_first_slice_lies(objects, tmp_path):
    stored = stack(4, rows=4, columns=4)
    d = objects.placed(objects.blank(objects.tiled(stored, 2, 2)), (-8, -8, 40), spacing=(2.0, 2.0))
    d.ImageType, d.SpacingBetweenSlices = ["ORIGINAL", "PRIMARY", "M", "MOSAIC"], 5.0
    other = d.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    # numbered from head to foot: the normal points up, the tiles go down
    other.add_new(0x10, "OB", objects.csa(NumberOfImagesInMosaic=[4], SliceNormalVector=[0.0, 0.0, 1.0]))
    lines = "".join(f"sSliceArray.asSlice[{k}].sPosition.dTra\t = \t{25 + 5 * k}\n" for k in range(4))
    other.add_new(0x20, "OB", f"### ASCCONV BEGIN ###\n{lines}### ASCCONV END ###".encode())
    image = io.read(objects.saved(d, tmp_path / "m.dcm"))
    assert np.array_equal(as_file_order(image), stored[::-1])
    assert np.allclose(lps(image, 0, 0, 3), [-4, -4, 40]) and np.allclose(lps(image, 0, 0, 0), [-4, -4, 25])


def test_a_grid_of_united_imaging_has_a_position_a_slice(objects, tmp_path):
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    stored = stack(5, rows=4, columns=6)
    d = objects.placed(objects.blank(objects.tiled(stored, 3, 2)), (0, 0, 0))
    d.ImageType, d.Manufacturer = ["ORIGINAL", "PRIMARY", "M", "VFRAME"], "UIH"
    block = d.private_block(0x0065, "Image Private Header", create=True)
    block.add_new(0x50, "DS", "5")
    items = []
    for k in range(5):
        item = Dataset()
        item.ImagePositionPatient = [1, 2, 3 - 4.0 * k]
        items.append(item)
    block.add_new(0x51, "SQ", Sequence(items))
    image = io.read(objects.saved(d, tmp_path / "g.dcm"))
    assert np.array_equal(as_file_order(image), stored[::-1])
    assert np.allclose(lps(image, 0, 0, 4), [1, 2, 3]) and np.allclose(lps(image, 0, 0, 0), [1, 2, -13])


# colours, archives, and what is in the way


def test_a_screenshot_is_one_picture_of_three_channels(objects, tmp_path):
    colours = RNG.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    d = objects.blank(colours[..., 0], modality="US")
    d.SamplesPerPixel, d.PhotometricInterpretation, d.PlanarConfiguration = 3, "RGB", 0
    d.PixelData = colours.tobytes()
    image = io.read(objects.saved(d, tmp_path / "a.dcm"))
    assert image.channels == ("red", "green", "blue") and image.geometry.shape == (5, 6)
    assert np.array_equal(image.read(), colours.transpose(2, 0, 1))
    check_image(image)


def test_palette_positions_become_colours(objects, tmp_path):
    indices = RNG.integers(0, 4, (5, 6)).astype(np.uint8)
    tables = RNG.integers(0, 256, (3, 4)).astype(np.uint16)
    d = objects.blank(indices, modality="US")
    d.PhotometricInterpretation = "PALETTE COLOR"
    for name, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        setattr(d, f"{name}PaletteColorLookupTableDescriptor", [4, 0, 16])
        setattr(d, f"{name}PaletteColorLookupTableData", (table << 8).tobytes())
    assert np.array_equal(io.read(objects.saved(d, tmp_path / "a.dcm")).read(), tables[:, indices])


def test_an_archive_is_read_as_the_folder_in_it(tmp_path):
    folder = faulty_series("plain", tmp_path / "scan")
    with zipfile.ZipFile(tmp_path / "scan.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../README.txt", "not DICOM")
        for path in folder.iterdir():
            archive.write(path, f"../../{path.name}")
    image = io.read(tmp_path / "scan.zip")
    assert np.array_equal(image.read(), io.read(folder).read())
    assert [v.key for v in find(tmp_path / "scan.zip")] == [v.key for v in find(folder)]


def test_what_is_not_dicom_is_passed_over_and_what_is_broken_is_not(tmp_path):
    folder = faulty_series("plain", tmp_path / "scan")
    (folder / "README.txt").write_text("hello")
    (folder / "thumbs.db").write_bytes(bytes(4000))
    assert io.read(folder).geometry.shape[2] == 12
    (folder / "zz.dcm").write_bytes(b"\0" * 500)
    with pytest.raises(UnreadableInput, match=r"NOT_DICOM zz\.dcm"):
        io.read(folder)
    assert [v.key for v in find(folder)][-1] == "unreadable"


def test_copies_of_the_same_files_are_one_series(tmp_path):
    faulty_series("plain", tmp_path / "a")
    faulty_series("plain", tmp_path / "b")
    (volume,) = find(tmp_path)
    assert volume.slices == 12 and [(f.code, f.exit_code) for f in volume.findings] == [("DUPLICATE_SLICE", 0)]
    assert "12 slices" in volume.findings[0].what


@pytest.mark.parametrize("description", ["Doe^Jane", "chest jane_doe 2", "4711 thorax"])
def test_a_description_that_says_whose_the_series_is_goes_no_further(tmp_path, description):
    series = [one.tagged({0x0008103E: description, 0x00100020: "4711"}) for one in plain_series()]
    (volume,) = find([write_series(series, tmp_path / "scan")])
    assert volume.description == ""
    assert not {"doe", "jane", "4711"} & set(str(volume.record()).casefold().replace("_", " ").split())


def test_a_description_of_the_scan_is_kept(tmp_path):
    series = [one.tagged({0x0008103E: "CT chest, 1 mm"}) for one in plain_series()]
    assert find([write_series(series, tmp_path / "scan")])[0].description == "CT chest, 1 mm"
