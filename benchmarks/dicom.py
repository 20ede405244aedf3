"""A CT series of 300 slices of 512x512, uncompressed, to float32 HU: ours against a loop over pydicom and SimpleITK.

The series is generated; headers are as long as those of a scanner (about 90 elements).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measure import Contest, Row, compare

SLICES, SIZE = 300, 512


def rows(*, turns: int = 7, folder: Path | None = None) -> list[Row]:
    """The one contest of this file; a given folder of pictures is not for it."""
    del folder
    with tempfile.TemporaryDirectory() as place:
        series = generated(Path(place), slices=SLICES, size=SIZE)
        peers = {name: made for name, make in PEERS.items() if (made := make()) is not None}
        for name, peer in peers.items():
            if not np.array_equal(peer(series, 0), ours(series, 0)[0].transpose(2, 1, 0)):
                raise ValueError(f"{name} gives other values")
        targets = dict.fromkeys(peers, 4.0)
        return compare(Contest(path="dicom 300x512x512", inputs=[series], ours=ours, peers=peers, targets=targets), turns=turns)


def ours(folder: Path, turn: int) -> np.ndarray:
    """From the folder to the values: headers, faults, order, pixels."""
    from sagittal.io.dicom.series import find

    # not io.read, which does not look again at a folder that has not changed
    (volume,) = find(folder)
    return volume.image().read()


def pydicom_loop() -> Callable[[Path, int], np.ndarray] | None:
    """Slice by slice, sorted by position, as the tutorials do it, but into one array."""
    try:
        import pydicom
    except ImportError:
        return None

    def read(folder: Path, turn: int) -> np.ndarray:
        slices = sorted((pydicom.dcmread(p) for p in folder.iterdir()), key=lambda d: float(d.ImagePositionPatient[2]))
        volume = np.empty((len(slices), slices[0].Rows, slices[0].Columns), np.float32)
        for n, d in enumerate(slices):
            volume[n] = d.pixel_array * np.float32(d.RescaleSlope) + np.float32(d.RescaleIntercept)
        return volume

    return read


def simple_itk() -> Callable[[Path, int], np.ndarray] | None:
    """Its series reader, cast to float32, on one thread as the others."""
    try:
        import SimpleITK as Peer
    except ImportError:
        return None

    kept = []  # a view of an image that is gone shows anything

    def read(folder: Path, turn: int) -> np.ndarray:
        Peer.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        reader = Peer.ImageSeriesReader()
        reader.SetFileNames(Peer.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
        reader.SetOutputPixelType(Peer.sitkFloat32)
        kept[:] = [reader.Execute()]
        return Peer.GetArrayViewFromImage(kept[0])

    return read


PEERS = {"pydicom, slice by slice": pydicom_loop, "SimpleITK": simple_itk}


def peak_ratio(folder: Path) -> float:
    """The most memory that a process held beyond its start, by the size of the volume; measured in a process of its own (Linux)."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom sagittal import io\n"
        "def most():\n    return int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]) * 1024\n"
        "one = Path(sys.argv[1])\nio.read(sorted(one.iterdir())[0]).read()\n"
        "before = most()\nvalues = io.read(one).read()\n"
        "print((most() - before) / values.nbytes)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def generated(folder: Path, *, slices: int, size: int) -> Path:
    """A CT with noise, one file a slice, explicit little endian."""
    import pydicom
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    rng = np.random.default_rng(0)
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    noise = rng.integers(0, 4096, (size, size), dtype=np.uint16)
    for n in range(slices):
        d = pydicom.Dataset()
        d.file_meta = pydicom.dataset.FileMetaDataset()
        d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        d.file_meta.MediaStorageSOPClassUID = d.SOPClassUID = CTImageStorage
        d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID = generate_uid()
        d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = study, series, frame
        d.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        d.Modality, d.Manufacturer, d.SeriesDescription = "CT", "Sagittal", "noise"
        d.PatientName, d.PatientID, d.SeriesNumber, d.InstanceNumber = "A^B", "1", 3, n + 1
        d.Rows, d.Columns, d.SamplesPerPixel, d.PhotometricInterpretation = size, size, 1, "MONOCHROME2"
        d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 12, 11, 0
        d.PixelSpacing, d.SliceThickness = [0.7, 0.7], 1.0
        d.ImageOrientationPatient, d.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-180.0, -180.0, float(n)]
        d.RescaleSlope, d.RescaleIntercept, d.RescaleType = 1, -1024, "HU"
        for element in range(60):  # what a scanner says besides
            d.add_new(0x00091010 + element, "LO", f"value of element {element}")
        d.PixelData = np.roll(noise, n).tobytes()
        d.save_as(folder / f"{(n * 7) % slices:04d}.dcm", enforce_file_format=True)
    return folder
