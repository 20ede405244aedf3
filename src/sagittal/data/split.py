"""Which cases teach, which choose and which judge: by patient, stratified, the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from sagittal.core import Case
from sagittal.data.finding import Finding
from sagittal.data.leaks import apart
from sagittal.data.manifest import Manifest
from sagittal.data.stratify import dealt
from sagittal.errors import Refused, UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitRules:
    """How cases are put into splits.

    Args:
        test: Share of the cases that judge, where the data set has no test split.
        val: Share of the cases that choose, where it has no validation split.
        seed: Another seed gives another split.
        folds: How many folds, instead of one split.
        repeats: How often the folds are drawn anew.
        leaks: A patient on both sides of the test split stops the run, or is dropped from training.
        allow: Codes of findings that do not stop the run.
    """

    test: float = 0.2
    val: float = 0.2
    seed: int = 0
    folds: int | None = None
    repeats: int = 1
    leaks: Literal["refuse", "drop"] = "refuse"
    allow: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not (0 <= self.test < 1 and 0 <= self.val < 1 and self.test + self.val < 1):
            what = f"test={self.test} and val={self.val} leave nothing to train on"
            raise UsageError("SPLIT", "split", what, "choose shares of 0 or more that add up to less than 1")
        if self.leaks not in {"refuse", "drop"}:
            raise UsageError("SPLIT", f"split.leaks={self.leaks}", "it is neither refuse nor drop", "choose refuse or drop")


def assign(manifest: Manifest, rules: SplitRules | None = None) -> tuple[Manifest, list[Finding]]:
    """The manifest with every case in a split, and what there is to say about it.

    Splits that the data set has are kept. A test or validation split that it lacks is cut from the cases that are
    in no split or in training; whole groups go to one side, and each class keeps its share as well as groups allow.

    Args:
        manifest: Cases with or without splits.
        rules: Shares, seed, and what happens to leaks.

    Raises:
        Refused: A class has no group in a split that is made here; or a patient stands on both sides of the test
            split and ``leaks`` is ``refuse``.
        UsageError: There is no case to train on.
    """
    rules = rules or SplitRules()
    manifest, findings = apart(manifest, leaks=rules.leaks, allow=rules.allow)
    shares = {name: share for name, share in (("test", rules.test), ("val", rules.val)) if share > 0 and name not in manifest.splits}
    taken = {c.owner for c in manifest.cases if c.split in {"val", "test"}}
    late = [c for c in manifest.cases if not c.split and c.owner in taken]
    pool = [c for c in manifest.cases if c.split in {"train", ""} and c.owner not in taken]
    if not pool:
        if "train" in manifest.splits or manifest.splits:
            return manifest, findings
        raise UsageError("NO_CASES", manifest.root, "there is no case to put into a split", "name a data set that has some")
    if not shares and all(c.split for c in manifest.cases):
        return manifest, findings
    total = len(manifest)
    wanted = {name: share * total / len(pool) for name, share in shares.items()}
    if sum(wanted.values()) >= 1:
        what = f"{len(pool)} cases are too few to cut {' and '.join(wanted)} from"
        raise UsageError("SPLIT", "split", what, "choose smaller shares")
    new = dealt(manifest, pool, {"train": 1 - sum(wanted.values()), **wanted}, np.random.default_rng([rules.seed, 1]))
    beside = {c.owner: c.split for c in manifest.cases if c.split in {"val", "test"}}
    new.update({c.id: beside[c.owner] for c in late})
    made = manifest.with_cases(
        (replace(c, split=new.get(c.id, c.split)) for c in manifest.cases),
        split_rule={"made": sorted(shares), "test": rules.test, "val": rules.val, "seed": rules.seed, "by": _by(manifest)},
    )
    _refuse_missing(made, pool, {*shares, "train"})
    sizes = ", ".join(f"{name} {len(made.split(name))}" for name in made.splits)
    if shares:
        what = f"{' and '.join(sorted(shares))} made here {_by(manifest)}, stratified, seed {rules.seed}: {sizes}"
        remedy = "give splits to keep your own" + (", or set split.test=0 where your test lies elsewhere" if "test" in shares else "")
        findings.append(Finding(code="SPLIT_MADE", severity="note", items=tuple(sorted(shares)), what=what, remedy=remedy))
    return made, findings


def folds(manifest: Manifest, k: int, repeat: int = 0, seed: int = 0, *, val: float = 0.15) -> list[Manifest]:
    """The manifest ``k`` times; every case is in the test split of exactly one of them.

    Folds are grouped and stratified, and the same for the same ``(k, repeat, seed)``. What splits the cases had
    before does not count.

    Args:
        manifest: Its cases.
        k: How many folds, at least 2.
        repeat: Another number draws the folds anew.
        seed: As is; another seed gives other folds.
        val: Share of each fold's remaining cases that choose; 0 leaves them all to training.

    Raises:
        UsageError: ``k`` is below 2 or above the number of groups.
        Refused: A class has too few groups to be in every fold.
    """
    owners = {c.owner for c in manifest.cases}
    if not 2 <= k <= len(owners):
        raise UsageError("FOLDS", f"split.folds={k}", f"the data set has {len(owners)} groups", f"choose 2 to {len(owners)} folds")
    names = [f"fold{i}" for i in range(k)]
    placed = dealt(manifest, manifest.cases, dict.fromkeys(names, 1 / k), np.random.default_rng([seed, 2, repeat, k]))
    out = []
    for number, name in enumerate(names):
        rest = [c for c in manifest.cases if placed[c.id] != name]
        rng = np.random.default_rng([seed, 3, repeat, k, number])
        inner = dealt(manifest, rest, {"train": 1 - val, "val": val}, rng) if val > 0 else {c.id: "train" for c in rest}
        rule = {"made": ["folds"], "folds": k, "fold": number, "repeat": repeat, "seed": seed, "val": val, "by": _by(manifest)}
        fold = manifest.with_cases((replace(c, split=inner.get(c.id, "test")) for c in manifest.cases), split_rule=rule)
        _refuse_missing(fold, manifest.cases, {"train"})
        out.append(fold)
    return out


def _by(manifest: Manifest) -> str:
    return "by patient" if manifest.has_groups else "by case: patients are not known"


def _refuse_missing(made: Manifest, pool: Sequence[Case], new: set[str]) -> None:
    """Refuse splits made here in which a class has no case."""
    if made.said not in {"label", "labels"}:
        return
    counts = made.counts()
    owners: dict[str, set[str]] = {}
    for case in pool:
        for word in made.words(case):
            owners.setdefault(word, set()).add(case.owner)
    for split in sorted(new & set(counts)):
        for name in made.labels.classes:
            if counts[split].get(name, 0) == 0 and owners.get(name):
                n = len(owners[name])
                kept = "cases of a patient and copies, also near ones, stay together"
                what = f"the class has no case in {split}: it has {n} group{'' if n == 1 else 's'} to share out ({kept})"
                raise Refused("MISSING_CLASS", name, what, "add cases, merge or leave out the class, or give splits of your own")
