"""The one way to an answer: in order, the mean of members and mirrors, on the source's own grid."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from torch import nn

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.engine.drawing import in_memory
from sagittal.engine.explain import pick
from sagittal.engine.infer import Predictor
from sagittal.engine.plan import Part
from sagittal.engine.run import Run
from sagittal.errors import NumericFailure, StorageFailure, UnreadableInput, UsageError
from sagittal.models._network import Network


class Bright(Network):
    """Says by how much the left is brighter than the right; dense: each sample's own value."""

    def __init__(self, *, dense: bool = False, shift: float = 0.0) -> None:
        super().__init__(axes=2, channels=1, outputs=2, dense=dense)
        self.shift = shift
        self.seen: list[int] = []

    @property
    def stages(self):
        return [("head", nn.Identity())]

    def forward(self, x):
        self.seen.append(len(x))
        if self.dense:
            return torch.cat([x, -x], dim=1)
        half = x.shape[-1] // 2
        score = x[..., :half].mean((1, 2, 3)) - x[..., half:].mean((1, 2, 3)) + self.shift
        return torch.stack([score, -score], dim=1)


def predictor(plan, *members, **more):
    return Predictor(plan=plan, task=plan.row, members=list(members), **more)


def items(n=7, shape=(16, 16)):
    rng = np.random.default_rng(0)
    return [(f"c{i}", Image.of(rng.integers(0, 255, (1, *shape), dtype=np.uint8), Geometry.picture(shape))) for i in range(n)]


@pytest.mark.parametrize("batch", [1, 3, 32])
def test_answers_come_in_the_order_of_the_cases_whatever_the_batch(batch, planned, stripes):
    plan = dataclasses.replace(planned(stripes).plan, flips=())
    net = Bright()
    found = list(predictor(plan, net, batch=batch).answer(items()))
    assert [p.case for p in found] == [f"c{i}" for i in range(7)]
    assert max(net.seen) <= batch
    for p, (_, image) in zip(found, items(), strict=True):
        alone = next(iter(predictor(plan, Bright()).answer([("x", image)])))
        assert np.allclose(p.scores, alone.scores, atol=1e-6)
        assert int(p.answer) == int(p.scores.argmax())


def test_a_case_is_read_when_its_turn_comes(planned, stripes):
    asked = []
    plan = planned(stripes).plan

    def stream():
        for name, image in items(5):
            asked.append(name)
            yield name, image

    answers = predictor(plan, Bright(), batch=1).answer(stream())
    next(answers)
    assert len(asked) <= 2


def test_members_and_mirrored_views_are_averaged(planned, stripes):
    plain = dataclasses.replace(planned(stripes).plan, flips=())
    ((_, image),) = items(1)

    def scores(plan, *members):
        return next(iter(predictor(plan, *members).answer([("x", image)]))).scores

    one, other = scores(plain, Bright()), scores(plain, Bright(shift=1.0))
    assert np.allclose(scores(plain, Bright(), Bright(shift=1.0)), (one + other) / 2, atol=1e-6)
    assert not np.allclose(one, 0.5, atol=1e-3)
    assert np.allclose(scores(dataclasses.replace(plain, flips=(1,)), Bright()), 0.5, atol=1e-6), "the mirror says the opposite"
    assert np.allclose(scores(dataclasses.replace(plain, flips=(0,)), Bright()), one, atol=1e-6)
    with pytest.raises(ValueError, match="at least one"):
        scores(plain)


def dense_plan(planned, tmp_path, *sets):
    from sagittal.phantoms.tiles import tiles

    data = tiles(tmp_path / "tiles", patients=4, each=1, size=(128, 128))
    return planned(
        data, *sets, base=("task=segmentation", "prepare.channels=grey", "windows.name=tiles", "windows.size=16", "prepare.normalise=none")
    ).plan


@pytest.mark.parametrize("flips", [(), (0, 1)])
def test_drawn_answers_lie_on_the_sources_own_grid_and_mirrors_are_turned_back(flips, planned, tmp_path):
    plan = dataclasses.replace(dense_plan(planned, tmp_path), flips=flips)
    values = np.zeros((1, 40, 56), np.uint8)
    values[0, 5:20, 30:50] = 255
    image = Image.of(255 - values, Geometry.picture((40, 56)))
    (found,) = predictor(plan, Bright(dense=True), batch=4).answer([("x", image)], store=in_memory)
    assert found.scores.shape == (2, 40, 56)
    assert found.answer.shape == (40, 56)
    assert found.geometry.same_grid(image.geometry)
    assert found.scores[0, 30, 10] > found.scores[0, 10, 40]
    # a network that looks at each sample by itself says the same of a mirrored picture
    (plain,) = predictor(dataclasses.replace(plan, flips=()), Bright(dense=True)).answer([("x", image)], store=in_memory)
    assert np.allclose(found.scores, plain.scores, atol=1e-5)
    wanted = torch.softmax(torch.tensor([[1.0, -1.0]]), 1)[0, 0].item()
    assert found.scores[0, 30, 10] == pytest.approx(wanted, abs=1e-5)
    assert found.scores[0, 10, 40] == pytest.approx(0.5, abs=1e-5)


