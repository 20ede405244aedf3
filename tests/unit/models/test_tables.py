"""Networks of tables, what they see of a row, and several of them side by side."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from sagittal.errors import UsageError
from sagittal.losses.cross_entropy import cross_entropy
from sagittal.models._blocks.columns import Columns, Patterns, Waves
from sagittal.models._members import Members
from sagittal.models._network import count, generator
from sagittal.models.mlp import mlp


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_network_without_hidden_layers_is_linear():
    network = mlp(channels=4, outputs=3, widths=()).eval()
    x = torch.randn(5, 4, generator=drawn())
    assert torch.allclose(network(x), x @ network.last.weight.T + network.last.bias, atol=1e-6)
    assert count(network) == (15, 15)


@pytest.mark.parametrize(
    "options",
    [{}, {"widths": (8, 8), "norm": "batch", "dropout": 0.5}, {"waves": 16}, {"patterns": (4, 8)}, {"waves": 8, "patterns": (4,)}],
)
def test_the_same_seed_gives_the_same_weights_and_the_trunk_and_head_are_the_whole(options):
    one, other, third = (mlp(channels=20, outputs=2, **options, generator=generator(s)).eval() for s in (1, 1, 2))
    x = torch.randn(6, 20, generator=drawn())
    assert torch.equal(one(x), other(x))
    assert not torch.equal(one(x), third(x))
    assert torch.allclose(one.head(one.trunk(x)), one(x), atol=1e-6)
    named = [p for _, stage in one.stages for p in stage.parameters()]
    assert len(named) == len(list(one.parameters())), "every weight belongs to exactly one stage"


def test_tables_have_no_axes():
    with pytest.raises(UsageError, match="2 axes"):
        mlp(channels=3, outputs=2, axes=2)


def test_waves_approximate_a_gaussian_kernel_and_do_not_learn():
    waves = Waves(6, 20_000)
    waves.draw(drawn())
    x = torch.randn(4, 6, generator=drawn(1))
    seen = waves(x)
    kernel = seen @ seen.T / 20_000
    exact = torch.exp(-torch.cdist(x, x).square() / (2 * 6))
    assert torch.allclose(kernel, exact, atol=0.03)
    assert list(waves.parameters()) == []
    assert seen.abs().max() <= math.sqrt(2) + 1e-5
    assert set(waves.state_dict()) == {"directions", "phases"}, "they are kept with the weights"


@pytest.mark.parametrize("columns", [5, 16, 17, 60])
@pytest.mark.parametrize("widths", [(4,), (4, 8), (2, 3, 4)])
def test_patterns_say_how_many_features_they_give(columns, widths):
    patterns = Patterns(columns, widths, "relu")
    assert patterns(torch.zeros(3, columns)).shape == (3, patterns.features)


def test_patterns_go_along_the_columns():
    patterns = Patterns(32, (4,), "relu")
    with torch.no_grad():
        for layer in patterns.layers:
            if isinstance(layer, nn.Conv1d):
                layer.draw(drawn())
    x = torch.zeros(1, 32)
    x[0, 10] = 1
    moved = torch.zeros(1, 32)
    moved[0, 14] = 1
    one, other = patterns(x).view(4, 16), patterns(moved).view(4, 16)
    assert torch.allclose(one[:, 2:12], other[:, 4:14])
    assert one.abs().sum() > 0


def test_columns_are_seen_beside_their_waves_and_patterns_take_their_place():
    x = torch.randn(3, 20, generator=drawn())
    both = Columns(20, waves=8, patterns=(), activation="relu")
    assert both.features == 28
    assert torch.equal(both(x)[:, :20], x)
    assert Columns(20, waves=8, patterns=(4,), activation="relu").features == 4 * 10 + 8
    assert Columns(20, waves=0, patterns=(4,), activation="relu")(x).shape == (3, 40)


def members(n=3, seed=5, **options):
    return Members(lambda s: mlp(channels=4, outputs=2, **options, generator=generator(s)), n, seed)


def test_members_start_apart_and_answer_with_the_mean_of_their_logits():
    network = members()
    x = torch.randn(6, 4, generator=drawn())
    network.eval()
    each = torch.stack([member(x) for member in network.members], dim=1)
    assert not torch.equal(each[:, 0], each[:, 1])
    assert torch.allclose(network(x), each.mean(dim=1))
    assert torch.equal(members().eval()(x), network(x))
    first = {str(m.state_dict()) for s in range(4) for m in members(seed=s).members}
    assert len(first) == 12, "no two runs share a member"


def test_in_training_every_member_answers_samples_of_its_own_in_their_order():
    network = members().train()
    x = torch.randn(6, 4, generator=drawn())
    answers = network(x)
    assert answers.shape == (6, 2)
    for i, member in enumerate(network.members):
        assert torch.equal(answers[i::3], member(x[i::3]))
    with pytest.raises(ValueError, match="7 samples cannot be shared out evenly among 3 networks"):
        network(torch.zeros(7, 4))


def test_each_member_learns_from_its_own_samples_alone():
    network = members().train()
    x, y = torch.randn(6, 4, generator=drawn()), torch.tensor([0, 1, 0, 1, 0, 1])
    cross_entropy()(network(x), y).mean().backward()
    for i, member in enumerate(network.members):
        gradients = [p.grad.clone() for p in member.parameters()]
        alone = mlp(channels=4, outputs=2)
        alone.load_state_dict(member.state_dict())
        cross_entropy()(alone.train()(x[i::3]), y[i::3]).mean().backward()
        for mine, theirs in zip(gradients, alone.parameters(), strict=True):
            assert torch.allclose(3 * mine, theirs.grad, atol=1e-6)
