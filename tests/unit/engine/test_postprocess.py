"""Tidying of label maps on its way: decided once, stored with the run and the package, applied by the one inference path."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sagittal.core import Case, Geometry, Image, Labels
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.engine import checkpoint, learn
from sagittal.engine.assess import assess
from sagittal.engine.case_scores import case_metrics
from sagittal.engine.config import load_recipe
from sagittal.engine.facts import facts_of
from sagittal.engine.infer import Predictor
from sagittal.engine.learn import predictor_of, tidied
from sagittal.engine.package import open_package, write_package
from sagittal.engine.postprocess import Postprocessing, Step
from sagittal.engine.rules import decide
from sagittal.engine.run import Run
from sagittal.errors import InvalidPackage, UsageError
from sagittal.io import write
from sagittal.models._network import Network
from sagittal.tasks.classification import classification

made = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("_packages.py"))))
LABELS = Labels(classes=("ground", "object"), background="ground", positive="object")
CPU = torch.device("cpu")
FOUND = Postprocessing(
    background="ground",
    steps=(Step(name="largest_component", label="object", gain=0.1, low=0.05, high=0.2, why="Dice +0.1"),),
    left=(Step(name="fill_holes", label="object", why="left off: it changes no validation case"),),
    n=10,
)


def manifest_of(folder: Path, *, val: int = 10) -> Manifest:
    """Dark pictures with a bright object and, where nothing is drawn, two bright specks."""
    folder.mkdir()
    cases = []
    for i in range(val + 4):
        pixels = np.full((1, 32, 32), 20, np.uint8)
        pixels[:, 12:28, 12:28] = 220
        pixels[:, 2:4, 2 + i % 5] = 220
        write(Image.of(pixels, Geometry.picture((32, 32))), folder / f"{i}.png")
        (folder / f"{i}.svg").write_text(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect class="object" x="12" y="12" width="16" height="16"/></svg>'
        )
        split = "train" if i < 2 else "test" if i < 4 else "val"
        cases.append(Case(id=f"c{i}", group=f"p{i}", split=split, images={"image": f"{i}.png"}, annotation=f"{i}.svg"))
    return Manifest(cases=tuple(cases), labels=LABELS, root=folder, provenance={"said": "outlines"})


class Bright(Network):
    """Draws what is bright."""

    def __init__(self) -> None:
        super().__init__(axes=2, channels=1, outputs=2, dense=True)

    @property
    def stages(self):
        return [("head", torch.nn.Identity())]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bright = x.mean(dim=1, keepdim=True)
        level = (bright.amax() + bright.amin()) / 2
        return 9 * torch.cat([level - bright, bright - level], dim=1)


def begun(tmp_path: Path, *sets: str, val: int = 10):
    manifest = manifest_of(tmp_path / "data", val=val)
    plan = decide(
        load_recipe("auto", ["task=segmentation", "model.widths=[4,8]", "evaluate.flips=[]", *sets]), manifest, facts_of(manifest)
    )
    run = Run.create(tmp_path / "run")
    manifest.write(run.path)
    run.write("plan.json", plan.record())
    run.write_recipe(load_recipe("auto", sets))
    checkpoint.save(run.checkpoints / "best", checkpoint.Checkpoint(model=plan.network().state_dict(), optimizer=None, state={}))
    return run, manifest, Predictor(plan=plan, task=plan.row, members=[Bright()])


def answers(predictor: Predictor, manifest: Manifest):
    return [p.answer for p in predictor.answer((c.id, image_of(c, manifest)) for c in manifest.cases[:3])]


def test_validation_decides_and_every_answer_is_tidied(tmp_path):
    run, manifest, plain = begun(tmp_path)
    assert plain.task.name == "segmentation"
    tidy = tidied(run, plain, manifest)
    assert [s.name for s in tidy.postprocessing.steps] == ["largest_component"] and tidy.postprocessing.n == 10
    assert run.read("postprocess.json")["format"] == "sagittal-postprocess"
    for before, after in zip(answers(plain, manifest), answers(tidy, manifest), strict=True):
        assert before[2:4].any() and not after[2:4].any()
        assert (before[10:] == after[10:]).all()
    dice = [assess(p, manifest, manifest.split("test")).score("dice").value for p in (plain, tidy)]
    assert dice[1] > dice[0]
    assert assess(tidy, manifest, manifest.split("test")).rest["postprocessing"]["steps"][0]["low"] > 0


def test_a_run_is_opened_as_it_was_decided(tmp_path):
    run, _, _ = begun(tmp_path)
    assert predictor_of(run, device=CPU).postprocessing is None, "a run of before"
    run.write("postprocess.json", {"format": "sagittal-postprocess", "version": 1, **FOUND.record()})
    assert predictor_of(run, device=CPU).postprocessing == FOUND


def test_few_patients_are_not_even_asked(tmp_path, monkeypatch):
    run, manifest, plain = begun(tmp_path, val=3)
    monkeypatch.setattr(learn, "beside_truth", lambda *_: pytest.fail("nothing is answered in vain"))
    found = tidied(run, plain, manifest).postprocessing
    assert not found.steps and "3 patients" in found.left[0].why


def test_it_can_be_left_out(tmp_path):
    run, manifest, plain = begun(tmp_path, "evaluate.postprocess=false")
    assert tidied(run, plain, manifest).postprocessing is None and not run.has("postprocess.json")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    run, manifest, _ = begun(folder, "evaluate.metrics={nsd: {tolerance: {object: 2.0}}, iou: false}")
    run.write("postprocess.json", {"format": "sagittal-postprocess", "version": 1, **FOUND.record()})
    return run, manifest, made.Truth.of(write_package(run, folder / "a.sagittal")), folder / "a.sagittal"


def test_a_package_answers_as_its_run(packed):
    run, manifest, truth, path = packed
    opened = open_package(path, device=CPU)
    assert opened.postprocessing == FOUND and opened.plan.metrics["nsd"] == {"tolerance": {"object": 2.0}}
    for one, other in zip(answers(opened, manifest), answers(predictor_of(run, device=CPU), manifest), strict=True):
        np.testing.assert_array_equal(one, other)
    assert "only the largest piece is kept" in truth.files["card.md"].decode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m["postprocessing"]["steps"][0].update(name="os.system"), "steps"),
        (lambda m: m["postprocessing"]["steps"][0].update(label="ground"), "steps"),
        (lambda m: m["postprocessing"]["steps"][0].update(label="bone"), "steps"),
        (lambda m: m["postprocessing"]["steps"][0].update(volume=3.0), "volume"),
        (lambda m: m["postprocessing"]["steps"][0].update(code="x"), "unknown key"),
        (lambda m: m["postprocessing"]["steps"].append(m["postprocessing"]["steps"][0]), "twice"),
        (lambda m: m["postprocessing"].update(background="object"), "background"),
        (lambda m: m["postprocessing"].update(n=-1), "n makes"),
        (lambda m: m["plan"]["metrics"].update(rm={}), "metric"),
        (lambda m: m["plan"]["metrics"].update(nsd={"tolerance": "x"}), "tolerance"),
        (lambda m: m["plan"]["metrics"].update(nsd={"shell": 1}), "option"),
        (lambda m: m["plan"]["metrics"].update(accuracy={}), "drawn"),
    ],
)
def test_a_package_with_other_tidying_or_metrics_is_refused(change, says, packed, tmp_path):
    path = tmp_path / "evil.sagittal"
    path.write_bytes(packed[2].with_model(change))
    with pytest.raises(InvalidPackage, match=says):
        open_package(path, device=CPU)


def test_the_metrics_of_a_case_are_chosen_in_the_recipe(packed, tmp_path):
    run, manifest, _, _ = packed
    found = assess(predictor_of(run, device=CPU), manifest, manifest.split("test"))
    names = list(dict.fromkeys(s.metric for s in found.scores))
    assert "iou" not in names and names[0] == "dice"
    assert "tolerance of 1 for others, 2 for object" in next(s for s in found.scores if s.metric == "nsd").convention
    units = {s.metric: s.unit for s in found.scores}
    assert units["hd95"] == "px" and units["volume_difference"] == "px²" and units["dice"] == "1"


def test_a_wrong_choice_of_metrics_is_refused_before_training(tmp_path):
    manifest = manifest_of(tmp_path / "data", val=2)
    for setting, says in (
        ("evaluate.metrics={dize: true}", "dice"),
        ("evaluate.metrics={accuracy: true}", "not a metric of drawn answers"),
        ("evaluate.metrics={nsd: {tolerence: 1}}", "tolerance"),
        ("evaluate.metrics={nsd: {tolerance: -1}}", "tolerance"),
    ):
        with pytest.raises(UsageError, match=says):
            decide(load_recipe("auto", ["task=segmentation", setting]), manifest, facts_of(manifest))
    with pytest.raises(UsageError, match="no metrics to choose"):
        case_metrics(classification, {"dice": True})


def test_nothing_switched_on_leaves_a_label_map_alone():
    drawn = np.eye(5, dtype=np.int16)
    assert replace(FOUND, steps=()).apply(drawn, Geometry.picture((5, 5)), LABELS) is drawn
