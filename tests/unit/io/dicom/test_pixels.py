"""Stored values come out as they went in, whatever they were compressed with; a header that lies is refused before memory is taken."""

from __future__ import annotations

import struct
import tracemalloc
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels.encoders.base import EncodeRunner
from pydicom.pixels.encoders.native import _encode_frame as rle_encode
from pydicom.uid import RLELossless

from sagittal.errors import SagittalError, UnreadableInput
from sagittal.io.dicom.pixels import PixelRequest, read_pixels
from sagittal.io.guard import Limits

LIMITS = Limits.default()
EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
RLE, J2K, JLS, LOSSLESS, BASELINE, HTJ2K = (
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.201",
)
START = 100


def smooth(shape=(3, 40, 52), *, dtype=np.int16, low=-1000, high=3000, seed=0):
    rng = np.random.default_rng(seed)
    waves = np.sin(np.linspace(0, 9, int(np.prod(shape)))).reshape(shape)
    return (low + (high - low) * (0.5 + 0.4 * waves + 0.05 * rng.random(shape))).astype(dtype)


def rle(frame):
    planes = frame if frame.ndim == 3 else frame[..., None]
    runner = EncodeRunner(RLELossless)
    options = {
        "rows": frame.shape[0],
        "columns": frame.shape[1],
        "samples_per_pixel": planes.shape[2],
        "bits_allocated": frame.dtype.itemsize * 8,
        "bits_stored": frame.dtype.itemsize * 8,
        "pixel_representation": 0,
        "photometric_interpretation": "MONOCHROME2",
        "number_of_frames": 1,
    }
    for name, value in options.items():
        runner.set_option(name, value)
    if planes.shape[2] > 1:
        runner.set_option("planar_configuration", 0)
    return bytes(rle_encode(np.ascontiguousarray(frame).tobytes(), runner))


ENCODERS = {
    RLE: rle,
    J2K: lambda f: imagecodecs.jpeg2k_encode(f, codecformat="J2K", reversible=True),
    JLS: lambda f: imagecodecs.jpegls_encode(f.view(np.uint16) if f.dtype == np.int16 else f),
    LOSSLESS: lambda f: imagecodecs.jpeg8_encode(f.view(np.uint16) if f.dtype == np.int16 else f, lossless=True),
    HTJ2K: lambda f: imagecodecs.htj2k_encode(f),
}


def write(path: Path, data: bytes, **about) -> PixelRequest:
    path.write_bytes(bytes(START) + data)
    return PixelRequest(path=path, offset=START, **about)


def about(values, syntax, **more):
    colour = values.ndim == 4
    bits = values.dtype.itemsize * 8
    return {
        "rows": values.shape[1],
        "columns": values.shape[2],
        "frames": values.shape[0],
        "samples": values.shape[3] if colour else 1,
        "photometric": "RGB" if colour else "MONOCHROME2",
        "bits_allocated": bits,
        "bits_stored": bits,
        "signed": values.dtype.kind == "i",
        "transfer_syntax": syntax,
        **more,
    }


def only(request, limits=LIMITS):
    [(place, values)] = read_pixels([request], limits=limits)
    assert place == 0
    return values


@pytest.mark.parametrize("syntax", ENCODERS)
@pytest.mark.parametrize(
    "values",
    [smooth(), smooth(dtype=np.uint16, low=0, high=60000), smooth(dtype=np.uint8, low=0, high=255)],
    ids=["int16", "uint16", "uint8"],
)
def test_lossless_is_lossless(tmp_path, syntax, values):
    frames = [ENCODERS[syntax](f) for f in values]
    found = only(write(tmp_path / "a.dcm", encapsulate(frames), **about(values, syntax)))
    assert found.dtype == values.dtype
    assert np.array_equal(found, values)


