"""Outlines of structure sets fill the voxels whose centres they enclose."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian, generate_uid
from shapely import Polygon

from sagittal import io
from sagittal.core import Geometry, Labels
from sagittal.errors import SagittalError
from sagittal.io.dicom.rtstruct import on_grid, read_structures

LABELS = Labels(classes=("background", "target", "organ"), background="background")
GRID = Geometry(
    shape=(40, 30, 8),
    affine=[[-1.0, 0.0, 0.0, 20.0], [0.0, -1.0, 0.0, 15.0], [0.0, 0.0, 3.0, -9.0], [0.0, 0.0, 0.0, 1.0]],
    unit="mm",
    frame="patient",
)
REFERENCE = generate_uid()


def ring(centre, radius, k, *, n=200, grid=GRID, turn=1.0) -> np.ndarray:
    """A circle in a slice, in index coordinates, as LPS world points."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False) * turn
    index = np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle), np.full(n, float(k))], axis=1)
    return lps(index, grid)


def lps(index, grid=GRID) -> np.ndarray:
    return grid.to_world(np.asarray(index, dtype=float)) * [-1, -1, 1]


def write(path: Path, structures: dict[str, list[np.ndarray]], *, kind="CLOSED_PLANAR") -> Path:
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = pydicom.uid.RTStructureSetStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.Modality = "RTSTRUCT"
    series, study, frame = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    series.SeriesInstanceUID, study.RTReferencedSeriesSequence = REFERENCE, [series]
    frame.RTReferencedStudySequence = [study]
    data.ReferencedFrameOfReferenceSequence = [frame]
    data.StructureSetROISequence, data.ROIContourSequence = [], []
    for number, (name, rings) in enumerate(structures.items(), 1):
        roi, contours = pydicom.Dataset(), pydicom.Dataset()
        roi.ROINumber, roi.ROIName = number, name
        contours.ReferencedROINumber, contours.ROIDisplayColor, contours.ContourSequence = number, [255, 128, 0], []
        for points in rings:
            contour = pydicom.Dataset()
            contour.ContourGeometricType = kind
            contour.NumberOfContourPoints = len(points)
            contour.ContourData = [f"{v:.4f}" for v in np.asarray(points).ravel()]
            contours.ContourSequence.append(contour)
        data.StructureSetROISequence.append(roi)
        data.ROIContourSequence.append(contours)
    data.save_as(path, enforce_file_format=True)
    return path


def disc(centre, radius) -> np.ndarray:
    i, j = np.mgrid[: GRID.shape[0], : GRID.shape[1]]
    return (i - centre[0]) ** 2 + (j - centre[1]) ** 2 < radius**2


def mask(path, like=GRID, labels=LABELS) -> np.ndarray:
    return io.read_annotation(path, labels, like=like).mask_of(like)


def test_a_circle_fills_its_slice_and_no_other(tmp_path):
    found = mask(write(tmp_path / "rt.dcm", {"Target": [ring((20.3, 14.2), 8.4, 3)]}))
    assert np.array_equal(found[..., 3] == 1, disc((20.3, 14.2), 8.4))
    assert not found[..., [0, 1, 2, 4, 5, 6, 7]].any()


@pytest.mark.parametrize("turn", [1.0, -1.0], ids=["same turn", "other turn"])
def test_an_outline_within_another_is_a_hole(tmp_path, turn):
    rings = [ring((20.3, 14.2), 9.4, 2), ring((20.3, 14.2), 4.4, 2, turn=turn)]
    found = mask(write(tmp_path / "rt.dcm", {"target": rings}))
    assert np.array_equal(found[..., 2] == 1, disc((20.3, 14.2), 9.4) & ~disc((20.3, 14.2), 4.4))


def test_a_keyhole_is_a_hole(tmp_path):
    outer, inner = ring((20.3, 14.2), 9.4, 2), ring((20.3, 14.2), 4.4, 2, turn=-1.0)
    joined = np.concatenate([outer, outer[:1], inner, inner[:1]])
    found = mask(write(tmp_path / "rt.dcm", {"target": [joined]}))
    assert np.array_equal(found[..., 2] == 1, disc((20.3, 14.2), 9.4) & ~disc((20.3, 14.2), 4.4))


def test_the_later_structure_lies_on_top_and_the_overlap_is_counted(tmp_path):
    path = write(tmp_path / "rt.dcm", {"Organ": [ring((15.2, 15.1), 8, 4)], "Target": [ring((22.2, 15.1), 6, 4)]})
    found = io.read_annotation(path, LABELS, like=GRID)
    one, two = disc((15.2, 15.1), 8), disc((22.2, 15.1), 6)
    assert found.image.meta["overlap"] == np.count_nonzero(one & two)
    assert np.array_equal(found.mask_of(GRID)[..., 4], np.where(two, 1, np.where(one, 2, 0)))


