"""A GPU is not waited for: what is read a step later gives the same run, and nothing within a step asks the device for a value."""

from __future__ import annotations

import contextlib
import runpy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sagittal.data.batch import Batch
from sagittal.data.dataset import Key, Unread
from sagittal.data.unread import together
from sagittal.engine import pending
from sagittal.engine.batch_read import Reading
from sagittal.engine.learner import Learner, Place
from sagittal.engine.pending import Pending, PendingScores
from sagittal.engine.ranks import Ranks
from sagittal.engine.scoring import measured_on
from sagittal.engine.settings import TrainSettings
from sagittal.errors import NumericFailure
from sagittal.explainers.occlusion import occlusion
from sagittal.losses.dice_ce import dice_ce
from sagittal.models.unet import unet
from sagittal.ops.scale import Scale
from sagittal.ops.warp import ReadMap
from sagittal.shelf import Shelf
from sagittal.transforms._compose import Augmentation

CPU = torch.device("cpu")
fitting = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("_fitting.py"))))

WAITING = {"_local_scalar_dense", "nonzero", "is_nonzero", "bincount", "masked_select", "equal", "_unique2", "repeat_interleave", "item"}
"""Operations whose answer, or its size, a GPU must first give to the processor."""


class Waits(TorchDispatchMode):
    """Counts the operations that would wait for a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        by_mask = name in {"index", "index_put", "index_put_"} and any(i is not None and i.dtype == torch.bool for i in args[1])
        if name in WAITING or by_mask:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learners read numbers a step later, as on a GPU; a device of its own is the only thing that is missing."""
    begin = Learner.__init__

    def later(self: Learner, *args: Any, **more: Any) -> None:
        begin(self, *args, **more)
        self.behind = 1

    monkeypatch.setattr(Learner, "__init__", later)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_a_run_that_reads_later_is_the_same_run(optimizer, tmp_path, request):
    settings = replace(fitting.FULL, optimizer=optimizer, epochs=3)
    fitting.run(tmp_path / "at_once", settings)
    request.getfixturevalue("behind")
    fitting.run(tmp_path / "later", settings)
    assert fitting.kept(tmp_path / "later") == fitting.kept(tmp_path / "at_once")


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_numbers_that_are_none_leave_the_weights_and_are_said_one_step_later(optimizer, behind):
    network = fitting.network(norm=False, dropout=0.0)
    learner = Learner(network, fitting.loss, TrainSettings(clip=1.0, optimizer=optimizer), ranks=Ranks(CPU), device=CPU, seed=0)
    images = torch.randn(4, 1, 6, 6)
    good = Batch(images=images, targets=torch.tensor([0, 1, 0, 1]), weights=torch.ones(4), ids=["a", "b", "c", "d"])
    spoiled = replace(good, images=images.where(torch.arange(4).reshape(4, 1, 1, 1) != 2, torch.nan))
    learner.checked(learner.step([good], place=Place(0, 0), rate=1.0, number=1))
    before = {name: t.clone() for name, t in network.state_dict().items()}
    stepped = learner.step([spoiled], place=Place(0, 1), rate=1.0, number=2)
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
    with pytest.raises(NumericFailure, match="NOT_FINITE c:"):
        learner.checked(stepped)


def test_the_case_is_named_when_a_run_ends(behind, tmp_path):
    class Spoiled(fitting.Pictures):
        def collate(self, group: Any) -> Batch:
            batch = super().collate(group)
            bad = torch.tensor([name.endswith("7") for name in batch.ids]).reshape(-1, 1, 1, 1)
            return replace(batch, images=batch.images.masked_fill(bad, torch.inf))

    with pytest.raises(NumericFailure, match=r"NOT_FINITE \S*7"):
        fitting.run(tmp_path, model=fitting.network(norm=False), train=Spoiled(batch=8))


def unread(n: int, size: int) -> Unread:
    values = np.random.default_rng(n).uniform(size=(2, size, size, size)).astype(np.float32)
    onto = ReadMap((16, 16, 16), np.eye(4) * [0.9, 0.9, 0.9, 1], np.random.default_rng(n).normal(size=(3, 5, 5, 5)) if n else None)
    labels = (values[0] > 0.5).astype(np.int16)
    return Unread(
        values=values,
        onto=onto,
        scale=Scale(mean=(0.5,)),
        target=None,
        labels=labels,
        labels_onto=onto,
        id=str(n),
        key=Key(epoch=0, index=n),
    )


