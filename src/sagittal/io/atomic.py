"""Files that are there whole or not at all: write, sync, rename, sync the folder."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sagittal.errors import StorageFailure, UsageError

_REMEDIES = {
    errno.ENOSPC: ("DISK_FULL", "the disk is full", "free some space, or write elsewhere"),
    errno.EDQUOT: ("DISK_FULL", "your quota is used up", "free some space, or write elsewhere"),
    errno.EROFS: ("READ_ONLY", "the disk is read-only", "write elsewhere"),
    errno.EACCES: ("NO_PERMISSION", "writing is not permitted", "write elsewhere, or change the permissions"),
    errno.EPERM: ("NO_PERMISSION", "writing is not permitted", "write elsewhere, or change the permissions"),
    errno.ENOENT: ("NO_FOLDER", "its folder does not exist", "make the folder first"),
    errno.ENOTDIR: ("NO_FOLDER", "a part of its path is a file, not a folder", "choose another path"),
    errno.EISDIR: ("IS_FOLDER", "there is a folder of this name", "choose another name"),
    errno.ENAMETOOLONG: ("LONG_NAME", "the name is too long for the disk", "choose a shorter name"),
}


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A binary file to write; it takes its place, synced, when the block ends without an error.

    Until then, and after an error, whatever was at ``path`` is still there untouched. Folders that are
    missing on the way are not made.

    Raises:
        StorageFailure: Disk full, read-only, not permitted, no such folder: each with its remedy.

    >>> target = getfixture("tmp_path") / "a.txt"
    >>> with writing(target) as file:
    ...     _ = file.write(b"whole")
    >>> target.read_bytes()
    b'whole'
    """
    path = Path(path)
    with storage(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
        number, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        temporary = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def check_place(path: Path) -> None:
    """Whether a file could be written there, asked before the work that it is for; nothing is left behind.

    Raises:
        StorageFailure: It could not; see :func:`writing`.

    >>> check_place(getfixture("tmp_path") / "model.onnx")
    >>> list(getfixture("tmp_path").iterdir())
    []
    """
    with storage(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
        with tempfile.TemporaryFile(dir=path.parent):
            pass


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole; see :func:`writing`."""
    with writing(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, in UTF-8, with its line ends as they are; see :func:`writing`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, obj: object) -> None:
    """Write a JSON file whole, indented, in UTF-8; see :func:`writing`.

    Raises:
        ValueError: NaN or infinity anywhere: JSON has neither.
        TypeError: Something that JSON has no word for.
    """
    write_text(path, json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextlib.contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` of a block that writes to ``path`` into a :class:`StorageFailure` with its remedy."""
    try:
        yield
    except OSError as error:
        other = ("STORAGE", f"it cannot be written ({error.strerror or type(error).__name__})", "write elsewhere")
        code, what, remedy = _REMEDIES.get(error.errno or 0, other)
        raise StorageFailure(code, path, what, remedy) from error


def is_taken(path: Path) -> bool:
    """Whether anything stands where a new folder is to be: a file, or a folder that is not empty."""
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


def new_folder(path: Path) -> Path:
    """A folder for new files, made where it is missing; never one that holds any: none is written over, none is mistaken for new.

    Raises:
        UsageError: Something is there already.
        StorageFailure: It cannot be made.
    """
    path = Path(path)
    with storage(path):
        if is_taken(path):
            raise UsageError("OUTPUT_EXISTS", path, "the output folder is not empty", "name another with -o")
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def nothing_left(path: Path) -> Iterator[None]:
    """Where the block ends with an error, the folders that it made on the way to ``path`` are taken away again if they are empty.

    >>> made = getfixture("tmp_path") / "runs" / "one"
    >>> with contextlib.suppress(ValueError), nothing_left(made):
    ...     made.mkdir(parents=True)
    ...     raise ValueError
    >>> made.parent.exists()
    False
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        yield
    except BaseException:
        # one that holds something stops at itself, and so do those above it
        with contextlib.suppress(OSError):
            for folder in missing:
                folder.rmdir()
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; does nothing where folders cannot be opened (Windows)."""
    if os.name == "nt":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        # some network file systems sync names by themselves and refuse to be asked
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(number)


def _umask() -> int:
    # there is no way to read it without setting it
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
