"""One volume on its way into another format: its values in the smallest exact type, its name, and what is said of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sagittal.core import Geometry, Image
from sagittal.errors import UnreadableInput
from sagittal.io import atomic
from sagittal.io.dicom._geometry import letters
from sagittal.io.dicom.facts import facts_of, table_of
from sagittal.io.guard import Limits
from sagittal.verbs._volume_files import all_volumes, format_of

if TYPE_CHECKING:
    from sagittal.io.dicom.volume import Volume

Table = tuple[list[float], list[tuple[float, float, float]]]
"""b-values, and directions of diffusion along the index axes."""

# headers round: places and distances that differ less are the same; a grid that follows a head does not go further
_SAME_MM, _SAME_SPACING, _FARTHEST_MM = 0.05, 0.01, 20.0
_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True, kw_only=True, slots=True)
class Converted:
    """A volume in memory and what may be said of it.

    Args:
        image: Its values, at least two index axes made three.
        modality: ``CT``, ``MR`` ...; the format of a file that does not say.
        words: What tells it from the other volumes of its series.
        description: Of the series; may hold a patient's name.
        facts: For the JSON file; JSON-ready, no patient data.
        files: What it was read from.
        gradients: b-values and FSL's directions of diffusion; None where there are none.
    """

    image: Image
    modality: str
    words: tuple[str, ...] = ()
    description: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    gradients: Table | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A volume that was found: what it is called, and how it is read."""

    source: str
    open: Callable[[], Converted]


def of_volumes(volumes: Iterable[Volume], allow: frozenset[str], *, together: bool) -> list[list[Volume]]:
    """Volumes that go into one file each; with ``together`` what a series repeats on one grid goes into one.

    Those are time points, heart phases, diffusion weightings: in the order in which they were measured. Volumes that are
    refused (the unfinished last one) stay alone, so that they do not take the others with them; so do those that lie
    further away than a head moves.
    """
    groups: dict[object, list[list[Volume]]] = {}
    for volume in volumes:
        repeated = together and volume.kinds != volume.words and not any(f.stops(allow) for f in volume.findings)
        key = (volume.series, volume.kinds, volume.shape) if repeated else volume.key
        alike = groups.setdefault(key, [])
        near = next((group for group in alike if _repeats(group[0], volume)), None)
        if near is None:
            alike.append([volume])
        else:
            near.append(volume)
    return [sorted(group, key=lambda v: v.turn) for alike in groups.values() for group in alike]


def _repeats(one: Volume, other: Volume) -> bool:
    return np.allclose(one.spacing, other.spacing, rtol=_SAME_SPACING) and _shift(one, other) <= _FARTHEST_MM


def _shift(one: Volume, other: Volume) -> float:
    """How far the first slices lie from each other, in mm; 0 of pictures without a place."""
    here, there = one.planes[0].position, other.planes[0].position
    return 0.0 if here is None or there is None else float(np.abs(np.subtract(here, there)).max())


def one_scale(volumes: Iterable[Volume]) -> frozenset[str]:
    """Keys of the volumes whose slices have one Rescale Slope and Intercept, and so have all that their series repeats.

    Only of these can Philips' scale be taken. Where slices have scales of their own, so that each uses all of its bits,
    what the standard gives is on one scale already.
    """
    found: dict[object, list[Volume]] = {}
    for volume in volumes:
        found.setdefault((volume.series, volume.kinds), []).append(volume)
    return frozenset(v.key for group in found.values() if len({p.rescale for v in group for p in v.planes}) == 1 for v in group)


