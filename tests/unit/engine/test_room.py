"""Windows and batches that fit into memory."""

from __future__ import annotations

import math
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sagittal import io
from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.labels import Labels
from sagittal.data.manifest import Manifest
from sagittal.engine.config import load_recipe
from sagittal.engine.facts import facts_of
from sagittal.engine.room import small_gpu_gib
from sagittal.engine.rules import decide
from sagittal.errors import LimitExceeded
from sagittal.verbs._asked import Request


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Plans training on heads of 64 samples a side, with settings."""
    root = tmp_path_factory.mktemp("heads")
    grid = Geometry(shape=(64, 64, 64), affine=np.eye(4), unit="mm")
    head = np.random.default_rng(0).integers(50, 900, (64, 64, 64)).astype(np.int16)
    io.write(Image.of(head[None], grid), root / "a.nii.gz")
    io.write(Image.of((head > 400).astype(np.uint8)[None], grid), root / "m.nii.gz")
    case = Case(id="a", images={"image": "a.nii.gz"}, annotation="m.nii.gz", split="train")
    labels = Labels(classes=("background", "lesion"), background="background")
    manifest = Manifest(cases=(case,), labels=labels, root=root, provenance={"said": "mask"})
    facts = facts_of(manifest)
    return lambda *sets: decide(load_recipe("auto", sets), manifest, facts)


def step(plan):
    return tuple(plan.windows.options["size"]), plan.train.batch


def test_less_memory_makes_fewer_windows_a_step_and_then_smaller_ones(planned):
    (whole, most), seen = step(planned()), []
    for gib in (0.5, 0.2, 0.1):
        plan = planned(f"train.max_ram={gib}")
        size, batch = step(plan)
        seen.append((math.prod(size), batch))
        told = {r.what: r for r in plan.reasons}
        assert "GiB" in told["windows"].why and f"{batch} a step" in told["windows"].value
        assert f"batch {batch}" in told["train"].value, "the reasons tell of the windows that are taken"
        steps, before = (p.train.epochs / p.train.batch for p in (plan, planned()))
        assert size != whole or steps == pytest.approx(before, rel=0.1), "as many steps"
    assert most > seen[0][1] or seen[0][0] < math.prod(whole)
    assert seen[-1][0] < seen[0][0] <= math.prod(whole)
    assert all(side % 8 == 0 for side in step(planned("train.max_ram=0.1"))[0])
    assert step(planned("train.max_ram=64")) == (whole, most), "more memory than is needed changes nothing"


def test_what_the_recipe_says_stays(planned):
    assert step(planned("train.max_ram=0.3", "train.batch=3"))[1] == 3
    told = planned("train.max_ram=0.8", "windows.size=[64,64,64]")
    assert step(told)[0] == (64, 64, 64)
    assert planned("train.max_ram=0.3", "train.epochs=7").train.epochs == 7
    assert step(planned("windows.size=[64,64,64]", "train.batch=64")) == ((64, 64, 64), 64), "the usual number refuses nobody"
    with pytest.raises(LimitExceeded, match="MAX_RAM") as refused:
        planned("train.max_ram=0.3", "windows.size=[64,64,64]", "train.batch=64")
    assert refused.value.exit_code == 10


def test_a_wider_network_sees_less(planned):
    wide = planned("model.name=unet", "model.widths=[64,128,256]", "train.max_ram=1")
    slim = planned("model.name=unet", "model.widths=[8,16,32]", "train.max_ram=1")
    assert math.prod(step(wide)[0]) * step(wide)[1] < math.prod(step(slim)[0]) * step(slim)[1]


def test_one_number_on_the_command_line_holds_for_training_and_answers(tmp_path, monkeypatch):
    settled = Request(data=tmp_path, max_ram=1.5).settled()
    assert settled.train["max_ram"] == settled.evaluate.max_ram == 1.5
    assert "max_ram" not in Request(data=tmp_path).settled().train
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=2 << 30))
    assert small_gpu_gib(torch.device("cuda")) == pytest.approx(1.6)
    assert small_gpu_gib(torch.device("cpu")) is None
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=80 << 30))
    assert small_gpu_gib(torch.device("cuda")) is None, "the same plan as everywhere"


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_the_estimate_is_what_a_step_takes():
    code = """
        import re, torch
        from pathlib import Path
        from sagittal.engine.budget import BESIDE
        from sagittal.models._footprint import training_bytes
        from sagittal.models.unet import unet
        torch.set_num_threads(1)

        def most():
            return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

        net = unet(channels=1, outputs=3, axes=3, widths=(8, 16, 32))
        print(2 * BESIDE * training_bytes(net, (64, 64, 64)) / 2**20)
        def step(side):
            outputs = net(torch.randn(2, 1, side, side, side))
            torch.nn.functional.cross_entropy(outputs, torch.zeros(2, side, side, side, dtype=torch.long)).backward()

        step(16)  # what is loaded once
        before = most()
        step(64)
        print((most() - before) / 2**10)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    told, taken = map(float, done.stdout.split())
    assert 0.8 * taken < told < 1.6 * taken, (told, taken)
