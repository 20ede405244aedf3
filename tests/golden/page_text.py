"""What a person reads on a page, and whether its markup is sound: for tests that look at HTML."""

from __future__ import annotations

from html.parser import HTMLParser

BLOCKS = {
    "p",
    "h1",
    "h2",
    "h3",
    "li",
    "tr",
    "div",
    "section",
    "figure",
    "table",
    "summary",
    "pre",
    "dt",
    "dd",
    "footer",
    "header",
    "nav",
    "td",
    "th",
}
EMPTY = {"meta", "img", "br", "col", "link", "hr", "input"}
"""Elements without an end tag."""


class Page(HTMLParser):
    """Text, tags and addresses of a page.

    Attributes:
        errors: End tags that close nothing, and tags that nothing closes.
        addresses: Every ``src`` and ``href``.
        tags: Every element's name.
        scripts: Attributes that would run code.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.errors: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.scripts: list[str] = []
        self._open: list[str] = []
        self._text: list[str] = []
        self.feed(html)
        self.close()
        self.errors += [f"<{tag}> is never closed" for tag in self._open]

    @property
    def lines(self) -> list[str]:
        """The visible text, a line a block, without those that are empty."""
        return [" ".join(line.split()) for line in "".join(self._text).split("\n") if line.strip()]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href"}]
        self.scripts += [name for name, _ in attrs if name.startswith("on")]
        if tag not in EMPTY:
            self._open.append(tag)
        self._text.append("\n" if tag in BLOCKS - {"td", "th"} else " | " if tag in {"td", "th"} else "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.errors.append(f"</{tag}> closes another element, line {self.getpos()[0]}")
        self._text.append("\n" if tag in BLOCKS - {"td", "th"} else "")

    def handle_data(self, data: str) -> None:
        if "style" not in self._open and "svg" not in self._open:
            self._text.append(data.replace("\n", " "))
