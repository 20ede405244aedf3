"""What was drawn on a case, from its file or from those of several people."""

from __future__ import annotations

from dataclasses import replace

from sagittal.core import Annotation, Geometry, LabelMap, Labels
from sagittal.data._annotators import Consensus, Rule
from sagittal.errors import Refused
from sagittal.io.guard import Limits

SEVERAL = ";"
"""Between the drawings of several people in the column ``annotation``."""

SAME_GRID = 0.1
"""How far the corners of two grids may lie apart, in world units (mm), and still be one grid."""


def drawn_at(
    locator: str,
    labels: Labels,
    *,
    like: Geometry | None = None,
    objects: bool = False,
    limits: Limits | None = None,
    rule: Rule = "majority",
) -> Annotation:
    """What was drawn, from its file.

    Args:
        locator: One that can be opened.
        labels: The classes.
        like: The grid that a drawing without one of its own lies on.
        objects: The numbers of a mask count objects.
        limits: For reading.
        rule: How several people's drawings are joined.

    Raises:
        UnreadableInput: The file cannot be read.
        Refused: It does not fit the classes or the grid.
    """
    from sagittal.io import read_annotation

    each = parts_of(locator)
    if len(each) > 1:
        people = tuple(drawn_at(one, labels, like=like, objects=objects, limits=limits) for one in each)
        return Consensus(each=people, labels=labels, rule=rule)
    drawn = read_annotation(locator, labels, like=like, limits=limits)
    return replace(drawn, objects=True) if objects and isinstance(drawn, LabelMap) else drawn


def parts_of(annotation: str) -> list[str]:
    """The drawings of a case: one, or that of each of several people.

    >>> parts_of("a.png; b.png"), parts_of("a.png"), parts_of("")
    (['a.png', ' b.png'], ['a.png'], [])
    """
    return [one for one in annotation.split(SEVERAL) if one.strip()]


def check_grid(drawn: Annotation, like: Geometry, *, item: str) -> None:
    """Whether a label map that has a place in the world of its own lies where the image lies.

    Raises:
        Refused: Its corners are elsewhere, by more than a tenth of a millimetre.
    """
    apart = grid_apart(drawn, like)
    if apart:
        what = f"the label map lies on another grid than the image: {apart}"
        raise Refused("LABEL_GRID", item, what, "--set data.resample_labels=true reads it through the world, nearest label")


def grid_apart(drawn: Annotation, like: Geometry) -> str:
    """How the grid of a label map differs from that of the image, in words; empty where it does not.

    A map without a place of its own was laid on the image, and a mask of another size over a whole picture is fine.
    """
    if not isinstance(drawn, LabelMap) or "mm" not in {drawn.image.geometry.unit, like.unit}:
        return ""
    own = drawn.image.geometry
    return "" if own.same_grid(like, tolerance=SAME_GRID) else own.apart(like)
