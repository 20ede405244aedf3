"""Files that were made or mutated to do harm end in an image or in one refusal, soon, in bounded memory."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from sagittal import io
from sagittal.core import Geometry, Labels
from sagittal.errors import SagittalError
from sagittal.io.guard import Limits

LABELS = Labels(classes=("background", "liver"), background="background")
GRID = Geometry(shape=(8, 8, 4), affine=np.eye(4), unit="mm", frame="patient")
LIMITS = Limits.default().but(seconds=10)
SECONDS, GROWTH = 15.0, 2**28
EXPLICIT, DEFLATED, J2K, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"


def element(group: int, number: int, vr: str, value: bytes, *, length: int | None = None) -> bytes:
    value += b" " * (len(value) % 2) if vr not in {"OB", "OW", "UI"} else b"\0" * (len(value) % 2)
    said = len(value) if length is None else length
    size = struct.pack("<HI", 0, said) if vr in {"OB", "OW", "SQ", "UN", "UT"} else struct.pack("<H", said)
    return struct.pack("<HH", group, number) + vr.encode() + size + value


def meta(syntax: str) -> bytes:
    body = element(2, 0x10, "UI", syntax.encode())
    return bytes(128) + b"DICM" + element(2, 0, "UL", struct.pack("<I", len(body))) + body


def image(rows: int, columns: int, *, frames: int = 1) -> bytes:
    short = [(0x02, 1), (0x10, rows), (0x11, columns), (0x100, 16), (0x101, 16), (0x102, 15), (0x103, 0)]
    told = [element(8, 0x60, "CS", b"CT")]
    told += [element(0x28, n, "US", struct.pack("<H", v)) for n, v in short if n <= 0x02]
    told += [element(0x28, 0x04, "CS", b"MONOCHROME2"), element(0x28, 0x08, "IS", str(frames).encode())]
    told += [element(0x28, n, "US", struct.pack("<H", v)) for n, v in short if n > 0x02]
    return b"".join(told)


def outcome(path: Path) -> SagittalError | None:
    """What reading it ends in; in time, and without memory that its bytes are not worth."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        for read in (lambda: io.read(path, limits=LIMITS).read(), lambda: io.read_annotation(path, LABELS, like=GRID)):
            try:
                read()
                error = None
            except SagittalError as refusal:
                error = refusal
                assert error.exit_code in {3, 4, 10}
                assert "\n" not in str(error)
            if error is None:
                break
        assert tracemalloc.get_traced_memory()[1] < GROWTH
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < SECONDS
    return error


@pytest.mark.parametrize("syntax", [EXPLICIT, J2K, RLE, DEFLATED])
def test_two_gigabytes_claimed_in_a_few_hundred_bytes(tmp_path, syntax):
    length = 2**31 if syntax in {EXPLICIT, DEFLATED} else 0xFFFFFFFF
    body = image(32768, 32768) + element(0x7FE0, 0x10, "OW", bytes(200), length=length)
    if syntax == DEFLATED:
        packer = zlib.compressobj(wbits=-15)
        body = packer.compress(body) + packer.flush()
    path = tmp_path / "a.dcm"
    path.write_bytes(meta(syntax) + body)
    assert path.stat().st_size < 600
    error = outcome(path)
    assert error is not None
    assert error.exit_code in {3, 10}


def test_a_deflated_file_that_becomes_512_mb(tmp_path):
    packer = zlib.compressobj(9, wbits=-15)
    parts = [packer.compress(image(16384, 16384) + element(0x7FE0, 0x10, "OW", b"", length=2**29))]
    parts += [packer.compress(bytes(2**24)) for _ in range(32)]
    path = tmp_path / "a.dcm"
    path.write_bytes(meta(DEFLATED) + b"".join([*parts, packer.flush()]))
    assert path.stat().st_size < 600_000
    with pytest.raises(SagittalError) as caught:
        io.read(path, limits=LIMITS.but(bytes=2**28)).read()
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("tag", [(0x0008, 0x1115), (0x5200, 0x9230), (0x3006, 0x0039)])
def test_sequences_three_thousand_deep(tmp_path, tag):
    nested = b""
    for _ in range(3000):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(nested)) + nested
        nested = element(*tag, "SQ", item)
    path = tmp_path / "a.dcm"
    path.write_bytes(meta(EXPLICIT) + image(8, 8) + nested + element(0x7FE0, 0x10, "OW", bytes(128)))
    outcome(path)