def of_volume(volumes: Sequence[Volume], allow: frozenset[str], *, precise: bool = False, upward: bool = False) -> Converted:
    """A DICOM volume, or several as one; of several, one at a time is in memory besides the result.

    ``upward`` holds the rows of a picture from the lowest to the highest; the world is the same.

    Raises:
        Refused: A finding stands in the way.
        UnreadableInput: A file cannot be read.
    """
    scanner = facts_of(volumes[0])
    own_scale = precise and any(p.scale is not None for v in volumes for p in v.planes)
    if own_scale:
        volumes = [v.precise() for v in volumes]
    first = volumes[0]
    image = _exact(first.image(allow=allow, padding="kept"), first)
    if len(volumes) > 1:
        image = _together(image, volumes, allow)
    gradients = [v.planes[0].gradient for v in volumes]
    table = table_of(gradients, image.geometry)
    if upward:
        image, table = _upward(image, table)
    words = first.words if len(volumes) == 1 else first.kinds
    said = [dict(v.planes[0].marks) for v in volumes]
    facts = {
        "key": first.key if len(volumes) == 1 else "-".join([first.series, *words]),
        "words": list(words),
        "slices": first.slices,
        "echo_time_ms": next(iter(said[0].get("echo") or ()), None),
        "temporal_position": _one_or_all([next(iter(s.get("t") or ()), None) for s in said]),
        "time_points": len(volumes),
        "orientation": letters(image.geometry),
        "scanner": scanner,
        "convention": {**_convention(image), "scaling": "precise" if own_scale else "standard"},
        "findings": _findings(volumes, allow),
    }
    if any(g is not None for g in gradients):
        facts["b_values"] = [g.b if g is not None else 0.0 for g in gradients]
    files = tuple(dict.fromkeys(f for v in volumes for f in v.files))
    return Converted(
        image=image,
        modality=first.modality,
        words=words,
        description=first.description,
        facts=facts,
        files=files,
        gradients=table,
    )


def _together(image: Image, volumes: Sequence[Volume], allow: frozenset[str]) -> Image:
    """All volumes along the axis of channels, on the grid of the first, read one after the other into memory that is taken once.

    Some scanners move the grid with the head: how far is in the meta, and the anatomy stays where it was in the first volume.
    """
    moved = max(_shift(volumes[0], v) for v in volumes)
    start = image.read()
    values = np.empty((len(volumes), *start.shape[1:]), dtype=start.dtype)
    for n, volume in enumerate(volumes):
        one = image if n == 0 else _exact(volume.image(allow=allow, padding="kept"), volume)
        if one.geometry.shape != image.geometry.shape:
            raise UnreadableInput("GRIDS", volume.series, "its volumes lie on different grids", "give --time apart")
        read = one.read()
        if read.dtype != values.dtype:
            values = values.astype(np.result_type(read, values), copy=False)
        values[n] = read[0]
    shifted = {"moved_mm": round(moved, 3)} if moved > _SAME_MM else {}
    return Image.of(values, image.geometry, meta={**image.meta, "time_points": len(volumes), **shifted})


def _one_or_all(values: Sequence[float | None]) -> float | list[float | None] | None:
    return values[0] if len(values) == 1 else list(values)


def of_file(source: str, limits: Limits) -> Converted:
    """A NIfTI, NRRD, MetaImage or npy file."""
    image, meta = all_volumes(source, limits)
    held = Image.of(image.read(), image.geometry, channels=image.channels, meta=meta)
    if image.geometry.axes < 2:
        raise UnreadableInput("NOT_A_VOLUME", Path(source).name, "a row of numbers is no volume", "name a volume")
    path = Path(source.split("::", maxsplit=1)[0])
    let = meta.get("allowed")
    findings = [{"code": code, "allowed": True} for code in (let if isinstance(let, list) else [])]
    facts: dict[str, Any] = {"key": None, "words": [], "slices": image.geometry.shape[-1], "findings": findings, "convention": {}}
    return Converted(image=_volume_of(held), modality=format_of(image), facts=facts, files=(path,) if path.is_file() else ())


def file_name(converted: Converted, number: int, *, describe: bool) -> str:
    """``001_CT_512x512x300``: number, modality, size, what tells it from its series; the description where asked."""
    image = converted.image
    size = "x".join(str(n) for n in image.geometry.shape)
    points = image.meta.get("time_points")
    parts = [f"{number:03d}", _clean(converted.modality) or "OT", f"{size}x{points}" if points else size, *map(_clean, converted.words)]
    if describe and converted.description:
        parts.append(_clean(converted.description)[:40])
    return "_".join(p for p in parts if p)


