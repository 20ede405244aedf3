"""What tidies a label map before anybody sees it: switched on by validation, stored with the model, applied everywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.ops.components import largest, remove_small
from sagittal.ops.holes import fill_holes

Name = Literal["fill_holes", "largest_component", "minimum_size"]
Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One way to tidy one class, and what it did to the Dice of validation.

    Args:
        name: ``fill_holes``; ``largest_component``: only the largest piece stays; ``minimum_size``: smaller pieces go.
        label: The class.
        volume: Of the smallest piece that stays, in world units (mm\N{SUPERSCRIPT THREE} of a patient); only of ``minimum_size``.
        gain: How much larger the mean Dice of the class is with it; None where that cannot be told.
        low: Lower end of the interval of the gain.
        high: Upper end.
        why: It is switched on, or is not.
    """

    name: Name
    label: str
    volume: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""

    def __post_init__(self) -> None:
        if self.name not in get_args(Name):
            raise ValueError(f"{self.name!r} is no step that tidies a label map")
        if (self.volume is not None) != (self.name == "minimum_size"):
            raise ValueError("a minimum size has a volume, and no other step has one")
        numbers = [v for v in (self.volume, self.gain, self.low, self.high) if v is not None]
        if not all(math.isfinite(v) for v in numbers) or (self.volume is not None and self.volume <= 0):
            raise ValueError("the numbers of a step are finite, and its volume is above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Postprocessing:
    """What is done to every label map that the model gives.

    Args:
        background: The class that removed pieces become, and that holes are made of.
        steps: Switched on; applied in this order.
        left: Tried and left off, with the reason.
        n: Patients of validation that it was decided on.

    >>> import numpy as np
    >>> tidy = Postprocessing(background="tissue", steps=(Step(name="largest_component", label="organ"),))
    >>> labels = Labels(classes=("tissue", "organ"), background="tissue")
    >>> tidy.apply(np.array([[1, 0, 1, 1]], np.int16), Geometry.picture((1, 4)), labels).tolist()
    [[0, 0, 1, 1]]
    """

    background: str
    steps: tuple[Step, ...] = ()
    left: tuple[Step, ...] = ()
    n: int = 0

    def apply(self, drawn: Array, grid: Geometry, labels: Labels) -> Array:
        """The tidied label map; without a step the same one.

        Args:
            drawn: Class indices, ``grid.shape``.
            grid: Where the samples lie.
            labels: The classes.
        """
        for step in self.steps:
            drawn = _applied(step, drawn, grid, labels, labels.index(self.background))
        return drawn

    @property
    def sentences(self) -> list[str]:
        """A line for each step that is switched on."""
        told = {
            "fill_holes": "holes are filled",
            "largest_component": "only the largest piece is kept",
            "minimum_size": "pieces smaller than {volume:.4g} (world units) are removed",
        }
        return [f"{s.label}: {told[s.name].format(volume=s.volume or 0)}; {s.why}" for s in self.steps]

    def record(self) -> dict[str, Any]:
        """A JSON-ready description; :meth:`from_record` reads it back."""
        return {
            "background": self.background,
            "steps": [asdict(s) for s in self.steps],
            "left": [asdict(s) for s in self.left],
            "n": self.n,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Postprocessing:
        """What :meth:`record` gave.

        Raises:
            ValueError: It is not such a record.
        """
        try:
            steps, left = (tuple(Step(**step) for step in record[key]) for key in ("steps", "left"))
            return cls(background=str(record["background"]), steps=steps, left=left, n=int(record["n"]))
        except (KeyError, TypeError) as cause:
            what = f"not the record of what tidies label maps: {cause}"
            raise ValueError(what) from cause


def _applied(step: Step, drawn: Array, grid: Geometry, labels: Labels, background: int) -> Array:
    classes = [labels.index(step.label)]
    if step.name == "fill_holes":
        return fill_holes(drawn, classes=classes, background=background)
    if step.name == "largest_component":
        return largest(drawn, classes=classes, background=background)
    return remove_small(drawn, grid, volume=cast(float, step.volume), classes=classes, background=background)
