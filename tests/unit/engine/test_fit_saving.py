"""How often a run is saved, in what it computes, and its small parts."""

from __future__ import annotations

import io
import itertools
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from sagittal.engine.checkpoint import load
from sagittal.engine.ema import Average
from sagittal.engine.fit import Hooks
from sagittal.engine.precision import Numbers, dtype_for
from sagittal.engine.progress import Bar, Lines, Now, progress_on
from sagittal.engine.settings import Best, Every, TrainSettings
from sagittal.engine.tracking import sheet
from sagittal.errors import NumericFailure
from sagittal.models._precision import computes_bf16

fitting = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("_fitting.py"))))
CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("one_thread")


def _saves(folder: Path, every: Every, *, second_a_step: float, **more: object) -> tuple[list[str], list[str]]:
    """The points a run of 24 steps passes, and the points at which it saved."""
    points: list[str] = []
    clock = itertools.count(0.0, second_a_step)
    now = {"s": 0.0}

    def reached(point: str) -> None:
        points.append(point)
        if point == "step":
            now["s"] = next(clock)

    fitting.run(folder, replace(fitting.FULL, checkpoint=every, stop=None), hooks=Hooks(reached=reached, clock=lambda: now["s"]), **more)
    return points, [p for p in points if p.endswith(":done")]


def test_a_quick_run_is_saved_at_its_end_only(tmp_path: Path) -> None:
    _, saves = _saves(tmp_path / "quick", Every(), second_a_step=0.1)
    assert saves == ["best:done", "last:done"]
    _saves(tmp_path / "always", Every(least_s=0, steps=1), second_a_step=0.1)
    quick, always = fitting.kept(tmp_path / "quick"), fitting.kept(tmp_path / "always")
    for name in (
        "checkpoints/best/model.safetensors",
        "checkpoints/last/model.safetensors",
        "checkpoints/last/optimizer.safetensors",
        "log.csv",
    ):
        assert quick[name] == always[name]


def test_the_best_of_a_quick_run_is_the_best_though_it_was_written_later(tmp_path: Path) -> None:
    val = fitting.Pictures(21, batch=8, seed=1, shuffle=False)
    right, seen = val.targets.clone(), []

    def reached(point: str) -> None:
        seen.append(point)
        if seen.count("validated") >= 2:
            val.targets = 1 - right

    fitted = fitting.run(tmp_path, replace(fitting.FULL, checkpoint=Every(), stop=None, ema=None), val=val, hooks=Hooks(reached=reached))
    assert fitted.best["epoch"] == 2
    val.targets = right
    model = fitted.model.eval()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=computes_bf16(CPU)):
        loss = fitting.loss(model(val.images).float(), right).mean()
    assert float(loss) == pytest.approx(fitted.best["value"], abs=1e-3)


def test_a_long_epoch_is_saved_in_its_middle(tmp_path: Path) -> None:
    points, saves = _saves(tmp_path, Every(epochs=100, least_s=0, most_s=600), second_a_step=100)
    assert saves.count("last:done") == 3 + 1  # after 600, 1200 and 1800 seconds, and at the end
    assert points.index("last:done") > [i for i, p in enumerate(points) if p == "step"][5]


def test_the_best_is_written_before_a_bad_number_ends_a_quick_run(tmp_path: Path) -> None:
    source, seen = fitting.Pictures(batch=8), []

    def spoil(point: str) -> None:
        seen.append(point)
        if seen.count("validated") == 3:
            source.images[:] = float("nan")

    model = fitting.network()
    with pytest.raises(NumericFailure):
        fitting.run(tmp_path, replace(fitting.FULL, checkpoint=Every()), train=source, model=model, hooks=Hooks(reached=spoil))
    best = load(tmp_path / "checkpoints" / "best")
    assert best.state["best"]["epoch"] == 3
    assert all(torch.equal(t, best.model[name]) for name, t in model.state_dict().items())


@pytest.mark.parametrize(("watch", "column", "pick"), [("loss", "val_loss", min), ("accuracy", "val_accuracy", max)])
def test_best_is_the_lowest_loss_or_the_highest_score(watch: str, column: str, pick, tmp_path: Path) -> None:
    fitted = fitting.run(tmp_path, replace(fitting.FULL, best=Best(watch=watch), lr=2e-2, stop=None))
    values = [row[column] for row in fitted.history]
    assert fitted.best["value"] == pick(values)
    assert fitted.best["epoch"] == values.index(pick(values)) + 1


