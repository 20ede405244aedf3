"""Files gathered to subjects: channels, what was drawn, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sagittal.core import Case, Labels
from sagittal.data.layouts._files import is_hidden, natural, walk
from sagittal.data.layouts._found import Found, found, plural
from sagittal.data.layouts._groups import grouped
from sagittal.data.manifest import Manifest, relative

MASK = "annotation"
"""The role of a file in which something was drawn; every other role is a channel."""

_KNOWN_EXTRA = 6


@dataclass(kw_only=True, slots=True)
class Subject:
    """What belongs to one image.

    Args:
        id: Of the case.
        group: Whose it is; empty when not known.
        split: Of the data set's own; empty when it has none.
        parts: Locators by role.
        meta: Further columns.
        twice: Roles for which there are several files.
    """

    id: str
    group: str = ""
    split: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)

    def add(self, role: str, locator: str) -> None:
        """A file of this subject; of several in one role the first counts."""
        if role in self.parts:
            self.twice.add(role)
        self.parts.setdefault(role, locator)


def locators(root: Path, suffixes: Iterable[str]) -> list[str]:
    """All files with these suffixes below a folder, relative to it."""
    return [relative(p, root) for p in walk(root, suffixes)] if root.is_dir() and not is_hidden(root.name) else []


def subjects_of(parts: Iterable[tuple[Subject, str, str]]) -> list[Subject]:
    """Subjects from ``(subject, role, locator)``, those with the same id made one, in natural order."""
    known: dict[str, Subject] = {}
    for subject, role, locator in parts:
        known.setdefault(subject.id, subject).add(role, locator)
    return sorted(known.values(), key=lambda s: natural(s.id))


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """The subjects that can be used, with what is to be said of the others: those without a mask, and those without all channels."""

    subjects: tuple[Subject, ...]
    channels: tuple[str, ...]
    drawn: bool
    notes: tuple[str, ...]
    bare: tuple[Subject, ...] = ()
    partial: tuple[str, ...] = ()


def chosen(
    subjects: Sequence[Subject], *, channels: Sequence[str] = (), among: Collection[str] | None = None, least: float = 0.8
) -> Chosen | None:
    """The subjects that have every channel and, where anything was drawn at all, a mask.

    Args:
        subjects: All of them.
        channels: The channels in order; otherwise those that nearly all subjects have.
        among: Those which may be channels without being asked for; by default all.
        least: The share of the subjects that is nearly all.

    Returns:
        None where no subject has all channels.
    """
    counts = Counter(role for s in subjects for role in s.parts if role != MASK)
    wanted = tuple(channels) or tuple(
        r
        for r, n in counts.items()
        if n >= least * max(1, sum(bool(s.parts.keys() - {MASK}) for s in subjects)) and (among is None or r in among)
    )
    if not wanted:
        return None
    drawn = any(MASK in s.parts for s in subjects)
    lost = [s for s in subjects if set(s.parts) == {MASK}]
    whole = [s for s in subjects if all(c in s.parts for c in wanted)]
    kept = [s for s in whole if not drawn or MASK in s.parts]
    if not kept:
        return None
    known = {s.id for s in (*whole, *lost)}
    partial = tuple(s.id for s in subjects if s.id not in known)
    rest = sorted({r for s in subjects for r in s.parts} - {MASK, *wanted})
    notes = [
        f"{plural(len(whole) - len(kept), 'case')} without a label left out" if len(whole) > len(kept) else "",
        f"{plural(len(partial), 'case')} without all of {', '.join(wanted)} left out" if partial else "",
        f"{plural(len(lost), 'label')} without an image left out" if lost else "",
        f"not used: {', '.join(rest)}" if rest else "",
    ]
    bare = tuple(s for s in whole if drawn and MASK not in s.parts)
    return Chosen(subjects=tuple(kept), channels=wanted, drawn=drawn, notes=tuple(filter(None, notes)), bare=bare, partial=partial)


def told(
    layout: str,
    root: Path,
    picked: Chosen,
    labels: Labels,
    head: str,
    *,
    group: str | None = None,
    rule: str = "",
    extra: int = _KNOWN_EXTRA,
    provenance: Mapping[str, object] | None = None,
) -> Found:
    """The finding of a layout that gathered subjects.

    Args:
        layout: Its name on the shelf.
        root: Where locators start.
        picked: The subjects.
        labels: Of what was drawn; of nothing without classes.
        head: The beginning of the sentence: what it is and what the classes are.
        group: What the user said of patients; otherwise the subjects' own, or their file names.
        rule: How the subjects' groups were told; empty where they were not.
        extra: How much more it says than any folder of images: it knows the data set by name.
        provenance: More to remember.
    """
    single = len(picked.channels) == 1
    cases = tuple(_case(s, picked.channels) for s in picked.subjects)
    people = len({c.group for c in cases if c.group})
    clause, known = f"{plural(people, 'patient')} by {rule}", rule
    if group is not None or not rule:
        by = grouped([replace(c, group="") for c in cases], group)
        cases, known, clause = by.cases, by.rule, by.clause
    told_of: dict[str, object] = {"said": "mask" if picked.drawn else "nothing", "group_rule": known, **(provenance or {})}
    if single and picked.channels != ("image",):
        told_of["channel_names"] = list(picked.channels)
    manifest = Manifest(cases=cases, labels=labels, root=root, provenance=told_of)
    sentence = f"{head}, {clause}"
    if manifest.splits:
        sentence += f", {'/'.join(manifest.splits)}"
    seen = found(layout, manifest, "; ".join([sentence, *picked.notes]), extra=extra, sure=True)
    return replace(seen, unlabelled=tuple(_case(s, picked.channels) for s in picked.bare), lacking=picked.partial)


def _case(subject: Subject, channels: Sequence[str]) -> Case:
    return Case(
        id=subject.id,
        group=subject.group,
        split=subject.split,
        images={"image" if len(channels) == 1 else c: subject.parts[c] for c in channels},
        annotation=subject.parts.get(MASK, ""),
        meta=subject.meta,
    )


def mapped(labels: Labels) -> str:
    """A clause on numbers in label files that are not the classes' positions; empty where they are.

    >>> mapped(Labels(classes=("background", "CSF"), codes={"background": 0, "CSF": 10}))
    '; numbers in the files: background 0, CSF 10 (answers are written with them again)'
    """
    ignored = f"{'+'.join(map(str, labels.ignored))} left out of learning and scoring" if labels.ignored else ""
    if all(labels.numbers(name) == (i,) for i, name in enumerate(labels.classes)):
        return f"; numbers {ignored}" if ignored else ""
    listed = ", ".join(f"{name} {'+'.join(map(str, labels.numbers(name)))}" for name in labels.classes)
    again = "with the first of them again" if labels.also else "with them again"
    return f"; numbers in the files: {listed}{', ' + ignored if ignored else ''} (answers are written {again})"
