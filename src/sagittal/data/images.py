"""The image of a case: all its modalities as the channels of one image on one grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from sagittal import io
from sagittal.core import Case, Geometry, Image, Window
from sagittal.core.image import Values
from sagittal.data.drawings import SAME_GRID
from sagittal.data.manifest import Manifest
from sagittal.errors import Refused, UnreadableInput
from sagittal.io.guard import Limits
from sagittal.ops.resample import on_grid

PLAIN = ("image", "row")
"""Names of a single image whose file says better what its channels are."""

RESAMPLE = "data.resample_modalities"


def image_of(case: Case, manifest: Manifest, *, limits: Limits | None = None) -> Image:
    """The image of a case; only headers are read until values are asked for.

    Several modalities (``image:t1``, ``image:t2``) become the channels of one image, named after them and in the
    manifest's order. Of a table only the columns that the manifest names as features are kept. Without ``limits`` those
    of the audit hold, which the manifest's provenance remembers where they are not the default ones.

    Raises:
        UnreadableInput: It cannot be read, or has not all modalities that other cases have.
        Refused: The modalities lie on different grids, and nobody asked for them to be resampled.
    """
    allowed = limits or manifest.limits
    lacking = [name for name in manifest.channels if name not in case.images]
    if lacking:
        what = f"it has no {lacking[0]}, which other cases have"
        raise UnreadableInput("MODALITY_MISSING", case.id, what, "add the file, or leave the case or the modality out")
    parts = {name: io.read(manifest.locate(case.images[name]), limits=allowed) for name in manifest.channels}
    if len(parts) > 1:
        return stacked(parts, item=case.id, resample=manifest.resample_modalities)
    image = named(*next(iter(parts.items())))
    told = manifest.channel_names
    if told and len(told) == len(image.channels):
        image = replace(image, channels=told, reduce=_renamed(image, told))
    if not manifest.features or image.channels == manifest.features:
        return image
    return picked(image, manifest.features)


def picked(image: Image, names: tuple[str, ...]) -> Image:
    """The channels of these names, in this order, read at once: all of them are there."""
    places = {name: place for place, name in enumerate(image.channels)}
    return Image.of(image.read()[[places[name] for name in names]], image.geometry, channels=names, meta=image.meta)


def stacked(parts: Mapping[str, Image], *, item: str, resample: bool = False) -> Image:
    """Images of one place as the channels of one image, on the grid of the first; read when asked for.

    Args:
        parts: By modality; a part with several channels gives ``name.channel`` for each. An only part is the image itself.
        item: Whose they are, for messages.
        resample: Bring parts on other grids onto the first one's (linear), instead of refusing.

    Raises:
        Refused: A part lies on another grid.

    >>> grid = Geometry(shape=(4, 5, 6), affine=np.eye(4), unit="mm")
    >>> both = stacked({n: Image.of(np.ones((1, 4, 5, 6)), grid) for n in ("t1", "t2")}, item="a")
    >>> both.channels, both.read(Window((0, 0, 0), (2, 2, 2))).shape
    (('t1', 't2'), (2, 2, 2, 2))
    """
    named_parts = {name: named(name, part) for name, part in parts.items()}
    first_name, first = next(iter(named_parts.items()))
    if len(named_parts) == 1:
        return first
    placed = []
    for name, part in named_parts.items():
        if part.geometry.same_grid(first.geometry, tolerance=SAME_GRID):
            placed.append(part)
        elif not resample or part.geometry.axes != first.geometry.axes:
            what = f"{name} lies on another grid than {first_name}: {part.geometry.apart(first.geometry)}"
            raise Refused("MODALITY_GRID", item, what, f"--set {RESAMPLE}=true resamples the others onto {first_name}")
        else:
            placed.append(_resampled(part, first.geometry))

    def load(window: Window) -> Values:
        return np.concatenate([part.read(window) for part in placed])

    channels = tuple(channel for part in placed for channel in part.channels)
    return Image(geometry=first.geometry, channels=channels, load=load, meta=first.meta)


def named(name: str, image: Image) -> Image:
    """The image with its channels called after the modality, unless it is the only image of a case and called just that."""
    if name in PLAIN:
        return image
    channels = (name,) if len(image.channels) == 1 else tuple(f"{name}.{channel}" for channel in image.channels)
    return replace(image, channels=channels, reduce=_renamed(image, channels))


def _renamed(image: Image, channels: tuple[str, ...]) -> Callable[[float], Image] | None:
    if image.reduce is None:
        return None
    reduce = image.reduce
    return lambda factor: replace(reduce(factor), channels=channels)


def _resampled(part: Image, grid: Geometry) -> Image:
    """The part on another grid; outside its own field of view it repeats its edge."""

    def load(window: Window) -> Values:
        return on_grid(part, grid.at(window))

    return Image(geometry=grid, channels=part.channels, load=load, meta=part.meta)
