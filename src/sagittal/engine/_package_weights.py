"""The weights of a package: a safetensors file checked against the network before a byte is set aside for it."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_module_registration_hook, register_module_parameter_registration_hook

from sagittal.engine._stored_zip import Entry
from sagittal.engine._strict import conform, parsed
from sagittal.engine.plan import Plan
from sagittal.models._network import Network

LARGEST_HEADER = 2**24
MOST_TENSORS = 20_000
_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A tensor in the file."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    size: int

    @property
    def numel(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Described:
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, ...]


def header(file: BinaryIO, entry: Entry) -> dict[str, Stored]:
    """The tensors of a safetensors file by name, in the order of their bytes, which they fill without gap or overlap.

    Raises:
        ValueError: It is not such a file.
    """
    file.seek(entry.start)
    length = int.from_bytes(file.read(8), "little")
    if entry.size < 8 or not 2 <= length <= min(entry.size - 8, LARGEST_HEADER):
        raise ValueError(f"its weights state a header of {length:,} bytes in a file of {entry.size:,}")
    record = parsed(file.read(length))
    if len(record) > MOST_TENSORS:
        raise ValueError(f"its weights are {len(record):,} tensors, over the limit of {MOST_TENSORS:,}")
    conform(record, Mapping[str, _Described], "weights")
    base = entry.start + 8 + length
    found = {name: _stored(name, said, base) for name, said in sorted(record.items(), key=lambda item: item[1]["data_offsets"])}
    at = base
    for name, tensor in found.items():
        if tensor.start != at:
            raise ValueError(f"its weights overlap or leave a gap at {name[:60]!a}")
        at += tensor.size
    if at != entry.start + entry.size:
        raise ValueError(f"its tensors end {entry.start + entry.size - at:,} bytes before their file does")
    return found


def _stored(name: str, said: Mapping[str, Any], base: int) -> Stored:
    dtype, shape, offsets = _DTYPES.get(said["dtype"]), tuple(said["shape"]), said["data_offsets"]
    if dtype is None:
        raise ValueError(f"its tensor {name[:60]!a} is of the type {said['dtype'][:20]!a}")
    if len(offsets) != 2 or len(shape) > 8 or any(n < 0 for n in shape):
        raise ValueError(f"its tensor {name[:60]!a} has a shape or offsets that make no sense")
    size = math.prod(shape) * dtype.itemsize
    if offsets[1] - offsets[0] != size:
        raise ValueError(f"its tensor {name[:60]!a} says {size:,} bytes by its shape and {offsets[1] - offsets[0]:,} by its offsets")
    return Stored(dtype=dtype, shape=shape, start=base + offsets[0], size=size)


def skeleton(plan: Plan, stored: Mapping[str, Stored]) -> Network:
    """The network without memory, found to have exactly the tensors of the file.

    Raises:
        ValueError: Another number, name, shape or type of tensors. A plan that asks for more than the file holds is
            stopped while the network is put together, however large its numbers are.
    """
    with torch.device("meta"), _at_most(len(stored), sum(t.numel for t in stored.values())):
        network = plan.network()
    wanted = network.state_dict()
    missing, extra = sorted(wanted.keys() - stored.keys()), sorted(stored.keys() - wanted.keys())
    if missing or extra:
        odd = f"lack {missing[0]}" if missing else f"hold {extra[0][:60]!a}, which the network has not"
        raise ValueError(f"its weights {odd} ({len(stored)} tensors, the network has {len(wanted)})")
    for name, tensor in wanted.items():
        if (tensor.dtype, tuple(tensor.shape)) != (stored[name].dtype, stored[name].shape):
            what = f"{stored[name].dtype} {stored[name].shape}, the network has {tensor.dtype} {tuple(tensor.shape)}"
            raise ValueError(f"its tensor {name} is {what}")
    return network


@contextmanager
def _at_most(tensors: int, numbers: int) -> Iterator[None]:
    """Stop the building of a network that grows beyond this."""
    seen = {"tensors": 0, "numbers": 0, "layers": 0}

    def parameter(module: nn.Module, name: str, value: nn.Parameter | None) -> None:
        seen["tensors"] += 1
        seen["numbers"] += 0 if value is None else value.numel()
        if seen["tensors"] > 2 * tensors + 100 or seen["numbers"] > 2 * numbers + 10_000:
            raise ValueError(f"asks for a network larger than its {numbers:,} weights")

    def layer(module: nn.Module, name: str, value: nn.Module | None) -> None:
        seen["layers"] += 1
        # Layers are registered again in every sequence that groups them.
        if seen["layers"] > 100 * tensors + 10_000:
            raise ValueError(f"asks for more layers than its {tensors:,} tensors can belong to")

    hooks = register_module_parameter_registration_hook(parameter), register_module_module_registration_hook(layer)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def tensors(file: BinaryIO, entry: Entry, stored: Mapping[str, Stored], digest: str) -> dict[str, Tensor]:
    """The tensors, read once: what is checked is what is used.

    Raises:
        ValueError: The bytes are not those that the hash and the checksum are of, or hold NaN or infinity.
    """
    sha, crc = hashlib.sha256(), 0
    file.seek(entry.start)
    found: dict[str, Tensor] = {}
    first = min((t.start for t in stored.values()), default=entry.start + entry.size)
    head = file.read(first - entry.start)
    sha.update(head)
    crc = zlib.crc32(head, crc)
    for name, tensor in stored.items():
        value = torch.empty(tensor.shape, dtype=tensor.dtype)
        view: memoryview = value.flatten().view(torch.uint8).numpy().data if tensor.size else memoryview(b"")
        if tensor.size and file.readinto(view) != tensor.size:  # type: ignore[attr-defined]
            raise ValueError("ends too early")
        sha.update(view)
        crc = zlib.crc32(view, crc)
        found[name] = value
    if sha.hexdigest() != digest:
        raise ValueError("its weights.safetensors has another SHA-256 than its SHA256SUMS says")
    if crc != entry.crc:
        raise ValueError("its weights.safetensors has another checksum than the zip says")
    for name, value in found.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ValueError(f"its tensor {name} holds NaN or infinity")
    return found
