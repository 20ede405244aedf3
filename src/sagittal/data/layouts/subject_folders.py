"""A folder a subject, each with the same files: several images and, where one was drawn, a mask."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sagittal.core import Case, Labels
from sagittal.data.layouts._codes import classes_of_masks
from sagittal.data.layouts._files import VOLUMES, split_of, stem_of, walk
from sagittal.data.layouts._found import Found, found, plural, with_positive
from sagittal.data.layouts._groups import grouped
from sagittal.data.layouts._roles import is_role_folder, words_of
from sagittal.data.manifest import Manifest, relative
from sagittal.errors import UsageError

_LEAST_ALIKE = 0.8
# Fewer folders are sites or batches, not people.
_LEAST_PEOPLE = 5
# A brain mask says where the head is, not what was found in it.
_AUXILIARY = {"brainmask", "brain", "roi", "skull", "head", "bodymask", "body", "weight", "weights"}
_VISIT = re.compile(
    r"(?i)^(?:ses|session|visit|scan|exam|study|tp|time|timepoint|baseline|base|bl|follow|followup|fu|pre|post|day|week|month|year|m|v|t)"
    r"(?:[-_ ]?(?:up|point))?[-_ ]?\d*$|^(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?!\d)|^\d{1,2}[-_.]\d{1,2}[-_.](?:19|20)\d\d(?!\d)"
)
_DRAWN = re.compile(r"seg|label|truth|(?:^|_)gt(?:_|$)|multiclass|lesion|tumou?r|annotation|mask")


def subject_folders(
    root: Path,
    *,
    group: str | None = None,
    positive: str | None = None,
    annotation: str | None = None,
    images: list[str] | None = None,
    classes: list[str] | None = None,
) -> Found | None:
    """Volumes in a folder a subject: the same names (but for the subject's id) in each are channels and mask.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`; by default each folder is a patient, or the one above those of visits.
        positive: The class that a score of one class speaks of.
        annotation: The name of the mask, where several could be it; ``none``.
        images: The names of the channels to use; by default all that are no masks.
        classes: Names of the numbers in the masks, the background first.

    Returns:
        None when there are no two folders with the same two files or more.

    Raises:
        UsageError: Several names could be the mask, or a name does not exist.
    """
    if not root.is_dir():
        return None
    folders: dict[Path, dict[str, Path]] = {}
    for path in walk(root, VOLUMES):
        folders.setdefault(path.parent, {})[_role(path)] = path
    folders = {folder: parts for folder, parts in folders.items() if len(parts) >= 2 and _is_subject(relative(folder, root))}
    if len(folders) < 2:
        return None
    counts = Counter(role for parts in folders.values() for role in parts)
    common = sorted(role for role, n in counts.items() if n >= _LEAST_ALIKE * len(folders))
    mask = _mask(common, annotation)
    channels = images or [r for r in common if r != mask and not _is_auxiliary(r) and not _DRAWN.search(r)]
    unknown = [r for r in channels if r not in common]
    if unknown:
        raise UsageError("UNKNOWN_FILE", f"data.images={unknown[0]}", "not every subject has it", f"choose from: {', '.join(common)}")
    if len(channels) < 1 or (len(channels) < 2 and not mask) or len(common) < 2:
        return None
    seen = {f: p for f, p in folders.items() if all(c in p for c in channels)}
    whole = {f: p for f, p in seen.items() if not mask or mask in p}
    labels, note = Labels(classes=()), "nothing drawn"
    if mask:
        drawn = classes_of_masks([p[mask] for p in whole.values()], classes=classes, objects=False, root=root)
        labels, note = with_positive(drawn.labels, positive), f"mask {mask} ({drawn.note})"
    cases = [_case(folder, parts, channels, mask, root) for folder, parts in whole.items()]
    cases = [replace(c, group=g) for c, g in zip(cases, _people([c.id for c in cases]), strict=True)]
    rule, clause = "folder", f"{plural(len({c.group for c in cases}), 'patient')} by folder"
    if group is not None:
        told = grouped(cases, group)
        cases, rule, clause = list(told.cases), told.rule, told.clause
    provenance = {"said": "mask" if mask else "nothing", "group_rule": rule}
    manifest = Manifest(cases=tuple(cases), labels=labels, root=root, provenance=provenance)
    sentence = f"a folder a subject: {plural(len(cases), 'case')}, channels {', '.join(channels)}, {note}, {clause}"
    left = [r for r in sorted(counts) if r not in channels and r != mask]
    sentence += f"; not used: {', '.join(left)}" if left else ""
    if len(whole) < len(folders):
        sentence += f"; {plural(len(folders) - len(whole), 'folder')} without all of them left out"
    made = found("subject_folders", manifest, sentence, extra=1, sure=bool(mask))
    bare = tuple(_case(f, p, channels, "", root) for f, p in seen.items() if f not in whole)
    return replace(made, unlabelled=bare, lacking=tuple(relative(f, root) for f in folders if f not in seen))


def _case(folder: Path, parts: dict[str, Path], channels: list[str], mask: str, root: Path) -> Case:
    place = relative(folder, root)
    split = next(filter(None, map(split_of, place.split("/"))), "")
    sources = {c if len(channels) > 1 else "image": relative(parts[c], root) for c in channels}
    return Case(id=place, split=split, images=sources, annotation=relative(parts[mask], root) if mask else "")


def _is_subject(place: str) -> bool:
    """Whether a folder may be one subject, or a visit of one: it has a number or is called after a visit, and is no part of a case."""
    name = place.rpartition("/")[2]
    visit = "/" in place and _VISIT.match(name) is not None
    return (visit or any(c.isdigit() for c in name)) and not split_of(name) and not is_role_folder(name)


def _people(places: Sequence[str]) -> list[str]:
    """Whose each folder is: its own name, that of the folder above where it is a visit, all of it where names come again.

    >>> _people(["p1/2019-01-03", "p1/2020-05-06"]), _people(["HGG/p1", "LGG/p2"]), _people(["site1/p1", "site2/p1"])
    (['p1', 'p1'], ['p1', 'p2'], ['site1/p1', 'site2/p1'])
    """
    names, above = [p.rpartition("/")[2] for p in places], [_above(p) for p in places]
    alike = len(set(names)) < len(names)
    visits = sum(_VISIT.match(n) is not None for n in names) >= _LEAST_ALIKE * len(names)
    if all(above) and (visits or (alike and len(set(above)) >= _LEAST_PEOPLE)):
        return above
    return list(places) if alike and all(above) else names


def _above(place: str) -> str:
    """The folder above, where it is no split; of ``train/p1/2019-01-03`` it is ``p1``."""
    above = place.rpartition("/")[0].rpartition("/")[2]
    return "" if split_of(above) else above


def _role(path: Path) -> str:
    """What a file is in its folder: its name without the subject's id."""
    stem = stem_of(path.name)
    # only as a word of its own: in the folder 1 a T1 is no T
    rest = re.sub(rf"(?<![^\W_]){re.escape(path.parent.name)}(?![^\W_])", "", stem) or stem
    return re.sub(r"^[\s_\-.]+|[\s_\-.]+$", "", rest).casefold() or "image"


def _is_auxiliary(role: str) -> bool:
    return bool(set(words_of(role)) & _AUXILIARY)


def _mask(common: list[str], annotation: str | None) -> str:
    if annotation == "none":
        return ""
    if annotation is not None:
        if annotation.casefold() not in common:
            what = "not every subject has a file of this name"
            raise UsageError("UNKNOWN_FILE", f"data.annotation={annotation}", what, f"choose from: {', '.join(common)}")
        return annotation.casefold()
    likely = [r for r in common if _DRAWN.search(r) and not _is_auxiliary(r)]
    if len(likely) > 1:
        what = f"several files could be what was drawn: {', '.join(likely)}"
        raise UsageError("AMBIGUOUS_MASK", "data.annotation", what, "say which with data.annotation=NAME")
    return likely[0] if likely else ""
