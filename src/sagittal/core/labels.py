"""The classes of a data set, their order, and which one is positive."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass, field

from sagittal.errors import UsageError, nearest

# Okabe & Ito (2008): told apart by people with any colour vision.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442", "#7a7a7a")


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """Ordered class names (or, for values, the names of what is measured).

    Args:
        classes: In the order of the model's outputs.
        positive: The class that a sensitivity speaks of, by name; None where none is singled out.
        background: The class that is not averaged into a score of masks; None where there is none.
        codes: The number of each class in label files, where it is not its position; answers are written with it.
        also: Further numbers in label files that mean a class, where several structures are one class here.
        words: What drawn outlines are called or coloured, where it is not the class itself: ``{"Tumor ROI": "tumour"}``; an
            empty class leaves such outlines out.
        ignored: Numbers in label files of samples that nobody should learn from or be scored on.
        colours: ``#rrggbb`` a class; missing ones come from a palette for any colour vision.
        unit: The unit of a measured value; empty for classes.

    >>> Labels(classes=("healthy", "tumour"), positive="tumour").index("tumour")
    1
    """

    classes: tuple[str, ...]
    positive: str | None = None
    background: str | None = None
    codes: Mapping[str, int] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    also: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ignored: tuple[int, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"class names are not unique: {self.classes}")
        for role, name in (("positive", self.positive), ("background", self.background)):
            if name is not None and name not in self.classes:
                raise UsageError("UNKNOWN_CLASS", f"labels.{role}={name}", "there is no class of this name", nearest(name, self.classes))
        for word, name in self.words.items():
            if name and name not in self.classes:
                raise UsageError(
                    "UNKNOWN_CLASS", f"data.words.{word}={name}", "there is no class of this name", nearest(name, self.classes)
                )

    def __len__(self) -> int:
        return len(self.classes)

    def index(self, name: str) -> int:
        """The position of a class.

        Raises:
            UsageError: There is no class of this name.
        """
        if name not in self.classes:
            raise UsageError("UNKNOWN_CLASS", name, "there is no class of this name", nearest(name, self.classes))
        return self.classes.index(name)

    def code(self, name: str) -> int:
        """The number that stands for a class in label files."""
        return self.codes.get(name, self.index(name))

    def numbers(self, name: str) -> tuple[int, ...]:
        """All numbers that mean a class in label files, the one it is written with first.

        >>> Labels(classes=("none", "lung"), codes={"none": 0, "lung": 4}, also={"lung": (2, 3)}).numbers("lung")
        (4, 2, 3)
        """
        return (self.code(name), *self.also.get(name, ()))

    def colour(self, name: str) -> str:
        """``#rrggbb`` of a class; no two classes have the same one unless a user gave it to them.

        >>> many = Labels(classes=tuple(f"structure {n}" for n in range(118)))
        >>> len({many.colour(name) for name in many.classes})
        118
        """
        return self.colours.get(name) or _colour(self.index(name))

    def record(self) -> dict[str, object]:
        """A JSON-ready description; :meth:`from_record` reads it back."""
        return {
            "classes": list(self.classes),
            "positive": self.positive,
            "background": self.background,
            "codes": dict(self.codes),
            "colours": dict(self.colours),
            "unit": self.unit,
            **({"also": {name: list(numbers) for name, numbers in self.also.items()}} if self.also else {}),
            **({"ignored": list(self.ignored)} if self.ignored else {}),
            **({"words": dict(self.words)} if self.words else {}),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> Labels:
        """Labels from what :meth:`record` gave."""
        known = dict(record)
        classes = known.pop("classes")
        if not isinstance(classes, list | tuple):
            raise ValueError("labels.classes is not a list")
        also = known.pop("also", None) or {}
        ignored = known.pop("ignored", None) or ()
        if not isinstance(also, dict) or not isinstance(ignored, list | tuple):
            raise ValueError("labels.also is not a mapping, or labels.ignored not a list")
        merged = {str(name): tuple(int(n) for n in numbers) for name, numbers in also.items()}
        names = tuple(str(c) for c in classes)
        return cls(classes=names, also=merged, ignored=tuple(int(n) for n in ignored), **known)  # type: ignore[arg-type]


def _colour(place: int) -> str:
    """Of the palette; beyond it hues as far from the last ones as the golden section takes them, light and dark in turn."""
    if place < len(PALETTE):
        return PALETTE[place]
    beyond = place - len(PALETTE)
    shares = colorsys.hls_to_rgb(beyond * 0.618033988749895 % 1, (0.42, 0.62, 0.52)[beyond % 3], (0.85, 0.6)[beyond % 2])
    return "#" + "".join(f"{round(255 * share):02x}" for share in shares)
