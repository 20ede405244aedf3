"""300 compressed slices of 512 x 512 to an array of stored values: two decoding processes against pydicom slice by slice.

Wall-clock seconds, not CPU seconds: ours spends them in other processes. Slices are drawn here: a body with soft edges
under noise, at about the compressed size of a CT.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless
from scipy.ndimage import gaussian_filter

from benchmarks.measure import Row
from sagittal.io.dicom.pixels import PixelRequest, read_pixels
from sagittal.io.guard import Limits

SIDE, SLICES, DIFFERENT = 512, 300, 20
TARGET = 1.8
SYNTAXES = {"JPEG 2000": JPEG2000Lossless, "RLE": RLELossless, "JPEG-LS": JPEGLSLossless}


def rows(*, turns: int = 3, folder: Path | None = None) -> list[Row]:
    """Every contest of this file."""
    found = []
    with tempfile.TemporaryDirectory() as place:
        for name, syntax in SYNTAXES.items():
            paths = _series(Path(place) / syntax, syntax)
            requests = [_request(p) for p in paths]
            assert np.array_equal(_ours(requests), _loop(paths))
            ours_s, loop_s = _duel([lambda r=requests: _ours(r), lambda p=paths: _loop(p)], turns=min(turns, 3))
            target = None if name == "JPEG-LS" else TARGET
            path = f"DICOM {name}, {SLICES} x {SIDE}^2"
            peak = _peak_mb(lambda r=requests: _ours(r))
            found.append(Row(path=path, peer="pydicom", ours_s=ours_s, peer_s=loop_s, ratio=loop_s / ours_s, peak_mb=peak, target=target))
    return found


def _ours(requests: Sequence[PixelRequest]) -> np.ndarray:
    volume = np.empty((len(requests), SIDE, SIDE), np.int16)
    for place, values in read_pixels(requests, limits=Limits.default(), workers=2):
        volume[place] = values[0]
    return volume


def _loop(paths: Sequence[Path]) -> np.ndarray:
    volume = np.empty((len(paths), SIDE, SIDE), np.int16)
    for place, path in enumerate(paths):
        volume[place] = pydicom.dcmread(path).pixel_array
    return volume


def _duel(ways: Sequence[Callable[[], object]], *, turns: int) -> list[float]:
    """Median wall-clock seconds; the two take turns, each as often first as second."""
    taken: list[list[float]] = [[], []]
    for turn in range(turns):
        for way in (0, 1) if turn % 2 == 0 else (1, 0):
            began = time.perf_counter()
            ways[way]()
            taken[way].append(time.perf_counter() - began)
    return [statistics.median(t) for t in taken]


def _peak_mb(way: Callable[[], object]) -> float:
    tracemalloc.start()
    way()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def _series(folder: Path, syntax: str) -> list[Path]:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    paths = []
    for i in range(DIFFERENT):
        body = gaussian_filter(1000.0 * (y**2 + (1.4 + i / 100) * x**2 < 200**2), 1.0)
        slice_ = (body - 1000 + gaussian_filter(rng.normal(0, 80, (SIDE, SIDE)), 0.7)).astype(np.int16)
        paths.append(_write(folder / f"{i:03}.dcm", slice_, syntax))
    made = [p.read_bytes() for p in paths]
    for i in range(DIFFERENT, SLICES):
        paths.append(folder / f"{i:03}.dcm")
        paths[-1].write_bytes(made[i % DIFFERENT])
    return paths


def _write(path: Path, values: np.ndarray, syntax: str) -> Path:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data.Rows = data.Columns = SIDE
    data.SamplesPerPixel, data.PixelRepresentation, data.PhotometricInterpretation = 1, 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelData = values.tobytes()
    data["PixelData"].VR = "OW"
    if syntax == JPEG2000Lossless:
        data.file_meta.TransferSyntaxUID = syntax
        data.PixelData = encapsulate([imagecodecs.jpeg2k_encode(values, codecformat="J2K", reversible=True)])
    elif syntax == JPEGLSLossless:
        data.file_meta.TransferSyntaxUID = syntax
        data.PixelData = encapsulate([imagecodecs.jpegls_encode(values.view(np.uint16))])
    else:
        data.compress(syntax, generate_instance_uid=False)
    data.save_as(path, enforce_file_format=True)
    return path


def _request(path: Path) -> PixelRequest:
    with path.open("rb") as file:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        offset = file.tell() + 12
    return PixelRequest(
        path=path,
        rows=SIDE,
        columns=SIDE,
        signed=True,
        transfer_syntax=str(header.file_meta.TransferSyntaxUID),
        offset=offset,
    )
