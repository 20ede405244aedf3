"""Which cases teach, which choose and which judge: by patient, stratified, the same every time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from sagittal.core import Case
from sagittal.data.finding import Finding, some
from sagittal.data.manifest import Manifest
from sagittal.errors import Refused, UsageError

_BINS = 5


LARGEST_CHAIN = 0.05
"""A chain of alike patients longer than this share of all is no chain of copies."""

LEAST_CHAIN = 5
"""Chains of so many patients are believed however few patients there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitRules:
    """How cases are put into splits.

    Args:
        test: Share of the cases that judge, where the data set has no test split.
        val: Share of the cases that choose, where it has no validation split.
        seed: Another seed gives another split.
        folds: How many folds, instead of one split.
        repeats: How often the folds are drawn anew.
        leaks: A patient on both sides of the test split stops the run, or is dropped from training.
        allow: Codes of findings that do not stop the run.
    """

    test: float = 0.2
    val: float = 0.2
    seed: int = 0
    folds: int | None = None
    repeats: int = 1
    leaks: Literal["refuse", "drop"] = "refuse"
    allow: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not (0 <= self.test < 1 and 0 <= self.val < 1 and self.test + self.val < 1):
            what = f"test={self.test} and val={self.val} leave nothing to train on"
            raise UsageError("SPLIT", "split", what, "choose shares of 0 or more that add up to less than 1")
        if self.leaks not in {"refuse", "drop"}:
            raise UsageError("SPLIT", f"split.leaks={self.leaks}", "it is neither refuse nor drop", "choose refuse or drop")


def assign(manifest: Manifest, rules: SplitRules | None = None) -> tuple[Manifest, list[Finding]]:
    """The manifest with every case in a split, and what there is to say about it.

    Splits that the data set has are kept. A test or validation split that it lacks is cut from the cases that are
    in no split or in training; whole groups go to one side, and each class keeps its share as well as groups allow.

    Args:
        manifest: Cases with or without splits.
        rules: Shares, seed, and what happens to leaks.

    Raises:
        Refused: A class has no group in a split that is made here; or a patient stands on both sides of the test
            split and ``leaks`` is ``refuse``.
        UsageError: There is no case to train on.
    """
    rules = rules or SplitRules()
    manifest, findings = apart(manifest, leaks=rules.leaks, allow=rules.allow)
    shares = {name: share for name, share in (("test", rules.test), ("val", rules.val)) if share > 0 and name not in manifest.splits}
    taken = {c.owner for c in manifest.cases if c.split in {"val", "test"}}
    late = [c for c in manifest.cases if not c.split and c.owner in taken]
    pool = [c for c in manifest.cases if c.split in {"train", ""} and c.owner not in taken]
    if not pool:
        if "train" in manifest.splits or manifest.splits:
            return manifest, findings
        raise UsageError("NO_CASES", manifest.root, "there is no case to put into a split", "name a data set that has some")
    if not shares and all(c.split for c in manifest.cases):
        return manifest, findings
    total = len(manifest)
    wanted = {name: share * total / len(pool) for name, share in shares.items()}
    if sum(wanted.values()) >= 1:
        what = f"{len(pool)} cases are too few to cut {' and '.join(wanted)} from"
        raise UsageError("SPLIT", "split", what, "choose smaller shares")
    new = _drawn(manifest, pool, {"train": 1 - sum(wanted.values()), **wanted}, np.random.default_rng([rules.seed, 1]))
    beside = {c.owner: c.split for c in manifest.cases if c.split in {"val", "test"}}
    new.update({c.id: beside[c.owner] for c in late})
    made = manifest.with_cases(
        (replace(c, split=new.get(c.id, c.split)) for c in manifest.cases),
        split_rule={"made": sorted(shares), "test": rules.test, "val": rules.val, "seed": rules.seed, "by": _by(manifest)},
    )
    _refuse_missing(made, pool, {*shares, "train"})
    sizes = ", ".join(f"{name} {len(made.split(name))}" for name in made.splits)
    if shares:
        what = f"{' and '.join(sorted(shares))} made here {_by(manifest)}, stratified, seed {rules.seed}: {sizes}"
        remedy = "give splits to keep your own" + (", or set split.test=0 where your test lies elsewhere" if "test" in shares else "")
        findings.append(Finding(code="SPLIT_MADE", severity="note", items=tuple(sorted(shares)), what=what, remedy=remedy))
    return made, findings


