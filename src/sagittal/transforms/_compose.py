"""All augmentations of a recipe as one: one map to read through, then the values, then the batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sagittal.core.geometry import Geometry
from sagittal.errors import UsageError
from sagittal.ops.warp import ReadMap
from sagittal.shelf import Shelf
from sagittal.transforms._kinds import Floats, Geometric, Intensity, Mixing, OnTensor, Values

if TYPE_CHECKING:
    from torch import Tensor

SHELF = Shelf("sagittal.transforms", kind="transform")


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """What happens to a training sample, in the order of the recipe; nothing when nothing is asked.

    Geometric parts are composed into one :class:`ReadMap`: a sample is read once, whatever their number. Bends
    (elastic) act on the finished grid, wherever they stand in the recipe.

    >>> augment = Augmentation.of({"rotate": 15, "flip": "horizontal", "noise": {"sd": 0.1, "p": 0.5}})
    >>> [name for name, _ in augment.parts]
    ['rotate', 'flip', 'noise']
    """

    parts: tuple[tuple[str, object], ...] = ()
    geometric: tuple[Geometric, ...] = field(init=False, repr=False)
    intensity: tuple[Intensity, ...] = field(init=False, repr=False)
    mixing: tuple[Mixing, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Sorted once: asking a protocol what it is costs more than turning a picture.
        for name, kind in (("geometric", Geometric), ("intensity", Intensity), ("mixing", Mixing)):
            object.__setattr__(self, name, tuple(part for _, part in self.parts if isinstance(part, kind)))

    @classmethod
    def of(cls, config: Mapping[str, object] | None) -> Augmentation:
        """From the ``augment`` section of a recipe.

        Args:
            config: By name of the part: a mapping of its options; one value (or a list) for its first option;
                ``true`` for its defaults; ``false`` or nothing to leave it out.

        Raises:
            UsageError: A part or an option that does not exist, or a value that means nothing.
        """
        made = []
        for name, value in (config or {}).items():
            if value is None or value is False:
                # what is left out has to exist as well: {flp:1} without a blank is a name without a value
                SHELF.get(name)
                continue
            made.append((name, SHELF.make(name, _options(name, value))))
        return cls(parts=tuple(made))

    def check(self, axes: int) -> None:
        """Whether all of this means something for samples of so many axes.

        Raises:
            UsageError: A part that needs a picture, for the rows of a table.
        """
        if axes > 0:
            return
        wrong = [name for name, part in self.parts if not getattr(part, "tables", False)]
        if wrong:
            able = [name for name in SHELF.names() if getattr(SHELF.make(name), "tables", False)]
            what = f"{' and '.join(wrong)} need a picture or a volume; the row of a table has no place in space"
            raise UsageError("AUGMENT_TABLE", "augment", what, f"use only {' and '.join(able)} for tables")

        lost = [name for name, part in self.parts if axes > 0 and not getattr(part, "pictures", True)]
        if lost:
            what = f"{' and '.join(lost)} are for the rows of a table; here are samples with {axes} axes"
            raise UsageError("AUGMENT_PICTURE", "augment", what, "use shift, zoom and the like for pictures and volumes")

    def read_map(self, source: Geometry, grid: Geometry, rng: np.random.Generator) -> ReadMap:
        """Where each sample of the grid is read from this time.

        Args:
            source: The grid of the image (or label map, or both) that will be read.
            grid: The grid that preparation makes of it; augmentation moves what is seen on it.
            rng: Drawn from in the order of the recipe.
        """
        self.check(grid.axes)
        affine = grid.index_map(source)
        bend: Floats | None = None
        for part in self.geometric:
            moved = part.affine(grid, rng)
            if moved is not None:
                affine = affine @ moved
            bent = part.field(grid, rng)
            if bent is not None:
                bend = bent if bend is None else _added(bend, bent)
        return ReadMap(grid.shape, affine, bend)

    def finest(self, axes: int) -> float:
        """The smallest step in which a grid of so many axes is read, in steps of the grid; 1 when nothing is enlarged.

        >>> Augmentation.of({"resized_crop": [0.25, 1.0], "rotate": 15}).finest(2)
        0.5
        """
        return math.prod(min(part.finest(axes), 1.0) for part in self.geometric) if axes else 1.0

    def intensities(self, values: Values, rng: np.random.Generator) -> Values:
        """Other values for the same samples.

        Args:
            values: float32 ``(C, *shape)``, scaled to about 0 to 1, not yet normalised. May be overwritten.
            rng: Drawn from in the order of the recipe.
        """
        self.check(values.ndim - 1)
        for part in self.intensity:
            values = part.apply(values, rng)
        return values

    @property
    def for_workers(self) -> tuple[str, ...]:
        """The parts that only know arrays: samples with them are read where they are loaded, whatever the device."""
        return tuple(name for name, part in self.parts if not isinstance(part, Geometric | OnTensor))

    def intensities_of_tensor(self, values: Tensor, rng: np.random.Generator) -> Tensor:
        """:meth:`intensities` of a sample on its device; for no sample where some parts are ``for_workers``."""
        for part in self.intensity:
            if isinstance(part, OnTensor):
                values = part.apply_to_tensor(values, rng)
        return values

    def mix(self, images: Values, targets: Values, rng: np.random.Generator) -> tuple[Values, Values]:
        """A batch ``(B, C, *shape)`` and its soft targets ``(B, K)`` after all mixing parts."""
        for part in self.mixing:
            images, targets = part.mix(images, targets, rng)
        return images, targets


def _options(name: str, value: object) -> dict[str, object]:
    """What a user wrote for a part, as its keyword arguments."""
    if isinstance(value, Mapping):
        return dict(value)
    if value is True:
        return {}
    first = next(iter(SHELF.options(name)), None)
    if first is None:
        raise UsageError("UNKNOWN_OPTION", name, f"{name} has no options, and {value!r} was given", f"write {name}: true")
    return {first: value}


def _added(one: Floats, other: Floats) -> Floats:
    if one.shape != other.shape:
        raise UsageError("AUGMENT_TWICE", "augment", "two bends with different cells cannot be added", "use one elastic part")
    return one + other
