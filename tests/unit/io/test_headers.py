"""The header of a picture is remembered while its file stays as it is."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from PIL import Image as Pillow

from sagittal import io
from sagittal.errors import SagittalError, UnreadableInput
from sagittal.io import _headers, _sniff
from sagittal.io.guard import Limits


@pytest.fixture
def picture(tmp_path):
    """A JPEG that was written some time ago."""
    path = tmp_path / "a.jpg"
    Pillow.fromarray(np.full((24, 40), 99, np.uint8)).save(path)
    aged(path, 60)
    return path


def aged(path, seconds):
    at = time.time() - seconds
    os.utime(path, (at, at))


@pytest.fixture
def looks(monkeypatch):
    look, seen = _sniff.look, []
    monkeypatch.setattr(_sniff, "look", lambda path: (seen.append(path), look(path))[1])
    return seen


def test_a_picture_is_looked_at_once_and_read_as_often_as_asked(picture, looks):
    first = io.read(picture).read()
    again = io.read(picture)
    np.testing.assert_array_equal(again.read(), first)
    np.testing.assert_array_equal(again.coarser(2).read(), first[:, ::2, ::2])
    assert looks == [picture]


def test_a_file_that_was_changed_is_looked_at_again(picture, looks):
    io.read(picture)
    Pillow.fromarray(np.full((24, 48), 99, np.uint8)).save(picture)
    aged(picture, 30)
    assert io.read(picture).geometry.shape == (24, 48)
    assert len(looks) == 2


def test_a_file_that_was_just_written_is_not_remembered(tmp_path, looks):
    """It may be written again within the same tick of the file system's clock."""
    path, now = tmp_path / "a.jpg", time.time()
    for width in (40, 48):
        Pillow.fromarray(np.full((24, width), 99, np.uint8)).save(path)
        path.write_bytes(path.read_bytes().ljust(2000, b"\0"))
        os.utime(path, (now, now))
        assert io.read(path).geometry.shape == (24, width)
    assert len(looks) == 2


def test_tighter_limits_hold_for_a_header_that_is_remembered(picture):
    io.read(picture)
    with pytest.raises(SagittalError):
        io.read(picture, limits=Limits.default().but(pixels=100))


def test_a_file_that_was_removed_is_not_there(picture):
    io.read(picture)
    picture.unlink()
    with pytest.raises(UnreadableInput, match="NOT_FOUND"):
        io.read(picture)


def test_so_many_are_kept(picture, tmp_path, monkeypatch):
    monkeypatch.setattr(_headers, "MOST", 3)
    monkeypatch.setattr(_headers, "_kept", type(_headers._kept)())
    for n in range(5):
        path = tmp_path / f"{n}.png"
        Pillow.fromarray(np.zeros((4, 4), np.uint8)).save(path)
        aged(path, 60)
        io.read(path)
    assert [key[-5] for key in _headers._kept] == ["2", "3", "4"]


def test_a_remembered_header_keeps_no_bytes_of_its_file(tmp_path):
    opened = []
    for n in range(2):
        path = tmp_path / f"{n}.jpg"
        Pillow.fromarray(np.full((24, 40), 40 * n, np.uint8)).save(path)
        opened.append((path, io.read(path)))
    opened[0][0].unlink()
    with pytest.raises(UnreadableInput):
        opened[0][1].read()
    assert opened[1][1].read().mean() == 40


def test_a_dicom_file_under_the_name_and_first_bytes_of_a_jpeg_is_not_taken_for_one(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff".ljust(128, b"\0") + b"DICM" + b"\0" * 200)
    with pytest.raises(UnreadableInput, match="WRONG_SUFFIX"):
        io.read(path)
