"""By what drawn outlines may be told apart, class, layer, name, id or colour, and which map that proposes."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from sagittal.core import Annotation, Geometry, Labels, Polygons
from sagittal.data._annotators import Consensus
from sagittal.data.drawings import drawn_at
from sagittal.data.finding import Finding
from sagittal.data.manifest import Manifest
from sagittal.errors import SagittalError
from sagittal.io.guard import Limits
from sagittal.ops.overview import small_grid

KINDS = ("class", "layer", "name", "id", "colour")
"""What a drawing may tell of a shape, the most telling first."""

MOST = 32
"""More different values of a kind are no classes."""

_ANY = Labels(classes=("background", "drawn"), background="background")
_GROUND = frozenset({"background", "exclusion", "exclude", "excluded", "hole"})
_COLOURS = {
    "red": (255, 0, 0), "green": (0, 160, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0), "cyan": (0, 255, 255),
    "magenta": (255, 0, 255), "orange": (255, 140, 0), "purple": (128, 0, 128), "brown": (139, 69, 19), "pink": (255, 170, 190),
    "black": (0, 0, 0), "grey": (128, 128, 128), "white": (255, 255, 255),
}  # fmt: skip

_K = TypeVar("_K", bound=tuple[Any, ...])

Signs = tuple[tuple[str, str], ...]
Tally = Mapping[Signs, tuple[int, float]]
"""Of shapes with the same signs, how many there are and how large they are together."""


def tally(said: Annotation | None, grid: Geometry) -> dict[Signs, tuple[int, float]]:
    """How many shapes there are of each combination of signs, and how much of the picture they cover.

    Args:
        said: What was drawn; nothing is told of anything but outlines.
        grid: Of the picture; areas are in its units squared, where later outlines lie on top.
    """
    if isinstance(said, Consensus):
        every: dict[Signs, tuple[int, float]] = {}
        for one in said.each:
            _add(every, tally(one, grid))
        return every
    if not isinstance(said, Polygons):
        return {}
    small = small_grid(grid)
    covered = np.bincount(said.instances_of(small)[0].ravel(), minlength=len(said.outlines) + 1)[1:] * small.cell
    found: dict[Signs, tuple[int, float]] = {}
    for outline, area in zip(said.outlines, covered.tolist(), strict=True):
        _add(found, {outline.signs: (1, area)})
    return found


def tally_at(locator: str, grid: Geometry, limits: Limits | None = None) -> dict[Signs, tuple[int, float]]:
    """The tally of a drawing whatever its classes are called; empty where it cannot be read."""
    try:
        return tally(drawn_at(locator, _ANY, like=grid, limits=limits), grid)
    except SagittalError:
        return {}


def class_in(signs: Signs, words: Mapping[str, str]) -> str | None:
    """What a map makes of a shape; None where it says nothing of it.

    >>> class_in((("layer", "a"), ("colour", "#ff0000")), {"#FF0000": "tumour"})
    'tumour'
    """
    known = {word.casefold(): name for word, name in words.items()}
    return next((known[value.casefold()] for _, value in signs if value.casefold() in known), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A way to tell outlines apart.

    Args:
        kind: By what.
        words: The map of ``data.words``.
    """

    kind: str
    words: Mapping[str, str]

    @property
    def as_is(self) -> bool:
        """Whether every class is called what the drawings call it: then no map is needed."""
        return all(word == name for word, name in self.words.items())

    def setting(self) -> str:
        r"""As an option of the command line.

        >>> Choice(kind="colour", words={"#ff0000": "red"}).setting()
        '--set \'data.words={"#ff0000": red}\''
        """
        inner = ", ".join(f"{_quoted(word)}: {_quoted(name)}" for word, name in self.words.items())
        return f"--set {shlex.quote(f'data.words={{{inner}}}')}"

    def record(self) -> dict[str, Any]:
        """For ``audit.json``."""
        return {"kind": self.kind, "words": dict(self.words), "setting": self.setting(), "as_is": self.as_is}


