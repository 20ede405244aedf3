"""What an audit looks for in volumes and label maps: grids, numbers, modalities, spacing, what lies outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagittal.core.image import default_channels
from sagittal.data._anatomy import Anatomy
from sagittal.data._aside import borders_aside
from sagittal.data.finding import Finding, Severity, some
from sagittal.data.manifest import Manifest

_ODD_RATIO = 2.5
_ABSURD_MM = (0.02, 25.0)
_LEAST_CASES = 5
_ODD_SPREADS = 6.0
_LEAST_DROP = 0.35
_SWAPPED = 0.5
_HU = -200.0
_ODD_SCALE = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What is kept of a case for these checks.

    Args:
        spacing: Of the stored axes.
        unit: Of the spacing.
        channels: Their names.
        anatomy: Where it lies and how its parts fit.
    """

    spacing: tuple[float, ...]
    unit: str
    channels: tuple[str, ...]
    anatomy: Anatomy


Cases = Mapping[str, Looked]

LOOKED_AT = frozenset(
    {"MODALITY_GRID", "LABEL_GRID", "ODD_SPACING", "ABSURD_SPACING", "LABEL_OUTSIDE", "MODALITY_SWAPPED", "MODALITY_STRANGE"}
)
"""Findings of which a picture tells more than the sentence."""


def volume_checks(manifest: Manifest, cases: Cases) -> list[Finding]:
    """Everything that is wrong with how the cases lie and what they hold."""
    return [
        *_grids(manifest, cases),
        *_strange(cases),
        *_broken(cases),
        *_constant(cases),
        *_spacings(cases),
        *_places(cases),
        *_outside(cases),
        *borders_aside({name: one.anatomy.aside for name, one in cases.items()}),
        *_same_modality(cases),
        *_odd_modality(cases),
        *_not_hu(cases),
        *_scales(cases),
    ]


def _grids(manifest: Manifest, cases: Cases) -> Iterator[Finding]:
    """Modalities, and label maps, that do not lie where the image lies: they stop a run unless they may be resampled."""
    told = {name: dict(one.anatomy.fit.apart) for name, one in cases.items() if one.anatomy.fit.apart}
    labels = {name: apart.pop("annotation") for name, apart in told.items() if "annotation" in apart}
    first = manifest.channels[0] if manifest.channels else ""
    others = {name: f"{channel} and {first}: {how}" for name, apart in told.items() for channel, how in list(apart.items())[:1]}
    for code, found, wanted, key, noun in (
        ("MODALITY_GRID", others, manifest.resample_modalities, "resample_modalities", "the modalities lie on different grids"),
        ("LABEL_GRID", labels, manifest.resample_labels, "resample_labels", "the label map lies on another grid than the image"),
    ):
        if not found:
            continue
        name, how = next(iter(found.items()))
        what = f"in {_n(found)} {noun}, such as {name}: {how}"
        severity: Severity = "note" if wanted else "block"
        remedy = f"they are brought together through the world, as told ({key})" if wanted else f"--set data.{key}=true, or mend the files"
        yield Finding(code=code, severity=severity, items=tuple(found), what=what, remedy=remedy)


def _strange(cases: Cases) -> Iterator[Finding]:
    found = {name: one.anatomy.fit.strange for name, one in cases.items() if one.anatomy.fit.strange}
    if found:
        numbers = sorted({n for strange in found.values() for n in strange})
        what = f"label maps of {_n(found)} hold {some([str(n) for n in numbers], 6)}, which stands for no class"
        remedy = "name every number with data.classes, or write the label maps anew"
        yield Finding(code="LABEL_VALUES", severity="block", items=tuple(found), what=what, remedy=remedy)


def _broken(cases: Cases) -> Iterator[Finding]:
    found = [name for name, one in cases.items() if one.anatomy.broken]
    if found:
        most = max(cases[name].anatomy.broken for name in found)
        what = f"{_n(found)} hold samples that are no number or infinite, up to {most:,} of them"
        remedy = "write 0, or what stands for air, in their place; training stops at the first one"
        yield Finding(code="NOT_FINITE", severity="warn", items=tuple(found), what=what, remedy=remedy)


def _constant(cases: Cases) -> Iterator[Finding]:
    found = {name: one.anatomy.constant for name, one in cases.items() if one.anatomy.constant}
    if found:
        what = f"in {_n(found)} a modality is one value throughout, such as {next(iter(found.values()))[0]} of {next(iter(found))}"
        yield Finding(code="CONSTANT_CHANNEL", severity="warn", items=tuple(found), what=what, remedy="look whether it was written wrongly")


