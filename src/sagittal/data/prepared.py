"""Prepared cases on disk: memory-mapped arrays, so that a patch is read without the rest of its volume.

A case is a folder with ``values.npy``, ``encoded.npy`` and ``case.json`` (format, version, grids, scale, SHA-256). It is
written under another name and renamed when it is whole: two processes may build at once, and one may be killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
from sagittal.data.drawings import parts_of
from sagittal.data.manifest import Manifest
from sagittal.data.ready import Ready
from sagittal.io import atomic, locator
from sagittal.ops.scale import Scale

FORMAT, VERSION = "sagittal-prepared", 1

Made = tuple[Ready, NDArray[Any] | None]
"""A prepared case, and what is asked of each of its samples, on ``Ready.geometry``; None where nothing is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A folder of prepared cases.

    Args:
        folder: One for each way to prepare (:func:`key_of`).
    """

    folder: Path

    def get(self, name: str) -> Made | None:
        """The case of a name, its arrays memory-mapped; None where it is not there or is damaged."""
        place = self.folder / name
        try:
            record = json.loads((place / "case.json").read_text(encoding="utf-8"))
            values: NDArray[Any] = np.load(place / "values.npy", mmap_mode="r", allow_pickle=False)
            drawn = "encoded.npy" in record["sha256"]
            encoded: NDArray[Any] | None = np.load(place / "encoded.npy", mmap_mode="r", allow_pickle=False) if drawn else None
        except (OSError, ValueError):
            return None
        geometry = _geometry(record["geometry"])
        shapes = {values.shape[1:], geometry.shape} | ({encoded.shape} if encoded is not None else set())
        if record["format"] != FORMAT or record["version"] != VERSION or len(shapes) > 1:
            return None
        scale = Scale(**{k: tuple(v) for k, v in record["scale"].items()})
        return Ready(values=values, geometry=geometry, grid=_geometry(record["grid"]), scale=scale), encoded

    def sound(self, name: str) -> bool:
        """Whether the case is there and its arrays are those that were written."""
        place = self.folder / name
        try:
            wanted = json.loads((place / "case.json").read_text(encoding="utf-8"))["sha256"]
            return bool(wanted == {p.name: _digest(p) for p in sorted(place.glob("*.npy"))})
        except (OSError, ValueError, KeyError):
            return False

    def put(self, name: str, made: Made) -> None:
        """Keep a case under a name; where another process was faster, its copy stays.

        Raises:
            StorageFailure: It cannot be written.
        """
        ready, encoded = made
        unfinished = self.folder / f".{name}.{os.getpid()}"
        with atomic.storage(unfinished):
            unfinished.mkdir(parents=True, exist_ok=True)
            np.save(unfinished / "values.npy", np.ascontiguousarray(ready.array), allow_pickle=False)
            if encoded is not None:
                np.save(unfinished / "encoded.npy", np.ascontiguousarray(encoded), allow_pickle=False)
            record = {
                "format": FORMAT,
                "version": VERSION,
                "geometry": _of_geometry(ready.geometry),
                "grid": _of_geometry(ready.grid),
                "scale": asdict(ready.scale),
                "sha256": {p.name: _digest(p) for p in sorted(unfinished.glob("*.npy"))},
            }
            atomic.write_json(unfinished / "case.json", record)
            if not self.sound(name):
                shutil.rmtree(self.folder / name, ignore_errors=True)
            try:
                unfinished.rename(self.folder / name)
            except OSError:
                if not self.sound(name):
                    raise
                shutil.rmtree(unfinished, ignore_errors=True)

    def ensure(self, name: str, make: Callable[[], Made]) -> bool:
        """Make a case unless it is there and sound; whether it was made."""
        if self.sound(name):
            return False
        self.put(name, make())
        return True

    def sweep(self) -> None:
        """Remove what processes that are no more left unfinished."""
        for left in self.folder.glob(".*.*"):
            process = left.name.rsplit(".", 1)[1]
            if process.isdigit() and not _alive(int(process)):
                shutil.rmtree(left, ignore_errors=True)


def key_of(how: Mapping[str, Any]) -> str:
    """A short name for a way to prepare: another way gives another one.

    >>> key_of({"spacing": [1.0, 1.0]}) == key_of({"spacing": [1.0, 1.0]}) != key_of({"spacing": None})
    True
    """
    plain = json.dumps(how, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def name_of(case: Case, manifest: Manifest) -> str:
    """A name for a case as it is now: a file that was changed since gives another one."""
    said = [case.id, *case.images.values(), case.annotation, case.label]
    opened = [manifest.locate(stored) for stored in case.images.values()]
    for stored in (*opened, *parts_of(manifest.drawn_locator(case))):
        path = Path(locator.split(stored)[0])
        with contextlib.suppress(OSError):
            state = path.stat()
            said.append(f"{path}:{state.st_size}:{state.st_mtime_ns}")
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:24]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _alive(process: int) -> bool:
    if os.name == "nt":  # signal 0 would end it there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _of_geometry(grid: Geometry) -> dict[str, Any]:
    return {"shape": list(grid.shape), "affine": grid.affine.tolist(), "unit": grid.unit, "frame": grid.frame}


def _geometry(record: Mapping[str, Any]) -> Geometry:
    return Geometry(shape=tuple(record["shape"]), affine=np.array(record["affine"]), unit=record["unit"], frame=record["frame"])