def write_gradients(converted: Converted, stem: Path) -> None:
    """FSL's ``.bval`` and ``.bvec`` beside a volume whose directions of diffusion are known."""
    if converted.gradients is None:
        return
    b, ways = converted.gradients
    atomic.write_text(stem.with_name(f"{stem.name}.bval"), " ".join(f"{v:g}" for v in b) + "\n")
    rows = (" ".join(f"{way[axis]:g}" for way in ways) for axis in range(3))
    atomic.write_text(stem.with_name(f"{stem.name}.bvec"), "".join(f"{row}\n" for row in rows))


def side_file(converted: Converted, *, describe: bool) -> dict[str, Any]:
    """What the JSON file says."""
    image = converted.image
    record = {
        "format": "sagittal-conversion",
        "version": 1,
        "modality": converted.modality,
        "shape": list(image.geometry.shape),
        "channels": list(image.channels) if "time_points" not in image.meta else ["value"],
        "spacing": [round(s, 6) for s in image.geometry.spacing],
        "unit": image.geometry.unit,
        "affine": image.geometry.affine.tolist(),
        "dtype": str(image.read().dtype),
        **converted.facts,
        "source_sha256": _digest(converted.files),
    }
    return {**record, "description": converted.description} if describe else record


def _exact(image: Image, volume: Volume) -> Image:
    """Whole numbers as int16 where all fit, else float32: the same values either way."""
    values = image.read()
    rescales = [p.rescale or (1.0, 0.0) for p in volume.planes]
    whole = "int" in str(image.meta.get("mode")) and "resampled" not in image.meta
    whole = whole and all(float(slope).is_integer() and float(shift).is_integer() for slope, shift in rescales)
    if whole and values.dtype.kind == "f" and _INT16.min <= float(values.min()) and float(values.max()) <= _INT16.max:
        values = values.astype(np.int16)
    made = _volume_of(Image.of(values, image.geometry, channels=image.channels, meta=image.meta))
    return made if volume.stack is not None else _centred(made, volume.planes[0].spacing or (1.0, 1.0))


def _centred(image: Image, spacing: tuple[float, float]) -> Image:
    """Pictures without a place, put as an axial slice lies and around the origin: where NIfTI readers put what says nothing."""
    step = np.array([-spacing[1], -spacing[0], 1.0])
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = -step * (np.array(image.geometry.shape) - 1) / 2
    return Image.of(image.read(), Geometry(shape=image.geometry.shape, affine=affine), channels=image.channels, meta=image.meta)


def _volume_of(image: Image) -> Image:
    """A picture as a volume of one slice, its columns first; it has no place in the world."""
    if image.geometry.axes != 2:
        return image
    rows, columns = image.geometry.shape
    grid = Geometry(shape=(columns, rows, 1), affine=np.eye(4))
    return Image.of(image.read().transpose(0, 2, 1)[..., None], grid, channels=image.channels, meta=image.meta)


def _upward(image: Image, table: Table | None) -> tuple[Image, Table | None]:
    """The rows the other way round, with them the grid, and FSL's directions, whose first axis follows the handedness of the grid."""
    turn = np.diag([1.0, -1.0, 1.0, 1.0])
    turn[1, 3] = image.geometry.shape[1] - 1
    turned = Image.of(image.read()[:, :, ::-1], image.geometry.moved(turn), channels=image.channels, meta=image.meta)
    return turned, table and (table[0], [(0.0 - x, 0.0 - y, z) for x, y, z in table[1]])


def _convention(image: Image) -> dict[str, Any]:
    """What the numbers mean, as far as the header tells."""
    known = ("unit", "rescale", "photometric", "inverted", "padding", "missing", "resampled", "tilt", "moved_mm", "allowed")
    return {name: image.meta[name] for name in known if name in image.meta}


def _findings(volumes: Sequence[Volume], allow: frozenset[str]) -> list[dict[str, Any]]:
    # codes only: the sentences name files, and names of files may be those of patients
    found = {(f.code, f.blocks and f.code in allow) for v in volumes for f in v.findings}
    return [{"code": code, "allowed": allowed} for code, allowed in sorted(found)]


def _clean(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.")


def _digest(files: Sequence[Path]) -> str | None:
    """A hash of the content of all files, whatever their order and names."""
    hashes = []
    for file in files:
        with file.open("rb") as opened:
            hashes.append(hashlib.file_digest(opened, "sha256").digest())
    return hashlib.sha256(b"".join(sorted(hashes))).hexdigest() if hashes else None