@dataclass(kw_only=True, slots=True)
class Outlined:
    """The outlines of a data set, added up case by case.

    Args:
        unit: Of the areas: that of the pictures.
        cases: How many have outlines.
        shapes: How many shapes of each combination of signs, and their area.
        seen: In how many cases each sign is.
    """

    unit: str = ""
    cases: int = 0
    shapes: dict[Signs, tuple[int, float]] = field(default_factory=dict)
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, found: Tally, unit: str) -> None:
        """What was drawn on one more case."""
        if not found:
            return
        self.unit = unit if not self.cases or unit == self.unit else "mixed"
        self.cases += 1
        _add(self.shapes, found)
        self.seen.update({sign for signs in found for sign in signs})

    def rows(self) -> list[dict[str, Any]]:
        """A row a sign, kind by kind, the commonest first."""
        counts: dict[tuple[str, str], tuple[int, float]] = {}
        for signs, told in self.shapes.items():
            for sign in signs:
                _add(counts, {sign: told})
        ordered = sorted(counts.items(), key=lambda item: (KINDS.index(item[0][0]), -item[1][0], item[0][1]))
        return [
            {"kind": kind, "value": value, "shapes": n, "cases": self.seen[kind, value], "area": area}
            for (kind, value), (n, area) in ordered
        ]

    def choices(self) -> list[Choice]:
        """The ways to tell them apart that hold for every shape, the most telling first; several only where they do not agree."""
        values = {kind: [dict(signs).get(kind) for signs in self.shapes] for kind in KINDS}
        total = sum(n for n, _ in self.shapes.values())
        whole = [kind for kind in KINDS if self.shapes and None not in values[kind] and _are_classes(kind, set(values[kind]), total)]
        if not whole:
            told = [next((v for k, v in signs if k != "id"), "") for signs in self.shapes]
            names = sorted({t for t in told if t})
            return [Choice(kind="mixed", words=_named(names))] if 0 < len(names) <= MOST else []
        first = whole[0]
        apart = [kind for kind in whole[1:] if _parts(values[first], values[kind])]
        return [Choice(kind=kind, words=_named(sorted({str(v) for v in values[kind]}))) for kind in (first, *apart)]

    def record(self, words: Mapping[str, str], bare: int, unmarked: str) -> dict[str, Any]:
        """For ``audit.json``.

        Args:
            words: The map that was given.
            bare: Pictures without a drawing.
            unmarked: What those are.
        """
        left = sum(n for signs, (n, _) in self.shapes.items() if words and class_in(signs, words) is None)
        return {
            "shapes": sum(n for n, _ in self.shapes.values()),
            "cases": self.cases,
            "unit": {"um": "um2", "mm": "mm2", "px": "px"}.get(self.unit, "samples"),
            "signs": self.rows()[:200],
            "words": dict(words),
            "unmapped": left,
            "choices": [choice.record() for choice in self.choices()],
            "bare": bare,
            "unmarked": unmarked,
        }


def told_of(outlined: Outlined, manifest: Manifest) -> dict[str, Any]:
    """The table ``outlines`` of ``audit.json``; none where no outlines were drawn."""
    bare = manifest.provenance.get("bare")
    unmarked = str(manifest.provenance.get("unmarked", "leave"))
    told = outlined.record(manifest.labels.words, bare if isinstance(bare, int) else 0, unmarked)
    return {"outlines": told} if told["shapes"] or told["bare"] else {}


def ambiguous(outlined: Outlined, manifest: Manifest) -> list[Finding]:
    """A warning where outlines can be told apart in ways that do not agree, and nobody has chosen."""
    choices = outlined.choices()
    if len(choices) < 2 or manifest.labels.words:
        return []
    kinds = " or by ".join(f"{choice.kind} ({len(choice.words)})" for choice in choices)
    what = f"outlines can be told apart by {kinds}, which do not agree; they are taken by {choices[0].kind}"
    remedy = f"choose with data.words, for example {choices[1].setting()}"
    return [Finding(code="AMBIGUOUS_OUTLINES", severity="warn", items=(), what=what, remedy=remedy)]


