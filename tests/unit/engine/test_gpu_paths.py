"""What is decided for a GPU, without one: torch's questions about it are answered here. What needs one is skipped by name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn

from sagittal.data.batch import Batch
from sagittal.data.dataset import Key, Unread
from sagittal.data.unread import Maps, UnreadBatch, together
from sagittal.engine import budget, checkpoint, ranks, reproducible
from sagittal.engine.batch_read import Reading
from sagittal.engine.fit import Fitted, Hooks, fit
from sagittal.engine.halving import in_parts
from sagittal.engine.interrupts import named_failures
from sagittal.engine.learn import device_of
from sagittal.engine.learner import Learner, Place
from sagittal.engine.pending import Pending, _behind
from sagittal.engine.precision import Numbers
from sagittal.engine.ranks import Ranks
from sagittal.engine.scoring import by_class
from sagittal.engine.settings import TrainSettings
from sagittal.errors import LimitExceeded, UsageError
from sagittal.losses.dice_ce import dice_ce
from sagittal.models.unet import unet
from sagittal.ops.scale import Scale
from sagittal.ops.warp import ReadMap
from sagittal.shelf import Shelf
from sagittal.transforms._compose import Augmentation

GPU = torch.device("cuda")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Two GPUs, as torch would speak of them; ``set`` says which was made the current one."""
    told = SimpleNamespace(capability=(9, 0), set=[], local=None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: told.capability)
    monkeypatch.setattr(torch.cuda, "set_device", told.set.append)
    monkeypatch.setattr(dist, "is_torchelastic_launched", lambda: told.local is not None)
    monkeypatch.setattr(dist, "get_node_local_rank", lambda fallback_rank=None: told.local)
    return told


def test_each_process_under_torchrun_has_its_own_gpu(gpus):
    assert device_of("auto") == device_of("cuda") == torch.device("cuda"), "alone the current one"
    gpus.local = 1
    assert device_of("auto") == device_of("cuda") == torch.device("cuda", 1)
    assert device_of("cpu") == torch.device("cpu")
    gpus.local = 2
    with pytest.raises(UsageError, match="process 3 of this machine has no GPU of its own; there are 2"):
        device_of("auto")


def test_a_gpu_that_is_named_is_the_current_one(gpus, monkeypatch):
    monkeypatch.setattr(torch, "empty", lambda *size, device: None)
    assert device_of("cuda:1") == torch.device("cuda", 1)
    assert gpus.set == [torch.device("cuda", 1)]


def test_numbers_of_two_devices_are_read_apart(monkeypatch):
    together: list[set[str]] = []

    def stacked(tensors: list[torch.Tensor]) -> torch.Tensor:
        together.append({t.device.type for t in tensors})
        return torch.tensor([7.0 if t.is_meta else float(t) for t in tensors])

    monkeypatch.setattr(torch, "stack", stacked)
    # a device without values stands for the GPU
    found = Pending([torch.tensor(2), torch.empty((), device="meta"), 0.5, torch.tensor(True)])
    assert sorted(together, key=str) == [{"cpu"}, {"meta"}], "tensors of two devices cannot be stacked"
    assert found.read() == [2.0, 7.0, 0.5, 1.0]


def test_numbers_of_a_gpu_are_waited_for_on_its_own_stream(monkeypatch):
    told: list[Any] = []

    class Event:
        def record(self, stream: Any) -> None:
            told.append(stream)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    _behind(torch.device("cuda", 1))
    assert told == ["stream of cuda:1"]


def test_processes_talk_about_gpus_by_nccl_and_about_the_rest_by_gloo(gpus, monkeypatch):
    begun: list[Any] = []
    gpus.local = 1
    monkeypatch.setattr(dist, "init_process_group", lambda how, timeout: begun.append((how, timeout)))
    monkeypatch.setattr(dist, "destroy_process_group", lambda: begun.append("destroyed"))
    with ranks.joined(torch.device("cuda", 1)):
        assert begun == [("cpu:gloo,cuda:nccl", ranks.PATIENCE)]
        assert gpus.set == [torch.device("cuda", 1)]
    assert begun[1:] == ["destroyed"]


@pytest.mark.parametrize(("config", "by"), [("cpu:gloo,cuda:nccl", "cpu"), ("cuda:nccl", "meta")])
def test_numbers_are_added_where_nobody_waits_for_a_gpu(config, by, monkeypatch):
    seen = []
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "get_backend_config", lambda: config)
    monkeypatch.setattr(dist, "all_reduce", lambda tensor: seen.append(tensor.device.type))
    # a device without values stands for the GPU
    with contextlib.suppress(NotImplementedError):
        Ranks(torch.device("meta")).sum(1.0)
    assert seen == [by]


