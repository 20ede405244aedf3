"""Series as five vendors write them: every slice at its place, every volume whole, in the order in which it was measured."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from sagittal.errors import Refused
from sagittal.io.dicom.series import find

# by series: a volume a word (those of a series in the order of their kinds, then of time), slices from the first place to the last
EXPECTED = {
    "siemens_mosaic_bold": {f"a{n + 1}": range(7 * n, 7 * n + 7) for n in range(5)},
    "siemens_mosaic_down": {f"a{n + 1}": range(9 * n + 8, 9 * n - 1, -1) for n in range(3)},
    "siemens_mosaic_diffusion": {w: range(5 * n, 5 * n + 5) for n, w in enumerate(["b1 a1", "b4", "b2", "b1 a4", "b3", "b5"])},
    "siemens_mosaic_phase": {w: range(5 * n, 5 * n + 5) for w, n in [("m a1", 0), ("m a3", 2), ("p a2", 1), ("p a4", 3)]},
    "siemens_field_map": {"echo1": [0, 3, 1, 4, 2], "echo2": [5, 8, 6, 9, 7]},
    "siemens_magnitude_phase": {"m": range(4), "p": range(4, 8)},
    "siemens_normalised_pair": {"dis2d-norm": range(4, 8), "nd": range(4)},
    "siemens_localiser": {"axial": range(3), "coronal": range(3, 6), "sagittal": range(6, 9)},
    "siemens_cine": {f"t{p + 1}": [p, 4 + p, 8 + p] for p in range(4)},
    "siemens_repeats": {f"a{t + 1}": range(4 * t, 4 * t + 4) for t in range(3)},
    "siemens_interoperability": {f"a{t + 1}": range(4 * t + 3, 4 * t - 1, -1) for t in range(3)},
    "siemens_xa_bold": {f"t{t + 1}": range(4 * t, 4 * t + 4) for t in range(3)},
    "siemens_xa_diffusion": {w: range(4 * n, 4 * n + 4) for n, w in enumerate(["b1 t1", "b3", "b2", "b1 t2"])},
    "siemens_xa_two_echoes_together": {
        "m-magnitude echo1": [7, 11, 3],
        "m-magnitude echo2": [5, 9, 1],
        "p-phase echo1": [6, 10, 2],
        "p-phase echo2": [4, 8, 0],
    },
    "ge_bold": {f"t{t + 1}": range(5 * t, 5 * t + 5) for t in range(3)},
    "ge_bold_without_temporal_position": {f"t{t + 1}": range(4 * t, 4 * t + 4) for t in range(3)},
    "ge_multi_echo": {f"echo{e + 1}": range(e, 12, 3) for e in range(3)},
    "ge_diffusion": {w: range(4 * n, 4 * n + 4) for n, w in enumerate(["b1 t1", "b1 t2", "b4", "b2", "b3"])},
    "ge_complex": {"imaginary": [3, 7, 11], "magnitude": [0, 4, 8], "phase": [1, 5, 9], "real": [2, 6, 10]},
    "ge_rounded_sagittal": {"": range(8)},
    "philips_dynamics": {f"t{t + 1}": range(3 * t, 3 * t + 3) for t in range(4)},
    "philips_echoes_and_phase": {
        "m-m-ffe echo1": range(3),
        "m-m-ffe echo2": range(6, 9),
        "p-phase-map echo1": range(3, 6),
        "p-phase-map echo2": range(9, 12),
    },
    "philips_diffusion": {w: range(n, 12, 4) for n, w in enumerate(["b1", "b4", "b2", "b3"])},
    "philips_enhanced_dynamics": {f"t{t + 1}": range(9 + t, -1, -3) for t in range(3)},
    "philips_enhanced_without_temporal_position": {"d3-1": [0, 4, 6, 10], "d3-2": [1, 3, 7, 9], "d3-3": [2, 5, 8, 11]},
    "philips_enhanced_diffusion": {"b3": range(3), "b1": range(3, 6), "b2": range(6, 9)},
    "philips_enhanced_echoes_and_phase": {
        "m-magnitude echo1": [0, 2, 4],
        "m-magnitude echo2": [1, 3, 5],
        "p-phase echo1": [6, 8, 10],
        "p-phase echo2": [7, 9, 11],
    },
    "toshiba_diffusion": {"b1": range(3), "b3": range(3, 6), "b2": range(6, 9)},
    "canon_diffusion": {"b1": range(3), "b3": range(3, 6), "b2": range(6, 9)},
    "canon_bold": {f"t{t + 1}": range(4 * t, 4 * t + 4) for t in range(3)},
    "canon_enhanced_bold": {f"t{t + 1}": range(4 * t, 4 * t + 4) for t in range(3)},
    "uih_grid_bold": {f"a{n + 1}": range(7 * n, 7 * n + 7) for n in range(3)},
    "uih_grid_diffusion": {f"b{n + 1}": range(5 * n, 5 * n + 5) for n in range(3)},
    "uih_slices": {f"a{t + 1}": range(4 * t, 4 * t + 4) for t in range(3)},
    "ct_plain": {"": range(6)},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_volume_of_a_series_is_whole_and_every_slice_in_its_place(vendors, tmp_path, name):
    volumes = sorted(find(vendors.written(name, tmp_path)), key=lambda v: (v.kinds, v.turn))
    assert [" ".join(v.words) for v in volumes] == list(EXPECTED[name])
    for volume, numbers in zip(volumes, EXPECTED[name].values(), strict=True):
        assert volume.findings == ()
        image = volume.image(padding="kept")
        read = image.read()[0]
        slope, shift = volume.planes[0].rescale or (1.0, 0.0)
        wanted = np.stack([vendors.values(n, *read.shape[1::-1]).T for n in numbers], axis=-1)
        assert np.array_equal(read, (wanted * slope + shift).astype(np.float32))


@pytest.mark.parametrize("name", [n for n in EXPECTED if "mosaic" not in n])
def test_the_first_pixel_of_every_slice_lies_where_its_header_says(vendors, tmp_path, name):
    for volume in find(vendors.written(name, tmp_path)):
        affine = volume.image().geometry.affine
        for k, plane in enumerate(volume.planes):
            d = pydicom.dcmread(plane.stored.path)
            if "PerFrameFunctionalGroupsSequence" in d:
                d = d.PerFrameFunctionalGroupsSequence[plane.frame].PlanePositionSequence[0]
            elif (0x0065, 0x1051) in d:
                tile = round(plane.corner[0] / plane.shape[0]) * (plane.stored.columns // plane.shape[1])
                d = d[0x0065, 0x1051].value[tile + plane.corner[1] // plane.shape[1]]
            says = np.array(d.ImagePositionPatient, dtype=float) * [-1, -1, 1]
            assert np.abs((affine @ [0, 0, k, 1])[:3] - says).max() < 0.01


@pytest.mark.parametrize(("name", "way"), [("siemens_mosaic_bold", 1), ("siemens_mosaic_down", -1)])
def test_tiles_of_a_mosaic_follow_each_other_along_the_scanners_normal(vendors, tmp_path, name, way):
    for volume in find(vendors.written(name, tmp_path)):
        affine = volume.image().geometry.affine
        lowest = 0 if way > 0 else volume.slices - 1
        assert np.allclose((affine @ [0, 0, lowest, 1])[:3], [11.0, 31.5, 40.0], atol=1e-4)
        assert np.isclose(np.linalg.norm(affine[:3, 2]), 4.4)


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("number", [0, 1, 6])
def test_how_slices_are_numbered_does_not_turn_a_mosaic_round(vendors, objects, tmp_path, down, number):
    d = vendors.mosaic(0, 7, down=down)
    normal = np.cross(d.ImageOrientationPatient[:3], d.ImageOrientationPatient[3:]) * (-1 if down else 1)
    told = {"NumberOfImagesInMosaic": [7], "SliceNormalVector": list(normal), "ProtocolSliceNumber": [number]}
    d[0x0029, 0x1010].value = objects.csa(**told)
    objects.saved(d, tmp_path / "0.dcm")
    [volume] = find(tmp_path)
    image = volume.image()
    tile = 6 if down else 0  # the first tile has the smallest numbers
    assert image.read()[0, 0, 0, tile] == 1
    assert np.allclose((image.geometry.affine @ [0, 0, tile, 1])[:3], [11.0, 31.5, 40.0], atol=1e-4)


def without(d, *groups: int):
    """The same without its private elements of these groups."""
    for element in [e for e in d if e.tag.group in groups]:
        del d[element.tag]
    return d


def test_the_times_of_its_slices_say_how_many_a_mosaic_has(vendors, objects, tmp_path):
    for n in range(2):
        d = without(vendors.mosaic(n, 7), 0x19, 0x29)
        vendors.element(d, 0x0019, "SIEMENS MR HEADER", 0x29, "FD", [100.0 * k for k in range(7)])
        objects.saved(d, tmp_path / f"{n}.dcm")
    assert [(v.slices, v.shape) for v in find(tmp_path)] == [(7, (12, 8, 7))] * 2


@pytest.mark.parametrize("matrix", [None, [0, 14, 10, 0]])
def test_slices_of_a_mosaic_that_was_taken_apart_are_slices(vendors, objects, tmp_path, matrix):
    for n in range(8):
        d = vendors.a_slice("SIEMENS", n, n % 4, AcquisitionNumber=1 + n // 4, ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"])
        if matrix:
            d.AcquisitionMatrix = matrix
        objects.saved(d, tmp_path / f"{n}.dcm")
    assert [(v.words, v.shape, v.findings) for v in find(tmp_path)] == [((f"a{t}",), (14, 10, 4), ()) for t in (1, 2)]


@pytest.mark.parametrize(("matrix", "spacing"), [([0, 12, 8, 0], [3.0, 2.0]), (None, [30.0, 20.0])])
def test_a_mosaic_that_does_not_say_of_how_many_slices_is_no_slice(vendors, objects, tmp_path, matrix, spacing):
    d = without(vendors.mosaic(0, 7), 0x19, 0x29)
    d.AcquisitionMatrix, d.PixelSpacing = matrix, spacing
    objects.saved(d, tmp_path / "0.dcm")
    [volume] = find(tmp_path)
    assert [f.code for f in volume.findings] == ["BROKEN"]


def test_an_unfinished_last_volume_is_named_and_the_others_are_whole(vendors, tmp_path):
    volumes = find(vendors.written("philips_unfinished_dynamics", tmp_path))
    assert [[f.code for f in v.findings] for v in volumes] == [[], [], [], ["SERIES_GAP"]]


def test_a_mark_that_changes_from_slice_to_slice_tears_no_volume_apart(vendors, objects, tmp_path):
    # b-values as measured differ between the slices of a volume; so do the acquisitions of interleaved packages
    for t, b in enumerate((0.0, 1000.0, 1000.0)):
        for k in range(6):
            d = vendors.a_slice("UIH", 6 * t + k, k, ImageType=["ORIGINAL", "PRIMARY", "M"], AcquisitionNumber=1 + k % 2)
            d.DiffusionBValue = b + (0.25 * (k % 2) if b else 0.0)
            objects.saved(d, tmp_path / f"{6 * t + k}.dcm")
    volumes = find(tmp_path)
    assert [v.slices for v in volumes] == [6, 6, 6] and not any(v.findings for v in volumes)
    assert sorted(v.image().read()[0, 0, 0].tolist() for v in volumes) == [[1.0 + 140 * (6 * t + k) for k in range(6)] for t in range(3)]


def test_a_word_that_changes_from_slice_to_slice_tears_no_volume_apart(vendors, objects, tmp_path):
    for t in range(2):
        for k in range(6):
            words = ["ORIGINAL", "PRIMARY", "M", "ND", f"FM{1 + k // 4}_1"]
            objects.saved(vendors.a_slice("SIEMENS", 6 * t + k, k, ImageType=words, AcquisitionNumber=t + 1), tmp_path / f"{6 * t + k}.dcm")
    assert [(v.words, v.slices, v.findings) for v in find(tmp_path)] == [(("a1",), 6, ()), (("a2",), 6, ())]


def test_kinds_that_lie_apart_stay_apart(vendors, objects, tmp_path):
    for n, k in enumerate((0, 1, 2, 3, 7, 9.5)):
        words = ["ORIGINAL", "PRIMARY", "M" if n < 4 else "LOCALIZER"]
        objects.saved(vendors.a_slice("SIEMENS", n, k, ImageType=words), tmp_path / f"{n}.dcm")
    assert [(v.words, v.slices) for v in find(tmp_path)] == [(("localizer",), 2), (("m",), 4)]


def test_volumes_whose_grid_moved_are_told_by_their_time(vendors, objects, tmp_path):
    for t in range(3):
        for k in range(5):
            d = vendors.ge(5 * t + k, k + 0.25 * t, 5, TemporalPositionIdentifier=t + 1)
            objects.saved(d, tmp_path / f"{5 * t + k}.dcm")
    volumes = find(tmp_path)
    assert [(v.words, v.slices, v.findings) for v in volumes] == [((f"t{t + 1}",), 5, ()) for t in range(3)]
    heights = [v.image().geometry.affine[2, 3] for v in volumes]
    assert np.allclose(np.diff(heights), 1.1)


def test_two_ranges_of_a_ct_are_two_volumes_and_a_range_with_a_hole_is_none(vendors, objects, tmp_path):
    for n, z in enumerate((0, 2.5, 5, 7.5, 50, 52.5, 55)):
        objects.saved(vendors.ct(n, z, AcquisitionNumber=1 + (z >= 50)), tmp_path / "two" / f"{n}.dcm")
        objects.saved(vendors.ct(n, z, AcquisitionNumber=1), tmp_path / "one" / f"{n}.dcm")
    assert [(v.words, v.slices, v.findings) for v in find(tmp_path / "two")] == [(("a1",), 4, ()), (("a2",), 3, ())]
    assert [[f.code for f in v.findings] for v in find(tmp_path / "one")] == [["VARIABLE_SPACING"]]


def test_spectra_are_passed_over(vendors, objects, tmp_path):
    d = vendors.a_slice("SIEMENS", 0, 0, SOPClassUID="1.2.840.10008.5.1.4.1.1.4.2")
    d.file_meta.MediaStorageSOPClassUID = d.SOPClassUID
    del d.PixelData
    objects.saved(d, tmp_path / "0.dcm")
    assert find(tmp_path) == []


def test_positions_that_are_rounded_differently_in_every_volume_are_one_place(vendors, objects, tmp_path):
    rng = np.random.default_rng(5)
    for t in range(3):
        for k in range(4):
            d = vendors.a_slice("GE MEDICAL SYSTEMS", 4 * t + k, k)
            d.ImagePositionPatient = [round(float(p + rng.uniform(-8e-3, 8e-3)), 4) for p in d.ImagePositionPatient]
            objects.saved(d, tmp_path / f"{4 * t + k}.dcm")
    assert [(v.words, v.slices, v.findings) for v in find(tmp_path)] == [((f"t{t + 1}",), 4, ()) for t in range(3)]


def test_mosaics_that_follow_the_head_are_volumes_of_their_own(vendors, objects, tmp_path):
    for n in range(3):
        d = vendors.mosaic(n, 7)
        d.ImagePositionPatient = [float(p) + 0.7 * n for p in d.ImagePositionPatient]
        objects.saved(d, tmp_path / f"{n}.dcm")
    volumes = find(tmp_path)
    assert [(v.words, v.slices, v.findings) for v in volumes] == [((f"t{n + 1}",), 7, ()) for n in range(3)]
    starts = [v.image().geometry.affine[:3, 3] for v in volumes]
    assert np.allclose(np.diff(starts, axis=0), [-0.7, -0.7, 0.7], atol=1e-6)


def test_identifiers_that_were_made_equal_lose_no_slice_and_mix_no_series(vendors, objects, tmp_path):
    for number in (5, 6):
        for k in range(number - 2):
            d = vendors.a_slice("SIEMENS", 4 * number + k, k, SeriesNumber=number)
            d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
            objects.saved(d, tmp_path / f"{number}{k}.dcm")
    assert [(v.number, v.slices, v.findings) for v in find(tmp_path)] == [(5, 3, ()), (6, 4, ())]


def test_the_scale_of_philips_is_the_standards_unless_the_precise_one_is_asked_for(vendors, tmp_path):
    # a frame of an enhanced file has it in a private sequence of its own
    for name in ("philips_dynamics", "philips_enhanced_dynamics"):
        volume = find(vendors.written(name, tmp_path / name))[0]
        assert np.allclose(volume.precise().image().read(), volume.image().read() / (2.5 * 0.0125), rtol=1e-6)
    plain = find(vendors.written("ge_bold", tmp_path / "ge"))[0]
    assert np.array_equal(plain.precise().image().read(), plain.image().read())


def _philips_repeats(vendors, *, told: bool) -> list:
    """Marked and unmarked blood, two phases, three repeats; instances are numbered at random, as Philips does."""
    made = []
    for asl in ("CONTROL", "LABEL"):
        for phase in (1, 2):
            for repeat in (1, 2, 3):
                for k in range(4):
                    d = vendors.philips(len(made), k, 4, AcquisitionNumber=1)
                    if told:
                        d.TemporalPositionIdentifier = repeat
                        vendors.element(d, 0x2001, "Philips Imaging DD 001", 0x08, "IS", phase)
                        d.add_new(0x20050014, "LO", "Philips MR Imaging DD 005")
                        d.add_new(0x20051429, "CS", asl)
                    made.append(d)
    for d, number in zip(made, np.random.default_rng(0).permutation(len(made)), strict=True):
        d.InstanceNumber = int(number) + 1
    return made


def test_numbers_at_random_mix_no_volumes(vendors, objects, tmp_path):
    for n, d in enumerate(_philips_repeats(vendors, told=True)):
        objects.saved(d, tmp_path / f"{n}.dcm")
    volumes = sorted(find(tmp_path), key=lambda v: v.turn)
    assert [v.slices for v in volumes] == [4] * 12 and not any(v.findings for v in volumes)
    firsts = [np.round(v.image().read()[0, 0, 0] / 2.5).tolist() for v in volumes]
    assert firsts == [[vendors.values(4 * t + k)[0, 0] % 4096 for k in range(4)] for t in range(12)]


def test_numbers_at_random_without_a_tag_are_refused(vendors, objects, tmp_path):
    for n, d in enumerate(_philips_repeats(vendors, told=False)):
        objects.saved(d, tmp_path / f"{n}.dcm")
    volumes = find(tmp_path)
    assert len(volumes) == 12 and all([f.code for f in v.findings] == ["MIXED_TIME"] for v in volumes)
    with pytest.raises(Refused, match="MIXED_TIME"):
        volumes[0].image()
    assert volumes[0].image(allow=frozenset({"MIXED_TIME"})).meta["allowed"] == ["MIXED_TIME"]


@pytest.mark.parametrize("order", [True, False])
def test_diffusion_numbered_at_random_goes_by_philips_numbers(vendors, objects, tmp_path, order):
    # b-value, its number, the number of the direction; volumes without diffusion are alike but for these
    table = [(0.0, 1, 1), (1000.0, 2, 2), (1000.0, 2, 3), (0.0, 3, 1)]
    numbers = np.random.default_rng(1).permutation(16)
    for n, (b, own, way) in enumerate(table):
        for k in range(4):
            d = vendors.philips(4 * n + k, k, 4, AcquisitionNumber=1)
            d.InstanceNumber = int(numbers[4 * n + k]) + 1
            d.DiffusionBValue, d.DiffusionGradientOrientation = b, list(vendors.DIRECTIONS[way - 2]) if b else [0.0, 0.0, 0.0]
            d.add_new(0x20050014, "LO", "Philips MR Imaging DD 005")
            d.add_new(0x20051412, "IS", own)
            d.add_new(0x20051413, "IS", way)
            if order:
                d.add_new(0x20050015, "LO", "Philips MR Imaging DD 006")
                d.add_new(0x20051596, "IS", n + 1)
            objects.saved(d, tmp_path / f"{4 * n + k}.dcm")
    volumes = sorted(find(tmp_path), key=lambda v: v.turn)
    assert not any(v.findings for v in volumes)
    firsts = [np.round(v.image().read()[0, 0, 0] / 2.5).tolist() for v in volumes]
    assert firsts == [[vendors.values(4 * t + k)[0, 0] % 4096 for k in range(4)] for t in range(4)]


@pytest.mark.parametrize("by", ["volume", "slice"])
def test_volumes_of_xa_with_identifiers_of_their_own_are_one_series(vendors, objects, tmp_path, by):
    for n, d in enumerate(vendors.MAKERS["siemens_interoperability"]()):
        d.SeriesInstanceUID = f"1.2.3.{n // 4 if by == 'volume' else n % 4}"
        objects.saved(d, tmp_path / f"{n}.dcm")
    volumes = find(tmp_path)
    assert [(v.words, v.slices) for v in volumes] == [((f"a{t + 1}",), 4) for t in range(3)]
    assert len({v.series for v in volumes}) == 1


def test_other_scanners_series_are_told_by_their_identifiers(vendors, objects, tmp_path):
    for n, d in enumerate(vendors.MAKERS["siemens_repeats"]()):
        d.SeriesInstanceUID = f"1.2.3.{n // 4}"
        objects.saved(d, tmp_path / f"{n}.dcm")
    assert len({v.series for v in find(tmp_path)}) == 3