@pytest.mark.parametrize("syntax", [RLE, J2K, JLS, LOSSLESS, HTJ2K])
def test_colours_are_lossless_too(tmp_path, syntax):
    values = smooth((2, 20, 30, 3), dtype=np.uint8, low=0, high=255)
    frames = [ENCODERS[syntax](f) for f in values]
    assert np.array_equal(only(write(tmp_path / "a.dcm", encapsulate(frames), **about(values, syntax))), values)


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422"])
def test_jpeg_colours_are_red_green_and_blue(tmp_path, photometric):
    values = np.full((1, 32, 48, 3), (200, 60, 20), np.uint8)
    coded = "RGB" if photometric == "RGB" else "YCBCR"
    frame = imagecodecs.jpeg8_encode(values[0], level=95, colorspace="RGB", outcolorspace=coded)
    found = only(write(tmp_path / "a.dcm", encapsulate([frame]), **about(values, BASELINE, photometric=photometric)))
    assert np.abs(found.astype(int) - values).max() <= 3


def test_ybr_without_jpeg_becomes_red_green_and_blue(tmp_path):
    red = np.full((1, 4, 6, 3), (76, 85, 255), np.uint8)
    coded = write(tmp_path / "a.dcm", encapsulate([rle(red[0])]), **about(red, RLE, photometric="YBR_FULL"))
    plain = write(tmp_path / "b.dcm", red.tobytes(), length=red.size, **about(red, EXPLICIT, photometric="YBR_FULL"))
    pairs = np.tile(np.array([76, 76, 85, 255], np.uint8), 12).tobytes()
    shared = write(tmp_path / "c.dcm", pairs, length=len(pairs), **about(red, EXPLICIT, photometric="YBR_FULL_422"))
    for request in (coded, plain, shared):
        assert only(request).reshape(-1, 3).tolist() == [[254, 0, 0]] * 24


def test_one_frame_of_many(tmp_path):
    values = smooth()
    coded = write(tmp_path / "a.dcm", encapsulate([rle(f) for f in values]), frame=2, **about(values, RLE))
    plain = write(tmp_path / "b.dcm", values.astype("<i2").tobytes(), frame=2, length=values.nbytes, **about(values, EXPLICIT))
    assert np.array_equal(only(coded), values[2:])
    assert np.array_equal(only(plain), values[2:])


def test_many_frames_are_dealt_to_several_processes_and_come_back_in_order(tmp_path):
    values = smooth((40, 256, 256))
    request = write(tmp_path / "a.dcm", encapsulate([rle(f) for f in values]), **about(values, RLE))
    assert np.array_equal(only(request), values)


def test_many_files_each_with_its_place(tmp_path):
    requests, wanted = [], {}
    for i in range(30):
        values = smooth((1, 16 + i, 20), seed=i)
        syntax = (RLE, J2K, EXPLICIT)[i % 3]
        data = values.tobytes() if syntax == EXPLICIT else encapsulate([ENCODERS[syntax](values[0])])
        length = {"length": values.nbytes} if syntax == EXPLICIT else {}
        requests.append(write(tmp_path / f"{i}.dcm", data, **about(values, syntax, **length)))
        wanted[i] = values
    found = dict(read_pixels(requests, limits=LIMITS))
    assert sorted(found) == list(range(30))
    assert all(np.array_equal(found[i], wanted[i]) for i in wanted)


@pytest.mark.parametrize("how", ["table", "no table", "wrong table", "fragments", "extended"])
def test_frames_are_told_apart(tmp_path, how):
    values = smooth((4, 30, 30))
    frames = [ENCODERS[J2K](f) for f in values]
    if how == "extended":
        data = encapsulate_extended(frames)[0]
    else:
        data = encapsulate(frames, fragments_per_frame=3 if how in {"fragments", "wrong table"} else 1, has_bot=how != "no table")
    if how == "wrong table":
        data = data[:8] + struct.pack("<4I", 0, 7, 9, 11) + data[24:]
    assert np.array_equal(only(write(tmp_path / "a.dcm", data, **about(values, J2K))), values)


