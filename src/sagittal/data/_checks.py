"""The single things that an audit looks for, each a small function of what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sagittal.core import Case
from sagittal.data._named_splits import named_splits
from sagittal.data._sources import crossing_sources
from sagittal.data._volume_checks import Cases, volume_checks
from sagittal.data.duplicates import Pair
from sagittal.data.finding import Finding, Severity, some
from sagittal.data.manifest import DRAWN, Manifest
from sagittal.errors import SagittalError

Files = Mapping[str, tuple[str, bool, tuple[int, ...], Mapping[str, float]]]
"""Of each case its format, whether it is blank, its shape, and the shares of classes drawn on it."""

_FEW = 50
_TELLING = 0.25


def checks(
    manifest: Manifest,
    *,
    exact: Sequence[Pair],
    near: Sequence[Pair],
    unreadable: Mapping[str, SagittalError],
    files: Files,
    depths: Mapping[str, Sequence[str]],
    volumes: Cases,
    allowed: Mapping[str, tuple[str, ...]],
) -> list[Finding]:
    """Everything that is wrong with a data set, or worth knowing of it; ``depths`` are the pictures of each type of values."""
    return [
        *_unreadable(unreadable),
        *_let_through(allowed),
        *volume_checks(manifest, volumes),
        *_group_leaks(manifest),
        *named_splits(manifest),
        *_duplicates(manifest, exact),
        *_near(manifest, near),
        *_conflicts(manifest, exact),
        *_sources(manifest),
        *_missing_classes(manifest),
        *_unlabelled(manifest),
        *_stray(manifest),
        *_no_group(manifest),
        *_blank(files, manifest),
        *_depths(depths),
        *_empty_masks(manifest, files),
        *_small_splits(manifest),
        *_shortcuts(manifest, files),
    ]


def _unreadable(unreadable: Mapping[str, SagittalError]) -> Iterator[Finding]:
    if unreadable:
        first = next(iter(unreadable.values()))
        what = f"{len(unreadable)} {_cases(unreadable)} cannot be read; the first: {first.item}: {first.what}"
        remedy = "mend or remove them, or --allow-unreadable to leave them out"
        yield Finding(code="UNREADABLE", severity="block", items=tuple(unreadable), what=what, remedy=remedy)


def _let_through(allowed: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    for code, ids in allowed.items():
        what = f"{len(ids)} {_cases(ids)} {'is' if len(ids) == 1 else 'are'} read in spite of this, as told"
        yield Finding(code=code, severity="warn", items=ids, what=what, remedy="look at them, or leave them out")


def _group_leaks(manifest: Manifest) -> Iterator[Finding]:
    members: dict[str, list[Case]] = {}
    for case in manifest.cases:
        if case.group:
            members.setdefault(case.group, []).append(case)
    into = {k: v for k, v in members.items() if {"test"} < _splits(v)}
    between = {k: v for k, v in members.items() if k not in into and {"train", "val"} <= _splits(v)}
    if into:
        n = sum(c.split != "test" for v in into.values() for c in v)
        what = f"{_patients(into)} on both sides of the test split: {some([_sides(v) for v in into.values()])}"
        remedy = f"set split.leaks: drop to take {n} cases out of training, or --allow GROUP_LEAK to go on"
        yield Finding(code="GROUP_LEAK", severity="block", items=tuple(c.id for v in into.values() for c in v), what=what, remedy=remedy)
    if between:
        n = sum(c.split == "train" for v in between.values() for c in v)
        what = f"{_patients(between)} in training and in validation; {n} training cases will be dropped"
        items = tuple(c.id for v in between.values() for c in v)
        yield Finding(code="GROUP_LEAK", severity="warn", items=items, what=what, remedy="put each patient into one split")


def _duplicates(manifest: Manifest, exact: Sequence[Pair]) -> Iterator[Finding]:
    """Exact copies by how grave they are; short rows of a table coincide by chance, so they only warn."""
    by_id = {c.id: c for c in manifest.cases}
    families = _families(exact)
    into = [f for f in families if {"test"} < _splits(by_id[i] for i in f)]
    between = [f for f in families if f not in into and {"train", "val"} <= _splits(by_id[i] for i in f)]
    within = [f for f in families if f not in into and f not in between]
    noun, what = ("row", "values") if manifest.features else ("picture", "pixels")
    grave: Severity = "warn" if 0 < len(manifest.features) < 8 else "block"

    def told(code: str, severity: Severity, sets: list[list[str]], where: str, remedy: str) -> Iterator[Finding]:
        if sets:
            items = tuple(i for f in sets for i in f)
            first = {f[0] for f in sets}
            pairs = tuple((p.a, p.b, p.kind) for p in exact if p.a in first)
            sentence = f"{plural(len(sets), noun + ' has', noun + 's have')} copies with the same {what} {where}"
            yield Finding(code=code, severity=severity, items=items, what=sentence, remedy=remedy, pairs=pairs)

    n = sum(by_id[i].split != "test" for f in into for i in f)
    drop = f"set split.leaks: drop to take {plural(n, 'case', 'cases')} out of training, or --allow DUPLICATE to go on"
    yield from told("DUPLICATE", grave, into, "on both sides of the test split", drop)
    where = "in training and in validation; the training copies will be dropped"
    yield from told("DUPLICATE", "warn", between, where, "remove the copies")
    yield from told("DUPLICATE_WITHIN", "note", within, "in the same split", "remove the copies; splits made here keep them together")


def _near(manifest: Manifest, near: Sequence[Pair]) -> Iterator[Finding]:
    """Near copies across splits, and others."""
    by_id = {c.id: c for c in manifest.cases}
    remedy = "look at them; name the patient (data.group) so that splits keep them together, or remove one"

    def told(code: str, severity: Severity, pairs: list[Pair], where: str) -> Iterator[Finding]:
        if pairs:
            count = plural(len(pairs), "pair of pictures is", "pairs of pictures are")
            what = f"{count} all but the same {where}: encoded, scaled or cut anew, or slices side by side"
            items = tuple(dict.fromkeys(i for p in pairs for i in (p.a, p.b)))
            shown = tuple((p.a, p.b, f"{p.kind}, {p.likeness:.3f}") for p in pairs)
            yield Finding(code=code, severity=severity, items=items, what=what, remedy=remedy, pairs=shown)

    across = [p for p in near if len(_splits((by_id[p.a], by_id[p.b]))) > 1]
    yield from told("NEAR_DUPLICATE", "warn", across, "across splits")
    yield from told("NEAR_DUPLICATE_WITHIN", "note", [p for p in near if p not in across], "in the same split")


def _conflicts(manifest: Manifest, exact: Sequence[Pair]) -> Iterator[Finding]:
    if manifest.said not in {"label", "labels"}:
        return
    by_id = {c.id: c for c in manifest.cases}
    pairs = [p for p in exact if by_id[p.a].label != by_id[p.b].label]
    if pairs:
        told = tuple((p.a, p.b, f"{by_id[p.a].label} and {by_id[p.b].label}") for p in pairs)
        what = f"{plural(len(pairs), 'pair of exact copies has', 'pairs of exact copies have')} different labels"
        items = tuple(dict.fromkeys(i for p in pairs for i in (p.a, p.b)))
        yield Finding(code="LABEL_CONFLICT", severity="warn", items=items, what=what, remedy="correct one, or remove both", pairs=told)


def _sources(manifest: Manifest) -> Iterator[Finding]:
    found = crossing_sources(manifest.cases)
    if found:
        first = next(iter(found))
        count = plural(len(found), "stem", "stems")
        what = f"files whose names share a stem, so probably a source, stand in different splits: {count}, such as {first}"
        remedy = "look whether they are one figure, article or patient; if so give them one group"
        yield Finding(
            code="SAME_SOURCE", severity="warn", items=tuple(f"{stem}: {_sides(v)}" for stem, v in found.items()), what=what, remedy=remedy
        )


def _missing_classes(manifest: Manifest) -> Iterator[Finding]:
    if manifest.said not in {"label", "labels"}:
        return
    for split, row in manifest.counts().items():
        missing = tuple(name for name, n in row.items() if n == 0)
        if split and missing:
            what = f"{split} has no case of {some(missing)}"
            remedy = "add cases or give other splits; scores of a class that is missing from test are undefined"
            yield Finding(code="MISSING_CLASS", severity="warn", items=missing, what=what, remedy=remedy)


def _stray(manifest: Manifest) -> Iterator[Finding]:
    """Pictures beside the folders of classes, which nobody learns from."""
    stray = manifest.provenance.get("stray")
    if isinstance(stray, list | tuple) and stray:
        what = f"outside the class folders, and left out: {plural(len(stray), 'picture', 'pictures')}"
        grave: Severity = "warn" if len(stray) > 0.1 * (len(stray) + len(manifest)) else "note"
        items = tuple(map(str, stray))
        yield Finding(
            code="STRAY_PICTURES", severity=grave, items=items, what=what, remedy="move each into the folder of its class, or away"
        )


def _unlabelled(manifest: Manifest) -> Iterator[Finding]:
    if manifest.said in {"nothing", "labels"}:
        return
    bare = tuple(c.id for c in manifest.cases if not c.label and not c.annotation)
    if bare:
        what = f"{len(bare)} {_cases(bare)} {'has' if len(bare) == 1 else 'have'} no label and cannot be learned from"
        yield Finding(code="NO_LABEL", severity="warn", items=bare, what=what, remedy="label them, or leave them out")


def _no_group(manifest: Manifest) -> Iterator[Finding]:
    if not manifest.has_groups:
        what = "it is not known which cases are of one patient, so a patient may stand on both sides of a split"
        remedy = "name a column or a file-name pattern: data.group"
        yield Finding(code="NO_GROUP", severity="warn", items=(), what=what, remedy=remedy)
        return
    bare = tuple(c.id for c in manifest.cases if not c.group)
    if bare:
        what = f"of {len(bare)} {_cases(bare)} the patient is not known; each counts as a patient of its own"
        severity: Severity = "warn" if len(bare) > 0.05 * len(manifest) else "note"
        yield Finding(code="SOME_NO_GROUP", severity=severity, items=bare, what=what, remedy="fill in the group, or correct the pattern")


def _blank(files: Files, manifest: Manifest) -> Iterator[Finding]:
    blank = tuple(name for name, (_, is_blank, shape, _) in files.items() if is_blank and shape)
    if blank:
        what = f"{len(blank)} {_cases(blank)} {'is' if len(blank) == 1 else 'are'} one value throughout"
        yield Finding(
            code="BLANK", severity="warn", items=blank, what=what, remedy="look whether they were written wrongly; leave them out"
        )


def _depths(depths: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Pictures of bytes among others: one range serves all, so that bytes would come out nearly black."""
    if "uint8" not in depths or len(depths) < 2:
        return
    fewer = min(depths, key=lambda name: len(depths[name]))
    what = f"pictures are stored as {' and '.join(f'{name} ({len(ids)})' for name, ids in sorted(depths.items()))}; one range serves all"
    remedy = "bring them to one type over its whole range, or those of the smaller one come out nearly black"
    yield Finding(code="MIXED_DEPTH", severity="warn", items=tuple(depths[fewer]), what=what, remedy=remedy)


