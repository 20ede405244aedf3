"""How an SVG element looks: its attributes, the rules of ``<style>`` sheets, its ``style``, and what it inherits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element

from sagittal.errors import UnreadableInput
from sagittal.io.readers._curves import tag

INHERITED = ("fill", "stroke", "fill-rule", "visibility", "color")
OWN = ("display", "clip-path", "mask")
MOVING = ("transform", "translate", "rotate", "scale", "zoom", "offset-path", "d", "cx", "cy", "r", "rx", "ry", "x", "y")
"""What moves a shape when a sheet or ``style`` says it; as attributes they are read."""

_SIZES = ("width", "height")
"""Of a rectangle; of pictures and canvases in a page they are nobody's business here."""

_KNOWN = frozenset((*INHERITED, *OWN))
_MOST_RULES = 2000
_MOST_OF_ONE_KIND = 50
"""Rules of ``polygon`` or ``*``, which are looked at for every such element."""

_SIMPLE = re.compile(r"(?P<kind>\*|-?[A-Za-z_][\w-]*)?(?P<marks>([.#]-?[A-Za-z_][\w-]*)*)")
_HARMLESS = frozenset({"@charset", "@namespace", "@font-face"})

Style = dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rule:
    kind: str
    id: str
    classes: frozenset[str]
    declared: Mapping[str, str]
    weight: tuple[int, int, int]

    def matches(self, element: Element, classes: frozenset[str]) -> bool:
        return (not self.kind or self.kind == tag(element)) and (not self.id or self.id == element.get("id")) and self.classes <= classes

    @property
    def key(self) -> str:
        """Without this an element does not match: its id, one of its classes, or its kind."""
        return f"#{self.id}" if self.id else f".{min(self.classes)}" if self.classes else self.kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """The rules of all ``<style>`` elements of a file.

    Args:
        path: For messages.
        rules: Each of one simple selector, with its place in the file, by what an element must have to match.
    """

    path: Path
    rules: Mapping[str, Sequence[tuple[int, _Rule]]] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Element, path: Path) -> Sheet:
        """The sheets of a file.

        Raises:
            UnreadableInput: A rule that changes what is read here has a selector of another kind than ``polygon``, ``.class``,
                ``#id`` and their combination; or a sheet is fetched from elsewhere.
        """
        found: list[_Rule] = []
        for element in root.iter():
            if tag(element) == "style" and element.get("type", "text/css").strip().lower() in {"", "text/css"}:
                media = element.get("media", "all").strip().lower()
                if media not in {"", "all", "screen"}:
                    _refuse(path, f"a style sheet for {media[:40]!r}")
                found += itertools.islice(_rules("".join(element.itertext()), path), _MOST_RULES + 1)
        keyed: dict[str, list[tuple[int, _Rule]]] = {}
        for place, rule in enumerate(found):
            keyed.setdefault(rule.key, []).append((place, rule))
        often = max((len(rules) for key, rules in keyed.items() if key[:1] not in {"#", "."}), default=0)
        if len(found) > _MOST_RULES or often > _MOST_OF_ONE_KIND:
            what = f"more than {_MOST_RULES:,} rules of style, or {_MOST_OF_ONE_KIND} of one kind of element"
            raise UnreadableInput("OVER_LIMIT", path, what, "save plain outlines")
        return cls(path=path, rules=keyed)

    def of_element(self, element: Element, above: Style) -> Style:
        """What holds for an element: attributes, below sheets, below its own ``style``, below what is ``!important``.

        Args:
            element: The element.
            above: What holds for the one that it is in.

        Raises:
            UnreadableInput: A sheet or ``style`` moves it.
        """
        own: Style = {key: value.strip() for key in _KNOWN if (value := element.get(key)) is not None}
        last: Style = {}
        classes = frozenset(element.get("class", "").split())
        keys = ("", tag(element), f"#{element.get('id')}", *(f".{name}" for name in classes))
        fitting = [entry for key in keys for entry in self.rules.get(key, ()) if entry[1].matches(element, classes)]
        told = [rule.declared for _, rule in sorted(fitting, key=lambda entry: (entry[1].weight, entry[0]))]
        for declared in (*told, dict(_declarations(element.get("style", "")))):
            for key, text in declared.items():
                value, important, _ = text.partition("!important")
                (last if important else own)[key] = value.strip()
        own |= last
        moves = (*MOVING, *_SIZES) if tag(element) == "rect" else MOVING
        moved = next((key for key in moves if own.get(key, "none") not in {"none", "auto"}), None)
        if moved is not None and tag(element) not in {"svg", "text", "tspan"}:
            _refuse(self.path, f"{moved!r} as a property of style")
        handed = {key: value for key, value in above.items() if key not in OWN}
        return handed | {key: value for key, value in own.items() if value != "inherit" and key in _KNOWN}