def test_a_slow_disk_is_written_to_less_often(tmp_path: Path) -> None:
    counts = {}
    for seconds in (0.0, 10.0):
        now, saves = {"s": 0.0}, []

        def reached(point: str, now: dict[str, float] = now, saves: list[str] = saves, seconds: float = seconds) -> None:
            now["s"] += {"step": 10.0, "last:SHA256SUMS": seconds}.get(point, 0.0)
            saves.extend([point] if point == "last:done" else [])

        settings = replace(fitting.FULL, epochs=20, stop=None, checkpoint=Every(least_s=30.0))
        fitting.run(tmp_path / str(seconds), settings, hooks=Hooks(reached=reached, clock=lambda now=now: now["s"]))
        counts[seconds] = len(saves)
    # 800 seconds of 20 epochs: every epoch, and every 200 seconds
    assert counts == {0.0: 20, 10.0: 5}


# --- numbers and layouts


def test_bf16_is_chosen_for_convolutions_where_the_machine_computes_in_it() -> None:
    conv = nn.Conv2d(1, 1, 3)
    assert dtype_for(conv, TrainSettings(), CPU) == (torch.bfloat16 if computes_bf16(CPU) else torch.float32)
    assert dtype_for(nn.Linear(2, 2), TrainSettings(), CPU) == torch.float32
    assert dtype_for(conv, TrainSettings(precision="fp32"), CPU) == torch.float32
    assert dtype_for(nn.Linear(2, 2), TrainSettings(precision="bf16"), CPU) == torch.bfloat16
    capable = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else None
    if capable is not None:
        assert computes_bf16(CPU) == bool(capable.get("avx512_bf16") or capable.get("amx_bf16"))


@pytest.mark.parametrize(("layer", "shape", "wanted"), [(nn.Conv2d, (2, 3, 4, 4), "auto"), (nn.Conv3d, (2, 3, 4, 4, 4), "yes")])
def test_images_come_in_the_layout_of_the_network(layer: type[nn.Module], shape: tuple[int, ...], wanted: str) -> None:
    model = nn.Sequential(layer(3, 5, 3))
    numbers = Numbers(model, TrainSettings(channels_last=wanted, precision="fp32"), CPU)
    images = torch.randn(shape)
    placed = numbers.images(images)
    assert torch.equal(placed, images)
    assert placed.stride(1) == 1
    assert model[0].weight.stride(1) == 1


def test_no_layout_is_forced_on_tables() -> None:
    numbers = Numbers(nn.Linear(3, 2), TrainSettings(channels_last="yes"), CPU)
    assert numbers.images(torch.ones(4, 3)).is_contiguous()


# --- the average of the weights


def test_the_average_follows_the_weights() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = Average(model, decay=0.9)
    expected = float(model.weight.detach())
    for step in range(1, 40):
        with torch.no_grad():
            model.weight.fill_(float(step))
        average.update(model, step=step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert float(average.tensors()["weight"]) == pytest.approx(expected, rel=1e-5)


def test_the_average_copies_counters_and_gives_the_weights_back() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2))
    average = Average(model, decay=0.5)
    model(torch.randn(8, 2))
    average.update(model, step=100)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    with average.in_place_of(model):
        assert int(model[0].num_batches_tracked) == 1
        assert not torch.equal(model[0].running_mean, before["0.running_mean"])
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


# --- what is seen


def test_a_volume_is_shown_by_its_middle_slice() -> None:
    volume = torch.zeros(2, 1, 5, 4, 6)
    volume[:, :, 2, 1, 1] = 1.0
    shown = sheet(volume)
    assert shown.shape == (1, 6, 15)
    assert int(shown.max()) == 255
    assert int(sheet(torch.full((1, 3, 2, 2), 7.0)).max()) == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


NOW = Now(epoch=0, epochs=2, batch=1, batches=4, loss=0.5, speed=100.0, left_s=65.0)


def test_a_terminal_gets_a_bar_and_a_file_gets_lines() -> None:
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        progress = progress_on(stream)
        progress.step(NOW)
        progress.epoch({"epoch": 1, "train_loss": 0.5, "val_loss": 0.4}, best=True)
        progress.close()
    assert isinstance(progress_on(terminal), Bar)
    assert "\x1b[" in terminal.getvalue()
    assert "epoch 1: train_loss 0.5000, val_loss 0.4000 (best so far)" in terminal.getvalue()
    assert file.getvalue() == "epoch 1: train_loss 0.5000, val_loss 0.4000 (best so far)\n"


def test_a_long_epoch_gets_a_line_every_half_minute() -> None:
    lines: list[str] = []
    clock = iter([0.0, 10.0, 31.0, 31.0, 40.0, 62.0, 62.0])
    progress = Lines(lines.append, clock=lambda: next(clock))
    for _ in range(4):
        progress.step(NOW)
    assert lines == ["epoch 1/2, batch 1/4: loss 0.5000, 100 images/s, 1 min 5 s left"] * 2