def _empty_masks(manifest: Manifest, files: Files) -> Iterator[Finding]:
    if manifest.said not in DRAWN:
        return
    ground = manifest.labels.background
    empty = tuple(name for name, (_, _, _, shares) in files.items() if shares and sum(v for k, v in shares.items() if k != ground) == 0)
    if empty:
        what = f"nothing is drawn on {len(empty)} {_cases(empty)}"
        yield Finding(code="EMPTY_MASK", severity="note", items=empty, what=what, remedy="make sure that this is meant")
    seen = {k for _, _, _, shares in files.values() for k, v in shares.items() if v > 0}
    missing = tuple(c for c in manifest.labels.classes if c not in seen)
    if seen and missing:
        yield Finding(
            code="MISSING_CLASS",
            severity="warn",
            items=missing,
            what=f"{some(missing)} is drawn nowhere",
            remedy="check data.classes or data.words",
        )


def _small_splits(manifest: Manifest) -> Iterator[Finding]:
    for split in ("val", "test"):
        n = len(manifest.split(split))
        if 0 < n < _FEW:
            what = f"{split} has {n} cases: a proportion of them is known to within about {100 / n**0.5:.0f} points"
            yield Finding(code="SMALL_SPLIT", severity="note", items=(split,), what=what, remedy="use folds, or give it more cases")


