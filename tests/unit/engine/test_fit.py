from __future__ import annotations

import csv
import os
import runpy
import signal
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from sagittal.data.batch import Batch
from sagittal.engine.checkpoint import load
from sagittal.engine.fit import Hooks
from sagittal.engine.settings import Best, Every, Schedule, Stop, TrainSettings, Unfreeze
from sagittal.errors import Interrupted, NumericFailure, UsageError
from sagittal.models.mlp import mlp

fitting = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("_fitting.py"))))
PLAIN = TrainSettings(epochs=2, batch=12, optimizer="sgd", lr=0.05, momentum=0.0, schedule=Schedule(name="constant"), precision="fp32")

pytestmark = pytest.mark.usefixtures("one_thread")


def _weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def _last(folder: Path) -> torch.Tensor:
    """The weights after the last step, not the best ones."""
    return torch.cat([t.flatten().double() for _, t in sorted(load(folder / "checkpoints/last").model.items())])


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


def _still() -> nn.Sequential:
    """No noise, no batch statistics: the loss of a sample does not hang on its neighbours."""
    return fitting.network(norm=False, dropout=0.0)


def test_a_network_learns(tmp_path: Path) -> None:
    fitted = fitting.run(tmp_path, replace(fitting.FULL, epochs=12))
    losses = [row["val_loss"] for row in fitted.history]
    assert losses[-1] < 0.75 * losses[0]
    assert fitted.best["row"]["val_accuracy"] > 0.8
    assert (fitted.epochs, fitted.steps) == (12, 12 * 4)


# --- steps


@pytest.mark.parametrize(("batch", "accumulate"), [(12, 1), (4, 3), (1, 12), (6, 2)])
def test_accumulation_is_exact_the_last_partial_step_included(batch: int, accumulate: int, tmp_path: Path) -> None:
    # 50 samples: four whole steps of 12 and one of 2
    fitting.run(tmp_path / "whole", PLAIN, model=_still())
    cut = replace(PLAIN, batch=batch, accumulate=accumulate)
    fitted = fitting.run(tmp_path / "cut", cut, model=_still())
    assert fitted.steps == 10
    torch.testing.assert_close(_last(tmp_path / "cut"), _last(tmp_path / "whole"), rtol=0, atol=1e-6)


