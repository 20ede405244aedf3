"""What a layout found, and how much it says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sagittal.core import Case, Labels
from sagittal.data.manifest import DRAWN, Manifest, Said
from sagittal.errors import UsageError, nearest

# A sick person is what a sensitivity speaks of: the other of two classes is the positive one.
_HEALTHY = ("normal", "healthy", "benign", "negative", "control", "controls", "none", "no", "background", "0", "false", "absent", "clean")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A data set as one layout sees it.

    Args:
        manifest: Its cases.
        sentence: What was seen, for a person to agree with.
        rank: How much it says; the layout that says more wins.
        layout: Name on the shelf.
        sure: It sees by names or parts what nothing else has: layouts that see less need not agree.
        unlabelled: Cases like the others that nobody drew on: nothing to learn from, but to be answered.
        lacking: Places of cases that have not all files that the others have.
        torn: Many files do not fit: what another layout sees holds, and need not agree.
    """

    manifest: Manifest
    sentence: str
    rank: int
    layout: str
    sure: bool = False
    unlabelled: tuple[Case, ...] = ()
    lacking: tuple[str, ...] = ()
    torn: bool = False


def found(layout: str, manifest: Manifest, sentence: str, *, extra: int = 0, sure: bool = False) -> Found:
    """A finding whose rank follows from what its manifest says.

    Args:
        layout: Name on the shelf.
        manifest: The cases.
        sentence: What was seen.
        extra: More for a layout that a person wrote on purpose.
        sure: See :class:`Found`.
    """
    first = manifest.said not in {"nothing"}
    # Somebody who drew said more than somebody who gave a word.
    rank = (
        8 * first
        + 8 * (manifest.said in DRAWN)
        + 4 * bool(manifest.splits)
        + 2 * manifest.has_groups
        + any(c.meta for c in manifest.cases)
        + extra
    )
    told = manifest.with_cases(manifest.cases, layout=layout, sentence=sentence, said=manifest.said)
    return Found(manifest=told, sentence=sentence, rank=rank, layout=layout, sure=sure)


def labels_for(classes: Sequence[str], *, positive: str | None = None, said: Said = "label") -> Labels:
    """Labels with the positive class named, where there are two and one is plainly the healthy one.

    Args:
        classes: In order.
        positive: What the user said; found by the other's name otherwise.
        said: Several labels a case leave no class to be the positive one.

    Raises:
        UsageError: ``positive`` is no class.

    >>> labels_for(["NORMAL", "PNEUMONIA"]).positive
    'PNEUMONIA'
    """
    names = tuple(classes)
    if positive is not None and positive not in names:
        raise UsageError("UNKNOWN_CLASS", f"data.positive={positive}", "there is no class of this name", nearest(positive, names))
    if positive is None and len(names) == 2 and said == "label":
        healthy = [is_healthy(name) for name in names]
        if sum(healthy) == 1:
            positive = names[healthy.index(False)]
    return Labels(classes=names, positive=positive)


def with_positive(labels: Labels, positive: str | None) -> Labels:
    """The labels with another positive class, where one is named.

    Raises:
        UsageError: There is no class of this name.
    """
    return replace(labels, positive=positive) if positive is not None else labels


def is_healthy(name: str) -> bool:
    """Whether a class name says that nothing is wrong: ``NORMAL``, ``no_tumor``, ``CT_NonCOVID``.

    >>> [is_healthy(n) for n in ("Normal", "CT_NonCOVID", "no_tumor", "nodule", "non-smoker")]
    [True, True, True, False, True]
    """
    words = re.findall(r"[A-Za-z]+|\d+", name)
    return any(w.casefold() in _HEALTHY or (w[:3].casefold() == "non" and (len(w) == 3 or w[3:4].isupper())) for w in words)


def rename(one: Found, sentence: str) -> Found:
    """The same finding, told in another sentence."""
    return replace(one, sentence=sentence, manifest=one.manifest.with_cases(one.manifest.cases, sentence=sentence))


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "picture"), plural(2, "class")
    ('1 picture', '2 classes')
    """
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}{'es' if noun.endswith(('s', 'x', 'ch')) else 's'}"


def most_common(words: Sequence[str]) -> str:
    """The word that stands there most often; the first of the alphabet when several do."""
    counts = Counter(words)
    return min(counts, key=lambda w: (-counts[w], w)) if counts else ""
