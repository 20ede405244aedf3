"""From the command to a run: leaks stop it or are dropped, and what was asked for is kept."""

from __future__ import annotations

import io
import json
import shutil
import sys

import numpy as np
import pytest

from sagittal.engine.run import Run
from sagittal.errors import Partial, Refused, UnreadableInput, UsageError
from sagittal.io.writers.raster import encode_png
from sagittal.verbs.evaluate import evaluate
from sagittal.verbs.predict import predict
from sagittal.verbs.train import environment, skipped_of, train

FAST = (
    "model.name=preact_resnet",
    "model.widths=[4]",
    "model.blocks=1",
    "train.epochs=1",
    "model.members=1",
    "prepare.size=16",
    "train.batch=16",
)


@pytest.fixture(scope="module")
def leaking(stripes, tmp_path_factory):
    """The stripes with a patient on both sides of the test split."""
    root = tmp_path_factory.mktemp("data") / "leaking"
    for kind in ("lying", "standing"):
        for i, path in enumerate(sorted((stripes / kind).glob("*.png"))):
            split = "test" if i >= 24 else ("val" if i >= 18 else "train")
            target = root / split / kind / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    rows = ["file,label,split,patient"]
    for path in sorted(root.rglob("*.png")):
        split, kind, name = path.relative_to(root).parts
        patient = name.split("-")[0]
        # the second last picture of the training patients belongs to one of the test patients
        patient = "p112" if name == "p103-0.png" else patient
        rows.append(f"{split}/{kind}/{name},{kind},{split},{patient}")
    (root / "list.csv").write_text("\n".join(rows) + "\n")
    return root


def test_a_patient_on_both_sides_stops_the_run_and_names_a_remedy(leaking, tmp_path):
    with pytest.raises(Refused, match="GROUP_LEAK") as refused:
        train(leaking / "list.csv", out=tmp_path / "run", sets=FAST)
    assert refused.value.exit_code == 4
    assert "drop" in refused.value.remedy


@pytest.mark.parametrize("said", ["ab", (0.25, 1.5)])
def test_copies_are_named_where_they_leave_a_split_without_a_case(said, tmp_path):
    value = np.random.default_rng(0).integers(0, 255, (1, 40, 40), dtype=np.uint8)
    for i in range(6):
        (tmp_path / f"{i}x.png").write_bytes(encode_png(value))
    (tmp_path / "list.csv").write_text("\n".join(["file,target", *(f"{i}x.png,{said[i % 2]}" for i in range(6))]))
    with pytest.raises(Refused, match="copies, also near ones") as refused:
        train(tmp_path / "list.csv", out=tmp_path / "run", sets=FAST)
    assert refused.value.code in {"EMPTY_SPLIT", "MISSING_CLASS"}


def test_leaks_that_are_dropped_leave_the_test_split_whole(leaking, tmp_path):
    made = train(leaking / "list.csv", out=tmp_path / "run", sets=[*FAST, "split.leaks=drop"])
    manifest = Run.open(made.path).manifest()
    assert not any("p103-0" in c.id for c in manifest.split("train"))
    assert not {c.group for c in manifest.split("train")} & {c.group for c in manifest.split("test")}
    assert len(manifest.split("test")) == 12
    findings = json.loads((made.path / "audit.json").read_text())["findings"]
    assert any("drop" in (f["what"] + f["remedy"]).lower() for f in findings if "LEAK" in f["code"] or "DROP" in f["code"])


def test_a_run_keeps_what_it_was_asked_and_what_it_decided(stripes_run):
    run = Run.open(stripes_run)
    assert run.recipe().labels.positive == "standing"
    assert run.plan().labels.positive == "standing"
    assert run.plan().fingerprint == run.manifest().digest
    assert run.read("training.json")["epochs"] == 6
    assert {"python", "torch", "seed", "started"} <= set(run.read("environment.json"))


def test_the_device_that_is_used_is_told_and_the_gpu_that_is_not_beside_it(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda *_: "Loud 9000")
    told = environment(0, 0.0, device="cpu")
    assert (told["device"], told["gpu"]) == ("cpu", "Loud 9000")
    assert environment(0, 0.0, device="auto")["device"] == "Loud 9000"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert environment(0, 0.0, device="auto") | {"device": "cpu", "gpu": None} == environment(0, 0.0, device="auto")