def lines(tables: Mapping[str, Any]) -> Iterator[str]:
    """What a terminal says of the table ``outlines``, see :func:`told_of`."""
    record = tables.get("outlines") or {}
    if record.get("shapes"):
        yield f"drawn  {record['shapes']:,} outlines on {record['cases']:,} cases"
        for row in record["signs"][:MOST]:
            area = area_of(row["area"], record["unit"])
            yield f"       {row['kind']:7}{row['value']}: {row['shapes']:,} in {row['cases']:,} cases, {area}"
    if record.get("bare"):
        meant = (
            "all background, as told"
            if record["unmarked"] == "background"
            else "left out: data.unmarked: background if it means no finding"
        )
        noun = "picture" if record["bare"] == 1 else "pictures"
        yield f"       {record['bare']:,} {noun} without a drawing: {meant}"
    choices = record.get("choices") or ()
    if record.get("words"):
        yield f"map    as given in data.words; it says nothing of {record['unmapped']:,} outlines"
    elif len(choices) > 1:
        yield "map    outlines can be told apart in ways that do not agree; choose one and name the classes as you like:"
    elif choices:
        yield (
            "map    classes are what the drawings say; to name them otherwise:"
            if choices[0]["as_is"]
            else "map    name the classes as you like:"
        )
    if not record.get("words"):
        for choice in choices:
            yield f"       by {choice['kind']}: {choice['setting']}"


def area_of(area: float, unit: str) -> str:
    """An area for people.

    >>> area_of(2.5e6, "um2"), area_of(400.0, "px")
    ('2.5 mm²', '400 px²')
    """
    return f"{area / 1e6:,.4g} mm\u00b2" if unit == "um2" else f"{area:,.0f} {unit}\u00b2"


def _add(sums: dict[_K, tuple[int, float]], more: Mapping[_K, tuple[int, float]]) -> None:
    for key, (n, area) in more.items():
        before, covered = sums.get(key, (0, 0.0))
        sums[key] = (before + n, covered + area)


def _are_classes(kind: str, values: set[str | None], total: int) -> bool:
    """Whether values of a kind may be classes: not many, and names not each shape's own."""
    own = kind in {"name", "id"} and len(values) > max(1, total // 3)
    return len(values) <= MOST and not own


def _parts(first: list[str | None], other: list[str | None]) -> bool:
    """Whether another kind parts what one kind holds together."""
    within: dict[str | None, set[str | None]] = {}
    for a, b in zip(first, other, strict=True):
        within.setdefault(a, set()).add(b)
    return any(len(found) > 1 for found in within.values())


def _named(values: list[str]) -> dict[str, str]:
    """A class for each value: its own name, the name of its colour, or the background."""
    found: dict[str, str] = {}
    for value in values:
        name = _colour_name(value) if value.startswith("#") else value
        name = "background" if name.casefold() in _GROUND else name
        taken = name != "background" and name in found.values()
        found[value] = f"{name} {value[1:]}" if taken else name
    return found


def _colour_name(value: str) -> str:
    """The plain name nearest to ``#rrggbb``.

    >>> _colour_name("#00a000"), _colour_name("#fe0203")
    ('green', 'red')
    """
    rgb = [int(value[i : i + 2], 16) for i in (1, 3, 5)]
    return min(_COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(rgb, _COLOURS[name], strict=True)))


def _quoted(text: str) -> str:
    plain = text.replace(" ", "").replace("_", "").replace("-", "").isalnum() and not text[:1].isdigit()
    return (
        text
        if plain and text.casefold() not in {"yes", "no", "true", "false", "null", "on", "off", "y", "n"}
        else json.dumps(text, ensure_ascii=False)
    )