def _spacings(cases: Cases) -> Iterator[Finding]:
    """Cases whose voxels are of quite another size than those of the others, or of one that no scanner gives."""
    sizes = {name: np.sort(np.array(one.spacing)) for name, one in cases.items() if one.unit == "mm" and len(one.spacing) == 3}
    if not sizes:
        return
    absurd = [name for name, size in sizes.items() if size[0] < _ABSURD_MM[0] or size[-1] > _ABSURD_MM[1]]
    if absurd:
        what = f"{_n(absurd)} claim voxels of {_times(cases[absurd[0]].spacing)} mm, which no scanner gives"
        remedy = "check the header's unit (metre, millimetre, micrometre) and write it anew"
        yield Finding(code="ABSURD_SPACING", severity="warn", items=tuple(absurd), what=what, remedy=remedy)
    usual = np.median(np.stack(list(sizes.values())), axis=0)
    odd = [n for n, size in sizes.items() if n not in absurd and (np.abs(np.log(size / usual)) > np.log(_ODD_RATIO)).any()]
    if odd and len(sizes) >= _LEAST_CASES:
        told = _times(cases[odd[0]].spacing)
        what = f"{_n(odd)} of {len(sizes)} have voxels of quite another size than the others: {odd[0]} {told} mm, usual {_times(usual)} mm"
        remedy = "look whether the header is right; a volume in sizes is wrong where it is not"
        yield Finding(code="ODD_SPACING", severity="warn", items=tuple(odd), what=what, remedy=remedy)


def _places(cases: Cases) -> Iterator[Finding]:
    bare = [name for name, one in cases.items() if not one.anatomy.placed]
    if bare:
        what = f"of {_n(bare)} the file does not say how it lies in the patient: left and right are a guess"
        remedy = "take the original files, or write the orientation into the header"
        yield Finding(code="NO_ORIENTATION", severity="note", items=tuple(bare), what=what, remedy=remedy)
    codes = Counter(one.anatomy.orientation for one in cases.values() if one.anatomy.orientation)
    if len(codes) > 1:
        what = f"volumes are stored in different orientations: {', '.join(f'{code} {n}' for code, n in codes.most_common())}"
        remedy = "nothing: they are read upright, and answers go back to each file's own"
        yield Finding(code="ORIENTATIONS", severity="note", items=(), what=what, remedy=remedy)


def _outside(cases: Cases) -> Iterator[Finding]:
    """Labels where an image whose surroundings were blanked is exactly 0: it was cut more tightly than the labels were drawn."""
    known = {name: one.anatomy.outside for name, one in cases.items() if one.anatomy.outside is not None}
    found = {name: share for name, share in known.items() if share}
    if found:
        shares = np.array(list(found.values()))
        which = f"every case ({len(found)})" if len(found) == len(known) == len(cases) else f"{len(found)} of {len(cases)} cases"
        span = _percent(float(shares.max())) if len(shares) == 1 else f"{_percent(float(shares.min()))} to {_percent(float(shares.max()))}"
        what = f"in {which} labels lie where nothing is shown: {span} of what was drawn is where the image, blanked outside, is 0"
        remedy = "no model can learn what cannot be seen; use the images as they were before they were cut, or cut the labels likewise"
        yield Finding(code="LABEL_OUTSIDE", severity="warn", items=tuple(found), what=what, remedy=remedy)


def _same_modality(cases: Cases) -> Iterator[Finding]:
    """One file under two names: the same pixels as a modality of two cases, or as two modalities of one."""
    places: dict[str, list[tuple[str, str]]] = {}
    for name, one in cases.items():
        for channel, digest in one.anatomy.fit.digests.items():
            if digest:
                places.setdefault(digest, []).append((name, channel))
    whole = Counter(tuple(sorted(one.anatomy.fit.digests.values())) for one in cases.values() if one.anatomy.fit.digests)
    copied = {name for name, one in cases.items() if whole[tuple(sorted(one.anatomy.fit.digests.values()))] > 1}
    found = [where for where in places.values() if len(where) > 1 and not {name for name, _ in where} <= copied]
    if found:
        (a, x), (b, y), *_ = found[0]
        what = f"the same volume stands in {len(found)} places more than once, such as {x} of {a} and {y} of {b}"
        items = tuple(dict.fromkeys(name for where in found for name, _ in where))
        yield Finding(
            code="SAME_MODALITY", severity="warn", items=items, what=what, remedy="one of them is somebody else's: find the right file"
        )