def test_nothing_is_written_where_the_settings_cannot_be(stripes, tmp_path):
    for sets in (["train.epoch=1"], ["model.widhts=[3]"], ["labels.positive=sitting"]):
        with pytest.raises(UsageError):
            train(stripes, out=tmp_path / "run", sets=sets)
        assert not list((tmp_path / "run").glob("*"))
    with pytest.raises(UsageError, match="NO_DATA"):
        train()
    with pytest.raises(UsageError, match="NOT_A_RUN"):
        train(resume=tmp_path)


def test_files_that_were_skipped_are_named_and_end_with_11(stripes, tmp_path):
    root = tmp_path / "broken"
    shutil.copytree(stripes, root)
    first = min((root / "lying").glob("*.png"))
    first.write_bytes(first.read_bytes()[:60])
    with pytest.raises(UnreadableInput, match="TRUNCATED"):
        train(root, out=tmp_path / "strict", sets=FAST)
    made = train(root, out=tmp_path / "run", sets=FAST, allow_unreadable=True)
    assert len(made.failed) == 1
    assert first.stem in made.failed[0]
    assert made.record()["exit"] == 11
    assert made.failed[0] in made.list_file.read_text(encoding="utf-8")
    with pytest.raises(Partial):
        made.raise_for_exit()
    assert not train(resume=made.path).failed


def test_a_run_that_was_stopped_before_it_was_calibrated_says_how_to_finish_it(stripes, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("sagittal.engine.learn.calibrate", killed)
        train(stripes, out=tmp_path / "run", sets=FAST)
    for verb in (evaluate, lambda run: predict(run, [stripes], out=tmp_path / "answers")):
        with pytest.raises(UsageError, match=r"NOT_CALIBRATED .* --resume"):
            verb(tmp_path / "run")
    train(resume=tmp_path / "run")
    assert evaluate(tmp_path / "run").facts["n"] == 12


@pytest.mark.parametrize("step", ["manifest.csv", "environment.json", "plan.json", "recipe.yaml"])
def test_a_run_that_was_stopped_before_it_began_names_a_way_on(step, stripes, tmp_path, monkeypatch):
    from sagittal.io import atomic

    write = atomic.write_bytes

    def killed(path, data):
        if path.name == step:
            raise KeyboardInterrupt
        write(path, data)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(atomic, "write_bytes", killed)
        train(stripes, out=tmp_path / "run", sets=FAST)
    with pytest.raises(UsageError, match=r"NOT_BEGUN .* remove the folder|NOT_A_RUN"):
        train(resume=tmp_path / "run")
    with pytest.raises(UsageError, match=r"name another with -o$"):
        train(stripes, out=tmp_path / "run", sets=FAST)


def test_the_seed_is_an_option_too(stripes, tmp_path):
    made = train(stripes, out=tmp_path / "run", sets=FAST, seed=7)
    assert Run.open(made.path).plan().seed == 7


def test_the_best_epoch_is_said_only_where_the_best_is_kept(stripes, tmp_path, capsys):
    train(stripes, out=tmp_path / "last", sets=FAST)
    assert "best so far" not in capsys.readouterr().err
    train(stripes, out=tmp_path / "best", sets=[*FAST, "train.best=loss"])
    assert "best so far" in capsys.readouterr().err


def test_other_processes_learn_from_the_audit_what_was_skipped(stripes, tmp_path):
    root = tmp_path / "broken"
    shutil.copytree(stripes, root)
    first = min((root / "lying").glob("*.png"))
    first.write_bytes(first.read_bytes()[:60])
    made = train(root, out=tmp_path / "run", sets=FAST, allow_unreadable=True)
    assert skipped_of(Run.open(made.path)) == tuple(made.failed)


class Terminal(io.StringIO):
    """What a person sits at."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_with_the_speed(stripes, tmp_path, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    train(stripes, out=tmp_path / "run", sets=FAST)
    assert "\u2501" in terminal.getvalue()
    assert "images/s" in terminal.getvalue()
