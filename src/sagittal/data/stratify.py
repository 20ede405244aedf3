"""Cases dealt to splits: groups stay whole, and each class keeps its share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from sagittal.core import Case
from sagittal.data.manifest import Manifest

_BINS = 5


def dealt(manifest: Manifest, cases: Sequence[Case], shares: Mapping[str, float], rng: np.random.Generator) -> dict[str, str]:
    """The split of each case id: groups stay whole, classes keep their shares.

    Iterative stratification over groups: the class with the fewest groups left is dealt first, its largest groups
    before the small ones, each to the split that still wants most of that class. While a class has no more groups
    left than there are splits without it, those splits come first.

    Source: Sechidis et al., On the stratification of multi-label data, ECML PKDD 2011; we deal groups, not cases.
    """
    strata = _strata(manifest, cases)
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.owner, []).append(case)
    names = sorted(groups)
    order = [names[i] for i in rng.permutation(len(names))]
    held = {name: Counter(s for c in groups[name] for s in strata[c.id]) for name in order}
    totals = Counter(s for h in held.values() for s in h.elements())
    wanted = {split: {s: share * n for s, n in totals.items()} for split, share in shares.items()}
    room = {split: share * len(cases) for split, share in shares.items()}
    has = {split: set[str]() for split in shares}
    waiting: dict[str, list[str]] = {s: [n for n in order if s in held[n]] for s in totals}
    for s, members in waiting.items():
        members.sort(key=lambda n: -held[n][s])  # stable: equal sizes stay in drawn order
    placed: dict[str, str] = {}
    for s in sorted(waiting, key=lambda s: (len(waiting[s]), s)):
        for at, name in enumerate(left := [n for n in waiting[s] if n not in placed]):
            bare = [split for split in shares if s not in has[split]]
            choice = bare if bare and len(left) - at <= len(bare) else list(shares)
            split = max(choice, key=lambda p: (wanted[p][s], room[p]))
            placed[name] = split
            room[split] -= len(groups[name])
            has[split].update(held[name])
            for other, n in held[name].items():
                wanted[split][other] -= n
    return {c.id: placed[name] for name, members in groups.items() for c in members}


def _strata(manifest: Manifest, cases: Sequence[Case]) -> dict[str, tuple[str, ...]]:
    """What each case is balanced by: its classes, or a fifth of the range of values."""
    if manifest.said != "value":
        return {c.id: manifest.words(c) or ("",) for c in cases}
    first = np.array([float(c.label.split(";")[0] or "nan") for c in cases])
    edges = np.nanquantile(first, np.linspace(0, 1, _BINS + 1)[1:-1]) if np.isfinite(first).any() else np.zeros(0)
    return {c.id: (f"bin{int(np.searchsorted(edges, v))}",) for c, v in zip(cases, first, strict=True)}