def test_a_million_fragments(tmp_path):
    """Eight bytes each, nothing in them."""
    fragments = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 1_000_000
    path = tmp_path / "a.dcm"
    path.write_bytes(meta(J2K) + image(64, 64, frames=9999) + element(0x7FE0, 0x10, "OB", b"", length=0xFFFFFFFF) + fragments)
    assert outcome(path) is not None


def test_cut_anywhere(tmp_path, objects):
    whole = objects.saved(objects.placed(objects.blank(np.arange(64, dtype=np.int16).reshape(8, 8)), (0, 0, 0)), tmp_path / "a.dcm")
    data = whole.read_bytes()
    for n in range(1, len(data), 37):
        whole.write_bytes(data[:n])
        error = outcome(whole)
        assert error is not None
        assert error.exit_code == 3


# ---- mutations ------------------------------------------------------------------------------------------------------------


def mutants(data: bytes, rng: np.random.Generator, n: int) -> Iterator[bytes]:
    """Flipped bytes, lengths that lie, pieces doubled, cut or put elsewhere."""
    for _ in range(n):
        made = bytearray(data)
        for _ in range(int(rng.integers(1, 5))):
            at = int(rng.integers(0, max(len(made) - 8, 1)))
            match rng.integers(0, 6):
                case 0 | 1:
                    # most of what matters stands at the beginning
                    at = int(rng.integers(0, min(len(made), 3000)))
                    made[at] = int(rng.integers(0, 256))
                case 2:
                    lie = [0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0, int(rng.integers(0, 2**32))][int(rng.integers(0, 5))]
                    made[at : at + 4] = struct.pack("<I", lie)
                case 3:
                    del made[at:]
                case 4:
                    piece = made[at : at + int(rng.integers(1, 200))]
                    made[at:at] = piece
                case _:
                    del made[at : at + int(rng.integers(1, 40))]
        yield bytes(made)


def fuzzed(files: list[Path], folder: Path, *, each: int) -> int:
    rng = np.random.default_rng(20)
    read = 0
    process = psutil.Process()
    before = process.memory_info().rss
    for n, file in enumerate(files):
        for k, data in enumerate(mutants(file.read_bytes(), rng, each)):
            path = folder / f"{n}-{k}.dcm"
            path.write_bytes(data)
            read += outcome(path) is None
            path.unlink()
    assert process.memory_info().rss - before < 2**29
    return read


def test_mutated_files(tmp_path, objects):
    stored = np.random.default_rng(0).integers(0, 3000, (8, 8)).astype(np.int16)
    plain = objects.placed(objects.blank(stored), (0, 0, 0))
    files = [objects.saved(plain, tmp_path / "plain" / "a.dcm")]
    squeezed = objects.placed(objects.blank(stored), (0, 0, 0))
    squeezed.compress("1.2.840.10008.1.2.5")
    files.append(objects.saved(squeezed, tmp_path / "rle" / "a.dcm"))
    frames = [{"position": (0, 0, float(k))} for k in range(3)]
    files.append(objects.saved(objects.enhanced(np.stack([stored] * 3), frames), tmp_path / "enhanced" / "a.dcm"))
    read = fuzzed(files, tmp_path, each=60)
    assert 0 < read < 180


@pytest.mark.real_data
def test_mutated_real_files(tmp_path, real_data):
    """Compressed, big endian, deflated, multi-frame, segmentations, structure sets."""
    names = (
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "JPEGLSNearLossless_16.dcm",
        "SC_rgb_small_odd_jpeg.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "JPGExtended.dcm",
        "SC_rgb_rle_2frame.dcm",
        "MR_small_bigendian.dcm",
        "image_dfl.dcm",
        "rtdose_rle.dcm",
        "sparse-labelmap-ppv5.dcm",
        "liver_1frame.dcm",
        "rt.dcm",
        "mf.dcm",
    )
    corpus = {p.name: p for p in sorted((real_data / "dicom_corpus").rglob("*.dcm"))}
    files = [corpus[name] for name in names]
    assert fuzzed(files, tmp_path, each=30) > 40