def test_every_process_trains_on_the_gpu_of_its_number(monkeypatch):
    wrapped: list[Any] = []
    monkeypatch.setattr(nn.parallel, "DistributedDataParallel", lambda model, device_ids: wrapped.append(device_ids))
    among = Ranks(torch.device("cuda", 1))
    among.count = 2
    among.wrap(nn.Linear(1, 1))
    assert wrapped == [[1]]
    prepared = among.prepare(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))
    assert isinstance(prepared[1], nn.SyncBatchNorm)


@pytest.mark.parametrize(("capability", "dtype", "last"), [((9, 0), torch.bfloat16, True), ((7, 5), torch.float32, False)])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.Conv3d])
def test_bf16_and_channels_last_go_together_on_gpus_that_have_them(gpus, capability, dtype, last, kind):
    gpus.capability = capability
    model = kind(4, 8, 3)
    numbers = Numbers(model, TrainSettings(), GPU)
    assert numbers.dtype == dtype
    layout = torch.channels_last if kind is nn.Conv2d else torch.channels_last_3d
    assert model.weight.is_contiguous(memory_format=layout) is last
    chosen = kind(4, 8, 3)
    Numbers(chosen, TrainSettings(channels_last="yes"), GPU)
    assert chosen.weight.is_contiguous(memory_format=layout), "who asks for it has it"


def test_kernels_are_searched_for_on_a_gpu_during_a_run_only(monkeypatch):
    @contextlib.contextmanager
    def forked(devices: list[torch.device]) -> Iterator[None]:
        yield

    monkeypatch.setattr(torch.random, "fork_rng", forked)
    for device, searched in ((GPU, True), (torch.device("cpu"), False)):
        with reproducible.reproducible(device):
            assert torch.backends.cudnn.benchmark is searched
            assert torch.are_deterministic_algorithms_enabled() is not searched
        assert torch.backends.cudnn.benchmark is False


def test_noise_is_seeded_on_the_gpu_that_computes(monkeypatch):
    current: list[Any] = []

    @contextlib.contextmanager
    def on(device: torch.device) -> Iterator[None]:
        current.append(device)
        yield
        current.append("left")

    monkeypatch.setattr(torch.cuda, "device", on)
    monkeypatch.setattr(torch.cuda, "manual_seed", current.append)
    with torch.random.fork_rng():
        reproducible.seed_all(7, torch.device("cuda", 1))
    assert current == [torch.device("cuda", 1), 7, "left"]


def test_what_torch_keeps_and_does_not_use_is_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 8000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 5000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 200)
    assert budget._free(GPU) == 5800


def full(most: int) -> Any:
    """Asks for batches of at most so many."""
    asked: list[int] = []

    def ask(x: torch.Tensor) -> np.ndarray:
        asked.append(len(x))
        if len(x) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB")
        return (2 * x).numpy()

    ask.asked = asked
    return ask


def test_windows_that_do_not_fit_together_are_answered_in_parts():
    ask = full(2)
    assert in_parts(ask, torch.arange(7.0)).tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert ask.asked == [7, 4, 2, 2, 3, 2, 1]
    with pytest.raises(LimitExceeded, match=r"OUT_OF_MEMORY memory: a window of 8x8 does not fit into memory .*--device cpu") as found:
        in_parts(full(0), torch.zeros(3, 1, 8, 8))
    assert found.value.exit_code == 10

    def broken(x: torch.Tensor) -> np.ndarray:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        in_parts(broken, torch.zeros(2))


def test_a_step_that_does_not_fit_says_so(tmp_path):
    with pytest.raises(LimitExceeded, match=r"OUT_OF_MEMORY train.batch.*halve train.batch") as found, named_failures(tmp_path):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
    assert found.value.exit_code == 10


def unread(n: int) -> Unread:
    values = np.random.default_rng(n).uniform(size=(2, 20 + n, 18, 19)).astype(np.float32)
    onto = ReadMap((16, 16, 16), np.eye(4) * [0.9, 0.9, 0.9, 1], np.random.default_rng(n).normal(size=(3, 5, 5, 5)) if n else None)
    labels = (values[0] > 0.5).astype(np.int16)
    return Unread(
        values=values, onto=onto, scale=Scale(), target=None, labels=labels, labels_onto=onto, id=str(n), key=Key(epoch=0, index=n)
    )


