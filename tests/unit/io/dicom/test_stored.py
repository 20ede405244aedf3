"""How a header says that its pixels are stored, and what is taken where it says nothing or nonsense."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from sagittal.errors import UnreadableInput
from sagittal.io.dicom._stored import stored_of, too_short
from sagittal.io.dicom._tags import TAG
from sagittal.io.dicom._walk import PixelPlace
from sagittal.io.dicom.header import Dataset, Header

EXPLICIT, J2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.90"
BROKEN = UnreadableInput("TRUNCATED", "a.dcm", "it ends early", "copy it again")
PLAIN = {
    "Rows": 4,
    "Columns": 6,
    "SamplesPerPixel": 1,
    "BitsAllocated": 16,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
    "PhotometricInterpretation": "MONOCHROME1",
}


def header(*, length=48, kind="whole", syntax=EXPLICIT, path=Path("a.dcm"), broken=None, pixels=True, **changed):
    """A header of these values; None leaves one out."""
    said = {name: value for name, value in {**PLAIN, **changed}.items() if value is not None}
    values = {TAG[name]: _element(value) for name, value in said.items()}
    place = PixelPlace(offset=300, length=length, kind=kind) if pixels else None
    return Header(path=path, size=1000, syntax=syntax, data=Dataset(values), pixels=place, broken=broken)


def _element(value):
    if isinstance(value, str):
        return "CS", value.encode()
    return ("SS", struct.pack("<h", value)) if value < 0 else ("US", struct.pack("<H", value))


def test_what_the_header_says():
    found = stored_of(header())
    assert (found.rows, found.columns, found.frames, found.samples) == (4, 6, 1, 1)
    assert (found.bits_allocated, found.bits_stored, found.high_bit, found.signed) == (16, 12, 11, False)
    assert (found.photometric, found.planar, found.padding, found.palette) == ("MONOCHROME1", 0, None, ())
    assert (found.path, found.size, found.offset, found.length, found.kind) == (Path("a.dcm"), 1000, 300, 48, "whole")


def test_what_is_not_said_has_the_usual_value():
    bare = dict.fromkeys(
        ("SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PhotometricInterpretation"), None
    )
    found = stored_of(header(**bare))
    assert (found.samples, found.bits_allocated, found.bits_stored, found.high_bit) == (1, 16, 16, 15)
    assert (found.signed, found.photometric) == (False, "MONOCHROME2")


@pytest.mark.parametrize(
    "nothing", [{"Rows": 0}, {"Columns": None}, {"pixels": False}, {"path": None}], ids=["no rows", "no columns", "no pixels", "bytes"]
)
def test_no_pixels_are_stored_nowhere(nothing):
    assert stored_of(header(**nothing)) is None


def test_a_file_that_broke_before_its_pixels_still_says_how_they_were_meant():
    found = stored_of(header(pixels=False, broken=BROKEN))
    assert (found.rows, found.columns, found.offset, found.length) == (4, 6, 0, 0)


@pytest.mark.parametrize(("kind", "bits"), [("float", 32), ("double", 64), ("whole", 16)])
def test_the_element_of_the_pixels_decides_how_wide_a_number_is(kind, bits):
    assert stored_of(header(kind=kind)).bits_allocated == bits


@pytest.mark.parametrize(("said", "taken"), [(0, 16), (17, 16), (16, 16), (1, 1)])
def test_bits_that_do_not_fit_are_all_bits(said, taken):
    assert stored_of(header(BitsStored=said, HighBit=None)).bits_stored == taken


def test_frames_are_at_least_one():
    assert [stored_of(header(NumberOfFrames=n)).frames for n in ("0", "-3", "7")] == [1, 1, 7]


@pytest.mark.parametrize(
    ("values", "signed", "bits", "padding"),
    [
        ({"PixelPaddingValue": 0}, 0, 12, (0, 0)),
        ({"PixelPaddingValue": -2000}, 1, 16, (-2000, -2000)),
        ({"PixelPaddingValue": 63536}, 1, 16, (-2000, -2000)),  # written without its sign
        ({"PixelPaddingValue": -2000}, 0, 16, (63536, 63536)),  # written with a sign that the pixels do not have
        ({"PixelPaddingValue": 4095}, 1, 12, (-1, -1)),
        ({"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 5}, 0, 12, (0, 5)),
        ({"PixelPaddingValue": 5, "PixelPaddingRangeLimit": 0}, 0, 12, (0, 5)),  # the limit may be the lower end
        ({"PixelPaddingRangeLimit": 5}, 0, 12, None),
        ({"PixelPaddingValue": 63536}, 1, 0, (-2000, -2000)),  # bits that make no sense are all sixteen
        ({"PixelPaddingValue": 63536}, 1, 17, (-2000, -2000)),
        ({"PixelPaddingValue": 5, "kind": "double"}, 0, 64, None),
    ],
)
def test_padding_is_a_range_of_the_numbers_as_the_pixels_have_them(values, signed, bits, padding):
    assert stored_of(header(PixelRepresentation=signed, BitsStored=bits, HighBit=None, **values)).padding == padding


def test_only_a_palette_has_colours():
    descriptor = ("US", np.array([256, 0, 16], "<u2").tobytes())
    made = header(PhotometricInterpretation="PALETTE COLOR")
    made.data.values[TAG["RedPaletteDescriptor"]] = descriptor
    made.data.values[TAG["RedPalette"]] = ("OW", b"\x01\x02")
    red, green, blue = stored_of(made).palette
    assert red == ((256, 0, 16), b"\x01\x02")
    assert green == blue == ((), b"")


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({}, None),
        ({"length": 47}, "48 bytes of pixels, but its pixel data have 47"),
        ({"length": 49}, None),  # padded to an even length
        ({"length": 48, "NumberOfFrames": "2"}, "96 bytes"),
        ({"length": 48, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "144 bytes"),
        ({"length": 3, "Rows": 3, "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, None),  # 18 bits
        ({"length": 2, "Rows": 3, "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "3 bytes"),
        ({"length": 32, "SamplesPerPixel": 3, "BitsAllocated": 8, "PhotometricInterpretation": "YBR_FULL_422"}, None),  # halved colours
        ({"length": 5, "syntax": J2K}, None),
        ({"length": -1}, None),
    ],
)
def test_uncompressed_pixels_must_all_be_there(changed, missing):
    found = too_short(stored_of(header(**changed)))
    if missing is None:
        assert found is None
    else:
        assert (found.code, found.exit_code) == ("TRUNCATED", 3)
        assert missing in found.what
