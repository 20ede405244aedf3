"""A frozen trunk: what an epoch costs once its features are there, and bf16 against fp32."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.measure import Row
from sagittal.data.discover import discover
from sagittal.data.split import assign
from sagittal.engine.config import load_recipe
from sagittal.engine.facts import facts_of
from sagittal.engine.feed import training_batches
from sagittal.engine.plan import Plan
from sagittal.engine.rules import decide
from sagittal.engine.trunk import FeatureBatches, OnFeatures
from sagittal.models._network import Network
from sagittal.models._precision import ask, fast

PICTURES, SIDE = 96, 128
SETTINGS = (
    "model.name=vgg",
    "model.depth=11",
    "model.classifier=pool",
    "model.freeze=features",
    "augment={}",
    f"prepare.size={SIDE}",
    "train.batch=32",
)


def rows(*, turns: int = 7, folder: Path | None = None) -> list[Row]:
    """An epoch that computes the features against those that follow; the trunk as it is asked against plain fp32."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        recipe = load_recipe("auto", SETTINGS)
        manifest, _ = assign(discover(_drawn(Path(place))).manifest, recipe.split.rules())
        plan = decide(recipe, manifest, facts_of(manifest))
        network = plan.network()
        batches = FeatureBatches(training_batches(plan, manifest), network, views=1, device=torch.device("cpu"))
        try:
            first, *later = [_seconds(lambda epoch=epoch: _epoch(plan, network, batches, epoch)) for epoch in range(turns + 1)]
        finally:
            batches.close()
    return [
        Row(
            path=f"frozen vgg11, {len(batches)} x {SIDE}x{SIDE}",
            peer="its first epoch",
            ours_s=float(np.median(later)),
            peer_s=first,
            ratio=first / float(np.median(later)),
            peak_mb=0.0,
            target=1 / 0.03,
        ),
        _precision(network.trunk.eval(), network, turns),
    ]


def _epoch(plan: Plan, network: Network, batches: FeatureBatches, epoch: int) -> None:
    """The head learns from each batch once."""
    model = OnFeatures(network).train()
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=1e-3)
    for batch in batches.batches(epoch):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(batch.images), batch.targets).backward()
        optimizer.step()


def _precision(trunk: torch.nn.Module, network: Network, turns: int) -> Row:
    """The way that the hardware decided against fp32 as it comes."""
    x = torch.randn(16, network.channels, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    chosen = fast(trunk, x, whole=network)
    ways = (lambda: chosen(x), lambda: ask(trunk, x, dtype=torch.float32, channels_last=False))
    ours, plain = (float(np.median(times)) for times in zip(*([_seconds(way) for way in ways] for _ in range(turns)), strict=True))
    return Row(path=f"trunk in {chosen.name}", peer="fp32", ours_s=ours, peer_s=plain, ratio=plain / ours, peak_mb=0.0, target=1.0)


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _drawn(root: Path) -> Path:
    """Two classes of noisy lines, lying or standing."""
    for kind in range(2):
        folder = root / ("lying", "standing")[kind]
        folder.mkdir()
        for n in range(PICTURES):
            rng = np.random.default_rng([kind, n])
            values = rng.normal(90, 25, (SIDE, SIDE))
            values[rng.choice(SIDE, 5, replace=False)] += 110
            cv2.imwrite(str(folder / f"p{kind}{n:03}.png"), np.clip(values.T if kind else values, 0, 255).astype(np.uint8))
    return root
