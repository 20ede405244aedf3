"""The checks notice: parts that break a promise do not pass."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from sagittal.core import Geometry, Score, Window
from sagittal.metrics.accuracy import accuracy
from sagittal.models.mlp import mlp
from sagittal.tasks.classification import classification
from sagittal.tasks.regression import regression
from sagittal.testing import check_explainer, check_loss, check_metric, check_model, check_task, check_transform, check_windowing
from sagittal.transforms._kinds import Intensity
from sagittal.windows.tiles import tiles


def test_a_metric_that_changes_from_call_to_call():
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="same at every call"):
        check_metric(lambda answers: [replace(s, n=s.n, value=s.value, convention=str(rng.random())) for s in accuracy(answers)])


def test_a_metric_outside_its_interval():
    def wrong(answers):
        return [Score(metric="wrong", value=2.0, low=0.0, high=1.0, n=answers.n, method="none")] if answers.n else accuracy(answers)

    with pytest.raises(AssertionError, match="outside its interval"):
        check_metric(wrong)


def test_a_loss_that_looks_at_the_whole_batch():
    def loss(logits, target):
        known = target >= 0
        found = torch.nn.functional.cross_entropy(logits.float(), target.clamp(min=0), reduction="none")
        return found * known / known.sum().clamp(min=1)

    logits, target = torch.randn(4, 3), torch.tensor([0, 1, 2, -1])
    with pytest.raises(AssertionError, match="batch"):
        check_loss(loss, logits, target)


def test_a_network_whose_head_does_more_than_it_says():
    network = mlp(channels=3, outputs=2, widths=(4,))
    network.forward = lambda x: 2 * torch.nn.Sequential(*(s for _, s in network.stages))(x)
    with pytest.raises(AssertionError, match="head of the trunk"):
        check_model(network)


def test_an_explainer_that_leaves_gradients_behind():
    def explain(model, x, attend):
        with torch.inference_mode(mode=False), torch.enable_grad():
            model.eval()
            attend(model(x.clone())).backward()
            model.train()
        return np.full(x.shape[2:], 0.5, np.float32)

    with pytest.raises(AssertionError, match="gradient is left behind"):
        check_explainer(explain, axes=2)


@dataclass(frozen=True)
class Restless(Intensity):
    """Draws from a generator of its own, whatever it is given."""

    own: np.random.Generator

    def apply(self, values, rng):
        return values + self.own.normal(size=values.shape).astype(np.float32)


def test_a_transform_with_a_state_of_its_own():
    own = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="generator alone"):
        check_transform(lambda: Restless(own))


def test_windows_that_leave_samples_out():
    class Gaps(type(tiles(size=16))):
        def cover(self, grid: Geometry) -> list[Window]:
            return super().cover(grid)[:1]

    globals()["Gaps"] = Gaps
    Gaps.__qualname__, Gaps.__module__ = "Gaps", __name__
    with pytest.raises(AssertionError, match="leave samples out"):
        check_windowing(Gaps(grid=tiles(size=16).grid))


def test_rows_whose_functions_do_not_fit():
    with pytest.raises(AssertionError, match="shelf"):
        check_task(replace(classification, loss="no_such_loss"))
    with pytest.raises(AssertionError, match="units"):
        check_task(replace(regression, units=lambda targets, labels: (np.zeros(7), np.ones(7))))
