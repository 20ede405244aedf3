"""Which slices of a series make a volume: by kind of picture, by orientation, and then by what tells copies apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np

from sagittal.io.dicom._geometry import SAME_PLACE_MM, normal_of, stack
from sagittal.io.dicom._planes import Plane

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

# a projection or a screenshot needs no place in the world; of these a series without one is a fault
CROSS_SECTIONS = frozenset({"CT", "MR", "PT"})
_SAME_DIRECTION = 2e-3
_MOVED_MM = 0.01
# two slices are always at even distances
_FEWEST = 2
# marks of another measurement; all others count repeats of one
_KINDS = frozenset({"echo", "flip"})


@dataclass(frozen=True, slots=True)
class Part:
    """Slices that make one volume (or one picture), and the words that tell it from the rest of its series.

    Args:
        planes: The slices.
        words: All of them.
        kinds: Those that volumes of one 4-D image share: what was measured, where, at which echo; not when, nor how often.
        doubtful: Neither a tag nor the numbers of its slices say which of those at a place belong to it.
    """

    planes: tuple[Plane, ...]
    words: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    doubtful: bool = False

    def named(self, planes: Sequence[Plane], word: str, *, repeat: bool = False) -> Part:
        """Some of these slices, with one more word; ``repeat`` says that it counts volumes of the same kind."""
        if not word:
            return replace(self, planes=tuple(planes))
        return replace(self, planes=tuple(planes), words=(*self.words, word), kinds=self.kinds if repeat else (*self.kinds, word))


def parts(planes: Sequence[Plane]) -> list[Part]:
    """The volumes of one series; the words of no two are the same."""
    found = [Part(tuple(planes))]
    found = [piece for part in found for piece in _by_sort(part)]
    found = [piece for part in found for piece in _by_kind(part)]
    found = [piece for part in found for piece in _by_mean(part)]
    found = [piece for part in found for piece in _by_orientation(part)]
    found = [piece for part in found for piece in _by_moved_file(part)]
    found = [piece for part in found for piece in _by_marks(part)]
    return _told_apart(found)


def places(planes: Sequence[Plane]) -> list[int]:
    """The number of the place at which each slice lies; slices at the same place have the same number."""
    positions = np.array([p.position for p in planes], dtype=np.float64)
    along = positions @ normal_of(planes[0])
    order = np.argsort(along, kind="stable")
    gaps = np.diff(along[order])
    # one place is written differently from volume to volume: a fiftieth of the distance between slices, at most 0.05 mm
    same = max(SAME_PLACE_MM, min(0.05, 0.02 * float(gaps.max()))) if len(gaps) else 0.0
    numbers = np.zeros(len(planes), dtype=int)
    numbers[order[1:]] = np.cumsum(gaps > same)
    return [int(n) for n in numbers]


def _by_sort(part: Part) -> list[Part]:
    """By modality, and pictures in colours apart from grey ones."""
    groups = grouped(part.planes, lambda p: (p.about.modality, p.stored.samples))
    if len(groups) == 1:
        return [part]
    return [part.named(group, f"{modality.lower()}{samples if samples > 1 else ''}") for (modality, samples), group in groups.items()]


def _by_kind(part: Part) -> list[Part]:
    """By the words of the image type that differ: magnitude and phase, localiser and axial."""
    groups = grouped(part.planes, lambda p: tuple(sorted(set(p.kind))))
    if len(groups) == 1 or _take_turns(list(groups.values())):
        return [part]
    common = set.intersection(*(set(kind) for kind in groups))
    return [part.named(group, _clean("-".join(sorted(set(kind) - common)[:3]))) for kind, group in groups.items()]


def _take_turns(groups: Sequence[Sequence[Plane]]) -> bool:
    """Whether kinds share no place and make one even stack: a word that changes from slice to slice (a filter, a coil)."""
    planes = [p for group in groups for p in group]
    if any(p.position is None or p.orientation is None or p.shape != planes[0].shape for p in planes):
        return False
    directions = np.array([p.orientation for p in planes])
    if np.abs(directions - directions[0]).max() > _SAME_DIRECTION:
        return False
    at = iter(places(planes))
    taken = [{next(at): p for p in group} for group in groups]
    lone = {place: p for group in taken for place, p in group.items()}
    return len(lone) == sum(map(len, taken)) > _FEWEST and _is_whole(list(lone.values()))


def _is_whole(planes: Sequence[Plane]) -> bool:
    found = stack(planes)
    return found.even and not found.missing and found.straight


def _by_mean(part: Part) -> list[Part]:
    """The average over directions that a scanner added to the directions themselves: it was worked out, not measured."""
    ways = any(p.gradient is not None and not p.gradient.mean and any(p.gradient.direction or ()) for p in part.planes)
    means = [p for p in part.planes if p.gradient is not None and p.gradient.mean]
    if not ways or not means:
        return [part]
    return [replace(part, planes=tuple(p for p in part.planes if p.gradient is None or not p.gradient.mean)), part.named(means, "trace")]


def _by_orientation(part: Part) -> list[Part]:
    """By the directions of rows and columns. Slices without a place stay with the others: that is a fault of theirs.

    Where none has a place, every file is a picture of its own; slices of a cross-section stay together, to be refused.
    """
    placed = [p for p in part.planes if p.position is not None and p.orientation is not None]
    if not placed:
        files = grouped(part.planes, lambda p: str(p.stored.path))
        if len(files) == 1 or part.planes[0].about.modality in CROSS_SECTIONS:
            return [part]
        ordered = sorted(files.values(), key=lambda group: (group[0].order, str(group[0].stored.path)))
        return [part.named(group, f"p{n}") for n, group in enumerate(ordered, 1)]
    clusters: list[tuple[np.ndarray, list[Plane]]] = []
    for plane in placed:
        directions = np.array(plane.orientation)
        near = next((members for seen, members in clusters if np.abs(seen - directions).max() <= _SAME_DIRECTION), None)
        if near is None:
            clusters.append((directions, [plane]))
        else:
            near.append(plane)
    largest = max((members for _, members in clusters), key=len)
    largest.extend(p for p in part.planes if p.position is None or p.orientation is None)
    if len(clusters) == 1:
        return [replace(part, planes=tuple(largest))]
    return [part.named(members, _plane_name(members[0])) for _, members in clusters]


def _plane_name(plane: Plane) -> str:
    return ("sagittal", "coronal", "axial")[int(np.argmax(np.abs(normal_of(plane))))]


def _by_moved_file(part: Part) -> list[Part]:
    """Files that are whole volumes, where the scanner moved the grid between them (it follows the head): one each."""
    files = grouped(part.planes, lambda p: p.stored.path)
    firsts = [members[0] for members in files.values()]
    if len(files) < 2 or any(len(members) < 2 for members in files.values()) or any(p.position is None for p in part.planes):
        return [part]
    if part.planes[0].shape == (part.planes[0].stored.rows, part.planes[0].stored.columns):
        return [part]  # frames are told apart by their own positions; tiles of a mosaic have none
    positions = np.array([p.position for p in firsts], dtype=np.float64)
    if np.abs(positions - positions[0]).max() <= _MOVED_MM:
        return [part]
    digits = len(str(len(files)))
    ordered = sorted(files.values(), key=lambda members: (members[0].order, str(members[0].stored.path)))
    return [part.named(members, f"t{n:0{digits}d}", repeat=True) for n, members in enumerate(ordered, 1)]


def _by_marks(part: Part) -> list[Part]:
    """By echo, b-value, time ... as far as slices lie at the same place; at last by their order at each place.

    A mark is taken where it deals out what lies at the fullest place and nothing else: one that also changes from slice
    to slice would tear volumes apart.
    """
    if any(p.position is None or p.orientation is None for p in part.planes) or len(part.planes) < 2:
        return [part]
    at = places(part.planes)
    counts = Counter(at)
    most = max(counts.values())
    if most == 1:
        return _by_shifted(part)
    if _one_too_many(counts):
        return [part]
    for n, (name, _) in enumerate(part.planes[0].marks):
        groups = grouped(range(len(part.planes)), lambda k, n=n: _mark(n, part.planes[k]))  # type: ignore[misc]
        if 1 < len(groups) <= most and sum(max(Counter(at[k] for k in g).values()) for g in groups.values()) == most:
            words = _mark_words(name, list(groups))
            pieces = [
                part.named([part.planes[k] for k in g], word, repeat=name not in _KINDS)
                for word, g in zip(words, groups.values(), strict=True)
            ]
            return [smaller for piece in pieces for smaller in _by_marks(piece)]
    return _by_rank(part)


def _by_shifted(part: Part) -> list[Part]:
    """By time or acquisition, where only the slices of each make an even stack: a grid that moved between volumes, another range."""
    if len(part.planes) <= _FEWEST or _is_whole(part.planes):
        return [part]
    for n, (name, _) in enumerate(part.planes[0].marks):
        groups = grouped(part.planes, lambda p, n=n: _mark(n, p))  # type: ignore[misc]
        if name in {"t", "a"} and len(groups) > 1 and all(len(g) > _FEWEST and _is_whole(g) for g in groups.values()):
            repeat = len({len(g) for g in groups.values()}) == 1 and part.planes[0].about.modality != "CT"
            words = _mark_words(name, list(groups))
            return [part.named(g, word, repeat=repeat) for word, g in zip(words, groups.values(), strict=True)]
    return [part]


def _mark(n: int, plane: Plane) -> tuple[float, ...]:
    return plane.marks[n][1] if n < len(plane.marks) else ()


def _by_rank(part: Part) -> list[Part]:
    """The first at every place, the second at every place ...: time points that no tag tells apart.

    That is right where numbers run on from volume to volume, or from place to place; some scanners number at random.
    """
    at: dict[int, list[Plane]] = defaultdict(list)
    for place, plane in zip(places(part.planes), part.planes, strict=True):
        at[place].append(plane)
    ranks: dict[int, list[Plane]] = defaultdict(list)
    for members in at.values():
        for rank, plane in enumerate(sorted(members, key=lambda p: (p.order, p.frame, str(p.stored.path)))):
            ranks[rank].append(plane)
    digits = len(str(len(ranks)))
    dealt = replace(part, doubtful=not (_run_on(ranks.values()) or _run_on(at.values())))
    return [dealt.named(members, f"t{rank + 1:0{digits}d}", repeat=True) for rank, members in sorted(ranks.items())]


def _run_on(groups: Iterable[Sequence[Plane]]) -> bool:
    """Whether the numbers of each group, all together or one kind of them, come before those of the next."""
    numbers = [[p.order for p in group] for group in groups]
    together = sorted((min(group), max(group)) for group in numbers)
    alone = [sorted((min(kind), max(kind)) for group in numbers for kind in [[o[n] for o in group]]) for n in range(len(numbers[0][0]))]
    return all(a[1] <= b[0] for a, b in pairwise(together)) or any(all(a[1] < b[0] for a, b in pairwise(spans)) for spans in alone)


def _one_too_many(counts: Counter[int]) -> bool:
    """Whether most places have one slice: then the others are duplicates, not volumes."""
    single = sum(1 for n in counts.values() if n == 1)
    return single * 2 > len(counts)


def _mark_words(name: str, values: list[tuple[float, ...]]) -> list[str]:
    """A short word a value; the number itself where it says something to a person."""
    ranked = {value: n for n, value in enumerate(sorted(values), 1)}
    digits = len(str(len(values)))
    if name in {"b", "echo", "t", "a"} and all(len(v) == 1 and v[0] == int(v[0]) and v[0] >= 0 for v in values):
        width = max(len(str(int(v[0]))) for v in values)
        return [f"{name}{int(v[0]):0{width if name == 't' else 0}d}" for v in values]
    return [f"{name}{ranked[v]:0{digits}d}" for v in values]


def _told_apart(found: list[Part]) -> list[Part]:
    """Words that no two parts share, and parts in a stable order."""
    same: dict[tuple[str, ...], list[Part]] = defaultdict(list)
    for part in found:
        same[part.words].append(part)
    made = []
    for group in same.values():
        if len(group) == 1:
            made.append(group[0])
            continue
        ordered = sorted(group, key=lambda p: min((q.order, str(q.stored.path)) for q in p.planes))
        made += [p.named(p.planes, str(n)) for n, p in enumerate(ordered, 1)]
    return sorted(made, key=lambda p: p.words)


def grouped(planes: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Members by key, keys in the order in which they are met."""
    groups: dict[K, list[T]] = defaultdict(list)
    for plane in planes:
        groups[key(plane)].append(plane)
    return dict(groups)


def _clean(word: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in word.lower()).strip("-")