@pytest.mark.parametrize(("syntax", "order"), [(EXPLICIT, "<"), (IMPLICIT, "<"), (BIG, ">")])
def test_plain_values_of_either_byte_order(tmp_path, syntax, order):
    values = smooth()
    request = write(tmp_path / "a.dcm", values.astype(f"{order}i2").tobytes(), length=values.nbytes, **about(values, syntax))
    assert np.array_equal(only(request), values)


def test_bytes_in_big_endian_words(tmp_path):
    values = smooth((2, 3, 3), dtype=np.uint8, low=0, high=255)
    padded = np.frombuffer(values.tobytes(), np.uint16).byteswap().tobytes()
    request = write(tmp_path / "a.dcm", padded, length=18, **about(values, BIG, vr="OW"))
    assert np.array_equal(only(request), values)
    assert np.array_equal(only(replace(request, frame=1)), values[1:])


def test_planes_of_colours(tmp_path):
    values = smooth((2, 5, 7, 3), dtype=np.uint8, low=0, high=255)
    data = np.moveaxis(values, 3, 1).tobytes()
    assert np.array_equal(only(write(tmp_path / "a.dcm", data, length=len(data), **about(values, EXPLICIT, planar=1))), values)


def test_single_bits_whose_frames_are_not_padded(tmp_path):
    values = np.random.default_rng(0).random((5, 7, 9)) < 0.5
    data = np.packbits(values.ravel(), bitorder="little").tobytes()
    told = about(values.astype(np.uint8), EXPLICIT, bits_allocated=1, bits_stored=1, length=len(data))
    request = write(tmp_path / "a.dcm", data, **told)
    assert np.array_equal(only(request), values)
    for i in range(5):
        assert np.array_equal(only(replace(request, frame=i)), values[i : i + 1])


@pytest.mark.parametrize("syntax", [EXPLICIT, RLE])
def test_signs_of_twelve_bits_and_what_lies_above_them(tmp_path, syntax):
    values = smooth((1, 12, 12), low=-2000, high=2000)
    dirty = (values & 0x0FFF) | 0x5000  # an old overlay above the stored bits
    data = dirty.tobytes() if syntax == EXPLICIT else encapsulate([rle(dirty[0])])
    length = {"length": dirty.nbytes} if syntax == EXPLICIT else {}
    request = write(tmp_path / "a.dcm", data, **about(values, syntax, bits_stored=12, **length))
    assert np.array_equal(only(request), values)
    clean = only(replace(request, signed=False))
    assert np.array_equal(clean, values.view(np.uint16) & 0x0FFF)


def test_jpeg_of_twelve_bits(tmp_path):
    values = smooth((1, 64, 64), dtype=np.uint16, low=0, high=4095)
    frame = imagecodecs.jpeg8_encode(values[0], level=100, bitspersample=12)
    request = write(tmp_path / "a.dcm", encapsulate([frame]), **about(values, "1.2.840.10008.1.2.4.51", bits_stored=12))
    assert np.abs(only(request).astype(int) - values).max() <= 4


# ---- what must be refused -------------------------------------------------------------------------------------------------


def refused(request, limits=LIMITS) -> SagittalError:
    with pytest.raises(SagittalError) as caught:
        list(read_pixels([request], limits=limits))
    assert request.path.name in str(caught.value)
    assert caught.value.exit_code in {3, 10}
    return caught.value


def test_two_gigabytes_claimed_by_a_few_hundred_bytes(tmp_path):
    claims = {"rows": 32768, "columns": 32768, "bits_allocated": 16}
    for syntax, length in ((EXPLICIT, 2**31), (EXPLICIT, 490), (RLE, -1), (J2K, -1), (LOSSLESS, -1)):
        request = write(tmp_path / "a.dcm", bytes(490), length=length, transfer_syntax=syntax, **claims)
        tracemalloc.start()
        refused(request)
        assert tracemalloc.get_traced_memory()[1] < 2**20
        tracemalloc.stop()


