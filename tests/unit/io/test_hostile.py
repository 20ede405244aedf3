"""Files that are broken, that lie or that would explode are refused by name, quickly and in little memory."""

from __future__ import annotations

import gzip
import io as bytesio
import os
import struct
import sys
import time
import zipfile
import zlib
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image as Pillow

from sagittal import io
from sagittal.core import Labels
from sagittal.errors import Refused, SagittalError, UnreadableInput

ROWS = np.arange(37 * 53, dtype=np.uint32).reshape(37, 53)
GREY = (ROWS * 7 % 251).astype(np.uint8)
RGB = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)


def refusal(path: Path, part: str = "") -> UnreadableInput:
    """What reading the whole of it is answered with."""
    with pytest.raises(UnreadableInput) as caught:
        io.read(f"{path}{part}").read()
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
    return caught.value


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def write_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=GREY, compression="gzip")


WHOLE = {
    "grey.png": (lambda p: Pillow.fromarray(GREY).save(p), ""),
    "palette.png": (lambda p: Pillow.fromarray(RGB).quantize(30).save(p), ""),
    "grey.jpg": (lambda p: Pillow.fromarray(GREY).save(p), ""),
    "rgb.jpg": (lambda p: Pillow.fromarray(RGB).save(p), ""),
    "progressive.jpg": (lambda p: Pillow.fromarray(RGB).save(p, progressive=True), ""),
    "cmyk.jpg": (lambda p: Pillow.fromarray(RGB).convert("CMYK").save(p), ""),
    "raw.tif": (lambda p: Pillow.fromarray(RGB).save(p), ""),
    "lzw.tif": (lambda p: Pillow.fromarray(RGB).save(p, compression="tiff_lzw"), ""),
    "deflate.tif": (lambda p: Pillow.fromarray(RGB).save(p, compression="tiff_adobe_deflate"), ""),
    "jpeg.tif": (lambda p: Pillow.fromarray(RGB).save(p, compression="jpeg"), ""),
    "grey.bmp": (lambda p: Pillow.fromarray(GREY).save(p), ""),
    "rgb.bmp": (lambda p: Pillow.fromarray(RGB).save(p), ""),
    "a.npy": (lambda p: np.save(p, GREY), ""),
    "a.npz": (lambda p: np.savez(p, x=GREY), "::x"),
    "packed.npz": (lambda p: np.savez_compressed(p, x=GREY), "::x"),
    "a.h5": (write_h5, "::/x"),
    "a.nii": (lambda p: nibabel.save(nibabel.Nifti1Image(RGB, np.eye(4)), p), ""),
    "a.nii.gz": (lambda p: nibabel.save(nibabel.Nifti1Image(RGB, np.eye(4)), p), ""),
    "a.parquet": (lambda p: pd.DataFrame({"a": range(50), "b": range(50)}).to_parquet(p), "::3"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, name):
    make, part = WHOLE[name]
    path = tmp_path / name
    make(path)
    io.read(f"{path}{part}").read()
    whole = path.read_bytes()
    cuts = sorted({0, 1, 2, 7, 20, len(whole) // 3, len(whole) // 2, len(whole) - 100, *np.linspace(30, len(whole) - 1, 25).astype(int)})
    for cut in cuts:
        if 0 <= cut < len(whole) and not (name == "raw.tif" and _only_padding(whole, cut)):
            path.write_bytes(whole[:cut])
            refusal(path, part)


def _only_padding(whole: bytes, cut: int) -> bool:
    return not any(whole[cut:])


@pytest.mark.parametrize("name", ["grey.png", "grey.jpg", "a.npz", "a.nii.gz"])
def test_a_file_whose_end_is_zeros_is_refused(tmp_path, name):
    make, part = WHOLE[name]
    path = tmp_path / name
    make(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    refusal(path, part)


@pytest.mark.parametrize("name", ["grey.png", "palette.png", "a.npz", "packed.npz", "a.nii.gz"])
def test_one_wrong_bit_in_the_pixels_is_found(tmp_path, name):
    make, part = WHOLE[name]
    path = tmp_path / name
    make(path)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 4
    path.write_bytes(whole)
    refusal(path, part)


@pytest.mark.parametrize("name", [n for n in WHOLE if n not in {"a.parquet"}])
@pytest.mark.parametrize("content", ["text", "html", "zeros", "noise", "pickle", "pdf"])
def test_other_content_under_a_picture_name_is_refused_and_named(tmp_path, name, content):
    data = {
        "text": b"This is a letter, and no picture at all.\n" * 20,
        "html": b"<!DOCTYPE html><html><body>404</body></html>",
        "zeros": bytes(4000),
        "noise": np.random.default_rng(1).bytes(4000),
        "pickle": b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x02os\x94.",
        "pdf": b"%PDF-1.7\n1 0 obj",
    }[content]
    path = tmp_path / name
    path.write_bytes(data)
    said = refusal(path)
    real = {"text": "text", "html": "HTML", "zeros": "zeros only", "noise": "unknown", "pickle": "pickle", "pdf": "PDF"}[content]
    assert real in said.what


def test_a_picture_under_another_kind_of_name_is_refused_with_the_right_name(tmp_path):
    path = tmp_path / "scan.nii.gz"
    Pillow.fromarray(GREY).save(path, format="PNG")
    said = refusal(path)
    assert said.code == "WRONG_SUFFIX"
    assert "gzipped NIfTI" in said.what
    assert "PNG" in said.what
    assert ".png" in said.remedy


def test_a_jpeg_that_is_called_png_is_read_for_what_it_is(tmp_path):
    # whole published data sets have such files
    path = tmp_path / "a.png"
    Pillow.fromarray(GREY).save(path, format="JPEG")
    image = io.read(path)
    assert image.meta["format"] == "JPEG"
    np.testing.assert_array_equal(image.read()[0], np.asarray(Pillow.open(path)))


def test_nothing_there_a_folder_an_empty_file_a_pipe(tmp_path):
    assert refusal(tmp_path / "missing.png").code == "NOT_FOUND"
    assert refusal(tmp_path).code == "IS_FOLDER"
    (tmp_path / "empty.png").touch()
    assert refusal(tmp_path / "empty.png").code == "EMPTY"
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    assert refusal(tmp_path / "link.png").code == "NOT_FOUND"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        assert refusal(tmp_path / "pipe.png").code == "NOT_A_FILE"


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.jp2"])
def test_a_picture_of_a_format_that_is_not_read_is_named(tmp_path, name):
    path = tmp_path / name
    Pillow.fromarray(RGB).save(path)
    said = refusal(path)
    assert said.code == "UNSUPPORTED"
    assert "convert it" in said.remedy


# bombs -----------------------------------------------------------------------------------------------------------------


def png_header(columns: int, rows: int, *, bits: int = 8, kind: int = 0, pixels: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def bomb_png(path: Path) -> str:
    path.write_bytes(png_header(60_000, 60_000, pixels=bytes(60_001)))
    return ""


def bomb_png_widest(path: Path) -> str:
    path.write_bytes(png_header(2**31 - 1, 2**31 - 1))
    return ""


def bomb_jpeg(path: Path) -> str:
    Pillow.fromarray(GREY).save(path, format="JPEG")
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    return ""


def bomb_tiff(path: Path) -> str:
    tifffile.imwrite(path, GREY, metadata=None)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as opened:
        for tag in (256, 257, 278):
            at = opened.pages[0].tags[tag].valueoffset
            size = 2 if opened.pages[0].tags[tag].dtype == 3 else 4
            data[at : at + size] = b"\xff" * size if size == 2 else struct.pack("<I", 200_000)
    path.write_bytes(data)
    return ""


def bomb_tiff_shared_strip(path: Path) -> str:
    """Twenty thousand rows that are all the same compressed kilobyte."""
    rows, columns = 20_000, 20_000
    strip = zlib.compress(bytes(columns * 100))
    count = rows // 100
    entries = [(256, 4, 1, columns), (257, 4, 1, rows), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (273, 4, count, 2000)]
    entries += [(277, 3, 1, 1), (278, 4, 1, 100), (279, 4, count, 2000 + 4 * count)]
    at = 2000 + 8 * count
    ifd = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
    head = (b"II*\0" + struct.pack("<I", 8) + ifd).ljust(2000, b"\0")
    path.write_bytes(head + struct.pack(f"<{count}I", *[at] * count) + struct.pack(f"<{count}I", *[len(strip)] * count) + strip)
    return ""


def bomb_bmp(path: Path) -> str:
    path.write_bytes(struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 1, 0, 0, 0, 0, 0))
    return ""


def npy_header(shape: tuple[int, ...], descr: str = "|u1") -> bytes:
    text = str({"descr": descr, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text


def bomb_npy(path: Path) -> str:
    path.write_bytes(npy_header((10**6, 10**6)) + b"x")
    return ""


def bomb_npz_header(path: Path) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("x.npy", npy_header((10**5, 10**5, 10**5)) + b"x")
    return "::x"


def bomb_npz_zeros(path: Path) -> str:
    """Five gigabytes of zeros in five megabytes."""
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    block, body, total, crc = bytes(2**24), bytesio.BytesIO(), 0, 0
    header = npy_header((5 * 2**30,))
    body.write(squeezed.compress(header))
    crc = zlib.crc32(header)
    zero_crcs = zlib.crc32(block, crc)
    for _ in range(4):  # the checksum is wrong, which nobody gets to see
        body.write(squeezed.compress(block))
    body.write(squeezed.flush())
    total = len(header) + 5 * 2**30
    packed = body.getvalue()
    local = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 45, 0, 8, 0, 0, zero_crcs, 2**32 - 1, 2**32 - 1, 5, 20) + b"x.npy"
    local += struct.pack("<HHQQ", 1, 16, total, len(packed))
    central = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 45, 45, 0, 8, 0, 0, zero_crcs, len(packed), 2**32 - 1, 5, 12, 0, 0, 0, 0, 0)
    central += b"x.npy" + struct.pack("<HHQ", 1, 8, total)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local) + len(packed), 0)
    path.write_bytes(local + packed + central + end)
    return "::x"


def bomb_npz_more_than_said(path: Path) -> str:
    """The array says ten bytes, the zip gives a hundred million."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("x.npy", npy_header((10,)) + bytes(10**8))
    return "::x"


def bomb_h5(path: Path) -> str:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", shape=(200_000, 200_000), dtype="u1", chunks=(1000, 1000))
    return "::x"


def bomb_h5_chunk(path: Path) -> str:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", shape=(1, 2**33), dtype="u1", chunks=(1, 2**31), maxshape=(None, None))
    return "::x/0"


def nifti_header(shape: tuple[int, ...]) -> bytes:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    data = bytearray(header.binaryblock)
    struct.pack_into("<8h", data, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    struct.pack_into("<f", data, 108, 352.0)
    data[344:348] = b"n+1\0"
    return bytes(data) + bytes(4)


def bomb_nifti(path: Path) -> str:
    path.write_bytes(nifti_header((30_000, 30_000, 30_000)))
    return ""


def bomb_nifti_gz(path: Path) -> str:
    path.write_bytes(gzip.compress(nifti_header((30_000, 30_000, 30_000)) + bytes(10**7)))
    return ""


def bomb_gz_tail(path: Path) -> str:
    """A small volume with 400 megabytes of zeros behind it."""
    path.write_bytes(gzip.compress(nifti_header((4, 4, 4)) + bytes(4 * 10**8), compresslevel=1))
    return ""


BOMBS = {
    "a.png": bomb_png,
    "widest.png": bomb_png_widest,
    "a.jpg": bomb_jpeg,
    "a.tif": bomb_tiff,
    "shared.tif": bomb_tiff_shared_strip,
    "a.bmp": bomb_bmp,
    "a.npy": bomb_npy,
    "header.npz": bomb_npz_header,
    "zeros.npz": bomb_npz_zeros,
    "lying.npz": bomb_npz_more_than_said,
    "a.h5": bomb_h5,
    "chunk.h5": bomb_h5_chunk,
    "a.nii": bomb_nifti,
    "a.nii.gz": bomb_nifti_gz,
    "tail.nii.gz": bomb_gz_tail,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_goes_off(tmp_path, name):
    path = tmp_path / name
    part = BOMBS[name](path)
    before, start = peak_mb(), time.monotonic()
    said = refusal(path, part)
    assert said.code in {"OVER_LIMIT", "BROKEN", "TRUNCATED"}, said
    assert time.monotonic() - start < 2
    assert peak_mb() - before < 60


def peak_mb() -> float:
    if sys.platform == "win32":
        return 0.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def test_limits_can_be_raised_and_lowered(tmp_path):
    path = tmp_path / "a.png"
    Pillow.fromarray(GREY).save(path)
    small = io.Limits.default().but(pixels=100)
    with pytest.raises(UnreadableInput, match=r"OVER_LIMIT .*a\.png: .*37 x 53.* over the limit of 100") as refused:
        io.read(path, limits=small)
    assert refused.value.exit_code == 3
    assert io.read(path, limits=small.but(pixels=37 * 53)).read().shape == (1, 37, 53)


# formats in particular -------------------------------------------------------------------------------------------------


def test_png_rows_that_are_missing_are_not_painted_black(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png_header(50, 50, pixels=b"\0" + bytes(50)))
    refusal(path)
    palette = chunk(b"PLTE", bytes(range(6)))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 50, 50, 8, 3, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + palette + chunk(b"IDAT", zlib.compress(bytes(51 * 20))) + chunk(b"IEND", b""))
    assert refusal(path).code == "TRUNCATED"


def test_a_palette_index_beyond_the_palette_is_refused(tmp_path):
    path = tmp_path / "a.png"
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, 8, 3, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0\1\2\3"))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"PLTE", bytes(6)) + pixels + chunk(b"IEND", b""))
    assert "beyond its palette" in refusal(path).what


def test_an_animated_png_is_several_pictures(tmp_path):
    path = tmp_path / "a.png"
    Pillow.fromarray(GREY).save(path, save_all=True, append_images=[Pillow.fromarray(GREY[::-1].copy())])
    assert refusal(path).code == "SEVERAL_PICTURES"


def test_lossless_jpeg_is_refused_by_its_kind(tmp_path):
    path = tmp_path / "a.jpg"
    Pillow.fromarray(GREY).save(path)
    data = bytearray(path.read_bytes())
    data[data.index(b"\xff\xc0") + 1] = 0xC3
    path.write_bytes(data)
    assert "lossless" in refusal(path).what


def test_tiff_directories_that_run_in_a_circle(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, metadata=None)
    data = bytearray(path.read_bytes())
    start = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, start)[0]
    struct.pack_into("<I", data, start + 2 + 12 * count, start)
    path.write_bytes(data)
    begun = time.monotonic()
    try:
        io.read(path).read()
    except SagittalError as error:
        assert error.exit_code in {3, 10}
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("tag", [273, 279])
def test_strips_that_are_missing_are_not_painted_black(tmp_path, tag):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RGB, rowsperstrip=8, compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as opened:
        at, kind = opened.pages[0].tags[tag].valueoffset, opened.pages[0].tags[tag].dtype
    data = bytearray(path.read_bytes())
    data[at : at + (4 if kind == 4 else 2)] = bytes(4 if kind == 4 else 2)
    path.write_bytes(data)
    assert refusal(path).code == "BROKEN"


def test_pickles_in_arrays_are_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "run",))

    for name, part in (("a.npy", ""), ("a.npz", "::x")):
        path = tmp_path / name
        array = np.array([Trap()], dtype=object)
        np.save(path, array) if name == "a.npy" else np.savez(path, x=array)
        assert refusal(path, part).code == "NOT_NUMBERS"
    assert not (tmp_path / "run").exists()


def test_hdf5_links_out_of_the_file_are_not_followed(tmp_path):
    secret, path = tmp_path / "secret.h5", tmp_path / "a.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = GREY
    with h5py.File(path, "w") as file:
        file["y"] = GREY
        file["x"] = h5py.ExternalLink(str(secret), "/x")
        file["raw"] = h5py.SoftLink("/x")
        file.create_dataset("out", shape=(4, 4), dtype="u1", external=[(str(secret), 0, 16)])
        layout = h5py.VirtualLayout(shape=(37, 53), dtype="u1")
        layout[:] = h5py.VirtualSource(str(secret), "x", shape=(37, 53))
        file.create_virtual_dataset("virtual", layout)
        file["ring"] = h5py.SoftLink("/")
    for part in ("x", "raw", "out", "virtual"):
        assert refusal(path, f"::{part}").code in {"NO_SUCH_PART", "UNSUPPORTED"}
    np.testing.assert_array_equal(io.read(f"{path}::/y").read()[0], GREY)


def test_hdf5_groups_that_hold_themselves(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("g")
        for k in range(6):
            group[f"again{k}"] = group
        file["x"] = GREY
    begun = time.monotonic()
    assert io.read(f"{path}::x").read().shape == (1, 37, 53)
    assert time.monotonic() - begun < 1


def test_nifti_affines_that_cannot_be(tmp_path):
    path = tmp_path / "a.nii"
    flat = nibabel.Nifti1Image(RGB, None)
    flat.header.set_sform(np.diag([1, 0, 1, 1]), code=1)
    nibabel.save(flat, path)
    with pytest.raises(Refused) as caught:
        io.read(path)
    assert caught.value.code == "AFFINE"
    path.write_bytes(nifti_header((4, 4, 4))[:61])
    assert refusal(path).code in {"UNKNOWN_CONTENT", "TRUNCATED"}


LAUGHS = """<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<svg xmlns="http://www.w3.org/2000/svg"><polygon points="&b;"/></svg>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<svg xmlns="http://www.w3.org/2000/svg"><polygon class="&x;" points="0,0 1,0 1,1"/></svg>"""
MANY = f"""<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "http://{"a" * 180}">]>
<svg xmlns="http://www.w3.org/2000/svg"><title>{"&a;" * 20_000}</title></svg>"""
LONG = f"""<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "http://{"a" * 5000}">]><svg xmlns="http://www.w3.org/2000/svg"><title>&a;</title></svg>"""
DEEP = "<svg>" + "<g>" * 5000 + "</g>" * 5000 + "</svg>"


@pytest.mark.parametrize(
    "text", [LAUGHS, OUTSIDE, MANY, LONG, DEEP, "<svg><polygon", "<svg><use href='#a'/></svg>", "<svg><polygon points='1 2 3'/></svg>"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_hostile_svg(tmp_path, text, encoding):
    path = tmp_path / "a.svg"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(UnreadableInput, match=r"a\.svg"):
        io.read_annotation(path, Labels(classes=("tissue", "tumour"), background="tissue"))


@pytest.mark.parametrize("text", [LAUGHS, OUTSIDE, MANY])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_bombs_of_entities_are_told_as_such_in_any_encoding(tmp_path, text, encoding):
    path = tmp_path / "a.svg"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(UnreadableInput, match="UNSAFE"):
        io.read_annotation(path, Labels(classes=("tissue", "tumour"), background="tissue"))
