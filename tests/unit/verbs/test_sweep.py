"""Whatever is killed, a sweep keeps what is finished and ends with the table of the undisturbed one."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from sagittal.errors import Partial, UsageError
from sagittal.io.lock import locked
from sagittal.phantoms.table import table as phantom_table
from sagittal.verbs.sweep import sweep

GRID = ["train.lr=1e-2,1e-3"]
SETS = ["train.epochs=3", "train.rounds=2", "train.batch=8", "model.members=1", "train.checkpoint.least_s=0"]
BEST = "checkpoints/best/model.safetensors"

kills = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on Windows")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return phantom_table(tmp_path_factory.mktemp("data") / "table", patients=24, visits=2)


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory) -> Path:
    """Two learning rates, two seeds each, two at a time."""
    made = sweep(data, out=tmp_path_factory.mktemp("sweeps") / "undisturbed", grid=GRID, seeds=2, workers=2, sets=SETS)
    assert made.failed == []
    return made.path


def table_of(folder: Path) -> list[dict[str, str]]:
    """``sweep.csv`` without what the clock says."""
    with (folder / "sweep.csv").open(encoding="utf-8", newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in (folder / "runs").iterdir())


def master(data: Path, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    """``sagittal sweep`` in a process of its own."""
    sets = [word for one in SETS for word in ("--set", one)]
    words = ["sweep", str(data), "-o", str(folder), "--grid", GRID[0], "--seeds", "2", *sets, *more]
    return subprocess.Popen([sys.executable, "-m", "sagittal.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(what: Callable[[], object], *, seconds: float = 120) -> object:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


def trainers(process: psutil.Process) -> list[psutil.Process]:
    """The processes that train for this one."""
    return [p for p in process.children(recursive=True) if "_trial" in " ".join(p.cmdline())]


def finished(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.glob("runs/*/trial.json")) if json.loads(p.read_text())["state"] == "done"]


def test_the_table_has_an_interval_over_seeds_and_one_is_chosen(undisturbed):
    found = table_of(undisturbed)
    assert [(r["trial"], r["train.lr"], r["state"], r["n"]) for r in found] == [("0", "0.01", "done", "2"), ("1", "0.001", "done", "2")]
    assert all(float(r["low"]) < float(r["val_loss"]) < float(r["high"]) for r in found)
    best = json.loads((undisturbed / "best.json").read_text())
    lowest = min(found, key=lambda r: float(r["val_loss"]))
    assert best["trial"] == int(lowest["trial"])
    assert best["next"].startswith("sagittal evaluate ")
    assert best["finished"]
    assert (undisturbed / best["run"] / BEST).is_file()
    assert f"Trial {best['trial']} is chosen" in (undisturbed / "sweep.html").read_text(encoding="utf-8")


def test_validation_alone_chose_and_no_score_of_the_test_split_exists(undisturbed):
    for name in names(undisturbed):
        run = undisturbed / "runs" / name
        assert not (run / "evaluation").exists()
        assert not (run / "touched.json").exists()
        with (run / "log.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert not [column for column in rows[0] if "test" in column]
        result = json.loads((run / "trial.json").read_text())
        assert result["value"] == float(rows[result["epoch"] - 1]["val_loss"])


def test_all_trainings_have_the_same_split_and_seeds_of_their_own(undisturbed):
    runs = [undisturbed / "runs" / name for name in names(undisturbed)]
    assert [r.name for r in runs] == ["0000-seed0", "0000-seed1", "0001-seed0", "0001-seed1"]
    assert len({(r / "manifest.csv").read_bytes() for r in [*runs, undisturbed / "data"]}) == 1
    assert [json.loads((r / "plan.json").read_text())["seed"] for r in runs] == [0, 1, 0, 1]
    assert [json.loads((r / "plan.json").read_text())["train"]["lr"] for r in runs] == [0.01, 0.01, 0.001, 0.001]
    assert len({(r / BEST).read_bytes() for r in runs}) == 4


def test_the_same_command_again_trains_nothing(undisturbed, data, monkeypatch):
    def refuse(*words, **options):
        raise AssertionError("a process was started")

    monkeypatch.setattr("sagittal.verbs._crew.subprocess.Popen", refuse)
    before = (undisturbed / "sweep.csv").read_bytes()
    made = sweep(data, out=undisturbed, grid=GRID, seeds=2, sets=SETS)
    assert made.facts["best"] is not None
    assert (undisturbed / "sweep.csv").read_bytes() == before


def test_another_sweep_is_not_mixed_into_a_folder(undisturbed, data, tmp_path):
    with pytest.raises(UsageError, match="seeds differ"):
        sweep(data, out=undisturbed, grid=GRID, seeds=3, sets=SETS)


@pytest.mark.parametrize("theirs", ["notes.txt", "data/cases.csv", ".lock data/cases.csv"])
def test_nothing_of_anybody_else_is_removed(data, tmp_path, theirs):
    for name in theirs.split():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match="holds no sweep"):
        sweep(data, out=tmp_path, grid=GRID, sets=SETS)
    assert all((tmp_path / name).exists() for name in theirs.split())


def test_a_sweep_that_was_killed_while_it_looked_at_the_data_begins_anew(data, tmp_path):
    (tmp_path / "data").mkdir()
    for name in (".lock", "data/audit.json", "data/.manifest.part"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match="UNKNOWN_SCORE"):
        sweep(data, out=tmp_path, grid=GRID, sets=SETS, score="dice")
    assert not list(tmp_path.iterdir()), "the folder itself was there before"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"grid": ["train.lrr=1"]}, "did you mean lr"),
        ({"grid": GRID, "sets": ["train.epoch=3"]}, "did you mean epochs"),
        ({"grid": GRID, "workers": 0}, "--workers"),
        ({"grid": GRID, "allow": ["GROUP_LEEK"]}, "GROUP_LEAK"),
    ],
)
def test_a_typo_is_answered_before_anything_is_written(data, tmp_path, more, said):
    with pytest.raises(UsageError, match=said):
        sweep(data, out=tmp_path / "sweep", **more)
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"score": "acuracy"}, "did you mean accuracy"),
        ({"grid": ["model.widths=[8],[-1]"]}, "widths"),
        ({"sets": ["split.val=0"]}, "NO_VALIDATION"),
    ],
)
def test_what_only_the_data_show_is_refused_before_anything_is_trained(data, tmp_path, more, said):
    with pytest.raises(UsageError, match=said):
        sweep(data, out=tmp_path / "sweep", **{"grid": GRID, **more})
    assert not list(tmp_path.iterdir())


def test_a_training_that_diverges_is_a_failed_trial_and_the_sweep_goes_on(data, tmp_path):
    made = sweep(data, out=tmp_path / "s", grid=["train.lr=1e6,1e-2"], sets=[*SETS, "train.optimizer=sgd"], score="accuracy")
    assert made.failed == ["0000-seed0"]
    assert made.record()["exit"] == 11
    found = table_of(made.path)
    assert [r["state"] for r in found] == ["failed", "done"]
    assert "NOT_FINITE" in found[0]["reason"]
    assert "val_accuracy" in found[1]
    assert made.facts["best"] == 1
    with pytest.raises(Partial, match="each would fail again"):
        made.raise_for_exit()


@kills
def test_a_killed_worker_is_one_failed_trial_until_the_command_is_given_again(data, tmp_path):
    folder = tmp_path / "s"

    def kill() -> None:
        worker = wait_for(lambda: trainers(psutil.Process()))[0]
        wait_for(lambda: (folder / "runs" / "0000-seed0" / "checkpoints").exists() or not worker.is_running())
        worker.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    made = sweep(data, out=folder, grid=["train.lr=1e-2"], sets=SETS)
    thread.join()
    assert made.failed == ["0000-seed0"]
    with pytest.raises(Partial, match="the same command takes up again"):
        made.raise_for_exit()
    found = json.loads((folder / "sweep.json").read_text())["trials"][0]
    assert found["state"] == "died"
    assert "SIGKILL" in found["undefined"]
    assert not (folder / "best.json").exists()
    again = sweep(data, out=folder, grid=["train.lr=1e-2"], sets=SETS)
    assert again.failed == []
    assert again.facts["best"] == 0


def disturbed(data: Path, folder: Path, rng: random.Random) -> None:
    """Kill a worker, then the master, at random moments; nothing finished is lost, nobody is left behind."""
    process = master(data, folder)
    wait_for(lambda: finished(folder))
    time.sleep(rng.uniform(0, 3))
    for worker in trainers(psutil.Process(process.pid)):
        worker.kill()
    time.sleep(rng.uniform(0, 3))
    left = trainers(psutil.Process(process.pid)) if process.poll() is None else []
    process.kill()
    process.communicate()
    psutil.wait_procs(left, timeout=60)
    assert not [p for p in left if p.is_running()]


@kills
def test_a_training_whose_sweep_is_no_more_saves_and_ends(data, tmp_path):
    folder = tmp_path / "s"
    process = master(data, folder, "--set", "train.epochs=5000")
    wait_for(lambda: (folder / "runs" / "0000-seed0" / "checkpoints" / "last").exists())
    left = trainers(psutil.Process(process.pid))
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(left, timeout=30)
    for worker in alive:
        worker.kill()
    assert left
    assert not alive
    assert not (folder / "runs" / "0000-seed0" / "trial.json").exists()


@kills
@pytest.mark.parametrize("seed", [1, *(pytest.param(s, marks=pytest.mark.slow) for s in (2, 3, 4))])
def test_killed_workers_and_masters_lose_nothing(data, undisturbed, tmp_path, seed):
    folder = tmp_path / "s"
    disturbed(data, folder, random.Random(seed))
    kept = {p: p.read_bytes() for p in finished(folder)}
    assert kept
    made = sweep(data, out=folder, grid=GRID, seeds=2, sets=SETS)
    assert made.failed == []
    assert {p: p.read_bytes() for p in kept} == kept
    assert table_of(folder) == table_of(undisturbed)
    # one at a time here, two there; killed here, not there
    for name in names(undisturbed):
        assert (folder / "runs" / name / BEST).read_bytes() == (undisturbed / "runs" / name / BEST).read_bytes()


@pytest.mark.slow
def test_two_masters_share_a_folder_and_train_everything_once(data, undisturbed, tmp_path):
    folder = tmp_path / "s"
    both = [master(data, folder), master(data, folder)]
    for process in both:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err.decode()
    assert table_of(folder) == table_of(undisturbed)
    for name in names(folder):
        assert (folder / "runs" / name / "console.log").read_text().count("training ended") == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process on Windows")
def test_ctrl_c_saves_everything_and_the_same_command_goes_on(data, undisturbed, tmp_path):
    folder = tmp_path / "s"
    process = master(data, folder)
    wait_for(lambda: finished(folder))
    workers = trainers(psutil.Process(process.pid))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "give the same command again" in err.decode().splitlines()[-1]
    assert not [w for w in workers if w.is_running()]
    again = master(data, folder, "--workers", "2")
    again.communicate(timeout=300)
    assert again.returncode == 0
    assert table_of(folder) == table_of(undisturbed)


@pytest.mark.slow
def test_a_search_draws_the_same_trials_again_after_it_was_stopped(data, tmp_path):
    wanted = {
        "search": ["train.lr=1e-4..1e-1:log", "train.batch=4..16"],
        "grid": ["train.l2=0.1,0.01"],
        "sets": ["train.epochs=1", *SETS[1:]],
    }
    wanted["sets"].remove("train.batch=8")
    whole = sweep(data, out=tmp_path / "whole", trials=3, **wanted)
    sweep(data, out=tmp_path / "parts", trials=1, **wanted)
    parts = sweep(data, out=tmp_path / "parts", trials=3, **wanted)
    assert table_of(whole.path) == table_of(parts.path)
    assert len(table_of(parts.path)) == 3


def test_a_training_in_other_hands_is_left_to_them(undisturbed):
    from sagittal.verbs._trial import BUSY, main

    with locked(undisturbed / "locks" / "0000-seed0.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sagittal.verbs._trial._WAIT_S", 0.0)
        assert main(str(undisturbed), "0000-seed0", "cpu") == BUSY
