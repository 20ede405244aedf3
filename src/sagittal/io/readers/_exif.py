"""The one EXIF tag that moves pixels."""

from __future__ import annotations

import struct

_ORIENTATION = 0x0112
_SHORT = 3


def orientation(block: bytes) -> int:
    r"""How the stored picture is to be shown, 1 to 8; 1 where the block does not say or is broken.

    Args:
        block: A TIFF header and its first directory, as in JPEG's APP1 after ``Exif\0\0`` and in PNG's ``eXIf``.

    >>> orientation(b"II*\0\x08\0\0\0" b"\x01\0" b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0")
    6
    """
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return 1
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    if start + 2 > len(block):
        return 1
    (count,) = struct.unpack_from(f"{order}H", block, start)
    for entry in range(start + 2, min(start + 2 + 12 * count, len(block) - 11), 12):
        tag, kind, n = struct.unpack_from(f"{order}HHI", block, entry)
        if tag == _ORIENTATION and kind == _SHORT and n == 1:
            (value,) = struct.unpack_from(f"{order}H", block, entry + 8)
            return value if 1 <= value <= 8 else 1
    return 1
