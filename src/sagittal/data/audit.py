"""What a data set is and what is wrong with it, from one pass over its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from sagittal.data._checks import checks
from sagittal.data._planes import Plane
from sagittal.data._pool import mapped
from sagittal.data._slide_checks import without_micrometres
from sagittal.data._tables import tables
from sagittal.data._volume_checks import LOOKED_AT, Looked
from sagittal.data.duplicates import Pair, Thumbs, exact_pairs, near_pairs
from sagittal.data.finding import Finding, some
from sagittal.data.fingerprint import Tally, histograms
from sagittal.data.manifest import Manifest
from sagittal.data.measure import Asked, Measured, measure
from sagittal.data.signs import Outlined, ambiguous, told_of
from sagittal.data.stains import Stained, differing
from sagittal.data.stains import told_of as stains_told_of
from sagittal.errors import Refused, SagittalError, UnreadableInput
from sagittal.io.guard import Limits

FORMAT = "sagittal-audit"
VERSION = 1
SHOWN = 8
"""How many cases are shown as pictures, spread over all."""

_MOST_VALUES = 20
_MOST_SIZES = 2000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The answer of an audit.

    Args:
        sentence: What the data set is.
        counts: Cases a class, split by split.
        groups: Whether patients are known, by which rule, and how many a split has.
        sizes: ``{"shape", "n", "class"}``, the commonest first.
        histograms: Intensities by class.
        metadata: How often each value of each further column comes.
        findings: What is wrong, the gravest first.
        fingerprint: Of the training cases; of all where nothing is training.
        tables: Spacing, orientation, intensities a channel, what was drawn; see :func:`sagittal.data._tables.tables`.
        pairs: Cases that are the same picture, exactly or nearly.
        unreadable: The cases that cannot be read, and why.
        planes: Of some cases what people are shown: spread over all, and the first of each finding about how cases lie.
    """

    sentence: str
    counts: Mapping[str, Mapping[str, int]]
    groups: Mapping[str, object]
    sizes: Sequence[Mapping[str, object]]
    histograms: Mapping[str, object]
    metadata: Mapping[str, Mapping[str, int]]
    findings: tuple[Finding, ...]
    fingerprint: Mapping[str, object]
    tables: Mapping[str, object] = field(default_factory=dict)
    pairs: tuple[Pair, ...] = ()
    unreadable: Mapping[str, SagittalError] = field(default_factory=dict)
    planes: Mapping[str, tuple[Plane, ...]] = field(default_factory=dict, repr=False)

    def record(self) -> dict[str, object]:
        """``audit.json``."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "sentence": self.sentence,
            "counts": {k: dict(v) for k, v in self.counts.items()},
            "groups": dict(self.groups),
            "sizes": [dict(s) for s in self.sizes],
            "histograms": dict(self.histograms),
            "metadata": {k: dict(v) for k, v in self.metadata.items()},
            "findings": [f.record() for f in self.findings],
            "fingerprint": dict(self.fingerprint),
            "tables": dict(self.tables),
        }

    def refusal(self, *, allow: Collection[str] = (), drop: bool = False, skip_unreadable: bool = False) -> SagittalError | None:
        """The error that stops a run on these data; None when nothing does.

        Args:
            allow: Codes of findings that are let through.
            drop: Leaks are taken out of training instead (``split.leaks: drop``).
            skip_unreadable: Files that cannot be read are left out.
        """
        if self.unreadable and not skip_unreadable and "UNREADABLE" not in allow:
            name, error = next(iter(self.unreadable.items()))
            if len(self.unreadable) == 1 and isinstance(error, UnreadableInput):
                remedy = error.remedy.removesuffix(", or leave it out")
                return type(error)(error.code, error.item, error.what, f"{remedy}, or --allow-unreadable to leave it out")
            if len(self.unreadable) == 1:
                return error
            what = f"{len(self.unreadable)} cases cannot be read; this one: {error.what}"
            return UnreadableInput("UNREADABLE", error.item or name, what, "mend or remove them, or --allow-unreadable to leave them out")
        for finding in self.findings:
            if finding.severity == "block" and finding.code not in {*allow, "UNREADABLE"} and not (drop and finding.code in LEAKS):
                return Refused(finding.code, some(finding.items, 1), finding.what, finding.remedy)
        return None

    def letting(self, allow: Collection[str]) -> Audit:
        """The audit with what the user lets through: it is still said, and stops nothing.

        Args:
            allow: Codes of findings.
        """
        told = [
            replace(f, severity="warn", remedy="it stops nothing, as told") if f.severity == "block" and f.code in allow else f
            for f in self.findings
        ]
        return replace(self, findings=_sorted(told))

    def exact(self) -> list[tuple[str, str]]:
        """Ids of cases with the same pixels."""
        return [(p.a, p.b) for p in self.pairs if p.exact]

    def alike(self) -> list[tuple[str, str]]:
        """Ids of cases that are the same picture, exactly or nearly."""
        return [(p.a, p.b) for p in self.pairs]

    def with_findings(self, more: Sequence[Finding], manifest: Manifest) -> Audit:
        """The audit of the same data after they were put into splits."""
        counts, groups = manifest.counts(), _groups(manifest)
        return replace(self, counts=counts, groups=groups, findings=_sorted([*self.findings, *more]))


LEAKS = frozenset({"GROUP_LEAK", "DUPLICATE"})
"""The findings that dropping cases from training mends."""


def audit(
    manifest: Manifest,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    limits: Limits | None = None,
    near: bool = True,
) -> Audit:
    """Look at every file once, compare all of them, and say what was found.

    Rules 1 and 2 of honesty decide how grave a leak is: into test it blocks, between training and validation it is
    a warning (the training side is dropped when the data are split), within a split a note.

    Args:
        manifest: The cases.
        workers: Processes that read; None for one a core, 0 for this one alone.
        progress: Told ``(done, total)``.
        limits: How large a file may be.
        near: Also look for pictures that were encoded, scaled, turned or cut anew.

    Raises:
        WorkerDied: A reading process ended by itself.
    """
    shown = {manifest.cases[i].id for i in np.linspace(0, len(manifest) - 1, min(SHOWN, len(manifest))).round().astype(int)}
    asked = [replace(Asked.of(c, manifest), show=c.id in shown) for c in manifest.cases]
    seen = _Seen(manifest)
    thumbs = Thumbs()
    try:
        for done, one in enumerate(mapped(partial(measure, limits=limits), asked, workers=workers), start=1):
            seen.add(one)
            if near:
                thumbs.add(one)
            if progress is not None and (done % 50 == 0 or done == len(asked)):
                progress(done, len(asked))
        exact = exact_pairs(seen.hashes)
        known = {(p.a, p.b) for p in exact}
        alike = [p for p in near_pairs(thumbs, kin=_of_one_group(manifest)) if (p.a, p.b) not in known]
    finally:
        thumbs.close()
    groups = _groups(manifest)
    near_ones = _without_exact_kin(alike, exact)
    let = {code: tuple(ids) for code, ids in sorted(seen.allowed.items())}
    findings = checks(
        manifest,
        exact=exact,
        near=near_ones,
        unreadable=seen.unreadable,
        files=seen.files,
        depths=seen.depths,
        volumes=seen.volumes,
        allowed=let,
    )
    findings += [*ambiguous(seen.outlines, manifest), *differing(seen.stains, manifest.cases), *without_micrometres(seen.slides)]
    flagged = _flagged(findings, seen.volumes.keys() - seen.planes.keys())
    for one in (measure(replace(a, show=True), limits=limits) for a in asked if a.id in flagged):
        seen.planes[one.id] = one.planes
    training = seen.train if seen.train.shapes else seen.all
    return Audit(
        sentence=str(manifest.provenance.get("sentence", f"{len(manifest)} cases")),
        counts=manifest.counts(),
        groups=groups,
        sizes=seen.sizes(),
        histograms=histograms(seen.by_class),
        metadata=_metadata(manifest),
        findings=_sorted(findings),
        fingerprint=training.record(),
        tables=tables(seen.volumes, {name: shares for name, (_, _, _, shares) in seen.files.items()}, manifest.labels)
        | told_of(seen.outlines, manifest)
        | stains_told_of(seen.stains, manifest.cases),
        pairs=(*exact, *alike),
        unreadable=seen.unreadable,
        planes=seen.planes,
    )


class _Seen:
    """What is kept of the measures while they go by."""

    def __init__(self, manifest: Manifest) -> None:
        self.said = manifest.said
        self.by_id = {c.id: c for c in manifest.cases}
        self.hashes: list[tuple[str, str, str]] = []
        self.unreadable: dict[str, SagittalError] = {}
        self.train, self.all = Tally(), Tally()
        self.by_class: dict[str, Tally] = {}
        self.shapes: Counter[tuple[tuple[int, ...], str]] = Counter()
        self.files: dict[str, tuple[str, bool, tuple[int, ...], dict[str, float]]] = {}
        self.depths: dict[str, list[str]] = {}
        self.volumes: dict[str, Looked] = {}
        self.planes: dict[str, tuple[Plane, ...]] = {}
        self.allowed: dict[str, list[str]] = {}
        self.outlines = Outlined()
        self.stains = Stained()
        self.slides: dict[str, str] = {}

    def add(self, one: Measured) -> None:
        case = self.by_id[one.id]
        self.outlines.add(one.outlines, one.unit)
        if one.error is not None:
            self.unreadable[one.id] = one.error
            return
        self.stains.add(one.id, one.stains, colour=len(one.channels) >= 3 and not one.grey)
        self.hashes.append((one.id, one.digest, one.turned))
        for code in one.allowed:
            self.allowed.setdefault(code, []).append(one.id)
        if one.slide:
            self.slides[one.id] = one.unit
        blank = not one.turned
        self.files[one.id] = (one.format, blank, one.shape, dict(one.shares))
        if len(one.shape) == 2 and not blank:
            self.depths.setdefault(one.dtype, []).append(one.id)
        if one.planes:
            self.planes[one.id] = one.planes
        if one.anatomy is not None and (len(one.shape) > 2 or one.anatomy.notable):
            self.volumes[one.id] = Looked(spacing=one.spacing, unit=one.unit, channels=one.channels, anatomy=one.anatomy)
        name = case.label if self.said == "label" else ""
        if one.shape:
            self.shapes[one.shape, name] += 1
        tally = self.train if case.split == "train" else self.all
        tally.add(one)
        if one.shape:
            self.by_class.setdefault(name, Tally()).add(one)

    def sizes(self) -> list[dict[str, object]]:
        return [{"shape": list(shape), "n": n, "class": name} for (shape, name), n in self.shapes.most_common(_MOST_SIZES)]


def _flagged(findings: Sequence[Finding], known: Collection[str]) -> set[str]:
    """The first case of each finding about how cases lie, as long as it is not shown anyway."""
    first = [next((i for i in f.items if i in known), "") for f in findings if f.code in LOOKED_AT]
    return set(list(filter(None, first))[:SHOWN])


def _of_one_group(manifest: Manifest) -> Callable[[str, str], bool]:
    """Whether two cases are of one patient."""
    group = {c.id: c.group for c in manifest.cases}
    return lambda a, b: bool(group[a]) and group[a] == group[b]


def _without_exact_kin(alike: Sequence[Pair], exact: Sequence[Pair]) -> list[Pair]:
    """Near pairs, one of each set of exact copies standing for all."""
    stands = {p.b: p.a for p in exact}
    seen: set[tuple[str, str]] = set()
    kept = []
    for pair in alike:
        a, b = sorted((stands.get(pair.a, pair.a), stands.get(pair.b, pair.b)))
        if a != b and (a, b) not in seen:
            seen.add((a, b))
            kept.append(pair)
    return kept


def _groups(manifest: Manifest) -> dict[str, object]:
    n = {split or "all": len({c.group for c in manifest.cases if c.split == split and c.group}) for split in (*manifest.splits, "")}
    rule = str(manifest.provenance.get("group_rule", "unknown"))
    return {"known": manifest.has_groups, "rule": rule, "n": {k: v for k, v in n.items() if v}}


def _metadata(manifest: Manifest) -> dict[str, dict[str, int]]:
    """Columns with few different values, and how often each comes."""
    counts: dict[str, Counter[str]] = {}
    for case in manifest.cases:
        for column, value in case.meta.items():
            counts.setdefault(column, Counter())[value] += 1
    return {column: dict(found.most_common()) for column, found in sorted(counts.items()) if len(found) <= _MOST_VALUES}


def _sorted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    rank = {"block": 0, "warn": 1, "note": 2}
    return tuple(sorted(findings, key=lambda f: rank[f.severity]))
