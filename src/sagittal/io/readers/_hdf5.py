"""Datasets of HDF5 files; nothing outside the file is followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._named import named, row_of

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
            name, row = named(part.strip("/"), names, path, kind="dataset")
            dataset = opened[name]
            if dataset.is_virtual or dataset.external:
                raise UnreadableInput("UNSUPPORTED", path, f"the dataset {name} lies in other files", "copy it into this one")
            if dataset.dtype.kind not in "buif":
                raise UnreadableInput("NOT_NUMBERS", path, f"the dataset {name} holds {dataset.dtype}, not numbers", "name another")
            wanted = row_of(row, dataset.shape, f"{path}::{part}", name) if row else ()
            shape = dataset.shape[1:] if row else dataset.shape
            chunk = int(np.prod(dataset.chunks, dtype=object)) if dataset.chunks else 1
            wide = limits.but(pixels=limits.bytes)
            wide.check(path, shape or (1,), dataset.dtype.itemsize, stored=size)
            wide.check(path, (chunk,), dataset.dtype.itemsize, stored=size)
            return np.asarray(dataset[wanted])


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
                raise UnreadableInput("OVER_LIMIT", path, "it has more than 100,000 datasets", "split it")
    return sorted(names)
