"""Tensors on disk in the safetensors format, hashed while they are written.

The library serialises into memory, twice the size of the network, and reports a full disk as an error of its
own kind. A checkpoint is written many times in a run, so here the tensors go one by one to the file. What the
library reads and what is read here are the same files (a test holds it).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sagittal.errors import UnreadableInput

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class Hashing:
    """A file that knows the SHA-256 of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sum = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        """Write all of it."""
        self._file.write(data)
        self._sum.update(data)

    def finish(self) -> str:
        """Bring it to the disk; the SHA-256 of all that was written, in hexadecimal."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._sum.hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, Tensor], *, between: Callable[[], None] | None = None) -> str:
    """Write tensors to a new file, synced.

    Args:
        path: Where to; ``OSError`` is the caller's to name.
        tensors: Of any device and layout; equal or shared ones are written as often as they are named.
        between: Called after every tensor.

    Returns:
        The SHA-256 of the file, in hexadecimal.

    >>> target = getfixture("tmp_path") / "a.safetensors"
    >>> len(write_tensors(target, {"weight": torch.ones(2)}))
    64
    >>> read_tensors(target)
    {'weight': tensor([1., 1.])}
    """
    # widest first, then by name: every tensor starts at a multiple of its own width, as the format asks
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    with path.open("wb") as file:
        out = Hashing(file)
        head = _header(names, tensors)
        out.write(len(head).to_bytes(8, "little"))
        out.write(head)
        for name in names:
            out.write(_bytes_of(tensors[name]))
            if between is not None:
                between()
        return out.finish()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, on the CPU.

    Raises:
        UnreadableInput: It is not there, or not a safetensors file.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UnreadableInput("TENSORS", path.name, f"cannot be read ({error})", "copy the run again, or train anew") from None


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _header(names: list[str], tensors: Mapping[str, Tensor]) -> bytes:
    head: dict[str, object] = {}
    start = 0
    for name in names:
        tensor = tensors[name]
        stop = start + tensor.numel() * tensor.element_size()
        head[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(head, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8)


def _bytes_of(tensor: Tensor) -> memoryview:
    flat = tensor.detach().to("cpu").contiguous().flatten()
    data: memoryview = flat.view(torch.uint8).numpy().data
    return data
