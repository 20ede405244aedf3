"""Datasets of HDF5 files; nothing outside the file is followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.errors import OverLimit, UnreadableInput, nearest
from sagittal.io.guard import Limits, decoding

_MOST_DEPTH = 16


def hdf5_array(path: Path, part: str, limits: Limits) -> NDArray[Any]:
    """A dataset, or a row of it (``/x/3``: row 3 of ``/x`` unless there is a dataset of that name).

    Raises:
        UnreadableInput: Broken, over a limit, not numbers, no such part, or stored outside the file.
    """
    import h5py

    with decoding(path, "HDF5"):
        size = path.stat().st_size
        limits.check_file(path, size)
        with h5py.File(path, "r", locking=False) as opened:
            names = _datasets(opened, path)
            name, row = _named(part.strip("/"), names, path)
            dataset = opened[name]
            if dataset.is_virtual or dataset.external:
                raise UnreadableInput("UNSUPPORTED", path, f"the dataset {name} lies in other files", "copy it into this one")
            if dataset.dtype.kind not in "buif":
                raise UnreadableInput("NOT_NUMBERS", path, f"the dataset {name} holds {dataset.dtype}, not numbers", "name another")
            if row and not (row.isascii() and row.isdigit() and dataset.ndim and int(row) < len(dataset)):
                rows = len(dataset) if dataset.ndim else 0
                raise UnreadableInput("NO_SUCH_PART", f"{path}::{part}", f"{name} has {rows} rows, counted from 0", "name one of them")
            shape = dataset.shape[1:] if row else dataset.shape
            chunk = int(np.prod(dataset.chunks, dtype=object)) if dataset.chunks else 1
            wide = limits.but(pixels=limits.bytes)
            wide.check(path, shape or (1,), dataset.dtype.itemsize, stored=size)
            wide.check(path, (chunk,), dataset.dtype.itemsize, stored=size)
            return np.asarray(dataset[int(row)] if row else dataset[()])


def hdf5_shapes(path: Path, limits: Limits) -> dict[str, tuple[int, ...]]:
    """The shape of each dataset of numbers in a file.

    Raises:
        UnreadableInput: Broken, or over a limit.
    """
    import h5py

    with decoding(path, "HDF5"):
        limits.check_file(path, path.stat().st_size)
        with h5py.File(path, "r", locking=False) as opened:
            return {name: tuple(opened[name].shape) for name in _datasets(opened, path) if opened[name].dtype.kind in "buif"}


def _datasets(opened: Any, path: Path) -> list[str]:
    """The datasets that lie in the file itself; soft and external links are not followed."""
    import h5py

    names: list[str] = []
    seen: set[int] = set()
    waiting = [("", opened, 0)]
    while waiting:
        prefix, group, depth = waiting.pop()
        for key in group:
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                continue
            child = group[key]
            if isinstance(child, h5py.Dataset):
                names.append(f"{prefix}{key}")
            elif isinstance(child, h5py.Group) and depth < _MOST_DEPTH and (place := h5py.h5o.get_info(child.id).addr) not in seen:
                seen.add(place)  # a group may hold itself
                waiting.append((f"{prefix}{key}/", child, depth + 1))
            if len(names) > 100_000:
                raise OverLimit("OVER_LIMIT", path, "it has more than 100,000 datasets", "split it")
    return sorted(names)


def _named(part: str, names: list[str], path: Path) -> tuple[str, str]:
    if part in names:
        return part, ""
    name, _, row = part.rpartition("/")
    if name in names:
        return name, row
    if len(names) == 1 and (not part or (part.isascii() and part.isdigit())):
        return names[0], part
    if not part:
        listed = ", ".join(names[:8]) or "none"
        raise UnreadableInput("SEVERAL_PICTURES", path, f"it holds the datasets {listed}", f"name one: {path}::/NAME/0")
    raise UnreadableInput("NO_SUCH_PART", f"{path}::{part}", "there is no dataset of this name", nearest(name or part, names))
