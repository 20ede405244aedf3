"""What an audit finds, and how grave it is."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from sagittal.core import Case
from sagittal.data._sources import crossing_sources
from sagittal.data.audit import audit
from sagittal.data.discover import discover
from sagittal.data.split import SplitRules
from sagittal.errors import Refused, UnreadableInput
from sagittal.verbs._asked import Terms
from sagittal.verbs.audit import audit as verb
from sagittal.verbs.audit import audited


@pytest.fixture
def folder(tmp_path, picture):
    """Two classes, three splits, a patient in each name; nothing is wrong."""
    seed = 0
    for split, people in (("train", range(10, 16)), ("val", range(20, 23)), ("test", range(30, 33))):
        for name in ("ill", "well"):
            for person in people:
                for i in (1, 2):
                    seed += 1
                    picture(tmp_path / "set" / split / name / f"{name}-{person}-{i}.png", seed, size=(40, 40))
    return tmp_path / "set"


def _codes(found, severity=None):
    return {f.code for f in found.findings if severity in {None, f.severity}}


def _look(folder, **options):
    return audit(discover(folder, options=options).manifest, workers=0)


def test_a_clean_set_has_no_finding_that_warns(folder):
    found = _look(folder)
    assert _codes(found, "block") | _codes(found, "warn") == set()
    assert found.refusal() is None
    assert found.counts["train"] == {"ill": 12, "well": 12}
    assert found.groups == {"known": True, "rule": found.groups["rule"], "n": {"train": 6, "val": 3, "test": 3}}
    assert found.sizes == [{"shape": [40, 40], "n": 24, "class": "ill"}, {"shape": [40, 40], "n": 24, "class": "well"}]


def test_a_patient_in_train_and_test_blocks(folder, picture):
    picture(folder / "test/ill/ill-10-9.png", 999, size=(40, 40))
    found = _look(folder)
    refusal = found.refusal()
    assert isinstance(refusal, Refused)
    assert refusal.code == "GROUP_LEAK"
    assert "split.leaks: drop" in refusal.remedy
    assert found.refusal(allow=["GROUP_LEAK"]) is None
    assert found.refusal(drop=True) is None


def test_a_patient_in_train_and_val_warns(folder, picture):
    picture(folder / "val/ill/ill-10-9.png", 999, size=(40, 40))
    found = _look(folder)
    assert "GROUP_LEAK" in _codes(found, "warn")
    assert found.refusal() is None


TURNS = {"same": lambda v: v, "mirrored": lambda v: v[:, ::-1], "turned": lambda v: np.rot90(v), "upside down": lambda v: v[::-1]}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize(("split", "severity"), [("test", "block"), ("val", "warn"), ("train", "note")])
def test_copies_are_as_grave_as_where_they_stand(folder, turn, split, severity):
    values = cv2.imread(str(folder / "train/ill/ill-10-1.png"), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(folder / split / "ill" / "ill-99-1.bmp"), np.ascontiguousarray(TURNS[turn](values)))
    found = _look(folder)
    code = "DUPLICATE" if severity != "note" else "DUPLICATE_WITHIN"
    finding = next(f for f in found.findings if f.code == code)
    assert finding.severity == severity
    assert {i.rpartition("/")[2] for i in finding.items} == {"ill-10-1", "ill-99-1"}
    assert (found.refusal() is not None) == (severity == "block")


def test_a_re_encoded_copy_across_splits_is_listed_as_a_pair(folder):
    rng = np.random.default_rng(5)
    values = cv2.GaussianBlur(rng.integers(0, 255, (90, 90), dtype=np.uint8), (0, 0), 2)
    values = cv2.normalize(values, None, 0, 255, cv2.NORM_MINMAX)
    cv2.imwrite(str(folder / "train/ill/ill-10-8.png"), values)
    cv2.imwrite(str(folder / "test/ill/ill-30-8.jpg"), values, [cv2.IMWRITE_JPEG_QUALITY, 60])
    finding = next(f for f in _look(folder).findings if f.code == "NEAR_DUPLICATE")
    assert finding.severity == "warn"
    assert [p[:2] for p in finding.pairs] == [("test/ill/ill-30-8", "train/ill/ill-10-8")]


def test_copies_with_different_labels(folder):
    (folder / "train/well/well-10-7.png").write_bytes((folder / "train/ill/ill-10-1.png").read_bytes())
    assert "LABEL_CONFLICT" in _codes(_look(folder), "warn")


def test_a_missing_class_and_unknown_patients(folder):
    for file in (folder / "test/well").iterdir():
        file.unlink()
    found = _look(folder, group="none")
    assert {"MISSING_CLASS", "NO_GROUP"} <= _codes(found, "warn")


def test_unreadable_files_are_exit_3_unless_allowed(folder):
    (folder / "train/ill/ill-11-1.png").write_text("a text")
    found = _look(folder)
    assert isinstance(found.refusal(), UnreadableInput)
    assert "ill-11-1.png" in str(found.refusal())
    assert found.refusal().remedy == "rename it to end in .csv if it is a table, or --allow-unreadable to leave it out"
    assert found.refusal(skip_unreadable=True) is None
    (folder / "train/ill/ill-11-2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert "2 cases cannot be read" in str(_look(folder).refusal())


def test_pictures_of_bytes_among_deeper_ones_are_named(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(8):
        deep = (rng.integers(0, 256, (40, 40)) * (257 if i < 3 else 1)).astype(np.uint16 if i < 3 else np.uint8)
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "ab"[i % 2] / f"{i}.png"), deep)
    (said,) = [f for f in _look(tmp_path).findings if f.code == "MIXED_DEPTH"]
    assert "uint16 (3) and uint8 (5)" in said.what
    assert len(said.items) == 3


def test_blank_pictures_are_named_and_no_copies(folder):
    for split in ("train", "test"):
        cv2.imwrite(str(folder / split / "ill" / f"ill-{7 if split == 'train' else 8}-1.png"), np.zeros((40, 40), np.uint8))
    found = _look(folder)
    assert "BLANK" in _codes(found, "warn")
    assert found.refusal() is None


def test_size_that_tells_the_class_is_a_shortcut(tmp_path, picture):
    for i in range(60):
        picture(tmp_path / ("a" if i % 2 else "b") / f"{i}.png", i, size=(30, 30) if i % 2 else (30, 40))
    assert "SHORTCUT" in _codes(_look(tmp_path), "warn")


def test_figures_on_both_sides_are_named():
    names = ("2020.03.12.20034686-p17-91-3", "2020.03.12.20034686-p17-91-4", "2020.03.12.20034686-p9-2", "2020.03.10.111-p1-1")
    cases = [Case(id=n, split=s, images={"image": f"{n}.png"}) for n, s in zip(names, ("train", "test", "val", "test"), strict=True)]
    found = crossing_sources(cases)
    assert next(iter(found)) == "2020.03.12.20034686-p17-91"
    assert [c.id for c in found["2020.03.12.20034686"]] == list(names[:3])


def test_running_numbers_are_no_source():
    cases = [Case(id=str(i), split=("train", "test")[i % 2], images={"image": f"cat.{i}.jpg"}) for i in range(3000)]
    assert crossing_sources(cases) == {}


def test_short_rows_of_a_table_may_coincide(tmp_path):
    rows = [f"{i % 3},{i % 2},{'xy'[i % 2]},{'train' if i < 20 else 'test'}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,label,split", *rows]))
    found = _look(tmp_path / "t.csv")
    assert "DUPLICATE" in _codes(found, "warn")
    assert found.refusal() is None


def test_the_fingerprint_is_of_training_cases(folder):
    for file in (folder / "test").rglob("*.png"):
        cv2.imwrite(str(file), cv2.resize(cv2.imread(str(file)), (80, 80)))
    record = _look(folder).fingerprint
    assert (record["n"], record["sizes"]["max"], record["channels"]) == (24, [40.0, 40.0], ["value"])
    values = np.stack([cv2.imread(str(p), 0) for p in sorted((folder / "train").rglob("*.png"))]).astype(float)
    assert record["mean"][0] == pytest.approx(values.mean())
    assert record["std"][0] == pytest.approx(values.std())


def test_histograms_are_shares_over_the_same_edges(folder):
    told = _look(folder).histograms
    assert set(told) == {"ill", "well"}
    for one in told.values():
        assert len(one["edges"]) == len(one["counts"]) + 1
        assert sum(one["counts"]) == pytest.approx(1, abs=0.02)


def test_the_verb_writes_its_files_and_then_complains(folder, picture, tmp_path):
    picture(folder / "test/ill/ill-10-9.png", 999, size=(40, 40))
    made = verb(folder, out=tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"audit.html", "audit.json", "manifest.csv", "manifest.json"}
    record = json.loads((tmp_path / "out/audit.json").read_text())
    assert (record["format"], record["version"], record["findings"][0]["code"]) == ("sagittal-audit", 1, "GROUP_LEAK")
    assert made.record()["exit"] == 4
    with pytest.raises(Refused):
        made.raise_for_exit()
    again = discover(tmp_path / "out")
    assert again.manifest.digest == made.manifest.digest
    again.manifest.check()


def test_the_audited_manifest_keeps_copies_together(tmp_path, picture):
    for i in range(80):
        picture(tmp_path / ("a" if i % 2 else "b") / f"{i}.png", i if i > 9 else i % 4, size=(40, 40))
    _, manifest = audited(discover(tmp_path))
    where = {c.id: c.split for c in manifest.cases}
    assert len({where["b/0"], where["b/4"], where["b/8"]}) == 1
    assert manifest.splits == ("train", "val", "test")
    assert not manifest.has_groups


def test_training_copies_of_validation_are_dropped(folder):
    (folder / "train/ill/ill-15-7.png").write_bytes((folder / "val/ill/ill-20-1.png").read_bytes())
    found, manifest = audited(discover(folder))
    assert "train/ill/ill-15-7" not in {c.id for c in manifest.cases}
    assert "DUPLICATE_DROPPED" in _codes(found)


def test_leaks_are_dropped_when_told(folder, picture):
    picture(folder / "test/ill/ill-10-9.png", 999, size=(40, 40))
    with pytest.raises(Refused, match="GROUP_LEAK"):
        audited(discover(folder))
    found, manifest = audited(discover(folder), split=SplitRules(leaks="drop"))
    assert all(c.group != "10" for c in manifest.split("train"))
    assert "GROUP_LEAK_DROPPED" in _codes(found)
    _, kept = audited(discover(folder), terms=Terms(allow=["GROUP_LEAK"], leaks=True))
    assert any(c.group == "10" for c in kept.split("train"))


def test_processes_give_the_same_audit(folder):
    manifest = discover(folder).manifest
    many = manifest.with_cases(
        [Case(id=f"{i}/{c.id}", split=c.split, images=c.images, label=c.label) for i in range(2) for c in manifest.cases]
    )
    from sagittal.data import _pool

    one = audit(many, workers=0).record()
    kept = _pool._WORTH_S, _pool._LOOK_S
    try:
        _pool._WORTH_S, _pool._LOOK_S = -1.0, 0.0
        assert audit(many, workers=2).record() == one
    finally:
        _pool._WORTH_S, _pool._LOOK_S = kept


def test_the_audit_starts_without_torch(folder, tmp_path):
    code = (
        "import sys, pathlib; from sagittal.verbs.audit import audit;"
        f"audit(pathlib.Path({str(folder)!r}), out=pathlib.Path({str(tmp_path / 'o')!r}));"
        "assert 'torch' not in sys.modules, 'torch'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.real_data
def test_what_is_known_of_the_real_sets_is_found(real_data):
    found = audit(discover(real_data / "pneumoniamnist").manifest, near=False)
    finding = next(f for f in found.findings if f.code == "DUPLICATE")
    assert (finding.severity, len({i for i in finding.items if i.startswith("val/")})) == ("warn", 8)
    covid = audit(discover(real_data / "covid_ct").manifest, near=False)
    assert "SAME_SOURCE" in _codes(covid, "warn")
    assert covid.refusal() is None


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(
    "folder",
    ["brain_tumor_mri_4class", "cats_dogs", "covid_ct", "oct_kermany", "sonar", "glas", "brats2015", "msd_hippocampus", "lungs_kmader_512"],
)
def test_no_real_set_is_refused(real_data, folder):
    found = audit(discover(real_data / folder).manifest)
    assert found.refusal() is None
    if folder == "brain_tumor_mri_4class":
        assert {"DUPLICATE", "NEAR_DUPLICATE"} <= _codes(found, "warn")


def test_cases_without_a_label_are_left_out_of_training(tmp_path, picture):
    for i in range(40):
        picture(tmp_path / f"{i}.png", i, size=(40, 40))
    (tmp_path / "t.csv").write_text("file,label\n" + "".join(f"{i}.png,{'' if i < 4 else 'xy'[i % 2]}\n" for i in range(40)))
    found, manifest = audited(discover(tmp_path))
    assert "NO_LABEL" in _codes(found, "warn")
    assert len(manifest) == 36
