"""What a data set is: every layout looks at it, and the one that says most is taken."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sagittal import io
from sagittal.core import Case
from sagittal.data.layouts._columns import MICROMETRES, are_numbers
from sagittal.data.layouts._files import SHEETS, TABLES, suffix_of, walk
from sagittal.data.layouts._found import Found, rename
from sagittal.data.layouts._labels import ask
from sagittal.data.manifest import DRAWN, Manifest
from sagittal.errors import SagittalError, UnreadableInput, UsageError, nearest
from sagittal.shelf import Shelf

LAYOUTS = Shelf("sagittal.data.layouts", kind="layout")
_LAST = "pictures"
# said of a data set that is known for what it is: what other layouts would make of its files is not what was meant
_UNDERSTOOD = frozenset({"AMBIGUOUS_TABLE", "REGION_LABELS"})
MOST_MPP = 1000.0
"""Micrometres a pixel of a slide at most."""

RESAMPLING = ("resample_modalities", "resample_labels")
"""Options that every layout takes: how files are met whose grids differ."""


def discover(path: Path, *, layout: str | None = None, options: Mapping[str, object] | None = None) -> Found:
    """The data set at a path, with a sentence that says how it was understood.

    Where several layouts fit, the one that says more wins; the others must agree with it on every file that both
    speak of, and fill in what it leaves open (labels, splits, patients).

    Args:
        path: A folder, a table, an array file or a single picture.
        layout: Its layout, where the user says so.
        options: Options of the layout, such as ``group`` or ``positive``; and of any layout ``mpp`` (micrometres a pixel of
            slides and pictures whose files do not say it), and ``resample_modalities`` and ``resample_labels``: bring
            images (or label maps) on other grids onto that of the case's first image.

    Raises:
        UnreadableInput: There is nothing at the path, or nothing that can be read.
        UsageError: No layout fits, two fit equally well but differ, or an option does not exist.
    """
    root = Path(path).expanduser()
    if not root.exists():
        raise UnreadableInput("NOT_FOUND", root, "there is no such file or folder", "check the path")
    root = root.resolve()
    chosen = dict(options or {})
    met = {key: True for key in RESAMPLING if _is_on(key, chosen.pop(key, None))}
    mpp = chosen.pop("mpp", None)
    found = _asked(root, layout, chosen) if layout is not None else _seen(root, chosen)
    if mpp is not None:
        found = replace(found, manifest=_stated(found.manifest, mpp))
    elif column := found.manifest.provenance.get(MICROMETRES):
        found = replace(found, manifest=_stated_by_row(found.manifest, str(column)))
    return replace(found, manifest=found.manifest.with_cases(found.manifest.cases, **met)) if met else found


def _stated(manifest: Manifest, mpp: object) -> Manifest:
    """The manifest with the micrometres a pixel that the user states in the locators of its slides and pictures.

    Raises:
        UsageError: It is no size, or no image is a slide or a picture.
    """
    if isinstance(mpp, bool) or not isinstance(mpp, int | float) or not 0 < mpp < MOST_MPP:
        raise UsageError("UNKNOWN_OPTION", f"data.mpp={mpp}", "it is no size of a pixel in micrometres", "give a number such as 0.5")
    cases = [_with_mpp(manifest, case, mpp) for case in manifest.cases]
    if [c.images for c in cases] == [c.images for c in manifest.cases]:
        raise UsageError("UNKNOWN_OPTION", "data.mpp", "no image here is a slide or a picture", "leave it out")
    return manifest.with_cases(cases, mpp=mpp)


def _stated_by_row(manifest: Manifest, column: str) -> Manifest:
    """The manifest with the micrometres a pixel that a table states; where its cell is empty, the file says it or nobody.

    Raises:
        UsageError: A cell is no size.
    """
    cases = []
    for case in manifest.cases:
        cell = case.meta.get(column, "")
        told = float(cell) if are_numbers([cell]) else None
        if told is not None and not 0 < told < MOST_MPP:
            what = f"{cell} is no size of a pixel in micrometres"
            raise UsageError("BAD_MPP", f"column {column}", what, "give a number such as 0.5, or leave the cell empty")
        cases.append(case if told is None else _with_mpp(manifest, case, told))
    return manifest.with_cases(cases)


def _with_mpp(manifest: Manifest, case: Case, mpp: float) -> Case:
    images = dict(case.images)
    for name, locator in case.images.items():
        # Of a file that cannot be read the audit says what is wrong with it.
        with contextlib.suppress(SagittalError):
            images[name] += io.at_mpp(manifest.locate(locator), mpp, limits=manifest.limits).removeprefix(manifest.locate(locator))
    return replace(case, images=images)


def _is_on(key: str, value: object) -> bool:
    if value not in {None, True, False}:
        raise UsageError("UNKNOWN_OPTION", f"data.{key}={value}", "it is neither true nor false", "choose one of them")
    return value is True


def _seen(root: Path, chosen: Mapping[str, object]) -> Found:
    """What looking tells."""
    _check_options(chosen)
    seen, others, errors = _look(root, chosen)
    if not seen:
        seen = _unlabelled(root, chosen)
        if errors:
            raise errors[0]
    if not seen:
        raise _nothing(root)
    torn = next((e for e in errors if e.code in _UNDERSTOOD), None)
    if torn is not None:
        raise torn
    best, *rivals = sorted(seen, key=lambda one: one.torn)
    rivals = [one for one in rivals if not one.torn]
    if best.sure:
        # Its names are known: what others make of the folders does not matter, only what a table says besides.
        for other in (o for o in (*rivals, *others) if o.layout == "any_csv"):
            best = _agree(best, other, asked=True)
    # Who wrote our manifest meant it, whatever the folders are called.
    elif best.layout != "manifest_csv":
        for other in rivals:
            best = _agree(best, other)
        for other in others:
            best = _agree(best, other, asked=True)
    return _with_label(best)


def _asked(root: Path, layout: str, options: Mapping[str, object]) -> Found:
    known = LAYOUTS.options(layout)
    found: Found | None = LAYOUTS.make(layout, {k: v for k, v in options.items() if v is not None or k not in known}, root=root)
    if found is None:
        others, _, _ = _look(root, {})
        what = f"it is not laid out as {layout}"
        fitting = ", ".join(f.layout for f in others)
        raise UsageError("LAYOUT", root, what, f"it could be: {fitting}" if fitting else "see sagittal list layouts")
    return found


def _check_options(options: Mapping[str, object]) -> None:
    known = {option for name in LAYOUTS.names() for option in LAYOUTS.options(name)} - {"root"}
    for key in options:
        if key not in known:
            raise UsageError("UNKNOWN_OPTION", f"data.{key}", "no layout has such an option", nearest(key, {*known, *RESAMPLING, "mpp"}))


def _look(root: Path, options: Mapping[str, object]) -> tuple[list[Found], list[Found], list[SagittalError]]:
    """What the layouts see that know all options, the one that says most first; what others see; what went wrong.

    A layout that does not know an option that was given cannot be meant, but may fill in what another leaves open.
    """
    seen: tuple[list[Found], list[Found]] = ([], [])
    errors = []
    for name in LAYOUTS.names():
        if name == _LAST:
            continue
        known = LAYOUTS.options(name)
        meant = all(key in known for key in options)
        try:
            found: Found | None = LAYOUTS.make(name, {k: v for k, v in options.items() if k in known}, root=root)
        except SagittalError as error:
            if meant:
                errors.append(error)
            continue
        if found is not None:
            seen[not meant].append(found)
    for part in seen:
        part.sort(key=lambda f: (-f.rank, -len(f.manifest), f.layout))
    return seen[0], seen[1], errors


def _unlabelled(root: Path, options: Mapping[str, object]) -> list[Found]:
    """Pictures without labels: what remains to be said when nothing else fits."""
    known = LAYOUTS.options(_LAST)
    if any(key not in known for key in options):
        return []
    found: Found | None = LAYOUTS.make(_LAST, options, root=root)
    return [found] if found is not None else []


def _agree(best: Found, other: Found, *, asked: bool = False) -> Found:
    """The better finding, with what the other can fill in.

    Args:
        best: What says most.
        other: What may say more of the same files.
        asked: The user's options name the better one, so the other need not agree.

    Raises:
        UsageError: They differ on the files that both speak of, or say as much of different files.
    """
    mine, theirs = _by_file(best.manifest), _by_file(other.manifest)
    both = mine.keys() & theirs.keys()
    guessed = best.manifest.provenance.get("label_rule") == "guessed"
    if other.layout == "class_folders" and {c.annotation for c in best.manifest.cases} & theirs.keys():
        # What was drawn is no picture of a class.
        return best
    if both and not asked and best.manifest.said in DRAWN and other.layout == "class_folders":
        raise _differ(best, other, "masks and folders of classes ask for different tasks")
    worded = {"label", "labels"}
    comparable = {best.manifest.said, other.manifest.said} <= worded and not guessed and not asked
    if not both:
        if asked or other.manifest.said == "nothing" or best.rank > other.rank:
            return best
        raise _differ(best, other, "they speak of different files")
    if comparable and not _same_partition([(mine[f].label, theirs[f].label) for f in both]):
        raise _differ(best, other, "they give the same files different classes")
    if any(mine[f].split and theirs[f].split and mine[f].split != theirs[f].split for f in both):
        raise _differ(best, other, "they put the same files into different splits")
    return _filled(best, other, mine, theirs, guessed=guessed)


def _by_file(manifest: Manifest) -> dict[str, Case]:
    return {next(iter(c.images.values())): c for c in manifest.cases if c.images}


def _same_partition(pairs: list[tuple[str, str]]) -> bool:
    """Whether one set of words is the other under different names; files without a word do not count."""
    told = {(a, b) for a, b in pairs if a and b}
    return len(told) == len({a for a, _ in told}) == len({b for _, b in told})


def _filled(best: Found, other: Found, mine: Mapping[str, Case], theirs: Mapping[str, Case], *, guessed: bool) -> Found:
    """Labels, splits or groups that only the other finding knows."""
    manifest, gained = best.manifest, []
    take_label = other.manifest.said in {"label", "labels"} and (manifest.said == "nothing" or guessed)
    take_split = bool(other.manifest.splits) and not manifest.splits
    take_group = other.manifest.has_groups and not manifest.has_groups
    size = "" if MICROMETRES in manifest.provenance else str(other.manifest.provenance.get(MICROMETRES, ""))
    take_meta = other.manifest.said == "nothing" or manifest.said in DRAWN
    if not (take_label or take_split or take_group or take_meta or size):
        return best
    cases = []
    for file, case in mine.items():
        twin = theirs.get(file)
        if twin is not None:
            case = replace(
                case,
                label=twin.label if take_label else case.label,
                split=twin.split if take_split else case.split,
                group=twin.group if take_group else case.group,
                meta={**_as_meta(other.manifest, twin, take_label=take_label), **case.meta} if take_meta else case.meta,
            )
            if size in twin.meta:
                case = replace(case, meta={**case.meta, size: twin.meta[size]})
        cases.append(case)
    labels = other.manifest.labels if take_label else manifest.labels
    provenance = dict(manifest.provenance)
    if take_label:
        gained.append("class")
        provenance = {k: v for k, v in provenance.items() if k not in {"label_rule", "choices"}} | {"said": other.manifest.said}
    if take_split:
        gained.append("split")
    if take_group:
        gained.append("patient")
        provenance["group_rule"] = other.manifest.provenance.get("group_rule", "")
    if size:
        gained.append("micrometres")
        provenance[MICROMETRES] = size
    told = Manifest(cases=tuple(cases), labels=labels, root=manifest.root, provenance=provenance)
    if take_meta and any(c.meta for c in cases) and not any(c.meta for c in manifest.cases):
        gained.append("metadata")
    if not gained:
        return replace(best, manifest=told)
    sentence = best.sentence.replace(", patients are not known", "") if take_group else best.sentence
    return rename(replace(best, manifest=told), f"{sentence}; {' and '.join(gained)} from {other.layout}")


def _as_meta(manifest: Manifest, case: Case, *, take_label: bool) -> dict[str, str]:
    """The metadata of a case, its label among them where that is not what is asked."""
    mapping = manifest.provenance.get("mapping")
    column = str(mapping.get("label", "label")) if isinstance(mapping, dict) else "label"
    return {**case.meta, **({column: case.label} if case.label and not take_label else {})}


def _with_label(found: Found) -> Found:
    """The finding, unless several columns could be its label and nothing else tells."""
    choices = found.manifest.provenance.get("choices")
    if found.manifest.said == "nothing" and isinstance(choices, list) and choices:
        what = f"several columns could be the label: {', '.join(map(str, choices))}"
        raise UsageError("AMBIGUOUS_LABEL", found.manifest.provenance.get("file", "table"), what, ask([str(c) for c in choices]))
    return found


def _differ(best: Found, other: Found, why: str) -> UsageError:
    what = f"it could be {best.layout} ({best.sentence}) or {other.layout} ({other.sentence}), but {why}"
    return UsageError("AMBIGUOUS_LAYOUT", best.manifest.root, what, f"say which with --layout {best.layout} or --layout {other.layout}")


def _nothing(root: Path) -> SagittalError:
    """Why nothing was found, with what there is."""
    names = ", ".join(LAYOUTS.names())
    if root.is_file() and suffix_of(root.name) in TABLES:
        what = "none of its columns names files that are there, and it has no column of numbers beside a label"
        return UsageError(
            "NO_LAYOUT", root, what, "check the paths: they are relative to the table; or name columns: data.image, data.label"
        )
    if root.is_file() and suffix_of(root.name) in SHEETS:
        return UnreadableInput("NO_LAYOUT", root, "spreadsheets of office programs are not read", "save the table as CSV")
    if root.is_file():
        return UnreadableInput(
            "NO_LAYOUT", root, f"a file of type {suffix_of(root.name) or 'unknown'} is no data set", f"known layouts: {names}"
        )
    kinds: dict[str, int] = {}
    for path in walk(root, ("",)):
        kinds[suffix_of(path.name) or "(none)"] = kinds.get(suffix_of(path.name) or "(none)", 0) + 1
    most = sorted(kinds.items(), key=lambda k: (-k[1], k[0]))[:4]
    there = ", ".join(f"{n} {suffix}" for suffix, n in most) or "no files"
    return UsageError("NO_LAYOUT", root, f"no layout fits; the folder has {there}", f"write a manifest.csv, or choose a layout: {names}")