def folds(manifest: Manifest, k: int, repeat: int = 0, seed: int = 0, *, val: float = 0.15) -> list[Manifest]:
    """The manifest ``k`` times; every case is in the test split of exactly one of them.

    Folds are grouped and stratified, and the same for the same ``(k, repeat, seed)``. What splits the cases had
    before does not count.

    Args:
        manifest: Its cases.
        k: How many folds, at least 2.
        repeat: Another number draws the folds anew.
        seed: As is; another seed gives other folds.
        val: Share of each fold's remaining cases that choose; 0 leaves them all to training.

    Raises:
        UsageError: ``k`` is below 2 or above the number of groups.
        Refused: A class has too few groups to be in every fold.
    """
    owners = {c.owner for c in manifest.cases}
    if not 2 <= k <= len(owners):
        raise UsageError("FOLDS", f"split.folds={k}", f"the data set has {len(owners)} groups", f"choose 2 to {len(owners)} folds")
    names = [f"fold{i}" for i in range(k)]
    placed = _drawn(manifest, manifest.cases, dict.fromkeys(names, 1 / k), np.random.default_rng([seed, 2, repeat, k]))
    out = []
    for number, name in enumerate(names):
        rest = [c for c in manifest.cases if placed[c.id] != name]
        rng = np.random.default_rng([seed, 3, repeat, k, number])
        inner = _drawn(manifest, rest, {"train": 1 - val, "val": val}, rng) if val > 0 else {c.id: "train" for c in rest}
        rule = {"made": ["folds"], "folds": k, "fold": number, "repeat": repeat, "seed": seed, "val": val, "by": _by(manifest)}
        fold = manifest.with_cases((replace(c, split=inner.get(c.id, "test")) for c in manifest.cases), split_rule=rule)
        _refuse_missing(fold, manifest.cases, {"train"})
        out.append(fold)
    return out


def apart(
    manifest: Manifest,
    pairs: Iterable[tuple[str, str]] = (),
    *,
    leaks: Literal["refuse", "drop"] = "refuse",
    allow: Iterable[str] = (),
) -> tuple[Manifest, list[Finding]]:
    """The manifest without the leaks between its splits, and what was dropped.

    Between training and validation the training side is dropped. A patient (or an exact duplicate) on both sides of
    the test split is refused, dropped from training and validation (``leaks="drop"``), or kept when its code,
    ``GROUP_LEAK`` or ``DUPLICATE``, is allowed.

    Args:
        manifest: Cases, some of them in splits.
        pairs: Ids of cases that are exact duplicates of each other.
        leaks: What to do about leaks into test.
        allow: Codes of findings that are let through.

    Raises:
        Refused: A leak into test, with ``leaks="refuse"``.
    """
    allowed, findings = set(allow), []
    owners: dict[str, list[Case]] = {}
    for case in manifest.cases:
        owners.setdefault(case.owner, []).append(case)
    families = _families(pairs)
    by_id = {c.id: c for c in manifest.cases}
    copies = {min(f): [by_id[i] for i in f if i in by_id] for f in families}
    dropped: set[str] = set()
    for code, kind, members in (("GROUP_LEAK", "patient", owners), ("DUPLICATE", "picture", copies)):
        into_test = {k: m for k, m in members.items() if {"test"} < _splits_of(m)}
        if into_test and code not in allowed:
            gone = [c.id for m in into_test.values() for c in m if c.split in {"train", "val"}]
            if leaks == "refuse":
                raise Refused(code, _some_of(into_test), *_leak_words(code, kind, into_test, len(gone)))
            dropped.update(gone)
            what = f"{_many(gone)} dropped from training and validation: the same {kind} is in test"
            findings.append(
                Finding(code=f"{code}_DROPPED", severity="warn", items=tuple(gone), what=what, remedy="give splits without leaks")
            )
        between = [
            c.id for k, m in members.items() if {"train", "val"} <= _splits_of(m) for c in m if c.split == "train" and c.id not in dropped
        ]
        if between and code not in allowed:
            dropped.update(between)
            what = f"{_many(between, of='training ')} dropped: the same {kind} is in validation"
            findings.append(
                Finding(code=f"{code}_DROPPED", severity="warn", items=tuple(between), what=what, remedy="give splits without leaks")
            )
    if not dropped:
        return manifest, findings
    kept = tuple(c for c in manifest.cases if c.id not in dropped)
    return manifest.with_cases(kept, dropped=sorted(dropped)), findings


def _many(cases: Sequence[str], of: str = "") -> str:
    """How many cases, and the verb that fits.

    >>> _many(["a"]), _many(["a", "b"], of="training ")
    ('1 case was', '2 training cases were')
    """
    return f"1 {of}case was" if len(cases) == 1 else f"{len(cases)} {of}cases were"