def _odd_modality(cases: Cases) -> Iterator[Finding]:
    """Modalities that look like another one, or do not belong to the others of their case."""
    several = {name: one for name, one in cases.items() if len(one.anatomy.shapes) > 1}
    common = Counter(one.channels for one in several.values()).most_common(1)
    if not common or common[0][1] < _LEAST_CASES:
        return
    channels = common[0][0]
    alike = {name: one for name, one in several.items() if one.channels == channels and len(one.anatomy.shapes) == len(channels)}
    swapped = _swapped(channels, {name: one.anatomy.shapes for name, one in alike.items()})
    if swapped:
        name, (a, b) = next(iter(swapped.items()))
        what = f"in {_n(swapped)} modalities look exchanged: the values of {a} of {name} are spread as those of {b} elsewhere"
        remedy = "look at them; rename the files where they are"
        yield Finding(code="MODALITY_SWAPPED", severity="warn", items=tuple(swapped), what=what, remedy=remedy)
    strangers = [n for n in _strangers({name: one.anatomy.kinship for name, one in alike.items()}) if n not in swapped]
    if strangers:
        what = f"in {_n(strangers)} the modalities share far less structure than elsewhere, as those of two people would: {some(strangers)}"
        remedy = "look whether one of the files is another patient's, or not registered"
        yield Finding(code="MODALITY_STRANGE", severity="warn", items=tuple(strangers), what=what, remedy=remedy)


def _swapped(channels: Sequence[str], shapes: Mapping[str, NDArray[np.float32]]) -> dict[str, tuple[str, str]]:
    """Cases in which two channels both are far nearer to what the other usually looks like than to their own."""
    usual = np.median(np.stack(list(shapes.values())), axis=0)
    found: dict[str, tuple[str, str]] = {}
    for name, own in shapes.items():
        # how far channel a of this case is from what channel b usually looks like
        apart = np.linalg.norm(own[:, None] - usual[None], axis=-1)
        for a in range(len(channels)):
            for b in range(a + 1, len(channels)):
                crossed, straight = apart[a, b] + apart[b, a], apart[a, a] + apart[b, b]
                if crossed < _SWAPPED * straight and name not in found:
                    found[name] = (channels[a], channels[b])
    return found


def _strangers(kinship: Mapping[str, Sequence[float]]) -> list[str]:
    """Cases whose channels tell far less of each other than those of the other cases do."""
    names, table = list(kinship), np.array(list(kinship.values()))
    middle = np.median(table, axis=0)
    spread = 1.4826 * np.median(np.abs(table - middle), axis=0)
    low = (table < middle - _ODD_SPREADS * np.maximum(spread, 0.02 * middle)) & (table < (1 - _LEAST_DROP) * middle)
    return [name for name, odd in zip(names, low.any(axis=1), strict=True) if odd]


def _not_hu(cases: Cases) -> Iterator[Finding]:
    """Called CT, yet air is not there: the numbers are not Hounsfield units."""
    found = []
    for name, one in cases.items():
        low = [level[1] for channel, level in zip(one.channels, one.anatomy.levels, strict=False) if channel.casefold() in {"ct", "cbct"}]
        found += [name] if low and low[0] > _HU else []
    if found:
        what = f"{_n(found)} are called CT but hold nothing below {_HU:g}: their values are not Hounsfield units, or air was cut off"
        yield Finding(code="NOT_HU", severity="note", items=tuple(found), what=what, remedy="apply the rescale slope and intercept")


def _scales(cases: Cases) -> Iterator[Finding]:
    """Intensities on scales so different that one case's brightest is another's noise."""
    tops: dict[str, dict[str, float]] = {}
    for name, one in cases.items():
        for channel, level in zip(one.channels, one.anatomy.levels, strict=False):
            tops.setdefault(channel, {})[name] = level[3] - level[1]
    for channel, table in tops.items():
        usual = float(np.median(list(table.values())))
        odd = [name for name, span in table.items() if usual > 0 and not usual / _ODD_SCALE < span < usual * _ODD_SCALE]
        if odd and len(table) >= _LEAST_CASES:
            spans = [table[name] for name in odd]
            whose, span = _of(channel), f"{min(spans):,.3g}" + (f" to {max(spans):,.3g}" if max(spans) > min(spans) else "")
            what = f"intensities{whose} are on another scale in {_n(odd)}: {span}, usual {usual:,.3g}"
            remedy = "nothing where each image is normalised by itself, as the plan does; else look for a lost rescale slope"
            yield Finding(code="INTENSITY_SCALE", severity="note", items=tuple(odd), what=what, remedy=remedy)


def _of(channel: str) -> str:
    """Whose something is, where channels have names of their own."""
    return "" if channel in default_channels(1) else f" of {channel}"


def _n(items: Iterable[object]) -> str:
    count = len(list(items))
    return f"{count} {'case' if count == 1 else 'cases'}"


def _times(sizes: Iterable[float]) -> str:
    return " x ".join(f"{float(v):.3g}" for v in sizes)


def _percent(share: float) -> str:
    # two digits of a small share; of 100 % they would be 1e+02
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"
