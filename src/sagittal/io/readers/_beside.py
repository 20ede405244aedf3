"""The file that a header names for its values: in the header's own folder, nowhere else."""

from __future__ import annotations

from pathlib import Path

from sagittal.errors import Refused, UnreadableInput


def beside(path: Path, name: str) -> Path:
    """The file of this name in the folder of ``path``.

    Raises:
        Refused: The name leads elsewhere: a header must not open any file of this machine.
        UnreadableInput: There is no such file.
    """
    plain = name.removeprefix("./")
    if not plain or plain in {".", ".."} or any(c in plain for c in "/\\:\0") or not plain.isprintable():
        raise Refused("DATA_FILE", path, "its header names a file in another folder for its values", "put both files into one folder")
    found = path.with_name(plain)
    if not found.is_file():
        raise UnreadableInput("NOT_FOUND", path, "the file with its values does not lie beside it", "put both files into one folder")
    return found
