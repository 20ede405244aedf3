"""How an SVG element looks: its attributes, the rules of ``<style>`` sheets, its ``style``, and what it inherits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
_MOST_RULES = 10_000
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """The rules of all ``<style>`` elements of a file, the weakest first.

    Args:
        path: For messages.
        rules: Each of one simple selector.
    """

    path: Path
    rules: tuple[_Rule, ...] = field(default=())

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
                found += _rules("".join(element.itertext()), path)
        if len(found) > _MOST_RULES:
            raise UnreadableInput("OVER_LIMIT", path, f"more than {_MOST_RULES:,} rules of style", "save plain outlines")
        return cls(path=path, rules=tuple(sorted(found, key=lambda rule: rule.weight)))

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
        told = [rule.declared for rule in self.rules if rule.matches(element, classes)]
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
    text = _COMMENT.sub(" ", text).replace("<!--", " ").replace("-->", " ")
    at = 0
    while (rest := text[at:]).strip():
        start = len(rest) - len(rest.lstrip())
        ends = [i for i in (rest.find("{"), rest.find(";") if rest.lstrip().startswith("@") else -1) if i >= 0]
        if not ends:
            raise UnreadableInput("BROKEN", path, "a style sheet ends in the middle of a rule", "copy it again from its source")
        end = min(ends)
        head = rest[start:end].strip()
        if head.startswith("@") and head.split()[0].lower() not in _HARMLESS:
            _refuse(path, f"{head.split()[0]!r} in a style sheet")
        if rest[end] == ";":
            at += end + 1
            continue
        close = rest.find("}", end)
        body = rest[end + 1 : close if close >= 0 else len(rest)]
        at += close + 1 if close >= 0 else len(rest)
        declared = dict(_declarations(body))
        if declared and not head.startswith("@"):
            yield from (_rule(selector.strip(), declared, path) for selector in head.split(","))


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
    for entry in _COMMENT.sub(" ", text).split(";"):
        key, _, value = entry.partition(":")
        key = key.strip().lower()
        if key in _KNOWN or key in MOVING or key in _SIZES:
            yield key, value.strip()


def _refuse(path: Path, what: str) -> NoReturn:
    raise UnreadableInput("UNSUPPORTED", path, f"{what} is not read, and outlines would be misread", "save plain outlines (plain SVG)")