@contextlib.contextmanager
def unasked() -> Iterator[None]:
    """The block asks the device for nothing."""
    with Waits() as waits:
        yield
    assert waits.found == []


@pytest.mark.parametrize("name", ["classification", "multilabel", "regression", "segmentation", "instances", "detection"])
def test_scores_of_a_batch_stay_on_their_device(name):
    quick = Shelf("sagittal.tasks", kind="task").get(name).quick
    outputs = torch.randn(3, 4 + 4 * (name == "detection"), 8, 8)
    targets = {
        "classification": torch.tensor([0, 1, 2]),
        "multilabel": torch.zeros(3, 4),
        "regression": torch.zeros(3, 4),
        "segmentation": torch.randint(-1, 4, (3, 8, 8)),
        "instances": torch.randint(-1, 4, (3, 8, 8)),
        "detection": torch.ones(3, 8, 8, 8),
    }[name]
    outputs = outputs if targets.ndim > 2 else outputs.mean(dim=(2, 3))
    with unasked():
        found = quick(outputs, targets)
    assert all(n > 0 for _, n in PendingScores(found).read().values())


@pytest.mark.parametrize("optimizer", ["adamw", "rmsprop"])
def test_nothing_in_a_step_asks_the_device(optimizer, behind, monkeypatch):
    everything = {"jitter": True, "gamma": {"scale": "patch"}, "blur": {"p": 1.0}, "bias": {"p": 1.0}, "low_resolution": {"p": 1.0}}
    augmentation = Augmentation.of({**everything, "modality_dropout": 0.9, "cutout": {"p": 1.0}, "noise": {"sd": 0.1, "scale": "patch"}})
    reading = Reading(augmentation=augmentation, seed=0, thin=None, device=CPU)
    network = unet(channels=2, outputs=2, axes=3, widths=(4, 8))
    settings = TrainSettings(ema=0.9, clip=1.0, precision="fp32", optimizer=optimizer)
    learner = Learner(network, dice_ce(), settings, ranks=Ranks(CPU), device=CPU, seed=0)
    quick = Shelf("sagittal.tasks", kind="task").get("segmentation").quick
    step = 0

    def once() -> Pending:
        nonlocal step
        group = [reading(together([unread(n, size) for n, size in ((step, 20), (step + 1, 18))])) for _ in range(2)]
        done = learner.step(group, place=Place(0, step), rate=1.0, number=step + 1)
        scores = [PendingScores(measured_on(quick, o, b)) for o, b in zip(done.outputs, group, strict=True)]
        step += 1
        assert scores
        return done.numbers

    once()  # what is only made once may be waited for
    # the loss leaves out a pass on a CPU, and asks for that
    monkeypatch.setattr("sagittal.losses._overlap._mask", lambda known, like: known.to(like.dtype))
    with unasked():
        numbers = once()
    assert all(np.isfinite(numbers.read()))


@pytest.mark.parametrize("most", [9, 40])
def test_an_occlusion_waits_as_often_for_few_places_as_for_many(most):
    network = unet(channels=1, outputs=2, axes=2, widths=(4,))
    with Waits() as waits:
        found = occlusion(network, torch.randn(1, 1, 24, 24), lambda logits: logits[:, 1].mean(), most=most, batch=4)
    assert found.shape == (24, 24)
    assert len(waits.found) == 2, "whether the score is finite, and its value"


def test_what_waits_is_found():
    values = torch.arange(3)
    for asks in (lambda: values.sum().item(), lambda: values[values > 0], lambda: bool((values > 0).all()), lambda: torch.bincount(values)):
        with Waits() as waits:
            asks()
        assert waits.found, "the check itself"


def test_numbers_are_copied_in_one_go(monkeypatch):
    copied = []
    stack = torch.stack
    monkeypatch.setattr(pending.torch, "stack", lambda tensors: (copied.append(len(tensors)), stack(tensors))[1])
    scores = PendingScores({"dice": (torch.tensor(1.5), torch.tensor(2)), "n": (1, 4), "auc": torch.tensor(0.5)})
    assert scores.read() == {"dice": (1.5, 2.0), "n": (1.0, 4.0)}
    assert copied == [2]