def test_answers_of_a_coarser_grid_are_brought_back_by_one_resample(planned, tmp_path):
    plan = dense_plan(planned, tmp_path, "prepare.spacing=2")
    values = np.zeros((1, 32, 32), np.uint8)
    values[0, :16] = 255
    (found,) = predictor(dataclasses.replace(plan, flips=()), Bright(dense=True)).answer(
        [("x", Image.of(values, Geometry.picture((32, 32))))], store=in_memory
    )
    assert found.scores.shape == (2, 32, 32)
    assert found.scores[0, 4, 4] > 0.8
    assert found.scores[0, 28, 4] == pytest.approx(0.5, abs=1e-4)


def test_a_network_that_gives_nan_names_the_case(planned, stripes):
    plan = planned(stripes).plan
    with pytest.raises(NumericFailure, match="c0") as failed:
        list(predictor(plan, Bright(shift=float("nan"))).answer(items(2)))
    assert failed.value.exit_code == 7


def test_rows_of_a_table_may_be_asked_all_at_once(rows_predictor):
    from sagittal.data.images import image_of

    made, found = rows_predictor
    cases = made.manifest.cases[:20]
    images = [image_of(c, made.manifest) for c in cases]
    values = np.stack([next(found.windows(i))[1] for i in images])
    single = np.stack([p.scores for p in found.answer([(c.id, i) for c, i in zip(cases, images, strict=True)])])
    assert np.allclose(found.scores_of(values), single, atol=1e-6)


@pytest.fixture
def rows_predictor(planned, rows):
    made = planned(rows, "model.members=2", base=())
    return made, Predictor(plan=made.plan, task=made.plan.row, members=[made.plan.network().eval()])


def assessed(*rows, positive="b"):
    """An assessment of ``(id, truth, probability of b)``."""
    from types import SimpleNamespace

    from sagittal.core.labels import Labels

    labels = Labels(classes=("a", "b"), positive=positive)
    made = [
        SimpleNamespace(id=i, truth=np.array(t), answer=np.array(int(p >= 0.5)), scores=np.array([1 - p, p], np.float32))
        for i, t, p in rows
    ]
    return SimpleNamespace(answers=SimpleNamespace(kind="class", labels=labels), rows=made, task=None)


def test_the_galleries_show_the_surest_of_each_kind_and_those_nearest_to_the_threshold():
    rows = [("tp1", 1, 0.9), ("tp2", 1, 0.99), ("tn1", 0, 0.1), ("fp1", 0, 0.85), ("fn1", 1, 0.2), ("fn2", 1, 0.45), ("unknown", -1, 0.5)]
    found = [(p.kind, p.row.id) for p in pick(assessed(*rows), most=1, threshold=0.25)]
    wanted = [("TP", "tp2"), ("FP", "fp1"), ("TN", "tn1"), ("FN", "fn1"), ("confident_mistake", "fp1"), ("near_threshold", "fn1")]
    assert found == wanted
    kinds = {p.kind for p in pick(assessed(*rows, positive=None), most=5)}
    assert kinds == {"right", "wrong", "confident_mistake", "near_threshold"}
    assert "unknown" not in {p.row.id for p in pick(assessed(*rows), most=9)}


def test_a_run_is_a_directory_that_is_made_once(tmp_path):
    run = Run.create(tmp_path / "a" / "run")
    assert run.name == "run"
    with pytest.raises(UsageError, match="NOT_A_RUN"):
        Run.open(run.path)
    run.write("x/y.json", {"a": 1})
    assert run.read("x/y.json") == {"a": 1}
    assert run.has("x/y.json")
    with pytest.raises(UsageError, match="OUTPUT_EXISTS"):
        Run.create(run.path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="OUTPUT_EXISTS"):
        Run.create(tmp_path / "file")
    with pytest.raises((StorageFailure, UsageError)):
        Run.create(tmp_path / "file" / "run")


def test_looks_at_a_split_are_counted_and_broken_files_are_named(tmp_path):
    run = Run.create(tmp_path / "run")
    assert [run.touched("test"), run.touched("test"), run.touched("val")] == [1, 2, 1]
    assert json.loads((run.path / "touched.json").read_text())["test"] == 2
    with pytest.raises(UnreadableInput, match="--resume"):
        run.read("plan.json")
    for text in ("{", "[1]"):
        (run.path / "plan.json").write_text(text)
        with pytest.raises(UnreadableInput, match=r"NOT_JSON plan\.json"):
            run.plan()


def test_cases_of_different_sizes_are_answered_side_by_side(planned, tmp_path):
    plan = dataclasses.replace(dense_plan(planned, tmp_path), windows=Part(name="whole"), flips=())
    cases = [*items(2, (32, 32)), *items(1, (16, 48)), *items(2, (32, 32))]
    found = list(predictor(plan, Bright(dense=True), batch=8).answer(cases, store=in_memory))
    assert [p.scores.shape[1:] for p in found] == [i.geometry.shape for _, i in cases]