@pytest.mark.parametrize("syntax", [J2K, JLS, LOSSLESS, BASELINE])
def test_a_frame_that_says_another_size_than_its_header(tmp_path, syntax):
    values = smooth((1, 60, 60), dtype=np.uint8, low=0, high=255)
    frame = imagecodecs.jpeg8_encode(values[0]) if syntax == BASELINE else ENCODERS[syntax](values[0])
    request = write(tmp_path / "a.dcm", encapsulate([frame]), **about(values, syntax))
    assert only(request).shape == (1, 60, 60)
    assert "60 x 60" in refused(replace(request, rows=59)).what
    assert "60 x 60" in refused(replace(request, columns=30, frames=1)).what


def test_a_small_stream_that_says_60000_by_60000(tmp_path):
    """A bomb: header and stream agree, and nothing of it is there."""
    stream = bytearray(ENCODERS[J2K](smooth((1, 8, 8))[0]))
    for at in (8, 12, 24, 28):
        stream[at : at + 4] = struct.pack(">I", 60000)
    told = {"rows": 60000, "columns": 60000, "bits_allocated": 16, "signed": True, "transfer_syntax": J2K}
    request = write(tmp_path / "a.dcm", encapsulate([bytes(stream)]), **told)
    assert refused(request).code == "OVER_LIMIT"
    refused(request, LIMITS.but(pixels=2**40, bytes=2**34, ratio=1e12, seconds=5))


@pytest.mark.parametrize("syntax", ENCODERS)
def test_cut_off(tmp_path, syntax):
    values = smooth((2, 64, 64))
    data = encapsulate([ENCODERS[syntax](f) for f in values])
    request = write(tmp_path / "a.dcm", data[: len(data) * 3 // 4], **about(values, syntax))
    assert refused(request).code == "TRUNCATED"


def test_cut_off_without_compression(tmp_path):
    values = smooth()
    request = write(tmp_path / "a.dcm", values.tobytes()[:-10], length=values.nbytes, **about(values, EXPLICIT))
    assert refused(request).code == "TRUNCATED"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"transfer_syntax": "1.2.840.10008.1.2.4.102"}, "TRANSFER_SYNTAX"),
        ({"transfer_syntax": ""}, "TRANSFER_SYNTAX"),
        ({"transfer_syntax": EXPLICIT}, "TRANSFER_SYNTAX"),
        ({"length": 2000}, "TRANSFER_SYNTAX"),
        ({"bits_allocated": 12}, "UNSUPPORTED"),
        ({"bits_stored": 17}, "UNSUPPORTED"),
        ({"samples": 2}, "UNSUPPORTED"),
        ({"rows": 0}, "BROKEN"),
        ({"frames": 0}, "BROKEN"),
        ({"offset": 10**9}, "BROKEN"),
        ({"offset": 50}, "BROKEN"),
        ({"frames": 3, "frame": 3}, "FRAMES"),
        ({"frames": 2}, "FRAMES"),
        ({"frames": 100}, "TRUNCATED"),
    ],
)
def test_headers_that_cannot_be(tmp_path, change, code):
    values = smooth((1, 16, 16))
    request = write(tmp_path / "a.dcm", encapsulate([rle(values[0])]), **about(values, RLE))
    assert refused(replace(request, **change)).code == code


def test_a_flipped_byte_is_no_disaster(tmp_path):
    """Each mutation ends in values of the right shape or in a refusal that names the file; the parent lives on."""
    rng = np.random.default_rng(3)
    values = smooth((1, 48, 48))
    for syntax, encode in ENCODERS.items():
        data = encapsulate([encode(values[0])])
        requests = []
        for i in range(40):
            broken = bytearray(data)
            for at in rng.integers(16, len(data), rng.integers(1, 6)):
                broken[at] = rng.integers(256)
            requests.append(write(tmp_path / f"{syntax[-2:]}-{i}.dcm", bytes(broken), **about(values, syntax)))
        for request in requests:
            try:
                assert only(request, LIMITS.but(seconds=5)).shape == (1, 48, 48)
            except UnreadableInput as error:
                assert request.path.name in error.item
