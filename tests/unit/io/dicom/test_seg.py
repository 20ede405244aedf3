"""Segmentations written by others come out voxel by voxel, at their place in the world."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless, generate_uid

from sagittal import io
from sagittal.core import Geometry, Labels, Window
from sagittal.errors import SagittalError
from sagittal.io.dicom.seg import read_segmentation
from sagittal.verbs.show import show

ROWS, COLUMNS, SLICES = 34, 38, 6
SPACING, STEP = (0.8, 1.3), 2.5
LABELS = Labels(classes=("background", "liver", "lesion"), background="background")


def series(*, turned: bool = False) -> list[pydicom.Dataset]:
    angle = 0.4 if turned else 0.0
    row, column = np.array([np.cos(angle), np.sin(angle), 0]), np.array([-np.sin(angle) * 0.8, np.cos(angle) * 0.8, -0.6])
    normal = np.cross(row, column)
    uids = [generate_uid() for _ in range(3)]
    made = []
    for k in range(SLICES):
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = uids
        data.PatientID, data.PatientName, data.PatientBirthDate, data.PatientSex = "p", "n", "", ""
        data.StudyDate = data.StudyTime = data.AccessionNumber = data.StudyID = data.ReferringPhysicianName = ""
        data.Modality, data.SeriesNumber, data.InstanceNumber, data.PositionReferenceIndicator = "CT", 1, SLICES - k, ""
        data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.ImagePositionPatient = [round(float(v), 6) for v in np.array([10.0, -20.0, 30.0]) + normal * STEP * k]
        data.ImageOrientationPatient = [round(float(v), 9) for v in (*row, *column)]
        data.PixelSpacing, data.SliceThickness = list(SPACING), 5.0
        data.RescaleSlope, data.RescaleIntercept = 1, 0
        data.PixelData = np.full((ROWS, COLUMNS), k, np.int16).tobytes()
        data["PixelData"].VR = "OW"
        made.append(data)
    return made


def stored(folder: Path, sources: list[pydicom.Dataset]) -> Geometry:
    folder.mkdir()
    for n, data in enumerate(sources):
        data.save_as(folder / f"{n}.dcm", enforce_file_format=True)
    return io.read(folder).geometry


def described(number: int, name: str) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=codes.SCT.Organ,
        segmented_property_type=codes.SCT.Liver,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        display_color=hd.color.CIELabColor.from_rgb(200, 100, 50),
    )


def write(path: Path, sources, pixels, names, *, kind="BINARY", syntax=ExplicitVRLittleEndian, **more) -> Path:
    made = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[described(n, name) for n, name in enumerate(names, 1)],
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
        transfer_syntax_uid=syntax,
        **more,
    )
    made.save_as(path)
    return path


def blobs(n=2, seed=0) -> np.ndarray:
    """``(slices, rows, columns, n)`` of zeros and ones that do not overlap, with empty slices at the ends and within."""
    rng = np.random.default_rng(seed)
    where = rng.integers(0, n + 1, (SLICES, ROWS, COLUMNS))
    where[[0, 3]] = 0
    return (where[..., None] == np.arange(1, n + 1)).astype(np.uint8)


def index_order(mask: np.ndarray) -> np.ndarray:
    return mask.transpose(2, 1, 0)


@pytest.mark.parametrize("turned", [False, True], ids=["straight", "oblique"])
@pytest.mark.parametrize(
    ("kind", "syntax"),
    [
        ("BINARY", ExplicitVRLittleEndian),
        ("BINARY", None),
        ("FRACTIONAL", ExplicitVRLittleEndian),
        ("FRACTIONAL", RLELossless),
        ("FRACTIONAL", JPEG2000Lossless),
        ("LABELMAP", ExplicitVRLittleEndian),
        ("LABELMAP", RLELossless),
    ],
)
def test_what_highdicom_wrote_lies_on_the_voxels_of_the_series(tmp_path, kind, syntax, turned):
    sources = series(turned=turned)
    grid = stored(tmp_path / "ct", sources)
    mask = blobs()
    pixels = mask.astype(np.float32) if kind == "FRACTIONAL" else mask
    path = write(tmp_path / "seg.dcm", sources, pixels, ("Liver", "Lesion"), kind=kind, syntax=syntax or ExplicitVRLittleEndian)
    wanted = index_order(mask[..., 0] + 2 * mask[..., 1])
    # the grid of the series turns with the sign of the normal; both must give the same answer in the world
    for like in (None, grid):
        found = io.read_annotation(path, LABELS, like=like)
        flipped = float(grid.affine[:3, 2] @ (np.array([-1, -1, 1]) * _normal(sources))) < 0
        assert np.array_equal(found.mask_of(grid), wanted[..., ::-1] if flipped else wanted)


def _normal(sources) -> np.ndarray:
    o = [float(v) for v in sources[0].ImageOrientationPatient]
    return np.cross(o[:3], o[3:])


def test_it_agrees_with_what_highdicom_reads(tmp_path):
    sources = series(turned=True)
    path = write(tmp_path / "seg.dcm", sources, blobs(), ("Liver", "Lesion"))
    volume = hd.seg.segread(path).get_volume(combine_segments=True)
    found = read_segmentation(path).image
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    theirs = Geometry(shape=volume.spatial_shape, affine=flip @ volume.affine, unit="mm", frame="patient")
    for index in np.argwhere(volume.array != 0)[::7]:
        ours = np.rint(found.geometry.to_index(theirs.to_world(index))).astype(int)
        assert np.abs(found.geometry.to_world(ours) - theirs.to_world(index)).max() < 1e-3
        assert found.read()[(0, *ours)] == volume.array[tuple(index)]
    assert np.count_nonzero(found.read()) == np.count_nonzero(volume.array)


def test_names_colours_and_the_series_it_was_drawn_on(tmp_path):
    sources = series()
    found = read_segmentation(write(tmp_path / "seg.dcm", sources, blobs(), ("Liver", "Lesion")))
    assert [(s.number, s.name) for s in found.segments] == [(1, "Liver"), (2, "Lesion")]
    assert {s.colour for s in found.segments} <= {"#c86432", "#c96432", "#c86332", "#c86433"}
    assert found.references == sources[0].SeriesInstanceUID


def test_the_later_segment_lies_on_top_and_the_overlap_is_counted(tmp_path):
    sources = series()
    mask = np.zeros((SLICES, ROWS, COLUMNS, 2), np.uint8)
    mask[1:4, 2:9, 2:9, 0] = 1
    mask[2:5, 5:12, 5:12, 1] = 1
    found = read_segmentation(write(tmp_path / "seg.dcm", sources, mask, ("Liver", "Lesion"))).image
    assert found.meta["overlap"] == 2 * 4 * 4
    assert np.count_nonzero(found.read() == 2) == 3 * 49
    assert np.count_nonzero(found.read() == 1) == 3 * 49 - 2 * 16


def test_a_fraction_belongs_to_the_segment_from_half_on(tmp_path):
    sources = series()
    share = np.linspace(0, 1, SLICES * ROWS * COLUMNS, dtype=np.float32).reshape(SLICES, ROWS, COLUMNS, 1)
    path = write(tmp_path / "seg.dcm", sources, share, ("Liver",), kind="FRACTIONAL", max_fractional_value=200)
    assert np.count_nonzero(read_segmentation(path).image.read()) == np.count_nonzero(np.rint(share * 200) >= 100)
    few = read_segmentation(path, threshold=0.9).image.read()
    assert np.count_nonzero(few) == np.count_nonzero(np.rint(share * 200) >= 180)


def test_slices_without_a_frame_are_background_on_the_images_grid(tmp_path):
    """Only every other slice has a frame: the smallest gap is not the distance between slices."""
    sources = series()
    grid = stored(tmp_path / "ct", sources)
    mask = np.zeros((SLICES, ROWS, COLUMNS, 1), np.uint8)
    mask[[1, 3, 5]] = 1
    path = write(tmp_path / "seg.dcm", sources, mask, ("Liver",))
    data = pydicom.dcmread(path)
    for item in data.SharedFunctionalGroupsSequence:
        del item.PixelMeasuresSequence[0].SpacingBetweenSlices
    data.save_as(path)
    filled = io.read_annotation(path, LABELS, like=grid).mask_of(grid).any(axis=(0, 1))
    assert sorted(np.flatnonzero(filled)) in ([1, 3, 5], [0, 2, 4])
    assert filled.sum() == 3


@pytest.mark.parametrize("turned", [False, True], ids=["straight", "oblique"])
@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)])
def test_frames_that_lie_on_voxels_of_the_image_are_laid_on_all_of_it(tmp_path, turned, axes):
    """Writers leave frames out where nothing is drawn, and the image may be stored in another order of axes."""
    sources = series(turned=turned)
    grid = stored(tmp_path / "ct", sources)
    mask = np.zeros((SLICES, ROWS, COLUMNS, 1), np.uint8)
    mask[2:4, 3:6, 3:5] = 1
    path = write(tmp_path / "seg.dcm", sources, mask, ("Liver",))
    assert read_segmentation(path, like=grid).image.geometry.shape[2] == 2
    last = grid.affine @ [*(np.array(grid.shape) - 1), 1]
    affine = -grid.affine[:, [*axes, 3]]
    affine[:, 3] = last
    other = Geometry(shape=tuple(grid.shape[a] for a in axes), affine=affine, unit="mm", frame="patient")
    found = io.read_annotation(path, LABELS, like=other)
    assert found.image.geometry == other
    through_the_world = io.read_annotation(path, LABELS).mask_of(other)
    assert np.array_equal(found.mask_of(other), through_the_world)
    assert found.mask_of(other).sum() == 12


def test_frames_beside_the_voxels_of_the_image_keep_their_own_grid(tmp_path):
    sources = series()
    grid = stored(tmp_path / "ct", sources)
    path = write(tmp_path / "seg.dcm", sources, blobs(1), ("Liver",))
    shifted = np.eye(4)
    shifted[0, 3] = 0.4
    aside = Geometry(shape=grid.shape, affine=shifted @ grid.affine, unit="mm", frame="patient")
    for like in (aside, grid.at(Window((1, 0, 0), (5, 5, 3)))):
        assert not io.read_annotation(path, LABELS, like=like).image.geometry.same_grid(like)


def test_show_lists_the_segments_with_their_volumes(tmp_path):
    mask = np.zeros((SLICES, ROWS, COLUMNS, 2), np.uint8)
    mask[1:3, 2:6, 3:5, 1] = 1
    mask[1, 8, 8, 0] = 1
    made = show([str(write(tmp_path / "seg.dcm", series(), mask, ("Liver", "Tumour")))])
    assert [(s["number"], s["name"], s["size"]) for s in made.facts["segments"]] == [
        (n, name, f"{voxels * SPACING[0] * SPACING[1] * STEP / 1000:.4g} ml") for n, name, voxels in ((1, "Liver", 1), (2, "Tumour", 16))
    ]
    assert "DICOM SEG, 2 segments" in made.lines()[0]


def test_one_slice_alone(tmp_path):
    sources = series()
    grid = stored(tmp_path / "ct", sources)
    mask = np.zeros((SLICES, ROWS, COLUMNS, 1), np.uint8)
    mask[2, 3:6, 3:6] = 1
    found = io.read_annotation(write(tmp_path / "seg.dcm", sources, mask, ("Liver",)), LABELS, like=grid)
    assert found.mask_of(grid).sum() == 9


def test_segments_are_matched_by_name_and_the_rest_is_listed(tmp_path):
    path = write(tmp_path / "seg.dcm", series(), blobs(3), ("aorta", "LIVER", "lesion "))
    found = io.read_annotation(path, LABELS)
    assert found.image.meta["left_out"] == ("aorta",)
    assert set(np.unique(found.image.read())) == {0, 1, 2}
    sparse = Labels(classes=("liver", "background"), background="background", codes={"liver": 7, "background": 3})
    assert set(np.unique(io.read_annotation(path, sparse).image.read())) == {3, 7}


def test_segments_are_matched_by_number_where_no_name_fits(tmp_path):
    """Only where somebody said which number is which class: segments are mostly just counted."""
    path = write(tmp_path / "seg.dcm", series(), blobs(2), ("one", "two"))
    told = Labels(classes=("background", "liver", "lesion"), background="background", codes={"background": 0, "lesion": 1, "liver": 2})
    found = io.read_annotation(path, told)
    assert np.array_equal(found.image.read(), read_segmentation(path).image.read())
    assert found.mask_of(found.image.geometry).max() == 2
    with pytest.raises(SagittalError) as caught:
        io.read_annotation(path, LABELS)
    assert (caught.value.code, caught.value.exit_code) == ("UNKNOWN_CLASS", 4)


@pytest.mark.parametrize("change", ["position", "direction", "spacing", "size", "cut", "owner", "kind"])
def test_what_cannot_be_placed_is_refused(tmp_path, change):
    path = write(tmp_path / "seg.dcm", series(), blobs(), ("Liver", "Lesion"))
    data = pydicom.dcmread(path)
    frame = data.PerFrameFunctionalGroupsSequence[1]
    if change == "position":
        frame.PlanePositionSequence[0].ImagePositionPatient[0] = 99.0
    elif change == "direction":
        frame.PlaneOrientationSequence = [pydicom.Dataset()]
        frame.PlaneOrientationSequence[0].ImageOrientationPatient = [0, 1, 0, 0, 0, 1]
    elif change == "spacing":
        frame.PlanePositionSequence[0].ImagePositionPatient = [
            v + 0.37 * STEP * float(n) for v, n in zip(frame.PlanePositionSequence[0].ImagePositionPatient, _normal(series()), strict=True)
        ]
    elif change == "size":
        data.Rows = 60000
    elif change == "owner":
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 0
    elif change == "kind":
        data.SegmentationType = "OTHER"
    data.save_as(path)
    if change == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SagittalError) as caught:
        read_segmentation(path)
    assert caught.value.exit_code in {3, 4}


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "answer", "numbers"),
    [
        ("dcmqi/data/segmentations/liver.dcm", "liver_seg.nrrd", {1: 1}),
        ("dcmqi/data/segmentations/sparse-labelmap-noppv.dcm", "sparse_labelmap_noppv_seg.nrrd", {1: 1}),
        ("dcmqi/data/segmentations/sparse-labelmap-ppv5.dcm", "sparse_labelmap_ppv5_seg.nrrd", {1: 1}),
    ],
)
def test_real_segmentations_equal_what_others_made_of_them(real_data, file, answer, numbers):
    nrrd = pytest.importorskip("nrrd")
    corpus = real_data / "dicom_corpus"
    found = read_segmentation(corpus / file).image
    wanted, header = nrrd.read(str(corpus / "dcmqi/data/segmentations" / answer))
    axes = np.array(header["space directions"], dtype=float)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes.T, header["space origin"]
    theirs = Geometry(shape=wanted.shape, affine=np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine, unit="mm", frame="patient")
    assert theirs.same_grid(found.geometry, tolerance=0.01)
    for number, other in numbers.items():
        assert np.array_equal(found.read()[0] == number, wanted == other)


@pytest.mark.real_data
def test_real_overlapping_segments(real_data):
    nrrd = pytest.importorskip("nrrd")
    folder = real_data / "dicom_corpus" / "dcmqi" / "data" / "segmentations"
    found = read_segmentation(folder / "partial_overlaps.dcm").image
    masks = {}
    for n in (1, 2, 3):
        values, _ = nrrd.read(str(folder / f"partial_overlaps-{n}.nrrd"))
        masks |= {int(v): values == v for v in np.unique(values) if v}
    claims = np.sum([masks[k] for k in sorted(masks)], axis=0)
    assert found.meta["overlap"] == np.count_nonzero(claims > 1)
    wanted = np.zeros(found.geometry.shape, int)
    for number in sorted(masks):
        wanted[masks[number]] = number
    assert np.array_equal(found.read()[0], wanted)