def _rules(text: str, path: Path) -> Iterator[_Rule]:
    """The rules of one sheet; those that change nothing of what is read here are left out."""
    text = _uncommented(text).replace("<!--", " ").replace("-->", " ")
    at = 0
    while at < len(text):
        opens, closes = text.find("{", at), text.find("}", at)
        ends = text.find(";", at)
        if 0 <= ends < (opens if opens >= 0 else len(text)) and text[at:ends].lstrip().startswith("@"):
            _check_rule(text[at:ends].strip(), path)
            at = ends + 1
            continue
        if opens < 0:
            if text[at:].strip():
                raise UnreadableInput("BROKEN", path, "a style sheet ends in the middle of a rule", "copy it again from its source")
            return
        head = text[at:opens].strip()
        if head.startswith("@"):
            _check_rule(head, path)
        declared = dict(_declarations(text[opens + 1 : closes if closes >= 0 else len(text)]))
        if declared and not head.startswith("@"):
            yield from (_rule(selector.strip(), declared, path) for selector in head.split(","))
        at = closes + 1 if closes >= 0 else len(text)


def _check_rule(head: str, path: Path) -> None:
    """Refuse rules that fetch or choose other rules."""
    if head.split()[0].lower() not in _HARMLESS:
        _refuse(path, f"{head.split()[0][:40]!r} in a style sheet")


def _uncommented(text: str) -> str:
    """Without what stands between ``/*`` and ``*/``; one that never ends goes to the end.

    >>> _uncommented("a/* b /* b */c/* d")
    'a  c '
    """
    first, *others = text.split("/*")
    return first + "".join(" " + piece.partition("*/")[2] for piece in others)


def _rule(selector: str, declared: Mapping[str, str], path: Path) -> _Rule:
    found = _SIMPLE.fullmatch(selector)
    if found is None or not selector:
        _refuse(path, f"the style selector {selector[:60]!r}")
    marks = re.findall(r"([.#])(-?[A-Za-z_][\w-]*)", found["marks"] or "")
    ids = [name for mark, name in marks if mark == "#"]
    classes = frozenset(name for mark, name in marks if mark == ".")
    kind = (found["kind"] or "").replace("*", "")
    if len(set(ids)) > 1:
        _refuse(path, f"the style selector {selector[:60]!r}")
    weight = (len(ids), len([1 for mark, _ in marks if mark == "."]), int(bool(kind)))
    return _Rule(kind=kind, id=ids[0] if ids else "", classes=classes, declared=declared, weight=weight)


def _declarations(text: str) -> Iterator[tuple[str, str]]:
    """The properties that are known here, or that move a shape."""
    for entry in _uncommented(text).split(";"):
        key, _, value = entry.partition(":")
        key = key.strip().lower()
        if key in _KNOWN or key in MOVING or key in _SIZES:
            yield key, value.strip()


def _refuse(path: Path, what: str) -> NoReturn:
    raise UnreadableInput("UNSUPPORTED", path, f"{what} is not read, and outlines would be misread", "save plain outlines (plain SVG)")
