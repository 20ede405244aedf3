"""What a person asks for is heard, or answered in one line before anything is done."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from sagittal import cli
from sagittal.engine.config import load_recipe
from sagittal.errors import UsageError
from sagittal.io.writers.raster import encode_png
from sagittal.verbs._asked import Request, Terms
from sagittal.verbs.audit import audit
from sagittal.verbs.explain import explain
from sagittal.verbs.list import list_parts
from sagittal.verbs.phantom import phantom
from sagittal.verbs.run import run
from sagittal.verbs.show import show

FAST = ["model.name=preact_resnet", "model.widths=[4]", "model.blocks=1", "train.epochs=1", "prepare.size=16", "explain.cases=1"]


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("lying", "standing"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(8):
            (tmp_path / "data" / name / f"{i}.png").write_bytes(encode_png(rng.integers(0, 255, (1, 20, 24), dtype=np.uint8)))
    return tmp_path / "data"


def test_what_is_let_through_is_said_and_is_no_stop(pictures, tmp_path):
    (pictures / "lying" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    stopped = audit(pictures, out=tmp_path / "a")
    assert any(line.startswith("STOP  UNREADABLE") for line in stopped.text)
    for more in ({"allow_unreadable": True}, {"allow": ["UNREADABLE"]}):
        let = audit(pictures, out=tmp_path / "b", **more)
        assert not any(line.startswith("STOP") for line in let.text)
        assert any(line.startswith("mind  UNREADABLE") and line.endswith("it stops nothing, as told") for line in let.text)
        assert let.record()["exit"] == 11
        found = json.loads((tmp_path / "b" / "audit.json").read_text())["findings"]
        assert {f["severity"] for f in found if f["code"] == "UNREADABLE"} == {"warn"}


def test_files_over_the_limit_and_broken_ones_end_with_3(pictures, tmp_path):
    assert audit(pictures, out=tmp_path / "a", max_pixels=100).record()["exit"] == 3
    (pictures / "lying" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert audit(pictures, out=tmp_path / "b", max_pixels=100).record()["exit"] == 3
    assert audit(pictures, out=tmp_path / "c").record()["exit"] == 3


def test_a_run_that_nothing_could_score_stops_before_it_trains(pictures, tmp_path):
    with pytest.raises(UsageError, match=r"NO_CASES split\.test: .*nothing could be scored"):
        run(pictures, out=tmp_path / "run", sets=[*FAST, "split.test=0", "split.val=0"])
    assert not (tmp_path / "run").exists()


def test_a_run_without_a_test_split_is_explained_under_the_name_of_what_is_shown(pictures, tmp_path):
    run(pictures, out=tmp_path / "run", sets=[*FAST, "split.test=0"])
    shutil.rmtree(tmp_path / "run" / "explanation")
    assert explain(tmp_path / "run").path == tmp_path / "run" / "explanation" / "val"
    assert explain(tmp_path / "run", split="train").path.name == "train"
    assert "was trained on" in json.loads((tmp_path / "run" / "explanation" / "train" / "index.json").read_text())["note"]
    with pytest.raises(UsageError, match="NO_CASES --split test"):
        explain(tmp_path / "run", split="test")
    with pytest.raises(UsageError, match="did you mean val"):
        explain(tmp_path / "run", split="vla")
    with pytest.raises(UsageError, match="leave --split or --case out"):
        explain(tmp_path / "run", split="val", cases=["lying/0"])


def test_a_network_of_volumes_is_shown_with_what_volumes_have():
    volume, picture = show(["model", "unet"], axes=3), show(["model", "vgg"])
    assert "64x64x64" in " ".join(volume.text)
    assert picture.facts["parameters"] == 138_357_544
    # no network is too large to be looked at: nothing of it is held in memory
    assert show(["model", "vgg"], classes=1_000_000, channels=60_000).facts["parameters"] > 4e9
    with pytest.raises(UsageError, match="SHOW b"):
        show(["a", "b"])


def test_every_setting_has_a_sentence_of_its_own():
    lines = list_parts("settings").facts["parts"]
    said = [line.partition("  ")[2] for key, line in lines.items() if not key.startswith("train.")]
    assert all(said)
    assert len(set(said)) > 0.8 * len(said)


@pytest.mark.parametrize(
    "bad", ["seed=-1", "split.seed=-1", "seed=100000000000000000000", "prepare.size=0", "prepare.spacing=.nan", "evaluate.max_ram=.inf"]
)
def test_a_setting_that_is_no_number_to_work_with_is_refused(bad):
    with pytest.raises(UsageError, match=f"SETTING {bad.partition('=')[0]}"):
        load_recipe(sets=[bad])


def test_a_phantom_that_cannot_be_drawn_so_is_no_fault_of_the_program(tmp_path):
    with pytest.raises(UsageError, match=r"SETTING retina\.patients=nan: it cannot be drawn"):
        phantom("retina", out=tmp_path / "out", sets=["patients=.nan"])


def test_a_request_is_sound_from_the_start(pictures):
    with pytest.raises(UsageError, match="did you mean GROUP_LEAK"):
        Terms(allow=["GROUP_LEK"], leaks=True)
    with pytest.raises(UsageError, match="OUT_OF_RANGE --seed"):
        Request(data=pictures, seed=-1)
    assert Request(data=pictures, sets=["seed=3"], seed=4, max_ram=2.0).settled().record()["seed"] == 4
    assert Request(data=pictures, recipe=load_recipe(), max_ram=2.0).settled().evaluate.max_ram == 2.0


def test_two_words_of_the_command_line_are_one_line_each(capsys):
    for words in (["train", "x", "--resume", "y"], ["show", "a", "b"], ["explain", "x", "--split", "val", "--case", "y"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(words)
        out, err = capsys.readouterr()
        assert stop.value.code == 2
        assert out == ""
        assert len(err.splitlines()) == 1