def test_a_step_is_the_plain_step_of_torch(tmp_path: Path) -> None:
    source = fitting.Pictures(batch=50)
    model = _still()
    expected = _still()
    optimizer = torch.optim.AdamW(expected.parameters(), lr=1e-2, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(expected(source.images), source.targets).backward()
        optimizer.step()
    settings = TrainSettings(
        epochs=3, batch=50, lr=1e-2, weight_decay=0.1, decay_all=True, schedule=Schedule(name="constant"), precision="fp32"
    )
    fitting.run(tmp_path, settings, model=model, train=source)
    wanted = torch.cat([t.flatten().double() for _, t in sorted(expected.state_dict().items())])
    torch.testing.assert_close(_last(tmp_path), wanted, rtol=0, atol=2e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
def test_every_optimizer_learns(optimizer: str, tmp_path: Path) -> None:
    fitted = fitting.run(
        tmp_path, TrainSettings(epochs=6, batch=10, optimizer=optimizer, lr=1e-2 if optimizer != "rmsprop" else 1e-3, weight_decay=1e-4)
    )
    assert fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"]


def test_a_weight_of_two_is_the_sample_twice_and_a_weight_of_nought_leaves_it_out(tmp_path: Path) -> None:
    heavy = fitting.Pictures(4, batch=4, shuffle=False)
    heavy.weights = torch.tensor([2.0, 1.0, 0.0, 1.0])
    twice = fitting.Pictures(4, batch=4, shuffle=False)
    twice.images, twice.targets = heavy.images[[0, 0, 1, 3]], heavy.targets[[0, 0, 1, 3]]
    settings = replace(PLAIN, batch=4)
    fitting.run(tmp_path / "heavy", settings, model=_still(), train=heavy)
    fitting.run(tmp_path / "twice", settings, model=_still(), train=twice)
    torch.testing.assert_close(_last(tmp_path / "heavy"), _last(tmp_path / "twice"), rtol=0, atol=1e-6)
    assert float(_rows(tmp_path / "heavy")[0]["train_loss"]) == pytest.approx(float(_rows(tmp_path / "twice")[0]["train_loss"]), abs=1e-6)


def test_the_logged_losses_do_not_hang_on_the_batch(tmp_path: Path) -> None:
    rows = []
    for batch in (1, 7, 50):
        settings = TrainSettings(epochs=1, batch=batch, lr=1e-12, precision="fp32", optimizer="sgd")
        rows.append(fitting.run(tmp_path / str(batch), settings, model=_still()).history[0])
    for row in rows[1:]:
        for column in ("train_loss", "val_loss", "train_accuracy", "val_accuracy"):
            assert row[column] == pytest.approx(rows[0][column], abs=1e-6)


def test_clipping_bounds_the_step(tmp_path: Path) -> None:
    before = _weights(_still())
    fitting.run(tmp_path, replace(PLAIN, epochs=1, batch=50, clip=1e-3), model=_still())
    after = torch.cat([load(tmp_path / "checkpoints/last").model[n].flatten() for n in _still().state_dict()])
    assert float((after - before).norm()) == pytest.approx(0.05 * 1e-3, rel=1e-2)


def test_biases_and_norms_decay_only_when_asked(tmp_path: Path) -> None:
    norms = {}
    for all_ in (False, True):
        settings = replace(PLAIN, optimizer="adamw", lr=0.1, weight_decay=5.0, decay_all=all_, epochs=4)
        fitting.run(tmp_path / str(all_), settings)
        norms[all_] = float(load(tmp_path / str(all_) / "checkpoints/last").model["1.weight"].norm())
    assert norms[True] < 0.5 * norms[False]


# --- numbers that are none


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_bad_number_stops_the_run_within_a_step_and_names_the_case(value: float, tmp_path: Path) -> None:
    source = fitting.Pictures(batch=8)
    source.images[33, 0, 2, 2] = value
    with pytest.raises(NumericFailure) as failure:
        fitting.run(tmp_path, fitting.FULL, train=source, model=fitting.network(norm=False))
    assert failure.value.exit_code == 7
    assert failure.value.item == "case-33"


def test_a_gradient_that_is_no_number_is_found_where_the_loss_is_one(tmp_path: Path) -> None:
    def treacherous(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        # sqrt has an infinite slope at 0
        return fitting.loss(logits, targets) + (logits * 0).square().sum(dim=1).sqrt()

    with pytest.raises(NumericFailure, match="gradient is not a finite number"):
        fitting.run(tmp_path, loss=treacherous)


def test_weights_and_checkpoint_are_clean_after_a_bad_number(tmp_path: Path) -> None:
    source = fitting.Pictures(batch=8)
    epochs = []

    def spoil(point: str) -> None:
        epochs.append(point)
        if epochs.count("validated") == 2:
            source.images[:] = float("nan")

    with pytest.raises(NumericFailure):
        fitting.run(tmp_path, train=source, hooks=Hooks(reached=spoil))
    for name in ("last", "best"):
        found = load(tmp_path / "checkpoints" / name)
        assert all(bool(t.isfinite().all()) for t in found.model.values())
    assert load(tmp_path / "checkpoints/last").state["run"]["epoch"] == 2


def test_a_bad_number_in_validation_names_the_case(tmp_path: Path) -> None:
    val = fitting.Pictures(21, batch=8, seed=1, shuffle=False)
    val.images[17] = float("nan")
    with pytest.raises(NumericFailure, match="case-17"):
        fitting.run(tmp_path, val=val)


# --- the best weights, the average, the end


def _climbing(epochs_down: int):
    """A validation whose loss falls and then rises: targets turn over."""
    val = fitting.Pictures(21, batch=8, seed=1, shuffle=False)
    right = val.targets.clone()
    passed = []

    def reached(point: str) -> None:
        passed.append(point)
        if point == "validated" and passed.count(point) >= epochs_down:
            val.targets = 1 - right

    return val, Hooks(reached=reached)


@pytest.mark.parametrize("stop", [None, Stop(patience=2)])
def test_the_best_weights_come_back_however_the_run_ends(stop: Stop | None, tmp_path: Path) -> None:
    val, hooks = _climbing(3)
    model = fitting.network()
    fitted = fitting.run(tmp_path, replace(fitting.FULL, epochs=8, stop=stop, ema=None), model=model, val=val, hooks=hooks)
    assert fitted.best["epoch"] == 3
    assert fitted.epochs == (8 if stop is None else 5)
    best = load(tmp_path / "checkpoints/best").model
    assert all(torch.equal(tensor, best[name]) for name, tensor in model.state_dict().items())
    last = load(tmp_path / "checkpoints/last").model
    assert not all(torch.equal(tensor, last[name]) for name, tensor in model.state_dict().items())
    assert ("no better loss for 2 epochs" in fitted.ended) == (stop is not None)


def test_the_best_weights_come_back_after_ctrl_c_too(tmp_path: Path) -> None:
    model, passed = fitting.network(), []

    def reached(point: str) -> None:
        passed.append(point)
        if passed.count("validated") == 2 and point == "step":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        fitting.run(tmp_path, model=model, hooks=Hooks(reached=reached))
    best = load(tmp_path / "checkpoints/best").model
    assert all(torch.equal(tensor, best[name]) for name, tensor in model.state_dict().items())


def test_the_running_average_is_what_is_evaluated_and_kept(tmp_path: Path) -> None:
    # a learning rate at which the raw weights jump about
    settings = replace(fitting.FULL, ema=0.99, lr=0.05, epochs=4, stop=None, schedule=Schedule(name="constant"), best=Best(watch="loss"))
    model = fitting.network()
    fitted = fitting.run(tmp_path, settings, model=model)
    val = fitting.Pictures(21, seed=1)
    model.eval()
    with torch.inference_mode():
        loss = float(fitting.loss(model(val.images), val.targets).mean())
    assert loss == pytest.approx(fitted.best["value"], abs=1e-5)
    last = load(tmp_path / "checkpoints/last")
    if fitted.best["epoch"] == 4:
        assert not torch.equal(last.model["0.weight"], model[0].weight)
    assert "average/0.weight" in last.optimizer


def test_an_undefined_score_is_an_empty_cell_and_never_the_best(tmp_path: Path) -> None:
    def measure(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, tuple[float, int]]:
        return {"auc": (0.0, 0)}

    fitted = fitting.run(tmp_path, replace(fitting.FULL, stop=None, best=Best(watch="auc")), measure=measure)
    assert {row["val_auc"] for row in _rows(tmp_path)} == {""}
    assert fitted.best["epoch"] == 1
    assert fitted.best["value"] is None


def test_a_measure_of_all_outputs_at_once(tmp_path: Path) -> None:
    seen = []

    def spread(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        seen.append(len(outputs))
        return {"spread": float(outputs.std())}

    fitted = fitting.run(tmp_path, replace(fitting.FULL, epochs=1, stop=None, best=Best(watch="spread")), measure=spread)
    assert seen[-1] == 21
    assert list(fitted.history[0]) == ["epoch", "steps", "lr", "train_loss", "val_loss", "val_spread"]


# --- schedule


def _rates(folder: Path, schedule: Schedule, **more: object) -> list[float]:
    fitted = fitting.run(folder, replace(PLAIN, epochs=4, lr=1.0, schedule=schedule, **more), loss=lambda o, t: fitting.loss(o, t) * 1e-6)
    return [row["lr"] for row in fitted.history]


def test_the_learning_rate_follows_its_schedule(tmp_path: Path) -> None:
    # 5 steps an epoch; the rate of an epoch's last step is logged
    assert _rates(tmp_path / "a", Schedule(name="constant")) == [1.0] * 4
    assert _rates(tmp_path / "b", Schedule(name="staircase", factor=0.95)) == pytest.approx([1.0, 0.95, 0.95**2, 0.95**3])
    cosine = [0.5 * (1 + np.cos(np.pi * step / 20)) for step in (4, 9, 14, 19)]
    assert _rates(tmp_path / "c", Schedule(name="cosine")) == pytest.approx(cosine)
    assert _rates(tmp_path / "d", Schedule(name="constant", warmup=0.5)) == pytest.approx([0.5, 1.0, 1.0, 1.0])


def test_a_plateau_lowers_the_rate(tmp_path: Path) -> None:
    settings = replace(PLAIN, epochs=5, schedule=Schedule(name="plateau", watch="flat", patience=2, factor=0.5))
    fitted = fitting.run(tmp_path, settings, measure=lambda outputs, targets: {"flat": (1.0, 1)})
    assert [row["lr"] for row in fitted.history] == pytest.approx([0.05, 0.05, 0.05, 0.025, 0.025])


def test_stages_thaw_in_turn_at_their_own_rates(tmp_path: Path) -> None:
    model = mlp(channels=SIDE_SQUARED, outputs=2, widths=(8, 8))
    model.freeze("features")
    flat = fitting.Pictures(batch=10)
    flat.images = flat.images.flatten(1)
    val = fitting.Pictures(21, batch=10, seed=1)
    val.images = val.images.flatten(1)
    first = {name: p.detach().clone() for name, p in model.named_parameters()}
    moved: list[set[str]] = []

    def reached(point: str) -> None:
        if point == "trained":
            moved.append({name for name, p in model.named_parameters() if not torch.equal(p, first[name])})

    settings = TrainSettings(
        epochs=3,
        batch=10,
        optimizer="adam",
        schedule=Schedule(name="constant"),
        unfreeze=(Unfreeze(epoch=1, stages=("hidden2",), lr=1e-4), Unfreeze(epoch=2, stages=("hidden1",), lr=1e-6)),
    )
    fitting.run(tmp_path, settings, model=model, train=flat, val=val, hooks=Hooks(reached=reached))
    assert [len(names) for names in moved] == [2, 4, 6]
    last = load(tmp_path / "checkpoints/last").model
    hidden1 = [name for name in moved[2] - moved[1] if name.endswith("weight")]
    # Adam moves by about the rate each step
    assert all(float((last[name] - first[name]).abs().max()) < 10e-6 for name in hidden1)


SIDE_SQUARED = fitting.SIDE**2


def test_resuming_between_thaws_gives_the_same_weights(tmp_path: Path) -> None:
    settings = replace(fitting.FULL, unfreeze=(Unfreeze(epoch=1, stages=("0",), lr=1e-3), Unfreeze(epoch=3, stages=("1",))), stop=None)

    def frozen() -> nn.Module:
        model = fitting.network()
        model[0].requires_grad_(False)
        model[1].requires_grad_(False)
        return model

    fitting.run(tmp_path / "whole", settings, model=frozen())
    for after in (2, 5, 9, 13, 20):
        _interrupt(tmp_path / "cut", settings, frozen(), steps=after)
    fitting.run(tmp_path / "cut", settings, model=frozen(), resume=True)
    assert fitting.kept(tmp_path / "cut") == fitting.kept(tmp_path / "whole")


def _interrupt(folder: Path, settings: TrainSettings, model: nn.Module, *, steps: int) -> None:
    """Ctrl-C after so many steps of the whole run."""

    def reached(point: str) -> None:
        if point == "step":
            done.append(point)
            if len(done) == steps - before:
                os.kill(os.getpid(), signal.SIGINT)

    done: list[str] = []
    before = load(folder / "checkpoints/last").state["run"]["step"] if (folder / "checkpoints/last").exists() else 0
    with pytest.raises(Interrupted) as stopped:
        fitting.run(folder, settings, model=model, resume=True, hooks=Hooks(reached=reached))
    assert stopped.value.exit_code == 130


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
def test_ctrl_c_and_resume_give_the_same_bytes_with_every_optimizer(optimizer: str, tmp_path: Path) -> None:
    settings = replace(fitting.FULL, optimizer=optimizer, checkpoint=Every(epochs=2, least_s=0), epochs=4)
    fitting.run(tmp_path / "whole", settings)
    for seed, after in enumerate((1, 6, 8)):
        # what a resumed run starts with does not matter: all of it comes from the checkpoint
        _interrupt(tmp_path / "cut", settings, fitting.network(seed=seed), steps=after)
    fitting.run(tmp_path / "cut", settings, resume=True)
    assert fitting.kept(tmp_path / "cut") == fitting.kept(tmp_path / "whole")


def test_ctrl_c_in_validation_keeps_the_epoch(tmp_path: Path) -> None:
    fitting.run(tmp_path / "whole")

    def reached(point: str) -> None:
        if point == "trained":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        fitting.run(tmp_path / "cut", hooks=Hooks(reached=reached))
    state = load(tmp_path / "cut" / "checkpoints/last").state["run"]
    assert (state["epoch"], state["batch"]) == (0, 7)
    fitting.run(tmp_path / "cut", resume=True)
    assert fitting.kept(tmp_path / "cut") == fitting.kept(tmp_path / "whole")


def test_outside_the_main_thread_signals_are_left_alone(tmp_path: Path) -> None:
    done = []
    thread = threading.Thread(target=lambda: done.append(fitting.run(tmp_path).steps))
    thread.start()
    thread.join()
    assert done == [24]


# --- resuming


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    whole = fitting.run(tmp_path)
    files = fitting.kept(tmp_path)
    again = fitting.run(tmp_path, resume=True, model=fitting.network(seed=9))
    assert fitting.kept(tmp_path) == files
    assert (again.best, again.ended, again.steps) == (whole.best, whole.ended, whole.steps)
    torch.testing.assert_close(_weights(again.model), _weights(whole.model), rtol=0, atol=0)


def test_a_run_is_not_written_over(tmp_path: Path) -> None:
    fitting.run(tmp_path)
    with pytest.raises(UsageError, match="--resume"):
        fitting.run(tmp_path)


@pytest.mark.parametrize("change", [{"settings": replace(fitting.FULL, lr=1e-2)}, {"seed": 6}, {"train": fitting.Pictures(40, batch=8)}])
def test_another_run_is_not_resumed(change: dict[str, object], tmp_path: Path) -> None:
    fitting.run(tmp_path)
    with pytest.raises(UsageError) as refused:
        fitting.run(tmp_path, resume=True, **change)
    assert refused.value.item in {"train.lr", "seed", "train_samples"}


def test_tables_are_rewound_to_the_checkpoint(tmp_path: Path) -> None:
    fitting.run(tmp_path / "whole", replace(fitting.FULL, checkpoint=Every(epochs=3, least_s=0)))
    _interrupt(tmp_path / "cut", replace(fitting.FULL, checkpoint=Every(epochs=3, least_s=0)), fitting.network(), steps=13)
    log = tmp_path / "cut" / "log.csv"
    log.write_text(log.read_text() + "4,16,0.1,from,a,lost,future\n")
    fitting.run(tmp_path / "cut", replace(fitting.FULL, checkpoint=Every(epochs=3, least_s=0)), resume=True)
    assert log.read_bytes() == (tmp_path / "whole" / "log.csv").read_bytes()


# --- what is asked is there


def test_a_misspelt_watched_number_is_found_before_the_first_step(tmp_path: Path) -> None:
    steps = []
    with pytest.raises(UsageError, match="did you mean accuracy"):
        fitting.run(tmp_path, replace(fitting.FULL, best=Best(watch="acuracy")), hooks=Hooks(reached=steps.append))
    assert steps == []


def test_a_misspelt_stage_and_one_that_learns_already_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="stages are"):
        fitting.run(tmp_path, replace(fitting.FULL, unfreeze=(Unfreeze(epoch=1, stages=("head",)),)))
    with pytest.raises(UsageError, match="learn already"):
        fitting.run(tmp_path, replace(fitting.FULL, unfreeze=(Unfreeze(epoch=0, stages=("0",)),)))


def test_nothing_learns(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="every weight is frozen"):
        fitting.run(tmp_path, model=fitting.network().requires_grad_(False))


def test_a_source_that_miscounts_is_found(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gave 5 batches, not 7"):
        fitting.run(tmp_path, fitting.FULL, train=fitting.Pictures(batch=10))


def test_no_sample_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no sample"):
        fitting.run(tmp_path, val=fitting.Pictures(0))


@pytest.mark.parametrize("wrong", [{"lr": 0.0}, {"optimizer": "adamm"}, {"ema": 1.0}, {"epochs": 0}, {"precision": "fp16"}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="train") as refused:
        TrainSettings(**wrong)
    assert refused.value.exit_code == 2


# --- no traces


def test_global_random_state_and_settings_are_as_before(tmp_path: Path) -> None:
    model = fitting.network()
    torch.manual_seed(3)
    handler, state = signal.getsignal(signal.SIGINT), torch.random.get_rng_state()
    fitting.run(tmp_path, model=model)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_run_is_a_function_of_the_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.rand(7)
        fitting.run(tmp_path / name, seed=seed)
    assert fitting.kept(tmp_path / "a") == fitting.kept(tmp_path / "b")
    assert fitting.kept(tmp_path / "a")["log.csv"] != fitting.kept(tmp_path / "c")["log.csv"]


def test_every_batch_has_noise_of_its_own(tmp_path: Path) -> None:
    model, masks = fitting.network(dropout=0.5), []
    model[3].register_forward_hook(
        lambda module, given, out: masks.append((out == 0).flatten().numpy().tobytes()) if module.training else None
    )
    images = fitting.Pictures(16, batch=8, shuffle=False)
    images.images[:] = images.images[:1]
    fitting.run(tmp_path, replace(PLAIN, batch=8, epochs=3, lr=1e-9), train=images, model=model)
    assert len(masks) == len(set(masks)) == 6


def test_the_source_is_closed_even_when_the_loop_leaves_it_early(tmp_path: Path) -> None:
    closed = []

    class Source(fitting.Pictures):
        def batches(self, epoch: int, start: int = 0):
            try:
                yield from super().batches(epoch, start)
            finally:
                closed.append(epoch)

        def close(self) -> None:
            closed.append(-1)

    source = Source(batch=8)
    source.images[:] = float("nan")
    with pytest.raises(NumericFailure):
        fitting.run(tmp_path, train=source)
    assert closed == [0, -1]


# --- what is seen


def test_events_and_tables(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fitting.run(tmp_path, hooks=Hooks(tensorboard=tmp_path / "tensorboard"))
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert {"train/loss", "val/loss", "val/accuracy", "step/loss", "step/lr"} <= set(events.Tags()["scalars"])
    assert set(events.Tags()["images"]) == {"train/images", "kernels/first", "val/confusion"}
    assert [e.step for e in events.Scalars("val/loss")] == [4, 8, 12, 16, 20, 24]
    rows = _rows(tmp_path)
    assert list(rows[0]) == ["epoch", "steps", "lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy"]
    assert [row["epoch"] for row in rows] == list("123456")
    with (tmp_path / "speed.csv").open() as file:
        assert list(next(csv.DictReader(file))) == ["epoch", "seconds", "images_per_s"]


def test_lines_for_people(tmp_path: Path) -> None:
    lines: list[str] = []
    fitting.run(tmp_path, hooks=Hooks(say=lines.append))
    assert sum(line.startswith("epoch ") for line in lines) == 6
    assert lines[-1] == "training ended: all 6 epochs are done"


def test_bf16_where_it_is_asked_for(tmp_path: Path) -> None:
    seen = set()
    model = fitting.network()
    model[0].register_forward_hook(lambda module, given, out: seen.add(out.dtype))
    fitted = fitting.run(tmp_path, replace(fitting.FULL, precision="bf16"), model=model)
    assert seen == {torch.bfloat16}
    assert all(t.dtype != torch.bfloat16 for t in load(tmp_path / "checkpoints/last").model.values())
    assert fitted.history[-1]["val_loss"] < fitted.history[0]["val_loss"]


def test_tables_have_no_axes_and_train_alike(tmp_path: Path) -> None:
    class Table(fitting.Pictures):
        def collate(self, index: list[int]) -> Batch:
            batch = super().collate(index)
            return Batch(images=batch.images.flatten(1), targets=batch.targets, weights=batch.weights, ids=batch.ids)

    model = nn.Sequential(nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 2))
    fitted = fitting.run(
        tmp_path, train=Table(batch=8), val=Table(21, batch=8, seed=1), model=model, hooks=Hooks(tensorboard=tmp_path / "tensorboard")
    )
    assert fitted.history[-1]["val_loss"] < fitted.history[0]["val_loss"]
