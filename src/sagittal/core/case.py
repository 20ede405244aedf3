"""What belongs together, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One row of a manifest: an id, whose it is, and where its parts lie; no pixels.

    A source is a *locator*: a path, or ``path::part`` for a part of a file (``a.npz::train_images/12``,
    ``table.csv::17``).

    Args:
        id: Unique in the manifest.
        group: The patient (or whatever must stay on one side of a split); empty when not known.
        split: ``train``, ``val``, ``test``, or empty when not yet decided.
        images: Locators by channel group; a picture has one, called ``image``.
        annotation: Locator of a mask or outline file; empty when ``label`` says it all.
        label: What a person said in one word, or several parted by ``;``; a number for values.
        meta: Further columns: site, scanner, age, sex ...

    >>> Case(id="a", images={"image": "a.png"}, label="DME").label
    'DME'
    """

    id: str
    group: str = ""
    split: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    annotation: str = ""
    label: str = ""
    meta: Mapping[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """The group, or the case itself where no group is known."""
        return self.group or self.id
