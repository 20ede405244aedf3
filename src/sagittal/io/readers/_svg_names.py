"""What an SVG shape is called: by itself, and by the groups and layers that it is in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from sagittal.io.readers._curves import tag

ORDER = ("class", "layer", "name", "id")
"""Of what a shape may be known by, the most telling first."""

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{2,4})_")
_COUNTED = re.compile(r"(?<=[^\W\d_])[-_ ]?\d+_?$")
_MADE_CLASS = re.compile(r"(cls-|st|fil|str)\d+", re.IGNORECASE)
_DRAWN = ("path", "polygon", "polyline", "rect", "rectangle", "circle", "ellipse", "line", "shape", "object", "outline", "region", "roi")
_GROUPED = ("g", "group", "layer", "ebene", "calque", "capa", "livello", "svg", "use", "symbol", "text", "image", "annotation")
_MADE = frozenset((*_DRAWN, *_GROUPED))


@dataclass(frozen=True, slots=True)
class Called:
    """Names of a shape.

    Args:
        names: All that may name its class, the most telling first: its own before those of its groups.
        signs: The nearest ``class``, ``layer``, ``name`` and ``id``, in this order, those that a program made up left out.
    """

    names: tuple[str, ...] = ()
    signs: tuple[tuple[str, str], ...] = ()


def called(element: Element, above: Called, *, shape: bool) -> Called:
    """The names of an element, with those of what it is in.

    Args:
        element: A shape or a group.
        above: What it is in.
        shape: It is drawn: its id is its own, and that of a group is one of a layer.
    """
    kinds = _classes(element)
    labels = _labels(element)
    titles = [text for child in element if tag(child) == "title" and (text := (child.text or "").strip())]
    ids = _ids(element)
    said = {"name": (*labels, *titles), "id": ids[-1:]} if shape else {"layer": (*labels, *titles, *ids[-1:])}
    every = {"class": kinds, **said}
    own = {sign: name for sign, found in every.items() if (name := next((n for n in found if not _is_made(n, sign)), None)) is not None}
    both = {**dict(above.signs), **own}
    signs = tuple((sign, both[sign]) for sign in ORDER if sign in both)
    return Called(names=(*kinds, *labels, *titles, *ids, *above.names), signs=signs)


def _classes(element: Element) -> list[str]:
    """What it says of its kind: ``data-class``, all of ``class`` as it stands, and each word of it."""
    text = " ".join(element.get("class", "").split())
    return list(dict.fromkeys(filter(None, (element.get("data-class", "").strip(), text, *text.split()))))


def _labels(element: Element) -> list[str]:
    """Inkscape's label, and the name that Illustrator keeps beside its id."""
    found = [value for key, value in element.attrib.items() if key.endswith("}label")]
    return [name.strip() for name in (*found, element.get("data-name", "")) if name.strip()]


def _ids(element: Element) -> list[str]:
    """The id as it stands, as Illustrator means it, and without the number behind it that makes it the only one.

    >>> _ids(Element("g", id="Tumour_x20_bed_1_"))
    ['Tumour_x20_bed_1_', 'Tumour bed_1_', 'Tumour bed']
    >>> _ids(Element("g", id="tumour-12")), _ids(Element("g", id="T1"))
    (['tumour-12', 'tumour'], ['T1', 'T'])
    """
    text = element.get("id", "").strip()
    meant = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return list(dict.fromkeys(filter(None, (text, meant, _COUNTED.sub("", meant)))))


def _is_made(name: str, sign: str) -> bool:
    """Whether a program made it up.

    >>> _is_made("cls-1", "class"), _is_made("Layer 1", "layer"), _is_made("Tumour", "layer")
    (True, True, False)
    """
    if sign == "class":
        return _MADE_CLASS.fullmatch(name) is not None
    return _COUNTED.sub("", name).strip().lower() in _MADE
