"""One section of a report: a heading, a sentence that says what is seen, and the rest."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """What a file of ``report/sections/`` gives back, or None where the run has nothing to say.

    Args:
        title: The heading, also the entry in the list of contents.
        order: Where it stands; the shelf's own go from 10 (verdict) to 160 (provenance) in tens.
        html: Safe HTML; texts from the run must have been escaped (``page.fill`` does it).
        lede: One sentence under the heading that says what the section shows.

    >>> Section(title="Scores by class", order=60, html=Markup("<p>…</p>")).anchor
    'scores-by-class'
    """

    title: str
    order: int
    html: Markup
    lede: str = ""

    @property
    def anchor(self) -> str:
        """The title as the name of a link."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())
