"""Compare, show, list, phantom and weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from sagittal.errors import Refused, UsageError
from sagittal.shelf import Shelf
from sagittal.verbs import weights
from sagittal.verbs._outcome import Outcome
from sagittal.verbs.compare import compare
from sagittal.verbs.demo import demo
from sagittal.verbs.list import SHELVES, list_parts
from sagittal.verbs.phantom import phantom
from sagittal.verbs.show import show


def evaluated(root: Path, name: str, header: str, *lines: str) -> Path:
    """A run that is nothing but its answers."""
    folder = root / name / "evaluation" / "test"
    folder.mkdir(parents=True)
    (root / name / "recipe.yaml").write_text("recipe: auto\n")
    (folder / "predictions.csv").write_text("\n".join([header, *lines]) + "\n")
    return root / name


CLASSES = "case,group,split,truth,predicted,p:0,p:1,p:2,abstained"


def test_the_difference_of_two_runs_is_paired_and_its_interval_counts_patients(tmp_path):
    rng = np.random.default_rng(0)
    right = rng.random(200) < 0.7
    better = right | (rng.random(200) < 0.4)
    files = []
    for name, hits in (("a", right), ("b", better)):
        lines = [f"c{i},p{i // 10},test,{i % 3},{i % 3 if hit else (i + 1) % 3},0,0,0," for i, hit in enumerate(hits)]
        files.append(evaluated(tmp_path, name, CLASSES, *lines))
    (row,) = compare(files).facts["comparisons"]
    assert row["n"] == 200
    assert row["difference"] == pytest.approx(better.mean() - right.mean()), "class names that are numbers stay names"
    each = (better.astype(float) - right).reshape(20, 10).mean(axis=1)
    spread = 1.96 * each.std(ddof=1) / 20**0.5
    assert row["low"] == pytest.approx(row["difference"] - spread, abs=0.02)
    assert row["high"] == pytest.approx(row["difference"] + spread, abs=0.02)
    (same,) = compare([files[0], files[0]]).facts["comparisons"]
    assert (same["difference"], same["low"], same["high"]) == (0, 0, 0)


def test_values_are_compared_by_how_far_off_they_are(tmp_path):
    header = "case,group,split,truth,predicted,value:x,value:y,abstained"
    a = evaluated(tmp_path, "a", header, "c0,,test,1;10,2;10,2,10,", "c1,,test,1;10,1;10,1,10,")
    b = evaluated(tmp_path, "b", header, "c0,,test,1;10,1;10,1,10,", "c1,,test,1;10,1;10,1,10,")
    assert compare([a, b]).facts["comparisons"][0]["difference"] == pytest.approx(0.25)


def test_masks_are_compared_by_their_mean_dice_and_undefined_ones_are_left_out(tmp_path):
    header = "case,group,split,dice:gland,dice:tumour,iou:gland"
    a = evaluated(tmp_path, "a", header, "c0,,test,0.5,nan,0", "c1,,test,absent in both,absent in both,0", "c2,,test,1,0.5,0")
    b = evaluated(tmp_path, "b", header, "c0,,test,0.7,nan,0", "c1,,test,absent in both,absent in both,0", "c2,,test,1,0.7,0")
    (row,) = compare([a, b]).facts["comparisons"]
    assert (row["n"], row["difference"]) == (2, pytest.approx(0.15))


def test_runs_that_cannot_be_compared_are_refused(tmp_path):
    a = evaluated(tmp_path, "a", CLASSES, "c0,,test,0,0,1,0,0,")
    other = evaluated(tmp_path, "b", CLASSES, "d0,,test,0,0,1,0,0,")
    truths = evaluated(tmp_path, "c", CLASSES, "c0,,test,1,0,1,0,0,")
    boxes = evaluated(tmp_path, "d", "case,group,split,true_objects,found_objects", "c0,,test,1,1")
    for runs, what in (((a,), "one run"), ((a, other), "no case in common"), ((a, truths), "the truth is 0"), ((a, boxes), "no score")):
        with pytest.raises(UsageError, match=what):
            compare(runs)
    with pytest.raises(
        UsageError, match=r"NOT_EVALUATED .*: has no evaluation of val; run `sagittal evaluate .* --split val`, or compare test"
    ):
        compare([a, a], split="val")


def test_a_model_is_shown_with_its_parameters():
    whole = show(["model", "vgg"], sets=["depth=16"], size=32)
    assert whole.facts["parameters"] == 138_357_544
    assert "138,357,544 parameters" in whole.text[-1]
    frozen = show(["model", "vgg"], sets=["depth=16", "freeze=features", "head=[256]"], classes=4, size=32)
    assert (frozen.facts["parameters"], frozen.facts["trainable"]) == (135_310_404, 1_049_860)


@pytest.mark.parametrize("name", Shelf("sagittal.models", kind="model").names())
def test_every_model_can_be_shown_by_its_name_alone(name, monkeypatch):
    made = show(["model", name], size=64 if name != "vgg" else 32, classes=2)
    assert made.facts["parameters"] > 0
    assert made.facts["layers"] == len(made.text) - 3


def test_a_wrong_model_or_option_is_answered_with_the_nearest():
    for words, sets, what in (
        (["model", "vg"], [], "did you mean vgg"),
        (["model"], [], "names no model"),
        (["model", "vgg"], ["dept=16"], "did you mean depth"),
        (["model", "vgg"], ["depth"], "option=value"),
        (["model", "mlp"], ["freeze=hiden1"], "did you mean hidden1"),
    ):
        with pytest.raises(UsageError, match=what):
            show(words, sets=sets, size=32)


def test_a_picture_is_shown_with_its_header_and_drawn(stripes, tmp_path):
    picture = next(stripes.rglob("*.png"))
    made = show([str(picture)], out=tmp_path / "shown.png")
    assert "24 x 20" in made.text[0]
    assert made.facts["geometry"]["shape"] == [24, 20]
    assert (tmp_path / "shown.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_is_shown_with_its_reasons(example_run):
    made = show([str(example_run("oct"))])
    assert made.text[0].startswith("run ")
    assert "test" in made.facts


@pytest.mark.parametrize("shelf", [*SHELVES, "recipes", "settings"])
def test_every_part_is_listed_with_a_line(shelf):
    made = list_parts(shelf)
    assert made.facts["parts"]
    assert all(line.strip() for line in made.facts["parts"].values())
    assert len(made.text) == len(made.facts["parts"])


def test_shelves_are_listed_and_a_wrong_one_is_answered_with_the_nearest():
    assert set(list_parts().facts["parts"]) == {*SHELVES, "recipes", "settings"}
    with pytest.raises(UsageError, match="did you mean losses"):
        list_parts("losse")


def test_every_listed_setting_can_be_set():
    from sagittal.engine.checks import check_settings
    from sagittal.engine.config import load_recipe

    listed = list_parts("settings").facts["parts"]
    assert {"train.epochs", "train.stop.patience", "train.workers", "split.folds", "labels.positive", "windows.unit"} <= set(listed)
    for key, line in listed.items():
        value = line.split("  ")[0]
        if value not in {"None", "'auto'"} and not value.startswith(("{", "(")):
            check_settings(load_recipe("auto", {key: yaml.safe_load(value)}))


def test_a_phantom_is_drawn_into_an_empty_folder_only(tmp_path):
    made = phantom("table", out=tmp_path / "t", sets=["patients=4", "visits=2"], seed=1)
    assert len((made.path / "table.csv").read_text().splitlines()) == 9
    with pytest.raises(UsageError, match="not empty"):
        phantom("table", out=tmp_path / "t")
    for kind, sets, what in (
        ("tabel", [], "did you mean table"),
        ("table", ["patient=4"], "did you mean patients"),
        ("table", ["patients"], "option=value"),
        ("table", ["seed=3"], "no such option"),
    ):
        with pytest.raises(UsageError, match=what):
            phantom(kind, out=tmp_path / "other", sets=sets)
    assert not (tmp_path / "other").exists()
    with pytest.raises(UsageError, match="OUTPUT_EXISTS"):
        phantom("table", out=made.path / "table.csv")


def test_published_weights_are_listed_and_a_wrong_name_is_answered_with_the_nearest(tmp_path, monkeypatch):
    monkeypatch.setattr("sagittal.engine.weights.default_folder", lambda: tmp_path)
    for name in ("vgg16_bn.safetensors", "resnet18-f37072fd.pth"):
        (tmp_path / name).touch()
    listed = weights.known()
    assert [name for name, here in listed.facts["weights"].items() if here] == ["vgg16_bn", "resnet18"]
    assert any("vgg16" in line for line in listed.lines())
    assert json.dumps(listed.record())
    with pytest.raises(UsageError, match="did you mean vgg16"):
        weights.get("vgg_16")


def test_a_demo_replaces_an_earlier_one_and_never_removes_anything_else(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.png").touch()
    with pytest.raises(UsageError, match="OUTPUT_EXISTS"):
        demo(out=tmp_path)
    assert (tmp_path / "data" / "mine.png").is_file()
    for _ in range(2):
        monkeypatch.setattr("sagittal.verbs.phantom.phantom", lambda kind, *, out: (out / "cut off").mkdir(parents=True))
        monkeypatch.setattr("sagittal.verbs.run.run", refuses_leaks)
        demo(out=tmp_path / "new")


def refuses_leaks(*_, sets=(), **__):
    if "split.leaks=drop" not in sets:
        raise Refused("GROUP_LEAK", "p1", "is on both sides", "split.leaks=drop")
    return Outcome()


def test_a_demo_whose_planted_leak_goes_through_fails(tmp_path, monkeypatch):
    monkeypatch.setattr("sagittal.verbs.phantom.phantom", lambda kind, *, out: out.mkdir(parents=True))
    monkeypatch.setattr("sagittal.verbs.run.run", lambda *data, **options: Outcome())
    with pytest.raises(Refused, match="NOT_REFUSED"):
        demo(out=tmp_path / "new")

    def other(*_, **__):
        raise Refused("EMPTY_SPLIT", "test", "is empty", "add cases")

    monkeypatch.setattr("sagittal.verbs.run.run", other)
    with pytest.raises(Refused, match="EMPTY_SPLIT"):
        demo(out=tmp_path / "new")


def test_the_brain_demo_goes_from_volumes_to_an_answer_for_a_subject_in_no_split(tmp_path, monkeypatch):
    from sagittal import io
    from sagittal.verbs import demo as verb

    monkeypatch.setattr(verb, "SUBJECTS", 7)
    monkeypatch.setattr(verb, "SPACING_MM", 12.0)
    from sagittal.verbs import run as running

    short = running.run
    monkeypatch.setattr(running, "run", lambda data, **options: short(data, **options, sets=["train.epochs=1"]))
    made = demo("brain", out=tmp_path / "demo")
    assert made.path.read_text(encoding="utf-8").count("Case by case")
    source, answer = tmp_path / "demo" / "unseen" / "head_07_T1.nii.gz", tmp_path / "demo" / "predicted" / "head_07.nii.gz"
    assert io.read(answer).geometry.same_grid(io.read(source).geometry)
    assert (tmp_path / "demo" / "audit" / "audit.html").is_file()
    assert (tmp_path / "demo" / "predicted" / "volumes.csv").read_text(encoding="utf-8").count("GM") == 1
    assert not list((tmp_path / "demo" / "data").glob("head_07*")), "nobody has drawn on it"
    explained = json.loads((tmp_path / "demo" / "run" / "explanation" / "test" / "index.json").read_text(encoding="utf-8"))
    assert {"worst"} <= {i["kind"] for i in explained["items"]}
    assert {i["target"] for i in explained["items"]} <= {"CSF", "GM", "WM"}, "the class that is drawn worst"


def test_an_unknown_demo_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean brain"):
        demo("brian")


def test_a_phantom_that_is_stopped_half_way_can_be_drawn_by_the_same_command(tmp_path, monkeypatch):
    def half(*, out, seed):
        (out / "train").mkdir(parents=True)
        (out / "train" / "a.png").touch()
        (out / "planted.json").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("sagittal.phantoms.table.table", half)
        phantom("table", out=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match="OUTPUT_EXISTS"):
        phantom("table", out=tmp_path)
    assert (tmp_path / "notes.txt").exists()