def _shortcuts(manifest: Manifest, files: Files) -> Iterator[Finding]:
    """Whether format and size alone tell the class: then a network may learn them instead of the disease."""
    if manifest.said != "label" or len(manifest.labels) < 2:
        return
    keyed: dict[object, Counter[str]] = {}
    label = {c.id: c.label for c in manifest.cases}
    for name, (kind, _, shape, _) in files.items():
        if shape:
            keyed.setdefault((kind, shape), Counter())[label[name]] += 1
    total = sum(c.total() for c in keyed.values())
    if total < _FEW or len(keyed) < 2:
        return
    overall = sum((c for c in keyed.values()), Counter[str]())
    chance = overall.most_common(1)[0][1] / total
    # Each case is guessed from the others of its kind; a kind with one case tells nothing.
    right = sum(_left_out(c, overall) for c in keyed.values()) / total
    if right > chance + _TELLING * (1 - chance):
        what = f"format and size of a file alone tell the class in {100 * right:.0f} % of the cases, against {100 * chance:.0f} % by chance"
        remedy = "find out why (another machine, another source); a network may learn that instead of the disease"
        yield Finding(code="SHORTCUT", severity="warn", items=(), what=what, remedy=remedy)


def _left_out(kind: Counter[str], overall: Counter[str]) -> int:
    """How many cases of a kind are guessed right from the others of it."""
    fallback = overall.most_common(1)[0][0]
    right = 0
    for name, n in kind.items():
        rest = kind.copy()
        rest[name] -= 1
        best = rest.most_common(1)[0]
        right += n * ((best[0] if best[1] > 0 else fallback) == name)
    return right


def _families(pairs: Sequence[Pair]) -> list[list[str]]:
    """Sets of exact copies; pairs name the first of each set."""
    members: dict[str, list[str]] = {}
    for pair in pairs:
        members.setdefault(pair.a, [pair.a]).append(pair.b)
    return list(members.values())


def _splits(cases: Iterable[Case]) -> set[str]:
    return {c.split for c in cases if c.split}


def _sides(cases: Sequence[Case]) -> str:
    """A case of each split that a set of cases stands in."""
    first: dict[str, str] = {}
    for case in cases:
        first.setdefault(case.split, case.id)
    return " and ".join(f"{name} ({split})" for split, name in first.items())


def _patients(members: Mapping[str, object]) -> str:
    return "1 patient stands" if len(members) == 1 else f"{len(members)} patients stand"


def _cases(items: Iterable[object]) -> str:
    return "case" if len(list(items)) == 1 else "cases"


def plural(n: int, one: str, many: str) -> str:
    """A count with its noun in the right number."""
    return f"{n} {one if n == 1 else many}"
