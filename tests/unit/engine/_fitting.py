"""A small training that tests run in this process, in one that they kill, and under torchrun.

As a script: ``_fitting.py OUT [options]``; see ``main``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from sagittal.data.batch import Batch
from sagittal.data.worker import begin_worker
from sagittal.engine.fit import Fitted, Hooks, fit
from sagittal.engine.settings import Best, Every, Schedule, Stop, TrainSettings
from sagittal.errors import SagittalError

SIDE = 6


class Pictures(torch.utils.data.Dataset):
    """Two classes: brighter on the left, brighter on the right."""

    def __init__(self, n: int = 50, *, batch: int = 8, seed: int = 0, rank: int = 0, ranks: int = 1, shuffle: bool = True) -> None:
        rng = torch.Generator().manual_seed(seed)
        self.targets = torch.randint(2, (n,), generator=rng)
        self.images = torch.randn(n, 1, SIDE, SIDE, generator=rng)
        self.images[..., : SIDE // 2] += 0.8 * (self.targets * 2.0 - 1)[:, None, None, None]
        self.weights = torch.ones(n)
        self.batch, self.rank, self.ranks, self.shuffle = batch, rank, ranks, shuffle

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> int:
        return index

    def collate(self, index: list[int]) -> Batch:
        return Batch(images=self.images[index], targets=self.targets[index], weights=self.weights[index], ids=[f"case-{i}" for i in index])

    def groups(self, epoch: int, start: int) -> list[list[int]]:
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(100 + epoch)) if self.shuffle else torch.arange(len(self))
        return [order[a : a + self.batch].tolist() for a in range(start * self.batch, len(self), self.batch)]

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        for group in self.groups(epoch, start):
            share = group[self.rank :: self.ranks]
            if share:
                yield self.collate(share)
            else:
                empty = self.collate(group[:1])
                yield Batch(images=empty.images, targets=empty.targets, weights=torch.zeros(1), ids=empty.ids)


class Loaded(Pictures):
    """The same through worker processes, as a real source does it."""

    workers = 2
    lame_s = 0.0

    def __getitem__(self, index: int) -> int:
        time.sleep(self.lame_s)
        return index

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        yield from torch.utils.data.DataLoader(
            self,
            batch_sampler=self.groups(epoch, start),
            num_workers=self.workers,
            collate_fn=self.collate,
            multiprocessing_context="spawn",
            worker_init_fn=begin_worker,
        )


def network(seed: int = 0, *, norm: bool = True, dropout: float = 0.1) -> nn.Sequential:
    torch.manual_seed(seed)
    parts = [nn.Conv2d(1, 4, 3), *([nn.BatchNorm2d(4)] if norm else []), nn.ReLU(), nn.Dropout(dropout), nn.Flatten(), nn.Linear(64, 2)]
    return nn.Sequential(*parts)


def loss(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, targets, reduction="none")


def quick(outputs: Tensor, targets: Tensor) -> dict[str, tuple[float, int]]:
    return {"accuracy": (float((outputs.argmax(dim=1) == targets).sum()), len(targets))}


FULL = TrainSettings(
    epochs=6,
    batch=8,
    accumulate=2,
    lr=3e-3,
    weight_decay=1e-2,
    schedule=Schedule(name="cosine", warmup=0.1),
    stop=Stop(watch="loss", also="accuracy", patience=2, smoothing=0.2),
    best=Best(watch="loss"),
    ema=0.9,
    clip=1.0,
    checkpoint=Every(epochs=1, steps=3, least_s=0),
)
"""Everything at once."""


def run(
    folder: Path, settings: TrainSettings = FULL, *, train: Pictures | None = None, model: nn.Module | None = None, **more: object
) -> Fitted:
    val = more.pop("val", None)
    sources = {
        "train": Pictures(batch=settings.batch) if train is None else train,
        "val": Pictures(21, batch=settings.batch, seed=1, shuffle=False) if val is None else val,
    }
    options = {"loss": loss, "measure": quick, "seed": 5, "device": torch.device("cpu"), "settings": settings, "folder": folder, **more}
    return fit(network() if model is None else model, **sources, **options)


def kept(folder: Path) -> dict[str, bytes]:
    """All that a run computed, byte for byte: what the clock says is left out."""
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.safetensors")}
    state = json.loads((folder / "checkpoints/last/state.json").read_text())
    for key in ("seconds", "speed"):
        state["run"].pop(key)
    best = json.loads((folder / "checkpoints/best/state.json").read_text())
    return {**files, "log.csv": (folder / "log.csv").read_bytes(), "last": json.dumps(state).encode(), "best": json.dumps(best).encode()}


def dying_at(point: str, time_: int) -> Hooks:
    """Kill this process when it passes the point for this time."""
    passed = {"n": 0}

    def reached(name: str) -> None:
        passed["n"] += name == point
        if name == point and passed["n"] == time_:
            os.kill(os.getpid(), signal.SIGKILL)

    return Hooks(reached=reached)


def together(given: argparse.Namespace, hooks: Hooks) -> int:
    """A process's part of a run; neither dropout nor batch norm, which see a process's share."""
    torch.distributed.init_process_group("gloo")
    rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
    shares = {"batch": FULL.batch, "rank": rank, "ranks": ranks}
    run(
        given.out,
        replace(FULL, precision="fp32"),
        resume=given.resume,
        hooks=hooks,
        model=network(norm=False, dropout=0.0),
        train=Pictures(given.samples, **shares),
        val=Pictures(21, seed=1, shuffle=False, **shares),
    )
    torch.distributed.destroy_process_group()
    return 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--die", nargs=2, default=None)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--lame", type=float, default=0.0)
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--ranks", action="store_true", help="one of several processes that torchrun started")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    hooks = dying_at(given.die[0], int(given.die[1])) if given.die else Hooks()
    if given.ranks:
        return together(given, hooks)
    source = Pictures(given.samples, batch=FULL.batch)
    if given.workers:
        source = Loaded(given.samples, batch=FULL.batch)
        source.workers, source.lame_s = given.workers, given.lame
    try:
        run(given.out, resume=given.resume, hooks=hooks, train=source)
    except SagittalError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(globals().get("ARGUMENTS", sys.argv[1:])))
