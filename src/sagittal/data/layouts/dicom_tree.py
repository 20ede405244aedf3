"""A tree of DICOM: volumes found by their headers, patients by a hash of their id, what was said by SEG, RTSTRUCT or a table."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sagittal.core import Case, Labels
from sagittal.data.layouts._codes import classes_of_masks
from sagittal.data.layouts._dicom_files import candidates, has_dicom
from sagittal.data.layouts._dicom_labels import labels_beside
from sagittal.data.layouts._files import VOLUMES, suffix_of, walk
from sagittal.data.layouts._found import Found, found, labels_for, plural, with_positive
from sagittal.data.layouts._groups import grouped
from sagittal.data.manifest import Manifest, Said, classes_of, relative
from sagittal.errors import UsageError
from sagittal.io.dicom.volume import Volume

_RULE = "DICOM patient id, hashed"
_MASK = re.compile(r"(?i)mask|segmentation|label|annotation|ground.?truth|(?:^|[^a-z])(?:roi|seg)(?:$|[^a-z])")


def dicom_tree(
    root: Path,
    *,
    group: str | None = None,
    positive: str | None = None,
    classes: list[str] | None = None,
    modality: str | None = None,
    series: str | list[str] | None = None,
    mask: str | None = None,
    label: str | None = None,
) -> Found | None:
    """DICOM in any folders: a case a volume, or a case a study where several series are asked for.

    The patient is a hash of the patient id in the headers; the id itself is not kept. What was said comes from DICOM
    segmentations and structure sets that refer to a series of the tree, from series of images whose values are classes
    (``mask``), or from a CSV in the folder with a column that names series (UID, number or description), files, folders or
    patients, and one of labels.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`; by default the patient of the headers.
        positive: The class that a sensitivity speaks of.
        classes: Names of classes: of the numbers in the masks, or those structures that are wanted; the background first.
        modality: Only volumes of this one: ``CT``.
        series: A pattern that the series description matches, in any case of letters; a list of them gives a case a
            study, each pattern a channel of this name.
        mask: A pattern for the description of series that hold masks.
        label: The column of the class in the CSV, where its name does not tell.

    Returns:
        None when there is no DICOM volume.

    Raises:
        UsageError: A pattern is broken, no volume fits what is asked, or the CSV has no such column.
    """
    if not root.is_dir() or not has_dicom(root):
        return None
    from sagittal.io.dicom.series import UNREADABLE, find

    everything = find(root)
    volumes = [v for v in everything if v.key != UNREADABLE]
    if not volumes:
        return None
    masks = _matching(volumes, mask) if mask else []
    others = [v for v in volumes if v not in masks]
    picked, left = _picked(others, modality, series)
    if isinstance(series, list) and len(series) > 1:
        chosen = _studies(picked, series)
        left += len(picked) - sum(len(c.volumes) for c in chosen)
    else:
        chosen = [_Chosen(id=v.key, volumes={"image": v}) for v in picked]
    if not chosen:
        what = f"none of {len(volumes)} volumes fits modality={modality}, series={series}"
        raise UsageError("NO_CASES", "data.series", what, f"descriptions are: {_descriptions(volumes)}")
    places = _Places(root, volumes)
    said = _said(chosen, masks, places, classes=classes, positive=positive, label=label)
    cases, rule, clause = _with_groups(said.cases, chosen, group)
    provenance = {"said": said.kind, "group_rule": rule}
    manifest = Manifest(cases=cases, labels=said.labels, root=root, provenance=provenance)
    lost = sum(len(v.findings) for v in everything if v.key == UNREADABLE)
    sentence = f"a tree of DICOM: {_counted(chosen)}, {said.note}, {clause}"
    sentence += f"; {plural(left, 'other volume')} left out" if left else ""
    sentence += f"; {plural(lost, 'file')} cannot be read" if lost else ""
    sentence += _beside(root) + (_likely_masks(volumes) if said.kind == "nothing" else "")
    drawn = {c.id for c in said.cases}
    bare = tuple(_case(c, places) for c in chosen if c.id not in drawn)
    return replace(found("dicom_tree", manifest, sentence), unlabelled=bare)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Chosen:
    """A case to be: its volumes by channel."""

    id: str
    volumes: Mapping[str, Volume]

    @property
    def first(self) -> Volume:
        return next(iter(self.volumes.values()))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Spoken:
    """What was said of the cases."""

    kind: Said
    cases: tuple[Case, ...]
    labels: Labels
    note: str


class _Places:
    """Where a volume is found again: the smallest folder that holds its whole series, and its key."""

    def __init__(self, root: Path, volumes: Sequence[Volume]) -> None:
        self.root = root
        self.volumes = volumes
        files: dict[str, list[str]] = defaultdict(list)
        for volume in volumes:
            files[volume.series] += [str(p.parent) for p in volume.files]
        self._folder = {series: Path(os.path.commonpath(sorted(set(folders)))) for series, folders in files.items()}

    def locator(self, volume: Volume) -> str:
        folder = self._folder[volume.series]
        inside = relative(folder, self.root) if folder != self.root else "."
        return f"{inside}::{volume.key}"


def _beside(root: Path) -> str:
    """A clause on volumes of other formats, which another layout may mean; empty without any."""
    others = Counter(suffix_of(p.name) for p in walk(root, VOLUMES))
    kinds = ", ".join(kind for kind, _ in others.most_common(3))
    return f"; {plural(others.total(), 'volume')} of other formats ({kinds}) left out" if others else ""


def _likely_masks(volumes: Sequence[Volume]) -> str:
    """A clause on series that are called after what was drawn; empty without any."""
    named = sorted({v.description for v in volumes if _MASK.search(v.description)})
    return f"; series called {', '.join(named[:4])} may be what was drawn: --set data.mask={_quoted(named[0])}" if named else ""


def _quoted(text: str) -> str:
    return f'"{text}"' if re.search(r"\s", text) else text


def _matching(volumes: Iterable[Volume], pattern: str) -> list[Volume]:
    try:
        wanted = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise UsageError("PATTERN", f"data.series={pattern}", f"the pattern is broken ({error})", "write a regular expression") from None
    return [v for v in volumes if wanted.search(v.description)]


def _picked(volumes: Sequence[Volume], modality: str | None, series: str | list[str] | None) -> tuple[list[Volume], int]:
    """The volumes that are asked for, and how many are not; single slices only where nothing else is there or asked."""
    chosen = [v for v in volumes if modality is None or v.modality.casefold() == modality.casefold()]
    patterns = [series] if isinstance(series, str) else series or []
    if patterns:
        fitting = {id(v) for pattern in patterns for v in _matching(chosen, pattern)}
        chosen = [v for v in chosen if id(v) in fitting]
    elif any(v.slices > 1 for v in chosen):
        chosen = [v for v in chosen if v.slices > 1]
    return chosen, len(volumes) - len(chosen)


def _studies(volumes: Sequence[Volume], patterns: Sequence[str]) -> list[_Chosen]:
    """A case a study that has exactly one volume for every pattern."""
    by_study: dict[str, list[Volume]] = defaultdict(list)
    for volume in volumes:
        by_study[volume.study or volume.series].append(volume)
    made = []
    for study, members in sorted(by_study.items()):
        fitting = {pattern: _matching(members, pattern) for pattern in patterns}
        if all(len(found) == 1 for found in fitting.values()):
            made.append(_Chosen(id=f"study-{study}", volumes={_channel(p): found[0] for p, found in fitting.items()}))
    return made


def _said(
    chosen: Sequence[_Chosen],
    masks: Sequence[Volume],
    places: _Places,
    *,
    classes: list[str] | None,
    positive: str | None,
    label: str | None,
) -> _Spoken:
    """What was drawn, else what a table says, else nothing."""
    bare = [_case(c, places) for c in chosen]
    if masks:
        paired = {c.id: [m for m in masks if m.study == c.first.study and m.shape == c.first.shape] for c in chosen}
        cases = [replace(b, annotation=places.locator(paired[b.id][0])) for b in bare if len(paired[b.id]) == 1]
        if not cases:
            raise UsageError("NO_MASKS", "data.mask", "no study has one series of masks that fits an image", "choose another pattern")
        told = classes_of_masks([places.root / c.annotation for c in cases], classes=classes, objects=False, root=places.root)
        labels = with_positive(told.labels, positive)
        return _Spoken(kind="mask", cases=tuple(cases), labels=labels, note=f"{plural(len(cases), 'series')} of masks, {told.note}")
    drawn = _drawn(chosen, bare, places, classes)
    if drawn is not None:
        return replace(drawn, labels=with_positive(drawn.labels, positive))
    told_by = labels_beside(places.root, [(c.id, list(c.volumes.values())) for c in chosen], label=label)
    if told_by is not None:
        cases = [replace(b, label=told_by.words.get(b.id, "")) for b in bare]
        labels = labels_for(classes_of(told_by.words.values()), positive=positive)
        less = len(cases) - len(told_by.words)
        note = f"labels from {told_by.file} ({told_by.column} by {told_by.by}){f', {less} without a label' if less else ''}"
        return _Spoken(kind="label", cases=tuple(cases), labels=labels, note=note)
    return _Spoken(kind="nothing", cases=tuple(bare), labels=Labels(classes=()), note="nothing said")


def _drawn(chosen: Sequence[_Chosen], bare: Sequence[Case], places: _Places, classes: list[str] | None) -> _Spoken | None:
    """Segmentations and structure sets that refer to one of the case's series."""
    from sagittal.io.dicom.drawings import find_drawings

    known = {p for v in places.volumes for p in v.files}
    drawings = find_drawings(p for p in candidates(places.root) if p not in known)
    by_series: dict[str, list[int]] = defaultdict(list)
    for n, drawing in enumerate(drawings):
        by_series[drawing.references].append(n)
    names: Counter[str] = Counter()
    cases, several = [], 0
    for case, one in zip(bare, chosen, strict=True):
        fitting = [n for v in one.volumes.values() if v.series_uid for n in by_series.get(v.series_uid, [])]
        # the one that says most; of equals the first
        fitting.sort(key=lambda n: -len(drawings[n].names))
        several += len(fitting) > 1
        if fitting:
            case = replace(case, annotation=relative(drawings[fitting[0]].path, places.root))
            names.update(set(drawings[fitting[0]].names))
        cases.append(case)
    if not names:
        return None
    ordered = classes or [
        "background",
        *(n for n, _ in sorted(names.items(), key=lambda kv: (-kv[1], kv[0])) if n.casefold() != "background"),
    ]
    cases = [c for c in cases if c.annotation]
    note = f"segments drawn on {len(cases)} of {len(bare)}: {', '.join(ordered[1:9])}{', ...' if len(ordered) > 9 else ''}"
    note += f"; {several} have several drawings, of which the one with the most structures is taken" if several else ""
    return _Spoken(kind="mask", cases=tuple(cases), labels=Labels(classes=tuple(ordered), background=ordered[0]), note=note)


def _case(one: _Chosen, places: _Places) -> Case:
    first = one.first
    meta = {"modality": first.modality, "description": first.description}
    if any(p.stored.photometric == "MONOCHROME1" for p in first.planes):
        meta["inverted"] = "yes"
    findings = sorted({f.code for v in one.volumes.values() for f in v.findings if f.blocks})
    if findings:
        meta["findings"] = " ".join(findings)
    return Case(id=one.id, images={name: places.locator(v) for name, v in one.volumes.items()}, meta=meta)


def _with_groups(cases: Sequence[Case], chosen: Sequence[_Chosen], group: str | None) -> tuple[tuple[Case, ...], str, str]:
    patients = {c.id: c.first.patient for c in chosen}
    if group is not None or not any(patients.values()):
        told = grouped(cases, group)
        return told.cases, told.rule, told.clause
    people = len({patients[c.id] for c in cases if patients[c.id]})
    return tuple(replace(c, group=patients[c.id]) for c in cases), _RULE, f"{plural(people, 'patient')} from the headers (hashed)"


def _counted(chosen: Sequence[_Chosen]) -> str:
    if any(len(c.volumes) > 1 for c in chosen):
        return f"{plural(len(chosen), 'study') if len(chosen) == 1 else f'{len(chosen)} studies'} with {', '.join(chosen[0].volumes)}"
    kinds = Counter(c.first.modality for c in chosen)
    told = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common(4)) if len(kinds) > 1 else next(iter(kinds))
    return f"{plural(len(chosen), 'volume')} ({told})"


def _descriptions(volumes: Sequence[Volume]) -> str:
    counts = Counter(f"{v.modality} {v.description}".strip() for v in volumes)
    return ", ".join(name for name, _ in counts.most_common(8))


def _channel(pattern: str) -> str:
    return re.sub(r"\W+", "_", pattern).strip("_") or "image"
