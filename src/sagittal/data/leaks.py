"""Patients and pictures that stand in more than one split: dropped, refused, or kept together from the start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from sagittal.core import Case
from sagittal.data.finding import Finding, some
from sagittal.data.manifest import Manifest
from sagittal.errors import Refused

LARGEST_CHAIN = 0.05
"""A chain of alike patients longer than this share of all is no chain of copies."""

LEAST_CHAIN = 5
"""Chains of so many patients are believed however few patients there are."""


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


def _many(cases: Sequence[str], of: str = "") -> str:
    """How many cases, and the verb that fits.

    >>> _many(["a"]), _many(["a", "b"], of="training ")
    ('1 case was', '2 training cases were')
    """
    return f"1 {of}case was" if len(cases) == 1 else f"{len(cases)} {of}cases were"


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