def test_all_that_goes_to_a_gpu_lies_in_locked_memory(monkeypatch):
    locked: set[int] = set()

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        copied = tensor.clone()
        locked.add(id(copied))
        return copied

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    batch = together([unread(0), unread(1)]).pin_memory()
    apart = replace(batch, targets=torch.zeros(2), label_maps=batch.maps).pin_memory()
    for one in (batch, apart):
        for name in {f.name for f in fields(UnreadBatch)} - {"weights"}:
            part = getattr(one, name)
            tensors = [part.affine, *(f for f in part.fields if f is not None)] if isinstance(part, Maps) else [part]
            assert all(id(t) in locked for t in tensors if isinstance(t, torch.Tensor)), name
    assert id(batch.weights) not in locked, "weights are asked for on the CPU"


EVERYTHING: dict[str, object] = {
    "jitter": True,
    "gamma": {"scale": "patch"},
    "blur": {"p": 1.0},
    "bias": {"p": 1.0},
    "low_resolution": {"p": 1.0},
    "modality_dropout": 0.9,
    "cutout": {"p": 1.0},
    "noise": {"sd": 0.1, "scale": "patch"},
}


@needs_gpu
def test_a_gpu_reads_what_a_cpu_reads():
    group = [unread(0), unread(1)]
    reading = Reading(augmentation=Augmentation.of(EVERYTHING), seed=0, thin=None, device=torch.device("cpu"))
    here, there = reading(together(group)), replace(reading, device=GPU)(together(group).pin_memory())
    torch.testing.assert_close(there.images.cpu(), here.images, rtol=0, atol=1e-4)
    assert (there.targets.cpu() == here.targets).float().mean() >= 0.9999


@needs_gpu
def test_a_gpu_steps_without_being_waited_for():
    reading = Reading(augmentation=Augmentation.of(EVERYTHING), seed=0, thin=None, device=GPU)
    settings = TrainSettings(ema=0.9, clip=1.0)
    learner = Learner(unet(channels=2, outputs=2, axes=3, widths=(8, 16)), dice_ce(), settings, ranks=Ranks(GPU), device=GPU, seed=0)
    group = [together([unread(0), unread(1)]).pin_memory()]
    losses = [learner.checked(learner.step([reading(b) for b in group], place=Place(0, n), rate=1.0, number=n + 1)) for n in range(8)]
    torch.cuda.set_sync_debug_mode("error")
    try:
        stepped = learner.step([reading(b) for b in group], place=Place(0, 8), rate=1.0, number=9)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    losses.append(learner.checked(stepped))
    assert losses[-1] < losses[0]


@dataclass(frozen=True)
class Few:
    """Two batches of two samples, read on a device where one is given."""

    reading: Reading

    def __len__(self) -> int:
        return 4

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        for n in range(start, 2):
            batch = together([unread(2 * n), unread(2 * n + 1)])
            yield self.reading(batch.pin_memory() if self.reading.device.type == "cuda" else batch)


@pytest.mark.parametrize("device", [torch.device("cpu"), pytest.param(GPU, marks=needs_gpu)], ids=str)
def test_a_run_is_trained_validated_and_resumed_where_batches_are_read(tmp_path, device):
    row = Shelf("sagittal.tasks", kind="task").get("segmentation")
    plain = Few(Reading(augmentation=Augmentation.of({}), seed=0, thin=None, device=torch.device("cpu")))
    moved = Few(replace(plain.reading, augmentation=Augmentation.of(EVERYTHING), device=device))

    def trained(epochs: int, *, resume: bool) -> Fitted:
        return fit(
            unet(channels=2, outputs=2, axes=3, widths=(4, 8)),
            train=moved,
            val=plain,
            loss=dice_ce(),
            settings=TrainSettings(batch=2, epochs=epochs, ema=0.9, clip=1.0),
            folder=tmp_path,
            seed=0,
            device=device,
            measure=lambda outputs, targets: by_class(row.quick(outputs, targets), ("none", "some")),
            hooks=Hooks(tensorboard=tmp_path / "events", classes=("none", "some")),
            resume=resume,
        )

    first = trained(2, resume=False)
    assert {"train_loss", "val_loss", "val_dice"} <= {*first.history[-1]}
    assert next(first.model.parameters()).device.type == device.type
    # what was begun on a GPU lies on the disk as what a CPU reads
    assert all(t.device.type == "cpu" for t in checkpoint.load(tmp_path / "checkpoints" / "last").model.values())
    again = trained(2, resume=True)
    assert again.history == first.history
