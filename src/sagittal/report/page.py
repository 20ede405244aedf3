"""The theme: templates filled with escaped values, and the frame of a whole page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sagittal.report import figures, words
from sagittal.report.section import Section


def fill(template: str, /, **values: object) -> Markup:
    """A Jinja template with values in it; every text is escaped unless it is already HTML.

    The filters ``number``, ``count``, ``percent``, ``metric`` and ``in_sentence`` of :mod:`words` are there,
    and the macros of ``theme/parts.html.j2`` as ``parts``.

    >>> str(fill("<p>{{ name }} has {{ n | count('case') }}</p>", name="<b>", n=2))
    '<p>&lt;b&gt; has 2 cases</p>'
    """
    environment = _environment()
    return Markup(environment.from_string(template).render(parts=environment.get_template("parts.html.j2").module, **values))  # noqa: S704 - escaped


def whole(sections: Sequence[Section], *, title: str, subtitle: str, footer: Sequence[str], kind: str = "Report") -> str:
    """The page: one file, no script, nothing fetched; a content policy in its head holds browsers to that."""
    environment = _environment()
    style = Markup(Path(__file__).with_name("theme").joinpath("style.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    ordered = sorted(sections, key=lambda s: (s.order, s.title))
    page = environment.get_template("page.html.j2")
    return page.render(sections=ordered, title=title, subtitle=subtitle, footer=footer, kind=kind, style=style)


def picture(path: Path) -> str:
    """A picture file as a ``data:`` address, so that the page needs no other file."""
    data = path.read_bytes()
    return inline(data, kind="jpeg" if data[:2] == b"\xff\xd8" else "png")


def proportion(data: bytes) -> float:
    """Width over height of a PNG file, from its header; 1 for any other file."""
    if len(data) < 24 or data[12:16] != b"IHDR":
        return 1.0
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    return width / height if height else 1.0


def inline(data: bytes, *, kind: str = "png") -> str:
    """Bytes of a picture as a ``data:`` address.

    >>> inline(b"abc")
    'data:image/png;base64,YWJj'
    """
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sagittal.report", "theme"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=words.number,
        short=words.short,
        count=words.count,
        percent=words.percent,
        listed=words.listed,
        metric=words.metric_name,
        meaning=words.metric_meaning,
        in_sentence=words.in_sentence,
        interval=words.interval,
        value=words.value_of,
        with_unit=words.with_unit,
        duration=words.duration,
    )
    environment.globals.update(strip=figures.strip, meter=figures.meter)
    return environment
