"""DICOM files in a zip archive, unpacked where they live no longer than the volumes that are read from them."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from sagittal.errors import UnreadableInput
from sagittal.io.dicom._looks import looks_like_dicom
from sagittal.io.guard import Limits, decoding

MOST_MEMBERS = 100_000
_HEAD = 1024
_PIECE = 1 << 20


def unpacked(path: Path, limits: Limits) -> tempfile.TemporaryDirectory[str]:
    """The DICOM files of an archive in a temporary folder, under numbers; their own names are not trusted.

    Args:
        path: The archive.
        limits: How large it may become; members are counted as they really are, not as they say.

    Raises:
        UnreadableInput: Broken, encrypted, over a limit.
    """
    limits.check_file(path, path.stat().st_size)
    most = min(limits.bytes, max(int(limits.ratio * path.stat().st_size), limits.floor))
    folder = tempfile.TemporaryDirectory(prefix="sagittal-")
    with decoding(path, "ZIP"), zipfile.ZipFile(path) as archive:
        members = [m for m in archive.infolist() if not m.is_dir()]
        if len(members) > MOST_MEMBERS:
            raise _over(path, f"it has {len(members):,} files")
        total = 0
        for number, member in enumerate(members):
            with archive.open(member) as source:
                head = source.read(_HEAD)
                if not looks_like_dicom(head):
                    continue
                with (Path(folder.name) / f"{number:06d}.dcm").open("wb") as target:
                    piece = head
                    while piece:
                        total += len(piece)
                        if total > most:
                            raise _over(path, f"its files are more than {most:,} bytes")
                        target.write(piece)
                        piece = source.read(_PIECE)
    return folder


def _over(path: Path, what: str) -> UnreadableInput:
    return UnreadableInput(
        "OVER_LIMIT", path, f"{what}, over the limit", "unpack it, or raise the limit (--max-pixels) if it is to be trusted"
    )
