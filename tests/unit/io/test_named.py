"""A locator names an array of a file, and a row of it; npz and HDF5 files are asked alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagittal.errors import UnreadableInput
from sagittal.io.readers._named import named, row_of

FILE = Path("a.h5")


@pytest.mark.parametrize(
    ("part", "names", "found"),
    [
        ("x", ["x", "y"], ("x", "")),
        ("x/3", ["x", "y"], ("x", "3")),
        ("x/3", ["x", "x/3"], ("x/3", "")),  # a name goes before a row
        ("a/b/2", ["a/b", "a"], ("a/b", "2")),
        ("", ["x"], ("x", "")),
        ("7", ["x"], ("x", "7")),
        ("7", ["x", "affine"], ("x", "7")),
        ("", ["affine"], ("affine", "")),
        ("affine", ["x", "affine"], ("affine", "")),
    ],
)
def test_a_part_is_an_array_and_a_row(part, names, found):
    assert named(part, names, FILE, kind="array", beside=("affine",)) == found


@pytest.mark.parametrize(
    ("part", "names", "code", "words"),
    [
        ("", ["x", "y"], "SEVERAL_PICTURES", "it holds the datasets x, y; name one: a.h5::x/0"),
        ("", [], "SEVERAL_PICTURES", "none"),
        ("7", ["x", "y"], "NO_SUCH_PART", "there is no dataset of this name"),
        ("²", ["x"], "NO_SUCH_PART", "there is no dataset of this name"),
        ("imges", ["images", "masks"], "NO_SUCH_PART", "did you mean images?"),
        ("imges/3", ["images", "masks"], "NO_SUCH_PART", "did you mean images?"),
    ],
)
def test_what_is_not_there_is_said(part, names, code, words):
    with pytest.raises(UnreadableInput, match=code) as caught:
        named(part, names, FILE, kind="dataset")
    assert words in str(caught.value)


@pytest.mark.parametrize(("row", "shape"), [("3", (3, 8)), ("-1", (3,)), ("²", (3,)), ("0", ()), ("", (3,)), ("0", (0, 4)), ("x", (3,))])
def test_rows_that_are_not_there(row, shape):
    with pytest.raises(UnreadableInput, match=rf"NO_SUCH_PART.*x has {shape[0] if shape else 0} rows, counted from 0"):
        row_of(row, shape, "a.h5::x", "x")


def test_the_last_row():
    assert row_of("2", (3, 8), "a.h5::x/2", "x") == 2