def test_it_lies_in_the_world_whatever_the_order_of_the_axes(tmp_path):
    """The same scan stored the other way round and sliced along its first axis gets the same voxels of the world."""
    path = write(tmp_path / "rt.dcm", {"target": [ring((20.3, 14.2), 8.4, k) for k in (2, 3, 4)]})
    turned = np.zeros((4, 4))
    turned[2, 0], turned[0, 1], turned[1, 2], turned[3, 3] = -1, 1, 1, 1
    turned[2, 3] = GRID.shape[2] - 1
    other = Geometry(shape=(8, 40, 30), affine=GRID.affine @ turned, unit="mm", frame="patient")
    assert np.array_equal(mask(path, other)[::-1], np.moveaxis(mask(path), 2, 0))


def test_an_oblique_series(tmp_path):
    a, b = 0.5, 0.3
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([0.9, 0.9, 3.0])
    grid = Geometry(shape=GRID.shape, affine=affine, unit="mm", frame="patient")
    path = write(tmp_path / "rt.dcm", {"target": [ring((20.3, 14.2), 8.4, 3, grid=grid)]})
    assert np.array_equal(mask(path, grid)[..., 3] == 1, disc((20.3, 14.2), 8.4))


def test_what_encloses_nothing_is_left_out(tmp_path):
    path = write(tmp_path / "rt.dcm", {"target": [lps([[5, 5, 2]])]}, kind="POINT")
    found = read_structures(path)
    assert [s.ignored for s in found.structures] == [1]
    assert not mask(path).any()
    single = write(tmp_path / "one.dcm", {"target": [lps([[5, 5, 2]]), lps([[5, 5, 2], [6, 6, 2]]), ring((9, 9), 3, 2)]})
    assert [(len(s.outlines), s.ignored) for s in read_structures(single).structures] == [(1, 2)]


def test_names_colours_and_the_series_it_was_drawn_on(tmp_path):
    found = read_structures(write(tmp_path / "rt.dcm", {"BODY": [ring((9, 9), 3, 2)], "empty": []}))
    assert [(s.drawn.number, s.drawn.name, s.drawn.colour) for s in found.structures] == [(1, "BODY", "#ff8000"), (2, "empty", "#ff8000")]
    assert found.references == REFERENCE


def test_outlines_a_little_off_their_slice_belong_to_it(tmp_path):
    path = write(tmp_path / "rt.dcm", {"target": [ring((20.3, 14.2), 8.4, 3.4)]})
    assert mask(path)[..., 3].any()


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ([[5, 5, 1.2], [15, 5, 1.2], [10, 15, 2.9]], "off the nearest slice"),
        ([[5, 5, 1], [15, 5, 2], [10, 15, 4]], "off the nearest slice"),
        ([[5, 5, 8.6], [15, 5, 8.6], [10, 15, 8.6]], "beside the image"),
        ([[5, 5, -3], [15, 5, -3], [10, 15, -3]], "beside the image"),
    ],
)
def test_outlines_off_the_slices_are_refused(tmp_path, index, says):
    path = write(tmp_path / "rt.dcm", {"target": [ring((9, 9), 3, 2), ring((19, 9), 3, 3), lps(index)]})
    with pytest.raises(SagittalError) as caught:
        mask(path)
    assert (caught.value.code, caught.value.exit_code) == ("CONTOUR_PLACE", 4)
    assert says in caught.value.what


def test_outlines_need_a_grid_and_known_classes(tmp_path):
    path = write(tmp_path / "rt.dcm", {"target": [ring((9, 9), 3, 2)]})
    with pytest.raises(SagittalError) as caught:
        io.read_annotation(path, LABELS)
    assert (caught.value.code, caught.value.exit_code) == ("NEEDS_GRID", 4)
    with pytest.raises(SagittalError) as caught:
        io.read_annotation(path, Labels(classes=("background", "heart", "lung"), background="background"), like=GRID)
    assert caught.value.code == "UNKNOWN_CLASS"
    with pytest.raises(SagittalError) as caught:
        on_grid(read_structures(path).structures, Geometry.picture((8, 8)), path)
    assert caught.value.code == "CONTOUR_PLACE"


def test_broken_outlines_are_refused(tmp_path):
    path = write(tmp_path / "rt.dcm", {"target": [ring((9, 9), 3, 2)]})
    data = pydicom.dcmread(path)
    data.ROIContourSequence[0].ContourSequence[0].ContourData = data.ROIContourSequence[0].ContourSequence[0].ContourData[:-1]
    data.save_as(path)
    with pytest.raises(SagittalError) as caught:
        read_structures(path)
    assert caught.value.exit_code == 3


@pytest.mark.real_data
def test_a_real_structure_set_on_its_series(real_data, tmp_path):
    folder = real_data / "dicom_corpus" / "rt-utils" / "tests" / "mock_data"
    ct = tmp_path / "ct"
    ct.mkdir()
    for name in ("ct_1.dcm", "ct_2.dcm"):
        (ct / name).write_bytes((folder / name).read_bytes())
    image = io.read(ct)
    found = read_structures(folder / "rt.dcm")
    numbers, _ = on_grid(found.structures, image.geometry, folder / "rt.dcm")
    for place, structure in enumerate(found.structures, 1):
        rings = [Polygon(image.geometry.to_index(o)[:, :2]) for o in structure.outlines]
        area = reduce(lambda a, b: a.symmetric_difference(b), rings).area
        assert np.count_nonzero(numbers == place) == pytest.approx(area, rel=0.05)
