"""Left and right: what a mirrored picture does to classes that tell them apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from sagittal.errors import UnsafeConfiguration
from sagittal.transforms._compose import Augmentation

LEFT = frozenset(["left", "sinister", "links", "gauche", "izquierda", "os"])
RIGHT = frozenset(["right", "dexter", "rechts", "droite", "derecha", "od"])
"""Words of a class name that speak of a side of the body."""


def sided(names: Iterable[str]) -> bool:
    """Whether a class speaks of a side of the body, which a mirrored picture would turn into the other.

    >>> sided(["left lung", "tumour"]), sided(["bright", "cleft"])
    (True, False)
    """
    return bool(_words(names) & (LEFT | RIGHT))


def told_apart(names: Iterable[str]) -> bool:
    """Whether classes tell left from right: a single "left atrium" is itself in a mirrored picture too.

    >>> told_apart(["left lung", "right lung"]), told_apart(["left atrium"])
    (True, False)
    """
    words = _words(names)
    return bool(words & LEFT and words & RIGHT)


def check_sides(names: Iterable[str], axes: int, augment: Augmentation, flips: Collection[int], *, told: bool | None) -> None:
    """Refuse to let left and right change places where classes tell them apart: every mirrored sample would teach the wrong one.

    Args:
        names: Of the classes.
        axes: Of the samples.
        augment: What happens to training samples.
        flips: Axes along which a case is also answered mirrored.
        told: Whether classes tell sides apart, where the user says it; their names decide otherwise.

    Raises:
        UnsafeConfiguration: They do, and pictures are mirrored.
    """
    across = left_right(axes)
    wrong = [f"augment.{name}" for name, part in augment.parts if getattr(part, "mirrors", _never)(axes)]
    wrong += ["evaluate.flips"] if across in flips else []
    if not axes or not wrong or not (told_apart(names) if told is None else told):
        return
    what = "left and right change places, and the classes tell them apart"
    remedy = "leave it out, or set labels.sided: false if a mirrored picture keeps its classes"
    raise UnsafeConfiguration("SIDES_MIRRORED", " and ".join(wrong), what, remedy)


def left_right(axes: int) -> int:
    """The axis that runs from left to right: a picture's second one, the first of an upright volume and of its slices."""
    return 1 if axes == 2 else 0


def _never(axes: int) -> bool:
    return False


def _words(names: Iterable[str]) -> frozenset[str]:
    return frozenset(word for name in names for word in re.findall(r"[a-z]+", name.lower()))
