"""How tissue is stained, and whether it is stained otherwise elsewhere: by site where the data set names sites."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.case import Case
from sagittal.data.finding import Finding
from sagittal.ops.stain import Stains, stains_of

SITES = frozenset(["site", "hospital", "centre", "center", "institution", "institute", "laboratory", "lab", "clinic", "scanner"])
"""Words of a column that says where a slide was stained or scanned, the first that is found in this order of columns."""

SEEN = 1 << 14
"""Samples of a picture that its stains are measured on, evenly spread."""

LEAST = 64
"""Smaller pictures, along their shorter side, are no tissue that anyone looks at."""

MOSTLY = 0.8
"""Of the colour pictures so many must be stained with haematoxylin and eosin, or nothing is said of stains."""

APART = 2.0
"""Sites whose mean amounts of a stain differ by so many standard deviations between the cases of a site are told of."""

ENOUGH = 3
"""Cases of a site that are compared with another's."""

NAMES = ("haematoxylin", "eosin")
_FLOOR = 0.05
_MUCH = 0.5


def stained(picture: NDArray[Any]) -> Stains | None:
    """The stains of a picture ``(3, rows, columns)`` of bytes, by Macenko's method; None where it is not haematoxylin and eosin.

    Eosin takes out more green than anything else, haematoxylin much green and more red than blue.

    >>> stained(np.full((3, 80, 80), 200, np.uint8)) is None
    True
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or len(picture) != 3 or min(picture.shape[1:]) < LEAST:
        return None
    step = max(1, round((picture[0].size / SEEN) ** 0.5))
    found = stains_of(np.ascontiguousarray(picture[:, ::step, ::step]), "macenko")
    if found is None:
        return None
    (red, green, blue), (rose, leaf, sky) = found.matrix
    known = leaf > max(rose, sky) and red > blue and green > _MUCH
    return found if known else None


@dataclass(kw_only=True, slots=True)
class Stained:
    """The stains of a data set, case by case.

    Args:
        pictures: How many colour pictures were looked at.
        found: Each case's stains, where it has them.
    """

    pictures: int = 0
    found: dict[str, Stains] = field(default_factory=dict)

    def add(self, name: str, stains: Stains | None, *, colour: bool) -> None:
        """One more case."""
        self.pictures += colour
        if stains is not None:
            self.found[name] = stains

    def sites(self, cases: Sequence[Case]) -> tuple[str, dict[str, list[Stains]]]:
        """By what cases are put together, and the stains of each site; nothing where the pictures are no stained tissue.

        Sites are the values of a column that names them; else the splits, else all cases together.
        """
        if not self.found or len(self.found) < MOSTLY * self.pictures:
            return "", {}
        known = [c for c in cases if c.id in self.found]
        by = next((column for column in known[0].meta if SITES & set(re.findall(r"[a-z]+", column.casefold()))), "")
        if not by and len({c.split for c in known}) > 1:
            by = "split"
        told: dict[str, list[Stains]] = {}
        for case in known:
            name = case.meta.get(by, "") if by != "split" else case.split or "no split"
            told.setdefault(str(name) if by else "all", []).append(self.found[case.id])
        return by, dict(sorted(told.items()))


def told_of(found: Stained, cases: Sequence[Case]) -> dict[str, Any]:
    """The table ``stains`` of ``audit.json``; none where the pictures are no stained tissue.

    A site has the number of its cases, the mean colour of each stain (what is left of white light where there is 1 of it) and
    the mean and standard deviation of how much of each there is at most (99th percentile of a case).
    """
    by, sites = found.sites(cases)
    if not sites:
        return {}
    rows = []
    for name, each in sites.items():
        colours = np.exp(-np.mean([s.matrix for s in each], axis=0))
        most = np.array([s.most for s in each])
        rows.append(
            {
                "site": name,
                "n": len(each),
                "colours": ["#" + "".join(f"{round(255 * v):02x}" for v in row) for row in colours.tolist()],
                "most": [round(v, 3) for v in most.mean(axis=0).tolist()],
                "deviation": [round(v, 3) for v in (most.std(axis=0, ddof=1) if len(each) > 1 else np.zeros(2)).tolist()],
            }
        )
    return {"stains": {"by": by, "sites": rows}}


def differing(found: Stained, cases: Sequence[Case]) -> list[Finding]:
    """A warning where two sites stain more differently than the cases of one do: by ``APART`` of their standard deviations."""
    by, sites = found.sites(cases)
    compared = {name: np.array([s.most for s in each]) for name, each in sites.items() if len(each) >= ENOUGH}
    worst: tuple[float, str] = (0.0, "")
    for (a, first), (b, second) in combinations(compared.items(), 2):
        spread = np.maximum(np.sqrt((first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / 2), _FLOOR)
        times = np.abs(first.mean(axis=0) - second.mean(axis=0)) / spread
        stain = int(times.argmax())
        what = f"{a} has {first[:, stain].mean():.2f} of {NAMES[stain]} where it is most, {b} {second[:, stain].mean():.2f}"
        worst = max(worst, (float(times[stain]), what))
    if worst[0] < APART:
        return []
    what = f"tissue is stained differently by {by}: {worst[1]}, {worst[0]:.1f} standard deviations between cases apart"
    remedy = "look at scores by site, and compare with --set prepare.stain=macenko, which brings all to one look"
    return [Finding(code="STAINS_DIFFER", severity="warn", items=tuple(compared), what=what, remedy=remedy)]


def lines(tables: Mapping[str, Any]) -> Iterator[str]:
    """What a terminal says of the table ``stains``, see :func:`told_of`."""
    record = tables.get("stains") or {}
    for n, row in enumerate(record.get("sites") or ()):
        lead = f"stain  {'by ' + record['by'] + ': ' if record['by'] else ''}" if n == 0 else "       "
        amounts = ", ".join(f"{name} {most:.2f} ± {sd:.2f}" for name, most, sd in zip(NAMES, row["most"], row["deviation"], strict=True))
        yield f"{lead}{row['site']} ({row['n']:,}) {amounts}"
