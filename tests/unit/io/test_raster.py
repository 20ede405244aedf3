"""Pictures of every kind come back exactly, upright, or are refused by name."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from sagittal import io
from sagittal.core import Window
from sagittal.errors import UnreadableInput

RNG = np.random.default_rng(7)
GREY = RNG.integers(0, 256, (37, 53), dtype=np.uint8)
GREY16 = RNG.integers(0, 65536, (37, 53), dtype=np.uint16)
RGB = RNG.integers(0, 256, (37, 53, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (37, 53, 4), dtype=np.uint8)
RGB16 = RNG.integers(0, 65536, (37, 53, 3), dtype=np.uint16)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(rows: np.ndarray, *, bits: int, kind: int, size: tuple[int, int], extra: bytes = b"") -> bytes:
    """A PNG written by hand: ``rows`` are the packed bytes of each row."""
    raw = b"".join(b"\0" + bytes(row) for row in rows)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", size[1], size[0], bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def packed(values: np.ndarray, bits: int) -> np.ndarray:
    """Rows of values of fewer than 8 bits, packed."""
    wide = np.unpackbits(values[:, :, None].astype(np.uint8), axis=2)[:, :, 8 - bits :]
    return np.packbits(wide.reshape(len(values), -1), axis=1)


def read(path: Path) -> np.ndarray:
    image = io.read(path)
    values = image.read()
    assert values.shape == (len(image.channels), *image.geometry.shape)
    return values


def last(values: np.ndarray) -> np.ndarray:
    return values[0] if len(values) == 1 else np.moveaxis(values, 0, 2)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
@pytest.mark.parametrize(("values", "names"), [(GREY, ("value",)), (RGB, ("red", "green", "blue"))], ids=["grey", "rgb"])
def test_lossless_pictures_come_back_exactly(tmp_path, suffix, values, names):
    path = tmp_path / f"a{suffix}"
    Pillow.fromarray(values).save(path)
    assert io.read(path).channels == names
    np.testing.assert_array_equal(last(read(path)), values)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_alpha_is_kept_as_the_last_channel(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Pillow.fromarray(RGBA).save(path)
    assert io.read(path).channels == ("red", "green", "blue", "alpha")
    np.testing.assert_array_equal(last(read(path)), RGBA)
    Pillow.fromarray(RGBA[:, :, :2].copy()).save(path)
    assert io.read(path).channels == ("value", "alpha")
    np.testing.assert_array_equal(last(read(path)), RGBA[:, :, :2])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_stay_sixteen_bits(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Pillow.fromarray(GREY16).save(path)
    values = read(path)
    assert values.dtype == np.uint16
    assert io.read(path).meta["bits"] == 16
    np.testing.assert_array_equal(values[0], GREY16)


@pytest.mark.parametrize(("kind", "count"), [(2, 3), (6, 4), (4, 2)], ids=["rgb", "rgba", "la"])
def test_sixteen_bit_colour_png_is_not_cut_to_eight(tmp_path, kind, count):
    values = RNG.integers(0, 65536, (37, 53, count), dtype=np.uint16)
    path = tmp_path / "a.png"
    path.write_bytes(png(values.astype(">u2").view(np.uint8).reshape(37, -1), bits=16, kind=kind, size=(37, 53)))
    np.testing.assert_array_equal(last(read(path)), values)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_is_stretched_to_the_whole_range(tmp_path, bits):
    values = RNG.integers(0, 2**bits, (37, 53))
    path = tmp_path / "a.png"
    path.write_bytes(png(packed(values, bits), bits=bits, kind=0, size=(37, 53)))
    np.testing.assert_array_equal(read(path)[0], values * (255 // (2**bits - 1)))
    assert io.read(path).meta["bits"] == bits


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_one_bit_pictures_are_black_and_white(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Pillow.fromarray(GREY > 127).save(path)
    np.testing.assert_array_equal(read(path)[0], np.where(GREY > 127, 255, 0))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_gives_its_colours_and_its_transparency(tmp_path, bits):
    count = min(2**bits, 200)
    values = RNG.integers(0, count, (37, 53))
    palette = RNG.integers(0, 256, (count, 3), dtype=np.uint8)
    clear = RNG.integers(0, 256, max(1, count // 2), dtype=np.uint8)
    path = tmp_path / "a.png"
    extra = chunk(b"PLTE", palette.tobytes())
    path.write_bytes(png(packed(values, bits), bits=bits, kind=3, size=(37, 53), extra=extra))
    assert io.read(path).channels == ("red", "green", "blue")
    np.testing.assert_array_equal(last(read(path)), palette[values])
    path.write_bytes(png(packed(values, bits), bits=bits, kind=3, size=(37, 53), extra=extra + chunk(b"tRNS", clear.tobytes())))
    found = last(read(path))
    assert io.read(path).channels == ("red", "green", "blue", "alpha")
    np.testing.assert_array_equal(found, np.asarray(Pillow.open(path).convert("RGBA")))


@pytest.mark.parametrize("kind", [0, 2], ids=["grey", "rgb"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_transparent_colour_becomes_an_alpha_channel(tmp_path, kind, bits):
    count = 1 if kind == 0 else 3
    values = RNG.integers(0, 3, (37, 53, count)).astype(f">u{bits // 8}")
    path = tmp_path / "a.png"
    key = chunk(b"tRNS", np.array([1, 2, 0][:count], ">u2").tobytes())
    path.write_bytes(png(values.view(np.uint8).reshape(37, -1), bits=bits, kind=kind, size=(37, 53), extra=key))
    found = last(read(path))
    np.testing.assert_array_equal(found[..., :-1], values)
    np.testing.assert_array_equal(found[..., -1] == 0, (values == [1, 2, 0][:count]).all(axis=2))


def test_interlaced_png(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(_interlaced(RGB))
    np.testing.assert_array_equal(last(read(path)), RGB)


def _interlaced(values: np.ndarray) -> bytes:
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    raw = b"".join(b"\0" + row.tobytes() for r, c, dr, dc in passes for row in values[r::dr, c::dc])
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 8, 2, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("suffix", "options"),
    [(".jpg", {}), (".png", {}), (".tif", {}), (".tif", {"compression": "tiff_lzw"})],
    ids=["jpeg", "png", "tiff", "tiff lzw"],
)
@pytest.mark.parametrize("grey", [True, False], ids=["grey", "rgb"])
def test_every_orientation_is_made_upright(tmp_path, orientation, suffix, options, grey):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    path, plain = tmp_path / f"a{suffix}", tmp_path / f"plain{suffix}"
    Pillow.fromarray(GREY if grey else RGB).save(path, exif=exif, **options)
    Pillow.fromarray(GREY if grey else RGB).save(plain, **options)
    stored = last(read(plain))
    expected = {  # EXIF 2.32, the figure of tag 0x0112
        1: stored,
        2: np.fliplr(stored),
        3: np.rot90(stored, 2),
        4: np.flipud(stored),
        5: np.swapaxes(stored, 0, 1),
        6: np.rot90(stored, -1),
        7: np.rot90(np.swapaxes(stored, 0, 1), 2),
        8: np.rot90(stored),
    }[orientation]
    image = io.read(path)
    assert image.geometry.shape == ((53, 37) if orientation >= 5 else (37, 53))
    np.testing.assert_array_equal(last(image.read()), expected)
    window = Window((3, 5), (9, 11))
    np.testing.assert_array_equal(image.read(window), image.read()[:, 3:12, 5:16])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("shape", [(64, 96), (67, 101)], ids=["whole blocks", "broken blocks"])
def test_a_scaled_jpeg_lies_where_the_full_one_does(tmp_path, orientation, factor, shape):
    ramp = np.add.outer(np.arange(shape[0]) * 1.1, np.arange(shape[1]) * 0.7)
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    Pillow.fromarray(ramp.astype(np.uint8)).save(path, exif=exif, quality=98)
    full, coarse = io.read(path), io.read(path).coarser(factor)
    assert coarse.geometry.spacing == (factor, factor)
    values = coarse.read()[0].astype(float)
    assert values.shape == coarse.geometry.shape
    index = np.moveaxis(np.indices(values.shape), 0, -1) @ coarse.geometry.index_map(full.geometry)[:2, :2].T
    place = index + coarse.geometry.index_map(full.geometry)[:2, 2]
    inside = (place >= factor).all(axis=-1) & (place <= np.array(full.geometry.shape) - 1 - factor).all(axis=-1)
    from scipy.ndimage import map_coordinates

    expected = map_coordinates(full.read()[0].astype(float), np.moveaxis(place, -1, 0), order=1)
    assert np.abs(values - expected)[inside].max() < 2.5


def test_coarser_never_goes_beyond_the_factor(tmp_path):
    path = tmp_path / "a.jpg"
    Pillow.fromarray(RGB).save(path)
    image = io.read(path)
    steps = {factor: image.coarser(factor).geometry.spacing[0] for factor in (1, 1.9, 2, 3.9, 5, 100)}
    assert steps == {1: 1, 1.9: 1, 2: 2, 3.9: 2, 5: 4, 100: 8}
    small = last(image.coarser(2).read()).astype(float)
    assert np.abs(small.mean((0, 1)) - RGB.mean((0, 1))).max() < 4, "channels are red, green, blue"


def test_jpeg_agrees_with_pillow(tmp_path):
    path = tmp_path / "a.jpg"
    smooth = np.asarray(Pillow.fromarray(RGB).resize((301, 203), Pillow.Resampling.BICUBIC))
    for options in ({}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}, {"keep_rgb": True}, {"restart_marker_rows": 1}):
        Pillow.fromarray(smooth).save(path, quality=80, **options)
        np.testing.assert_array_equal(last(read(path)), np.asarray(Pillow.open(path)), err_msg=str(options))


def test_cmyk_jpeg_is_turned_into_rgb(tmp_path):
    path = tmp_path / "a.jpg"
    Pillow.fromarray(RGB).convert("CMYK").save(path, quality=95)
    image = io.read(path)
    assert image.channels == ("red", "green", "blue")
    assert image.meta["mode"] == "CMYK"
    np.testing.assert_array_equal(last(image.read()), np.asarray(Pillow.open(path).convert("RGB")))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "raw", "zstd", "lzma"])
@pytest.mark.parametrize("kind", ["grey", "rgb", "rgba", "grey16", "bool", "palette", "cmyk"])
def test_tiff_compressions(tmp_path, compression, kind):
    made = {
        "grey": Pillow.fromarray(GREY),
        "rgb": Pillow.fromarray(RGB),
        "rgba": Pillow.fromarray(RGBA),
        "grey16": Pillow.fromarray(GREY16),
        "bool": Pillow.fromarray(GREY > 100),
        "palette": Pillow.fromarray(RGB).quantize(37),
        "cmyk": Pillow.fromarray(RGB).convert("CMYK"),
    }[kind]
    path = tmp_path / "a.tif"
    made.save(path, compression=compression)
    wanted = {"bool": "L", "palette": "RGB", "cmyk": "RGB"}
    expected = np.asarray(made.convert(wanted[kind]) if kind in wanted else made)
    np.testing.assert_array_equal(last(read(path)), expected)


@pytest.mark.parametrize("compression", ["group3", "group4"])
def test_fax_tiff(tmp_path, compression):
    path = tmp_path / "a.tif"
    Pillow.fromarray(GREY > 100).save(path, compression=compression)
    np.testing.assert_array_equal(read(path)[0], np.where(GREY > 100, 255, 0))


def test_jpeg_tiff(tmp_path):
    path = tmp_path / "a.tif"
    Pillow.fromarray(RGB).save(path, compression="jpeg")
    np.testing.assert_array_equal(last(read(path)), np.asarray(Pillow.open(path).convert("RGB")))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int16", "float32", "float64"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"compression": "zlib"}, {"bigtiff": True}, {"rowsperstrip": 5}], ids=str)
def test_tiff_types(tmp_path, dtype, order, options):
    values = (RNG.random((37, 53)) * 60000).astype(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, byteorder=order, photometric="minisblack", metadata=None, **options)
    found = read(path)
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found[0], values)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_colour_tiff_of_either_plane_order(tmp_path, planar, dtype):
    values = RGB.astype(dtype) * (257 if dtype == "uint16" else 1)
    path = tmp_path / "a.tif"
    stored = values if planar == "contig" else np.moveaxis(values, 2, 0)
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, metadata=None)
    np.testing.assert_array_equal(last(read(path)), values)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_white_is_zero_is_turned_over(tmp_path, dtype):
    path = tmp_path / "a.tif"
    values = GREY.astype(dtype)
    tifffile.imwrite(path, values, photometric="miniswhite", metadata=None)
    np.testing.assert_array_equal(read(path)[0], np.iinfo(dtype).max - values)


def test_sixteen_bit_colour_tiff_with_lzw(tmp_path):
    import cv2

    path = tmp_path / "a.tif"
    cv2.imwrite(str(path), RGB16[:, :, ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    np.testing.assert_array_equal(last(read(path)), RGB16)


def test_a_tiff_of_several_pictures_needs_a_part(tmp_path):
    path = tmp_path / "a.tif"
    pages = [Pillow.fromarray(GREY + np.uint8(k)) for k in range(3)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    with pytest.raises(UnreadableInput, match=r"SEVERAL_PICTURES .*a\.tif.*holds 3 pictures"):
        io.read(path)
    np.testing.assert_array_equal(io.read(f"{path}::2").read()[0], GREY + np.uint8(2))
    with pytest.raises(UnreadableInput, match="NO_SUCH_PART"):
        io.read(f"{path}::3")


def test_a_smaller_copy_in_a_tiff_is_not_a_second_picture(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(GREY, metadata=None)
        writer.write(GREY[::2, ::2], subfiletype=1, metadata=None)
    np.testing.assert_array_equal(read(path)[0], GREY)


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1", "RGBA"])
def test_bmp_modes(tmp_path, mode):
    path = tmp_path / "a.bmp"
    made = Pillow.fromarray(RGBA).convert("RGB").quantize(16) if mode == "P" else Pillow.fromarray(RGBA).convert(mode)
    made.save(path)
    with Pillow.open(path) as opened:
        expected = np.asarray(opened.convert({"P": "RGB", "1": "L"}.get(opened.mode, opened.mode)))
    np.testing.assert_array_equal(last(read(path)), expected)


def test_a_bmp_stored_from_the_top(tmp_path):
    path = tmp_path / "a.bmp"
    wide = RGB[:, :52]
    head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 52, -37, 1, 24, 0, 0, 0, 0, 0, 0)
    path.write_bytes(head + wide[:, :, ::-1].tobytes())
    np.testing.assert_array_equal(last(read(path)), wide)


@pytest.mark.real_data
def test_real_pictures_agree_with_pillow(real_data):
    files = sorted(real_data.glob("oct_kermany/*/*.jpeg"))[::3] + sorted(real_data.glob("covid_ct/*/*.png"))[::9]
    files += sorted(real_data.glob("cats_dogs/train/*/*.jpg"))[::40] + sorted(real_data.glob("monuseg/tissue_image/*"))[:1]
    assert len(files) > 60
    for file in files:
        with Pillow.open(file) as opened:
            expected = np.asarray(opened)
        np.testing.assert_array_equal(last(read(file)), expected, err_msg=file.name)


@pytest.mark.parametrize(("side", "again"), [(200, False), (900, True)])
def test_a_small_jpeg_is_decoded_from_what_was_read_for_its_header(side, again, tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 255, (1, side, side), dtype=np.uint8)
    Pillow.fromarray(noise[0]).save(tmp_path / "a.jpg")
    opened = io.read(tmp_path / "a.jpg")
    read, asked = Path.read_bytes, []
    monkeypatch.setattr(Path, "read_bytes", lambda path: (asked.append(path), read(path))[1])
    assert opened.read().shape == (1, side, side)
    assert bool(asked) == again
