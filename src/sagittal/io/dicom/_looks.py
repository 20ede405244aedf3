"""Whether bytes are the beginning of a DICOM file; light, since every file that is read is asked."""

from __future__ import annotations

import struct

VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split())
"""Value representations as they are written."""


def looks_like_dicom(head: bytes) -> bool:
    r"""Whether a file that begins so is DICOM: ``DICM`` after the preamble, or a first element of group 2 or 8.

    >>> looks_like_dicom(bytes(128) + b"DICM"), looks_like_dicom(b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100")
    (True, True)
    >>> looks_like_dicom(b"\x08\x00\x00\x00 and so on")
    False
    """
    if head[128:132] == b"DICM":
        return True
    return len(head) >= 16 and first_element(head) is not None


def first_element(head: bytes) -> tuple[str, bool] | None:
    """Byte order and whether implicit, of a data set that begins here; None when none begins here."""
    for order in ("<", ">"):
        group, element = struct.unpack_from(f"{order}HH", head)
        if group not in {2, 8} or element > 0x2FFF:
            continue
        if head[4:6] in VRS:
            return order, False
        (length,) = struct.unpack_from(f"{order}I", head, 4)
        # group lengths are four bytes; the first elements of a data set are short texts
        if order == "<" and group == 8 and length <= 256 and (length == 4 if element == 0 else _texty(head[8 : 8 + length])):
            return order, True
    return None


def _texty(value: bytes) -> bool:
    return len(value) > 0 and all(32 <= b < 127 for b in value.rstrip(b"\0"))
