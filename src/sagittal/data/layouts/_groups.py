"""Whose a case is: from what the user said, or from a pattern that the file names fit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from sagittal.core import Case
from sagittal.errors import UsageError

_LEAST_FIT = 0.95
_PERSON = r"(?:patient|subject|person|participant|donor|subj|pat|sub|pid)"

# Names that say outright whose it is, also where everybody has one file only; each pattern with its words.
_OUTRIGHT = {
    rf"(?i)(?:^|[^a-z])({_PERSON}[-_ ]?\d+)(?!\d)": "the word patient or subject and a number, as in patient_12",
    rf"(?i)(?:^|[^a-z])({_PERSON}[-_ ][a-z]?\d+[a-z]?)(?![a-z0-9])": "the word patient or subject and a number, as in sub-A12",
    r"(TCGA-[A-Z0-9]{2}-[A-Z0-9]{4})": "the first three parts of a barcode, as in TCGA-AB-1234",
}
# Only shapes whose number is the patient's by wide usage: a wrong group is worse than none.
_KNOWN = {
    **_OUTRIGHT,
    r"(?i)^(?:id|p|pt)[-_]?(\d{2,})[-_]+(?:z|s|sl|slice|frame|view|scan|img|image|im)[-_]*\d+$": "the number, as 12 in p12_slice3",
    r"(?i)^([a-z]*[-_]?\d+)[-_](?:z|sl|slice|frame)[-_]*\d+$": "what stands before the slice, as scan12 in scan12_slice3",
    r"^[A-Za-z]+-(\d+)-\d+$": "the number in the middle, as 1234 in CNV-1234-5",
    r"^[A-Za-z]+_(\d{4,})_\d{1,3}$": "the number in the middle, as 1234 in scan_1234_5",
    r"^(\d{6,8})_(\d{3})$": "the first number, as 123456 in 123456_001",
}
_CLASS_WORD = r"(?:class|grade|type|stage|level|label|category|birads|bi-rads|score|cluster|group|fold|batch|part|set|train|val|test)"
_PERSON_FOLDER = re.compile(
    rf"(?i)(?:^|[^a-z]){_PERSON}[-_ ]?[a-z]?\d+|^TCGA-[A-Z0-9]{{2}}-[A-Z0-9]{{4}}|^(?!{_CLASS_WORD}[-_]?\d)[a-z]{{2,}}[-_]\d{{2,}}$"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grouped:
    """Cases with their groups, the rule, and a clause for the sentence."""

    cases: tuple[Case, ...]
    rule: str
    clause: str


def grouped(cases: Sequence[Case], group: str | None = None) -> Grouped:
    """The cases with the group that ``group`` tells, or that their file names plainly tell.

    Args:
        cases: Their first image is what patterns are matched with.
        group: A pattern with one bracket pair, searched in the file name and then in the path; the name
            of a metadata column; ``none``; or nothing: a pattern is proposed when at least 95 % fit.

    Raises:
        UsageError: The pattern is broken, has no bracket pair, or fits no file.
    """
    if group is None:
        return cases_by_folder(cases) or _proposed(cases)
    if group.casefold() == "none":
        return Grouped(cases=tuple(replace(c, group="") for c in cases), rule="none", clause="no patient, as told")
    if any(group in c.meta for c in cases):
        told = tuple(replace(c, group=c.meta.get(group, "")) for c in cases)
        return Grouped(cases=told, rule=f"column {group}", clause=f"patient from the column {group}")
    pattern = _compiled(group)
    keys = [_key(pattern, c) for c in cases]
    fits = sum(map(bool, keys))
    if not fits:
        example = name_of(cases[0]) if cases else ""
        raise UsageError(
            "GROUP_PATTERN", f"data.group={group}", f"it fits no file name, such as {example}", "correct the pattern, or name a column"
        )
    clause = f"patient from the file name by `{group}` ({fits} of {len(cases)} files, {len(set(keys) - {''})} patients)"
    return Grouped(cases=_with(cases, keys), rule=f"pattern {group}", clause=clause)


def looks_like_person(folder: str) -> bool:
    """Whether a folder is named as a person would be: ``patient_7``, ``sub-03``, ``TCGA-50-5931``."""
    return _PERSON_FOLDER.search(folder) is not None


def name_of(case: Case) -> str:
    """The file name of a case's first image, without its suffix."""
    first = next(iter(case.images.values()), "")
    name = first.partition("::")[0].rpartition("/")[2]
    return name.removesuffix(".gz").rpartition(".")[0] or name


def cases_by_folder(cases: Sequence[Case]) -> Grouped | None:
    """Groups from folders that are named after people, where every file lies in one."""
    keys = []
    for case in cases:
        folders = PurePosixPath(next(iter(case.images.values()), "").partition("::")[0]).parts[:-1]
        person = [f for f in folders if looks_like_person(f)]
        if len(person) != 1:
            return None
        keys.append(person[0])
    if len(set(keys)) < 2:
        return None
    clause = f"patient from the folder ({len(set(keys))} patients)"
    return Grouped(cases=_with(cases, keys), rule="folder", clause=clause)


def _proposed(cases: Sequence[Case]) -> Grouped:
    """Groups by the first known pattern that fits nearly all names and puts some cases together, or says outright whose each is."""
    names = [name_of(c) for c in cases]
    for text, said in _KNOWN.items():
        pattern = re.compile(text)
        keys = [_first(pattern.search(name)).casefold() for name in names]
        fits = sum(map(bool, keys))
        alone = text in _OUTRIGHT and len(set(keys)) == len(keys) > 1
        if fits < _LEAST_FIT * len(cases) or not (alone or _tells(keys)):
            continue
        people = len(set(keys) - {""})
        clause = f"patient taken from the file name by `{text}` ({said}; fits {fits} of {len(cases)} files, {people} patients)"
        return Grouped(cases=_with(cases, keys), rule=f"pattern {text} ({said})", clause=clause)
    return Grouped(cases=tuple(cases), rule="unknown", clause="patients are not known")


def _tells(keys: Sequence[str]) -> bool:
    """Whether the groups are many enough to be people and some have more than one case."""
    sizes = Counter(k for k in keys if k)
    if len(sizes) < 2 or max(sizes.values()) < 2:
        return False
    # A running number, a date or a batch makes one huge group; people do not.
    return len(sizes) >= 5 or max(sizes.values()) <= 0.5 * len(keys)


def _key(pattern: re.Pattern[str], case: Case) -> str:
    return _first(pattern.search(name_of(case)) or pattern.search(next(iter(case.images.values()), "")))


def _first(match: re.Match[str] | None) -> str:
    """The first bracket pair that matched something."""
    return next((g for g in match.groups() if g), "") if match else ""


def _compiled(group: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise UsageError(
            "GROUP_PATTERN", f"data.group={group}", f"it is no pattern and no column: {error}", r"write one such as \w+-(\d+)-\d+"
        ) from error
    if pattern.groups < 1:
        remedy = r"put brackets round the patient's part, such as \w+-(\d+)-\d+, or name a column"
        raise UsageError("GROUP_PATTERN", f"data.group={group}", "it has no bracket pair, and no column is called so", remedy)
    return pattern


def _with(cases: Sequence[Case], keys: Sequence[str]) -> tuple[Case, ...]:
    return tuple(replace(case, group=key) for case, key in zip(cases, keys, strict=True))
