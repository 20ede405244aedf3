"""The header walker: what it gives, and what no file can make it do."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagittal.errors import SagittalError, UnreadableInput
from sagittal.io.dicom.header import DEFLATED, read_header, scan
from sagittal.io.dicom.series import find
from sagittal.io.guard import Limits
from sagittal.testing.series import file_bytes, plain_series

PLAIN = file_bytes(plain_series()[0])
HEAD = PLAIN[: PLAIN.index(b"\xe0\x7f\x10\x00OW")]


def element(tag, vr, data, length=None):
    length = len(data) if length is None else length
    if vr in {"SQ", "OB", "OW", "UN", "UT"}:
        return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr.encode(), 0, length) + data
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length) + data


def code_of(data):
    with pytest.raises(UnreadableInput) as caught:
        read_header(data)
    return caught.value.code


def test_values_and_the_place_of_the_pixels():
    header = read_header(PLAIN)
    assert header.data.text("Modality") == "CT" and header.data.whole("Rows") == 24
    assert header.data.numbers("ImagePositionPatient") == (-7.0, -9.6, 30.0)
    assert header.data.numbers("EchoTime") == () and header.data.number("EchoTime") is None
    assert header.pixels.length == 24 * 20 * 2 and header.pixels.offset + header.pixels.length == len(PLAIN)


def test_three_thousand_sequences_in_one_another_cost_no_stack():
    nested = b""
    for _ in range(3000):
        nested += element(0x00081140, "SQ", b"", 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    assert code_of(HEAD + nested) == "OVER_LIMIT"


@pytest.mark.parametrize("vr", ["OB", "UT", "SQ", "UN"])
def test_a_length_beyond_the_end_is_refused_without_memory_for_it(vr):
    tracemalloc.start()
    assert code_of(HEAD + element(0x00400275, vr, b"ab", 0x7FFFFFF0)) == "TRUNCATED"
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_pixels_that_reach_beyond_the_end_are_refused():
    assert code_of(PLAIN[:-1]) == "TRUNCATED"
    assert scan(PLAIN[:-1]).data.text("Modality") == "CT"


@pytest.mark.parametrize("cut", [140, 200, 300, 333, 500, 700])
def test_a_header_cut_anywhere_is_refused(cut):
    assert code_of(PLAIN[:cut]) in {"TRUNCATED", "BROKEN"}


def test_a_slice_cut_off_between_two_elements_is_not_passed_over(tmp_path):
    for n, cut in enumerate((len(HEAD), HEAD.index(b"\x10\x00\x10\x00PN"))):
        path = tmp_path / f"{n}.dcm"
        path.write_bytes(PLAIN[:cut])
        assert read_header(path).pixels is None
        (volume,) = find(path)
        assert [(f.code, f.exit_code) for f in volume.findings] == [("TRUNCATED", 3)]


def test_a_value_larger_than_the_window_is_skipped_and_what_follows_is_read(tmp_path):
    large = element(0x00091010, "OB", bytes(300_000))
    rest = element(0x00180088, "DS", b"2.5 ") + element(0x00281053, "DS", b"7 ")
    path = tmp_path / "a.dcm"
    start = bytes(128) + b"DICM" + element(0x00020010, "UI", b"1.2.840.10008.1.2.1\0")
    path.write_bytes(start + element(0x00080060, "CS", b"MR") + large + rest)
    data = read_header(path).data
    assert data.numbers("SpacingBetweenSlices") == (2.5,) and data.numbers("RescaleSlope") == (7.0,)


@pytest.mark.parametrize("defined", [True, False])
def test_items_of_wanted_sequences_are_read_and_others_only_passed(defined):
    inner = element(0x00200032, "DS", rb"1\2\3 ")
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner) if defined else 0xFFFFFFFF) + inner
    item += b"" if defined else struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    content = item * 2 + (b"" if defined else struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
    size = len(content) if defined else 0xFFFFFFFF
    data = HEAD + element(0x00209113, "SQ", content, size) + element(0x00400275, "SQ", content, size) + element(0x00540081, "US", b"\1\0")
    items = read_header(data).data.items("PlanePositionSequence")
    assert [i.numbers("ImagePositionPatient") for i in items] == [(1.0, 2.0, 3.0)] * 2


def test_private_values_are_those_of_the_creator_that_is_known():
    ours = element(0x00190010, "LO", b"SIEMENS MR HEADER ") + element(0x0019100A, "US", struct.pack("<H", 44))
    moved = element(0x00190012, "LO", b"SIEMENS MR HEADER ") + element(0x0019120A, "US", struct.pack("<H", 44))
    other = element(0x00190010, "LO", b"SOMEBODY ELSE ") + element(0x0019100A, "US", struct.pack("<H", 44))
    start = bytes(128) + b"DICM" + element(0x00080060, "CS", b"MR")
    assert [read_header(start + d).data.whole("SiemensSlicesInMosaic") for d in (ours, moved, other)] == [44, 44, 0]


def deflated(body):
    squeeze = zlib.compressobj(wbits=-15)
    meta = element(0x00020010, "UI", DEFLATED.encode())
    return bytes(128) + b"DICM" + meta + squeeze.compress(body) + squeeze.flush()


def test_a_deflated_header_is_read_up_to_its_pixels():
    body = PLAIN[PLAIN.index(b"\x08\x00\x08\x00CS") :]
    header = read_header(deflated(body))
    assert header.data.text("Modality") == "CT" and header.pixels.length == 960
    assert header.pixels.offset + 960 == len(body)


def test_a_deflated_bomb_is_refused_before_it_is_large():
    body = element(0x00080060, "CS", b"MR") + element(0x00091010, "OB", bytes(2**27)) + element(0x00280010, "US", b"\1\0")
    data = deflated(body)
    tracemalloc.start()
    with pytest.raises(UnreadableInput, match=r"OVER_LIMIT|TRUNCATED"):
        read_header(data, limits=Limits.default().but(bytes=2**22))
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()


def test_a_file_of_zeros_behind_a_header_takes_no_time():
    began = time.process_time()
    scan(HEAD + bytes(2**24))
    assert time.process_time() - began < 3


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(128, len(PLAIN) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_no_changed_byte_gives_anything_but_a_header_or_a_refusal(changes):
    data = bytearray(PLAIN)
    for place, value in changes:
        data[place] = value
    try:
        header = read_header(bytes(data))
    except UnreadableInput:
        return
    assert header.pixels is None or header.pixels.offset <= len(data)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(128, len(HEAD) + 12), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_changed_byte_gives_anything_but_a_volume_or_a_refusal(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("fuzz")
    for n, one in enumerate(plain_series()[:3]):
        data = bytearray(file_bytes(one))
        for place, value in changes if n == 1 else ():
            data[place] = value
        (folder / one.name).write_bytes(data)
    try:
        for volume in find(folder):
            volume.image().read()
    except SagittalError:
        pass


@pytest.mark.real_data
def test_the_values_of_real_files_are_those_that_pydicom_reads(real_data):
    compared = 0
    for path in sorted((real_data / "dicom_corpus").rglob("*")):
        if not path.is_file():
            continue
        try:
            header = read_header(path)
        except UnreadableInput:
            continue
        other = pydicom.dcmread(path, force=True)
        for name in ("Modality", "SeriesInstanceUID", "SOPInstanceUID"):
            assert header.data.text(name) == str(other.get(name) or ""), path.name
        for name in ("Rows", "Columns", "ImagePositionPatient", "PixelSpacing", "RescaleSlope"):
            value = other.get(name)
            said = () if value is None or value == "" else tuple(map(float, np.atleast_1d(value)))
            assert header.data.numbers(name) == said, path.name
        compared += 1
    assert compared > 200
