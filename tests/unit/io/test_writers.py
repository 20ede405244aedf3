"""What is written comes back, and what cannot be held is refused."""

from __future__ import annotations

import csv
from io import StringIO

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sagittal import io
from sagittal.core import Geometry, Image
from sagittal.errors import StorageFailure, UsageError
from sagittal.io.writers.csv import as_text, read_rows, write_rows
from sagittal.io.writers.raster import encode_jpeg, encode_png

RNG = np.random.default_rng(11)


def picture(channels: int, dtype: str) -> Image:
    values = RNG.integers(0, np.iinfo(dtype).max, (channels, 20, 30)).astype(dtype)
    names = ("value", "alpha") if channels == 2 else None
    return Image.of(values, Geometry.picture((20, 30)), channels=names)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".bmp"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_lossless_pictures_come_back(tmp_path, suffix, dtype, channels):
    image, path = picture(channels, dtype), tmp_path / f"a{suffix}"
    fits = (
        suffix in {".tif", ".tiff"}
        or (suffix == ".png" and (dtype, channels) != ("uint16", 2))
        or (dtype == "uint8" and channels in {1, 3})
    )
    if not fits:
        if suffix == ".bmp" and dtype == "uint8":
            return  # BMP holds alpha in a fashion that not all programs know
        with pytest.raises(UsageError, match="UNFIT_VALUES"):
            io.write(image, path)
        return
    io.write(image, path)
    again = io.read(path)
    assert again.channels == image.channels
    np.testing.assert_array_equal(again.read(), image.read())


def test_jpeg_is_close(tmp_path):
    smooth = np.add.outer(np.arange(64), np.arange(80)).astype(np.uint8)
    io.write(Image.of(smooth[None], Geometry.picture(smooth.shape)), tmp_path / "a.jpg")
    assert np.abs(io.read(tmp_path / "a.jpg").read()[0].astype(int) - smooth).max() < 6


def test_encoders_take_planes_and_refuse_what_they_cannot_hold():
    assert encode_png(np.zeros((4, 5), np.uint8)).startswith(b"\x89PNG")
    assert encode_jpeg(np.zeros((3, 4, 5), np.uint8)).startswith(b"\xff\xd8")
    for values in (np.zeros((4, 5)), np.zeros((5, 4, 5), np.uint8), np.zeros((2, 4, 5), np.uint16)):
        with pytest.raises(ValueError, match="holds uint8"):
            encode_png(values)


def test_a_suffix_that_no_writer_knows(tmp_path):
    with pytest.raises(UsageError, match=r"choose one of .*\.nii\.gz"):
        io.write(picture(1, "uint8"), tmp_path / "a.xyz")
    with pytest.raises(UsageError, match="NOT_A_VOLUME"):
        io.write(picture(1, "uint8"), tmp_path / "a.nii.gz")
    with pytest.raises(UsageError, match="NOT_A_PICTURE"):
        io.write(Image.of(np.zeros((1, 4, 4, 4), np.uint8), Geometry(shape=(4, 4, 4), affine=np.eye(4))), tmp_path / "a.png")
    with pytest.raises(StorageFailure):
        io.write(picture(1, "uint8"), tmp_path / "no" / "a.png")


def test_rows_come_back_and_formulas_are_harmless(tmp_path):
    path = tmp_path / "t.csv"
    rows = [{"case": "a,b", "p": 0.1 + 0.2, "n": np.int64(3), "note": None}, {"case": "=1+1", "p": -1e-9, "n": -4, "note": "-x"}]
    write_rows(path, ["case", "p", "n", "note"], rows)
    found = io.read_table(path)
    assert found["p"].tolist() == [0.1 + 0.2, -1e-9]
    assert found["n"].tolist() == [3, -4]
    assert found["case"].tolist() == ["a,b", "'=1+1"]
    assert found["note"].isna().tolist() == [True, False]
    with pytest.raises(ValueError, match="'more', which is not among"):
        write_rows(path, ["case"], [{"case": "a", "more": 1}])


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2), min_size=1))
@example(
    [["=a", "+b"], ["'=a", "''+b"], ["-5", "-1e3"], ["\r=c", "d\r=e"], ["\t@", "\n-x"], ["'", "''a"], ["", "\N{FULLWIDTH EQUALS SIGN}1"]]
)
def test_texts_are_what_they_were_when_they_are_read_and_none_begins_as_a_formula(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "t.csv"
    made = as_text([["a", "b"], *rows])
    path.write_bytes(made.encode())
    assert [list(row.values()) for row in read_rows(path)] == rows
    for row in csv.reader(StringIO(made, newline="")):
        assert all(cell[:1] not in set("=+-@\t\r\n\0") or is_number(cell) for cell in row)


def is_number(cell):
    try:
        return float(cell) is not None
    except ValueError:
        return False


def test_names_of_columns_are_guarded_too(tmp_path):
    path = tmp_path / "t.csv"
    write_rows(path, ["=cmd()", "b"], [{"=cmd()": 1.5}, {"b": np.str_("+x")}])
    assert path.read_text() == "'=cmd(),b\n1.5,\n,'+x\n"
    assert read_rows(path) == [{"=cmd()": "1.5", "b": ""}, {"=cmd()": "", "b": "+x"}]


@pytest.mark.parametrize("text", ["a,b\n1\n", "a,b\n1,2,3\n", 'a,b\n"1,2\n', "a\n\xff"])
def test_tables_that_are_not_whole_are_refused(tmp_path, text):
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError):
        read_rows(tmp_path / "t.csv")


def test_a_row_image_is_written_as_a_table(tmp_path):
    image = Image.of(np.array([1.5, 2.0]), Geometry.none(), channels=("age", "dose"))
    io.write(image, tmp_path / "t.csv")
    np.testing.assert_array_equal(io.read(tmp_path / "t.csv").read(), [1.5, 2.0])


def test_an_exact_table_has_every_name_as_it_is(tmp_path):
    rows = [["case", "note"], ["a,b", 'says "no"'], ["=c", "two\nlines"], ["\u00e4", "'-x"], ["-d", "e\rf"]]
    made = as_text(rows, exact=True)
    assert list(csv.reader(StringIO(made, newline=""))) == rows
    (tmp_path / "t.csv").write_bytes(made.encode())
    assert [list(row.values()) for row in read_rows(tmp_path / "t.csv", exact=True)] == rows[1:]
