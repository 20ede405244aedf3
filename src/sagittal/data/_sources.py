"""Files that were cut from one source: panels of a figure, slices of a series, told by the stems of their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sagittal.core import Case
from sagittal.data.layouts._groups import name_of

_MOST_SHARE = 0.05
_FEW = 20


def crossing_sources(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Name stems whose cases stand in several splits, the longest first told.

    A stem is what remains of a file name when numbers are cut off its end, part by part: of ``2020.03.12-p17-91-3``
    the figure ``2020.03.12-p17-91``, then the page, then the article. It must be specific: with numbers of its own,
    and shared by no more than 5 % of the cases (or 20). Cases of one known patient are that patient's matter and
    do not count.

    >>> a = Case(id="a", split="train", images={"image": "x/2020.03.12-p17-91-3.png"})
    >>> b = Case(id="b", split="test", images={"image": "x/2020.03.12-p17-91-4.png"})
    >>> list(crossing_sources([a, b]))
    ['2020.03.12-p17-91']
    """
    members: dict[str, list[Case]] = {}
    for case in cases:
        if case.split:
            for stem in _stems(name_of(case)):
                members.setdefault(stem, []).append(case)
    most = max(_FEW, _MOST_SHARE * len(cases))
    told: set[str] = set()
    found: dict[str, list[Case]] = {}
    for stem in sorted(members, key=lambda s: (-len(s), s)):
        some = members[stem]
        if len(some) > most or len({c.split for c in some}) < 2 or (all(c.group for c in some) and len({c.group for c in some}) == 1):
            continue
        new = [c for c in some if c.id not in told]
        # A shorter stem is told only when it brings a case that the longer ones did not.
        if new:
            found[stem] = some
            told.update(c.id for c in some)
    return found


def _stems(name: str) -> list[str]:
    """The stems of a name, the longest first; only those that are specific."""
    stems: list[str] = []
    rest = name
    while True:
        cut = re.sub(r"[\s_\-.%#~(\[]*[A-Za-z]{0,3}\d+[)\]]*$", "", rest)
        if cut == rest or not cut:
            return stems
        rest = cut
        if _is_specific(rest):
            stems.append(rest)


def _is_specific(stem: str) -> bool:
    """Whether a stem names one source: a long number, or two numbers, and not just a word."""
    numbers = re.findall(r"\d+", stem)
    return any(len(n) >= 5 for n in numbers) or (len(numbers) >= 2 and sum(map(len, numbers)) >= 4)
