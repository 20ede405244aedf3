"""DICOM slides: a folder of levels is one picture, with the pixels and the micrometres that were written."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

from sagittal import io
from sagittal.core import Window
from sagittal.errors import Refused, UnreadableInput
from sagittal.io.dicom.series import find
from sagittal.io.readers._slide_dicom import is_slide, one_each
from sagittal.io.writers.raster import encode_jpeg

WSI = "1.2.840.10008.5.1.4.1.1.77.1.6"
TILE = 64


def picture(rows=300, columns=420, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (rows // 20 + 1, columns // 20 + 1, 3), dtype=np.uint8)
    return np.ascontiguousarray(np.kron(coarse, np.ones((20, 20, 1), np.uint8))[:rows, :columns])


def written(path, values, *, series, mpp, kind="VOLUME", jpeg=False):
    """One level (or the label) as tiles in their full order."""
    rows, columns = values.shape[:2]
    deep, wide = -(-rows // TILE), -(-columns // TILE)
    padded = np.full((deep * TILE, wide * TILE, 3), 255, np.uint8)
    padded[:rows, :columns] = values
    tiles = [padded[y : y + TILE, x : x + TILE] for y in range(0, deep * TILE, TILE) for x in range(0, wide * TILE, TILE)]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = WSI, generate_uid()
    meta.TransferSyntaxUID = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = WSI, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = generate_uid(), series, generate_uid()
    data.Modality, data.SeriesNumber, data.InstanceNumber, data.PatientID, data.PatientName = "SM", 1, 1, "PHANTOM", "PHANTOM"
    data.ImageType = ["ORIGINAL" if mpp < 1 else "DERIVED", "PRIMARY", kind, "NONE" if mpp < 1 else "RESAMPLED"]
    data.Rows = data.Columns = TILE
    data.TotalPixelMatrixRows, data.TotalPixelMatrixColumns, data.TotalPixelMatrixFocalPlanes = rows, columns, 1
    data.NumberOfFrames, data.SamplesPerPixel, data.PlanarConfiguration = len(tiles), 3, 0
    data.PhotometricInterpretation = "YBR_FULL_422" if jpeg else "RGB"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.DimensionOrganizationType, data.ImagedVolumeWidth, data.ImagedVolumeHeight = "TILED_FULL", columns * mpp / 1e3, rows * mpp / 1e3
    measures, shared, path_item, origin = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [mpp / 1e3, mpp / 1e3], 0.001
    shared.PixelMeasuresSequence = [measures]
    data.SharedFunctionalGroupsSequence = [shared]
    path_item.OpticalPathIdentifier = "0"
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = 0, 0
    data.OpticalPathSequence, data.TotalPixelMatrixOriginSequence = [path_item], [origin]
    if jpeg:
        frames = [encode_jpeg(t.transpose(2, 0, 1), quality=95) for t in tiles]
        data.PixelData = encapsulate(frames)
        data["PixelData"].VR = "OB"
    else:
        data.PixelData = b"".join(t.tobytes() for t in tiles)
        data["PixelData"].VR = "OB"
    data.save_as(path, enforce_file_format=True)


def a_slide(folder, base, *, mpp=0.5, jpeg=False, series=None):
    """Two levels, the coarser one first by name, and a label."""
    folder.mkdir(exist_ok=True)
    series = series or generate_uid()
    written(folder / f"{series[-6:]}-a.dcm", base[::4, ::4], series=series, mpp=mpp * 4, jpeg=jpeg)
    written(folder / f"{series[-6:]}-b.dcm", base, series=series, mpp=mpp, jpeg=jpeg)
    written(folder / f"{series[-6:]}-c.dcm", picture(60, 60), series=series, mpp=mpp, kind="LABEL")
    return folder


def test_a_folder_of_levels_is_the_slide_that_was_written(tmp_path):
    base = picture()
    image = io.read(a_slide(tmp_path / "slide", base))
    assert image.tiled and image.meta["vendor"] == "dicom"
    assert image.geometry.unit == "um" and image.geometry.spacing == pytest.approx((0.5, 0.5))
    for window in (Window((0, 0), (300, 420)), Window((60, 60), (10, 9)), Window((299, 419), (1, 1))):
        np.testing.assert_array_equal(image.read(window).transpose(1, 2, 0), base[window.slices])
    coarse = image.coarser(4)
    assert coarse.geometry.spacing == pytest.approx((2.0, 2.0))
    np.testing.assert_array_equal(coarse.read().transpose(1, 2, 0), base[::4, ::4])


def test_tiles_in_jpeg_are_those_that_were_compressed(tmp_path):
    base = picture()
    image = io.read(a_slide(tmp_path / "slide", base, jpeg=True))
    (tmp_path / "tile.jpg").write_bytes(encode_jpeg(base[64:128, 128:192].transpose(2, 0, 1), quality=95))
    window = Window((64, 128), (64, 64))
    np.testing.assert_array_equal(image.read(window), io.read(tmp_path / "tile.jpg").read())
    assert np.abs(image.read().transpose(1, 2, 0).astype(int) - base).mean() < 5


def test_any_file_of_a_slide_is_the_slide_and_none_is_a_volume(tmp_path):
    folder = a_slide(tmp_path / "slide", picture())
    for file in sorted(folder.glob("*-[ab].dcm")):
        assert io.read(file).geometry.shape == (300, 420)
    assert find(folder) == []


def test_of_many_files_one_a_slide_is_left_the_finest(tmp_path):
    folder = a_slide(a_slide(tmp_path / "slide", picture()), picture(200, 200, 1))
    (folder / "notes.bin").write_bytes(b"no picture")
    left = one_each(sorted(folder.iterdir()), io.Limits.default())
    assert sorted(p.name[-6:] for p in left) == ["-b.dcm", "-b.dcm", "es.bin"]
    with pytest.raises(Refused, match="SERIES_AMBIGUOUS"):
        io.read(folder)


def test_another_class_whose_number_begins_alike_is_no_slide(tmp_path):
    a_slide(tmp_path / "slide", picture())
    head = next((tmp_path / "slide").glob("*-b.dcm")).read_bytes()[:4096]
    assert is_slide(head) and not is_slide(head.replace(WSI.encode(), (WSI + ".2").encode())) and not is_slide(head[1:])


def test_a_slide_that_is_cut_off_is_refused(tmp_path):
    folder = a_slide(tmp_path / "slide", picture())
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    with pytest.raises(UnreadableInput):
        io.read(folder).read()


def test_a_slide_of_another_writer_has_the_pixels_and_the_grid_of_the_file_it_was_made_of(tmp_path):
    wsidicomizer = pytest.importorskip("wsidicomizer", reason="a writer of DICOM slides that is not ours")
    from tests.unit.io.test_slide import svs
    from wsidicom.codec import Channels, Jpeg2kSettings
    from wsidicomizer.sources.tiffslide import TiffSlideSource

    source = svs(tmp_path / "a.svs", picture(700, 900), mpp=0.5)
    (tmp_path / "made").mkdir()
    how = {"encoding": Jpeg2kSettings(levels=0, channels=Channels.RGB), "preferred_source": TiffSlideSource, "add_missing_levels": True}
    wsidicomizer.WsiDicomizer.convert(source, tmp_path / "made", tile_size=256, **how)
    image, ours = io.read(tmp_path / "made"), io.read(source)
    assert len(list((tmp_path / "made").iterdir())) > 1 and pydicom.dcmread(next((tmp_path / "made").iterdir())).Modality == "SM"
    assert image.geometry.same_grid(ours.geometry)
    np.testing.assert_array_equal(image.read(), ours.read())


def test_nobody_waits_for_compiled_kernels_before_a_slide_is_asked_for():
    code = "import sys, sagittal.io; sys.exit(','.join({'numba', 'pydicom', 'pandas', 'scipy'} & sys.modules.keys()) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
