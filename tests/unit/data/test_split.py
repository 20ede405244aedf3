"""Splits: by patient, stratified, the same every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagittal.core import Case, Labels
from sagittal.data.leaks import apart, unite
from sagittal.data.manifest import Manifest
from sagittal.data.split import SplitRules, assign, folds
from sagittal.data.stratify import dealt
from sagittal.errors import Refused, UsageError


def _manifest(rows, classes=("a", "b"), **provenance):
    cases = tuple(Case(id=f"c{i:04}", group=g, label=w, split=s, images={"image": f"{i}.png"}) for i, (g, w, s) in enumerate(rows))
    return Manifest(cases=cases, labels=Labels(classes=classes), root=Path(), provenance=provenance)


def _crossing(manifest):
    seen = {}
    for case in manifest.cases:
        seen.setdefault(case.owner, set()).add(case.split)
    return [k for k, v in seen.items() if len(v) > 1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 25), st.sampled_from("ab")), min_size=40, max_size=120), st.integers(0, 5))
def test_no_patient_is_on_two_sides(rows, seed):
    manifest = _manifest([(f"p{g}", w, "") for g, w in rows])
    try:
        made, _ = assign(manifest, SplitRules(seed=seed))
    except Refused as refusal:
        assert refusal.code == "MISSING_CLASS"
        return
    assert _crossing(made) == []
    assert all(c.split for c in made.cases)


def test_shares_and_classes_are_kept():
    manifest = _manifest([("", "a" if i % 4 else "b", "") for i in range(400)])
    made, findings = assign(manifest)
    assert made.counts() == {"train": {"a": 180, "b": 60}, "val": {"a": 60, "b": 20}, "test": {"a": 60, "b": 20}}
    assert findings[0].code == "SPLIT_MADE"
    assert "patients are not known" in findings[0].what


def test_the_same_seed_gives_the_same_split_whatever_the_order():
    rows = [(f"p{i // 3}", "ab"[i % 2], "") for i in range(90)]
    one = _manifest(rows)
    turned = one.with_cases(reversed(one.cases))
    first = {c.id: c.split for c in assign(one)[0].cases}
    assert first == {c.id: c.split for c in assign(turned)[0].cases}
    assert first != {c.id: c.split for c in assign(one, SplitRules(seed=1))[0].cases}


def test_large_groups_do_not_spoil_the_shares():
    rng = np.random.default_rng(0)
    rows = [(f"p{g}", "ab"[g % 2], "") for g in range(60) for _ in range(int(rng.integers(1, 30)))]
    made, _ = assign(_manifest(rows))
    assert abs(len(made.split("test")) / len(made) - 0.2) < 0.02


def test_given_splits_are_kept_and_only_the_missing_one_is_made():
    rows = [("", "ab"[i % 2], "train" if i < 80 else "val") for i in range(100)]
    manifest = _manifest(rows)
    made, _ = assign(manifest)
    assert [c.id for c in made.split("val")] == [c.id for c in manifest.split("val")]
    assert len(made.split("test")) == 20
    whole = _manifest([("", "ab"[i % 2], ("train", "val", "test")[i % 3]) for i in range(60)])
    assert assign(whole)[0].cases == whole.cases


def test_a_case_without_split_joins_its_patient():
    rows = [("p1", "a", "test"), ("p1", "b", ""), *((f"q{i}", "ab"[i % 2], "train") for i in range(20))]
    assert assign(_manifest(rows))[0].cases[1].split == "test"


def test_a_class_without_a_group_in_a_split_is_refused():
    rows = [(f"p{i}", "a", "") for i in range(30)] + [("q", "b", "")] * 12
    with pytest.raises(Refused, match="MISSING_CLASS b"):
        assign(_manifest(rows))


def test_three_groups_of_a_class_reach_all_three_splits():
    rows = [(f"p{i}", "a", "") for i in range(60)] + [(f"q{i % 3}", "b", "") for i in range(9)]
    made, _ = assign(_manifest(rows))
    assert all(made.counts()[s]["b"] == 3 for s in ("train", "val", "test"))


def test_several_labels_are_balanced_too():
    rng = np.random.default_rng(0)
    rows = [("", ";".join(w for w in "abc" if rng.random() < 0.3) or "a", "") for _ in range(500)]
    made, _ = assign(_manifest(rows, classes=("a", "b", "c"), said="labels"))
    counts = made.counts()
    for name in "abc":
        total = sum(counts[s][name] for s in counts)
        assert abs(counts["test"][name] / total - 0.2) < 0.03


def test_values_are_balanced_by_range():
    rows = [("", str(v), "") for v in np.linspace(0, 100, 200)]
    made, _ = assign(_manifest(rows, classes=("v",), said="value"))
    means = [np.mean([float(c.label) for c in made.split(s)]) for s in ("train", "test")]
    assert abs(means[0] - means[1]) < 8


LEAKY = [("p1", "a", "train"), ("p1", "a", "test"), ("p2", "b", "train"), ("p2", "b", "val"), ("p3", "b", "test"), ("p4", "a", "train")]


def test_a_patient_on_both_sides_of_test_is_refused():
    with pytest.raises(Refused, match="GROUP_LEAK") as caught:
        assign(_manifest(LEAKY))
    assert "split.leaks: drop" in caught.value.remedy
    assert "p1" not in str(caught.value)


def test_leaks_can_be_dropped_from_training():
    made, findings = apart(_manifest(LEAKY), leaks="drop")
    assert _crossing(made) == []
    assert len(made.split("test")) == 2
    assert {f.code for f in findings} == {"GROUP_LEAK_DROPPED"}


def test_an_allowed_leak_stays():
    made, _ = apart(_manifest(LEAKY), allow=["GROUP_LEAK"])
    assert len(made) == len(LEAKY)


def test_between_training_and_validation_the_training_side_is_dropped():
    made, findings = apart(_manifest([*LEAKY[2:4], LEAKY[5]]))
    assert [c.split for c in made.cases] == ["val", "train"]
    assert findings[0].items == ("c0000",)


def test_exact_duplicates_are_treated_as_patients_are():
    manifest = _manifest([("", "a", "train"), ("", "a", "val"), ("", "b", "train"), ("", "b", "test")])
    made, findings = apart(manifest, [("c0000", "c0001")])
    assert [c.id for c in made.cases] == ["c0001", "c0002", "c0003"]
    assert findings[0].code == "DUPLICATE_DROPPED"
    with pytest.raises(Refused, match="DUPLICATE"):
        apart(manifest, [("c0002", "c0003")])


def test_united_duplicates_are_never_parted():
    manifest = _manifest([("", "ab"[i % 2], "") for i in range(60)])
    pairs = [(f"c{i:04}", f"c{i + 2:04}") for i in range(0, 58, 4)]
    made, _ = assign(unite(manifest, pairs))
    where = {c.id: c.split for c in made.cases}
    assert all(where[a] == where[b] for a, b in pairs)


@pytest.mark.parametrize("k", [2, 5, 10])
def test_every_case_is_tested_once(k):
    manifest = _manifest([(f"p{i // 2}", "ab"[i % 2], "") for i in range(200)])
    out = folds(manifest, k, repeat=1, seed=3)
    tested = [c.id for fold in out for c in fold.split("test")]
    assert sorted(tested) == [c.id for c in manifest.cases]
    assert all(_crossing(fold) == [] and fold.splits == ("train", "val", "test") for fold in out)
    again = folds(manifest, k, repeat=1, seed=3)
    assert [f.digest for f in out] == [f.digest for f in again]
    assert [f.digest for f in out] != [f.digest for f in folds(manifest, k, repeat=2, seed=3)]


def test_more_folds_than_groups_are_refused():
    with pytest.raises(UsageError, match="choose 2 to 3 folds"):
        folds(_manifest([(f"p{i % 3}", "a", "") for i in range(9)]), 4)


def test_impossible_shares_are_refused():
    with pytest.raises(UsageError):
        SplitRules(test=0.6, val=0.5)
    few = _manifest([("", "ab"[i % 2], "val") for i in range(50)] + [("", "a", "train")] * 4)
    with pytest.raises((UsageError, Refused)):
        assign(few.with_cases(replace(c) for c in few.cases))


# --- dealing


def _dealt(manifest, seed=0, **shares):
    where = dealt(manifest, manifest.cases, shares, np.random.default_rng(seed))
    counts: dict[str, dict[str, int]] = {split: {} for split in shares}
    for case in manifest.cases:
        at = counts[where[case.id]]
        at[case.label] = at.get(case.label, 0) + 1
    return where, counts


def test_every_case_is_dealt_with_its_group():
    manifest = _manifest([(f"p{i % 7}", "ab"[i % 2], "") for i in range(70)])
    where, _ = _dealt(manifest, train=0.5, test=0.5)
    assert set(where) == {c.id for c in manifest.cases}
    for group in {c.group for c in manifest.cases}:
        assert len({where[c.id] for c in manifest.cases if c.group == group}) == 1


def test_a_rare_class_keeps_its_share_beside_a_common_one():
    manifest = _manifest([("", "a" if i % 25 else "b", "") for i in range(1000)])
    for seed in range(5):
        _, counts = _dealt(manifest, seed, train=0.6, val=0.2, test=0.2)
        assert counts == {"train": {"a": 576, "b": 24}, "val": {"a": 192, "b": 8}, "test": {"a": 192, "b": 8}}


def test_as_few_groups_of_a_class_as_splits_are_one_for_each_whatever_the_shares():
    rows = [(f"p{i}", "a", "") for i in range(60)] + [("r0", "b", ""), ("r1", "b", ""), ("r2", "b", "")]
    for seed in range(20):
        _, counts = _dealt(_manifest(rows), seed, train=0.9, val=0.05, test=0.05)
        assert [counts[split]["b"] for split in ("train", "val", "test")] == [1, 1, 1]


def test_large_groups_go_where_there_is_most_room_and_small_ones_even_out():
    rows = [("large", "a", "")] * 50 + [(f"p{i}", "a", "") for i in range(50)]
    for seed in range(10):
        where, counts = _dealt(_manifest(rows), seed, train=0.8, test=0.2)
        assert where["c0000"] == "train"
        assert counts == {"train": {"a": 80}, "test": {"a": 20}}


def test_who_goes_where_follows_from_the_generator_and_not_from_the_order_of_cases():
    manifest = _manifest([(f"p{i:02}", "ab"[i % 2], "") for i in range(40)])
    first, _ = _dealt(manifest, 3, train=0.5, test=0.5)
    turned = dealt(manifest, manifest.cases[::-1], {"train": 0.5, "test": 0.5}, np.random.default_rng(3))
    other, _ = _dealt(manifest, 4, train=0.5, test=0.5)
    assert turned == first
    assert other != first


def test_a_case_of_two_classes_counts_for_both_and_one_of_none_is_dealt_too():
    rows = [("", ["a;b", "a", "b", ""][i % 4], "") for i in range(80)]
    manifest = _manifest(rows, said="labels")
    _, counts = _dealt(manifest, train=0.5, test=0.5)
    assert counts["train"] == counts["test"] == {"a;b": 10, "a": 10, "b": 10, "": 10}


def test_values_are_dealt_by_fifths_of_their_range_and_a_missing_one_is_dealt_too():
    rows = [("", str(v), "") for v in np.linspace(0, 1, 100)] + [("", "nan", "")]
    manifest = _manifest(rows, classes=("age",), said="value")
    where, _ = _dealt(manifest, train=0.5, test=0.5)
    assert set(where.values()) == {"train", "test"}
    assert "c0100" in where
    for fifth in np.split(np.arange(100), 5):
        tested = sum(where[f"c{i:04}"] == "test" for i in fifth)
        assert abs(tested - 10) <= 1


def test_nobody_is_dealt_to_nowhere():
    assert dealt(_manifest([("", "a", "")]), (), {"train": 1.0}, np.random.default_rng(0)) == {}
    where, _ = _dealt(_manifest([("", "a", "")]), train=0.7, test=0.3)
    assert where == {"c0000": "train"}


def test_the_rarest_class_is_dealt_first_while_its_groups_may_still_go_anywhere():
    rows = [(f"p{i}", "a", "") for i in range(24) for _ in range(1 + 3 * i)] + [(f"p{i}", "b", "") for i in (2, 9, 16, 23)]
    for seed in range(10):
        _, counts = _dealt(_manifest(rows), seed, train=0.5, test=0.5)
        assert counts["train"]["b"] == counts["test"]["b"] == 2


def test_odd_numbers_of_each_class_even_out_over_the_classes():
    rows = [("", word, "") for word in "ab" for _ in range(3)]
    for seed in range(5):
        _, counts = _dealt(_manifest(rows), seed, train=0.5, test=0.5)
        assert sum(counts["train"].values()) == sum(counts["test"].values()) == 3
