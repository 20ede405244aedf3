"""A file is there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from sagittal.errors import StorageFailure
from sagittal.io import atomic


def test_a_failed_write_leaves_what_was_there(tmp_path):
    target = tmp_path / "a.txt"
    atomic.write_text(target, "old")
    with pytest.raises(RuntimeError), atomic.writing(target) as file:
        file.write(b"half of the n")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"], "the temporary file is gone"


def test_text_keeps_its_line_ends_and_letters(tmp_path):
    atomic.write_text(tmp_path / "a", "µm\r\nx\n")
    assert (tmp_path / "a").read_bytes() == b"\xc2\xb5m\r\nx\n"


def test_json_has_neither_nan_nor_half_a_file(tmp_path):
    target = tmp_path / "a.json"
    atomic.write_json(target, {"value": None, "name": "Ödem"})
    assert json.loads(target.read_text(encoding="utf-8")) == {"value": None, "name": "Ödem"}
    for bad, error in ((float("nan"), ValueError), (float("inf"), ValueError), (object(), TypeError)):
        with pytest.raises(error):
            atomic.write_json(target, {"value": bad})
    assert json.loads(target.read_text(encoding="utf-8"))["name"] == "Ödem"


def test_the_file_is_synced_before_it_takes_its_name_and_the_folder_after(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (steps.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"), fsync(fd))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (steps.append("rename"), replace(self, to))[1])
    atomic.write_bytes(tmp_path / "a", b"x")
    assert steps == (["file", "rename", "folder"] if os.name != "nt" else ["file", "rename"])


@pytest.mark.parametrize(
    ("number", "code", "remedy"),
    [
        (errno.ENOSPC, "DISK_FULL", "free some space"),
        (errno.EROFS, "READ_ONLY", "write elsewhere"),
        (errno.EACCES, "NO_PERMISSION", "permissions"),
        (errno.EIO, "STORAGE", "write elsewhere"),
    ],
)
def test_each_failure_of_the_disk_has_its_remedy(tmp_path, monkeypatch, number, code, remedy):
    def fail(fd):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageFailure) as caught:
        atomic.write_bytes(tmp_path / "a", b"x")
    assert caught.value.code == code
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == 9
    assert list(tmp_path.iterdir()) == []


def test_folders_that_are_missing_or_are_files_are_named(tmp_path):
    (tmp_path / "file").touch()
    for target, code in ((tmp_path / "no" / "a", "NO_FOLDER"), (tmp_path / "file" / "a", "NO_FOLDER"), (tmp_path, "IS_FOLDER")):
        with pytest.raises(StorageFailure) as caught:
            atomic.write_bytes(target, b"x")
        assert caught.value.code == code
    with pytest.raises(StorageFailure) as caught:
        atomic.write_bytes(tmp_path / ("n" * 300), b"x")
    assert caught.value.code == "LONG_NAME"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_the_file_has_the_permissions_of_any_new_file(tmp_path):
    atomic.write_bytes(tmp_path / "a", b"x")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_after_an_error_nothing_is_left_but_what_was_there_and_what_was_written(tmp_path):
    there, new, written = tmp_path / "there", tmp_path / "a" / "b", tmp_path / "c" / "d"
    there.mkdir()
    for place in (there, new, written):
        with pytest.raises(KeyboardInterrupt), atomic.nothing_left(place):
            place.mkdir(parents=True, exist_ok=True)
            if place is written:
                (place / "half.json").touch()
            raise KeyboardInterrupt
    assert there.is_dir()
    assert not (tmp_path / "a").exists()
    assert (written / "half.json").exists()
    with atomic.nothing_left(new):
        new.mkdir(parents=True)
    assert new.is_dir(), "without an error an empty folder stays"
