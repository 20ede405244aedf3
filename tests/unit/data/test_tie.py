"""Alike cases stay on one side of a split, unless everything is alike."""

from __future__ import annotations

from pathlib import Path

from sagittal.core import Case, Labels
from sagittal.data.leaks import tie
from sagittal.data.manifest import Manifest


def cases(n: int) -> Manifest:
    made = tuple(Case(id=f"{i}", group=f"p{i}", images={"image": f"{i}.png"}, label="a") for i in range(n))
    return Manifest(cases=made, labels=Labels(classes=("a",)), root=Path())


def test_copies_are_tied():
    manifest, said = tie(cases(40), [("0", "1"), ("1", "2")], [("0", "1")])
    assert len({c.group for c in manifest.cases[:3]}) == 1
    assert said == []


def test_a_chain_through_everybody_is_held_by_its_exact_copies_only():
    pairs = [(str(i), str(i + 1)) for i in range(30)] + [("35", "36")]
    manifest, (finding,) = tie(cases(40), pairs, [("4", "5")])
    groups = [c.group for c in manifest.cases]
    assert groups[4] == groups[5]
    assert groups[35] == groups[36], "a short chain beside it is still believed"
    assert len(set(groups)) == 38
    assert (finding.code, finding.severity, finding.n) == ("ALL_ALIKE", "warn", 31)