def unite(manifest: Manifest, pairs: Iterable[tuple[str, str]]) -> Manifest:
    """The manifest with duplicates (and so their patients) in one group, so that no split parts them.

    >>> from pathlib import Path
    >>> from sagittal.core import Labels
    >>> cases = tuple(Case(id=i, group=g) for i, g in (("a", "p"), ("b", "q"), ("c", "q"), ("d", "")))
    >>> m = Manifest(cases=cases, labels=Labels(classes=()), root=Path("."))
    >>> [c.group for c in unite(m, [("a", "b")]).cases]
    ['p', 'p', 'p', '']
    """
    owner = {c.id: c.owner for c in manifest.cases}
    merged = {
        name: min(family) for family in _families((owner[a], owner[b]) for a, b in pairs if a in owner and b in owner) for name in family
    }
    return manifest.with_cases(replace(c, group=merged[c.owner]) if c.owner in merged else c for c in manifest.cases)


def tie(manifest: Manifest, pairs: Sequence[tuple[str, str]], exact: Sequence[tuple[str, str]]) -> tuple[Manifest, list[Finding]]:
    """The manifest with alike cases in one group, unless alikeness chains a large share of all patients together.

    Pictures that follow one scheme, such as frontal views of a chest, look alike to a perceptual hash without being copies;
    one group of them all could not be split. Such a chain is then held together by its exact copies only, and said.

    Args:
        manifest: The cases.
        pairs: Ids of cases that are exactly or nearly the same.
        exact: Those of them that are exactly the same.
    """
    owner = {c.id: c.owner for c in manifest.cases}
    known = [(a, b) for a, b in pairs if a in owner and b in owner]
    most = max(LEAST_CHAIN, LARGEST_CHAIN * len(set(owner.values())))
    chained = {name for family in _families((owner[a], owner[b]) for a, b in known) if len(family) > most for name in family}
    sure = set(exact)
    kept = [pair for pair in known if owner[pair[0]] not in chained or pair in sure]
    if not chained:
        return unite(manifest, kept), []
    what = f"the pictures of {len(chained)} patients look alike to the perceptual hash: they follow one scheme rather than being copies"
    remedy = "near copies among them are not kept on one side of the splits; look at the pairs if copies are possible"
    items = tuple(c.id for c in manifest.cases if c.owner in chained)
    return unite(manifest, kept), [Finding(code="ALL_ALIKE", severity="warn", items=items, what=what, remedy=remedy)]


def _by(manifest: Manifest) -> str:
    return "by patient" if manifest.has_groups else "by case: patients are not known"


def _splits_of(cases: Iterable[Case]) -> set[str]:
    return {c.split for c in cases if c.split}


def _some_of(members: Mapping[str, Sequence[Case]]) -> str:
    return some([c[0].id for c in members.values()], 1)


def _leak_words(code: str, kind: str, members: Mapping[str, Sequence[Case]], gone: int) -> tuple[str, str]:
    """What and remedy of a refusal; groups may be names of people, so cases are named."""
    plural = "" if len(members) == 1 else "s"
    verb = "stands" if len(members) == 1 else "stand"
    what = f"{len(members)} {kind}{plural} {verb} on both sides of the test split"
    return what, f"set split.leaks: drop to take {gone} cases out of training, or --allow {code} to go on"


def _families(pairs: Iterable[tuple[str, str]]) -> list[set[str]]:
    """The sets of names that pairs tie together."""
    parent: dict[str, str] = {}

    def top(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for a, b in pairs:
        parent[top(a)] = top(b)
    families: dict[str, set[str]] = {}
    for name in list(parent):
        families.setdefault(top(name), set()).add(name)
    return list(families.values())


def _drawn(manifest: Manifest, cases: Sequence[Case], shares: Mapping[str, float], rng: np.random.Generator) -> dict[str, str]:
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


def _refuse_missing(made: Manifest, pool: Sequence[Case], new: set[str]) -> None:
    """Refuse splits made here in which a class has no case."""
    if made.said not in {"label", "labels"}:
        return
    counts = made.counts()
    owners: dict[str, set[str]] = {}
    for case in pool:
        for word in made.words(case):
            owners.setdefault(word, set()).add(case.owner)
    for split in sorted(new & set(counts)):
        for name in made.labels.classes:
            if counts[split].get(name, 0) == 0 and owners.get(name):
                n = len(owners[name])
                what = f"the class has no case in {split}: it has {n} group{'' if n == 1 else 's'} to share out"
                raise Refused("MISSING_CLASS", name, what, "add cases, merge or leave out the class, or give splits of your own")
