"""A network answers in the units of its targets, from the first step on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sagittal.core import Case, Labels
from sagittal.data.manifest import Manifest
from sagittal.engine.config import load_recipe
from sagittal.engine.facts import facts_of
from sagittal.engine.plan import Plan
from sagittal.engine.rules import decide
from sagittal.engine.weights import load_into


@pytest.fixture
def table(tmp_path: Path) -> Manifest:
    rng = np.random.default_rng(0)
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{a:.3f},{b:.3f}\n" for a, b in rng.normal(size=(40, 2))))
    values = 5000 + 800 * rng.normal(size=40)
    cases = tuple(Case(id=str(i), split="train", images={"row": f"t.csv::{i}"}, label=f"{v:.1f}") for i, v in enumerate(values))
    return Manifest(cases=cases, labels=Labels(classes=("days",)), root=tmp_path, provenance={"said": "value", "features": ["a", "b"]})


def test_the_first_answer_is_about_the_mean(table):
    plan = decide(load_recipe("auto"), table, facts_of(table))
    values = [float(c.label) for c in table.cases]
    assert plan.units is not None
    assert plan.units.mean[0] == pytest.approx(np.mean(values))
    assert plan.units.std[0] == pytest.approx(np.std(values))
    answer = plan.network().eval()(torch.randn(64, 2))
    assert answer.dtype == torch.float32
    assert float((answer - plan.units.mean[0]).abs().max()) < plan.units.std[0]


def test_the_plan_keeps_them(table):
    plan = decide(load_recipe("auto"), table, facts_of(table))
    assert Plan.from_record(plan.record()).units == plan.units


def test_members_answer_in_them_too(table):
    plan = decide(load_recipe("auto", ["model.members=3"]), table, facts_of(table))
    assert float(plan.network().eval()(torch.zeros(1, 2))) == pytest.approx(np.mean([float(c.label) for c in table.cases]), rel=0.1)


def test_other_weights_do_not_bring_their_units(table, tmp_path):
    plan = decide(load_recipe("auto", ["model.members=1"]), table, facts_of(table))
    network = plan.network()
    stored = {k: v.clone() for k, v in network.state_dict().items()}
    stored["units.mean"] = torch.tensor([-1.0])
    save_file(stored, tmp_path / "other.safetensors")
    loaded = load_into(network, tmp_path / "other.safetensors")
    assert float(network.state_dict()["units.mean"]) == pytest.approx(plan.units.mean[0])
    assert "units.mean" not in loaded.missing


def test_a_value_that_never_changes_has_a_spread_all_the_same(table):
    from dataclasses import replace

    same = table.with_cases(replace(c, label="7.5") for c in table.cases)
    plan = decide(load_recipe("auto"), same, facts_of(same))
    assert (plan.units.mean, plan.units.std) == ((7.5,), (1.0,))
