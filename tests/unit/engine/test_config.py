"""A recipe is a closed schema: whatever is misspelt, at whatever level, is answered with the nearest name and exit 2."""

from __future__ import annotations

import dataclasses
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sagittal.engine.checks import check_settings
from sagittal.engine.config import Recipe, load_recipe, recipe_names, recipe_of, settings
from sagittal.engine.plan import Plan, Units, build
from sagittal.engine.settings import Feeding, TrainSettings
from sagittal.errors import SagittalError, UnreadableInput, UsageError

WRONG = [
    ("taks=classification", "task"),
    ("modle.name=vgg", "model"),
    ("split.fold=5", "folds"),
    ("prepare.sise=32", "size"),
    ("labels.positiv=a", "positive"),
    ("evaluate.flip=[1]", "flips"),
    ("task=clasification", "classification"),
    ("model.name=resnt", "resnet"),
    ("windows.name=tile", "tiles"),
    ("explain.name=gradcam", "grad_cam"),
    ("loss=cross_entopy", "cross_entropy"),
    ("augment.flp=any", "flip"),
    ("model.name=vgg model.dept=16", "depth"),
    ("model.name=vgg model.freez=features", "freeze"),
    ("model.freez=features", "freeze"),
    ("model.widhts=[3]", "widths"),
    ("model.name=vgg model.widths=[3]", ""),
    ("model.name=vgg model.channels=3", ""),
    ("windows.sise=32", "size"),
    ("windows.nam=tiles", "name"),
    ("windows.name=tiles windows.overlp=0.5", "overlap"),
    ("explain.case=3", "cases"),
    ("explain.name=occlusion explain.overlp=3", "overlap"),
    ("explain.name=permutation", "grad_cam"),
    ("loss.name=focal loss.gama=2", "gamma"),
    ("data.layot=table", "layout"),
    ("data.gruop=patient", "group"),
    ("data.layout=table data.gruop=patient", "group"),
    ("augment.affine.rotat=3", "rotate"),
    ("train.epoch=3", "epochs"),
    ("train.worker=3", ""),
    ("train.stop.patiense=3", "patience"),
    ("train.schedule.nam=cosine", "name"),
    ("train.best.moed=max", "mode"),
    ("train.unfreeze=[{epoch: 1, stage: [a]}]", "stages"),
    ("train.checkpoint.epoch=3", "epochs"),
    ("split.leaks=dorp", "drop"),
    ("prepare.fit=streach", "stretch"),
    ("prepare.channels=gray", "grey"),
]


@pytest.mark.parametrize(("sets", "near"), WRONG, ids=[w for w, _ in WRONG])
def test_a_misspelt_key_or_name_is_answered_with_the_nearest(sets, near):
    with pytest.raises(UsageError) as refused:
        check_settings(load_recipe("auto", sets.split(" ") if "{" not in sets else [sets]))
    assert refused.value.exit_code == 2
    assert near in refused.value.remedy
    assert sets.split(" ")[-1].partition("=")[0].split(".")[-1][:4] in str(refused.value) or "permutation" in sets or "=" in sets


BAD = [
    "train.epochs=0",
    "train.epochs=three",
    "train.epochs=2.5",
    "train.epochs=true",
    "train.epochs=null",
    "train.lr=fast",
    "train.lr=.nan",
    "train.lr=[1]",
    "train.lr=true",
    "train.lr=0",
    "train.optimizer=3",
    "train.optimizer=adm",
    "train.schedule=linear",
    "train.best.mode=maximum",
    "train.stop.watch=3",
    "train.unfreeze={epoch: 1, stages: [a]}",
    "train.unfreeze=3",
    "train.unfreeze=[{epoch: 1, stages: a}]",
    "train.balance=yes please",
    "train.rounds=0",
    "train.workers=-1",
    "train.cache_mb=-1",
    "train.momentum=1",
    "split.test=1",
    "split.folds=1",
    "split.repeats=0",
    "model.members=0",
    "model.views=0",
    "evaluate.sensitivity=1.5",
    "windows={name: tiles, size: 0}",
    "prepare.range=[1, 2, 3]",
    "prepare.range=type",
    "seed=x",
    "augment=3",
]


@pytest.mark.parametrize("sets", BAD)
def test_a_value_that_cannot_be_names_the_setting(sets):
    with pytest.raises(UsageError) as refused:
        check_settings(load_recipe("auto", [sets]))
    assert sets.partition("=")[0].split(".")[-1] in str(refused.value)
    assert refused.value.exit_code == 2
    assert refused.value.remedy


@pytest.mark.parametrize("text", ["train.epochs", "=3", "a={"])
def test_a_setting_is_key_and_value(text):
    with pytest.raises(UsageError, match="SETTING"):
        load_recipe("auto", [text])


def test_numbers_that_yaml_reads_as_words_are_numbers():
    assert build(TrainSettings, {"lr": "1e-3"}, "train").lr == 1e-3
    assert build(TrainSettings, {"ema": "9e-1"}, "train").ema == 0.9
    assert build(TrainSettings, {"minutes": 3}, "train").minutes == 3


def test_a_word_where_a_group_is_wanted_is_its_first_setting():
    assert build(TrainSettings, {"schedule": "constant"}, "train").schedule.name == "constant"
    assert load_recipe("auto", ["loss=focal", "loss.gamma=3"]).loss.options() == {"gamma": 3}


def test_settings_lie_over_the_recipe_and_leave_the_rest():
    recipe = load_recipe("oct_vgg16", ["model.dropout=0.1", "train.stop.patience=7", "seed=9"])
    assert recipe.model.options()["dropout"] == 0.1
    assert recipe.model.options()["depth"] == 16
    assert recipe.train["stop"] == {"watch": "loss", "patience": 7}
    assert recipe.seed == 9
    assert load_recipe("oct_vgg16").train["stop"]["patience"] == 3
    assert recipe_of(json.loads(json.dumps(recipe.record()))) == recipe


def test_a_recipe_file_is_read_and_what_is_none_is_refused(tmp_path):
    good = tmp_path / "mine.yaml"
    good.write_text("train: {epochs: 3}\n")
    assert load_recipe(good).train == {"epochs": 3}
    assert load_recipe(good).recipe == "mine"
    (tmp_path / "empty.yaml").write_text("")
    assert load_recipe(tmp_path / "empty.yaml") == Recipe(recipe="empty")
    for text, kind in (("- a\n- b\n", UsageError), ("a: [", UnreadableInput), ("train: {epochs: 3}\ntrian: {}\n", UsageError)):
        good.write_text(text)
        with pytest.raises(kind):
            load_recipe(good)
    good.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableInput):
        load_recipe(good)
    with pytest.raises(UsageError, match="did you mean oct_vgg16"):
        load_recipe("oct_vgg")


KEYS = st.sampled_from(
    ["train", "model", "augment", "task", "split.test", "loss", "windows.size", "prepare.range", "data.layout", "evaluate.flips", "explain"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(KEYS, VALUES)
def test_no_value_brings_the_program_down(key, value):
    try:
        check_settings(load_recipe("auto", {key: value}))
    except SagittalError as error:
        assert error.exit_code in {2, 3, 4}


def test_every_training_setting_is_listed_with_its_meaning():
    listed = {key: why for key, _, why in settings()}
    for kind in (TrainSettings, Feeding):
        for field in dataclasses.fields(kind):
            under = [k for k in listed if k == f"train.{field.name}" or k.startswith(f"train.{field.name}.")]
            assert under, field.name
            assert all(listed[k] for k in under), under
    cut = [key for key, why in listed.items() if not why.endswith((".", ")."))]
    assert not cut, "a meaning ends where its sentence does"
    assert listed["train.best.watch"].endswith("where there are too few validation cases to choose by.")


@pytest.mark.parametrize(
    "sets",
    [
        (),
        ("augment=none", "model.members=1", "prepare.normalise=image", "prepare.fit=crop", "prepare.resize=20"),
        ("model.freeze=[stem]", "train.unfreeze=[{epoch: 1, stages: [stem], lr: 1e-4}]", "train.stop.watch=accuracy", "train.minutes=3"),
        (
            "loss.name=focal",
            "loss.gamma=1.5",
            "windows.name=tiles",
            "windows.size=[8, 8]",
            "evaluate.flips=[0, 1]",
            "prepare.range=[0, 200]",
        ),
        (
            "model.pretrained=file.safetensors",
            "explain.name=occlusion",
            "explain.cases=2",
            "labels.positive=standing",
            "labels.colours.lying='#123456'",
        ),
    ],
)
def test_a_plan_comes_back_from_its_record_as_it_was(sets, planned, stripes):
    plan = planned(stripes, *sets).plan
    again = Plan.from_record(json.loads(json.dumps(plan.record(), allow_nan=False)))
    plain = dataclasses.replace(again, reasons=plan.reasons)
    assert plain == plan
    assert json.dumps(again.record()) == json.dumps(plan.record())
    assert [r.what for r in again.reasons] == [r.what for r in plan.reasons]
    assert all(r.why for r in plan.reasons)


def test_a_plan_of_a_table_comes_back_too(planned, rows):
    plan = planned(rows, base=()).plan
    with_units = dataclasses.replace(plan, units=Units(mean=(1.0,), std=(2.0,)))
    for one in (plan, with_units):
        again = Plan.from_record(json.loads(json.dumps(one.record())))
        assert dataclasses.replace(again, reasons=one.reasons) == one


def test_a_plan_with_an_unknown_key_is_refused(planned, stripes):
    record = planned(stripes).plan.record()
    for change, near in (({"membres": 3}, "members"), ({"train": {**record["train"], "epoch": 3}}, "epochs")):
        with pytest.raises(UsageError, match=f"did you mean {near}"):
            Plan.from_record({**record, **change})


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_short_begins_with_a_sentence_and_names_parts_that_exist(name):
    from sagittal.engine.config import recipe_folder

    text = (recipe_folder() / f"{name}.yaml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 15
    assert text.startswith("# ")
    check_settings(load_recipe(name))
    assert set(yaml.safe_load(text) or {}) <= set(Recipe.model_fields)


def test_l2_is_another_name_of_weight_decay_and_what_is_laid_over_wins(tmp_path):
    assert load_recipe("gastric_fcn8s").train["weight_decay"] == 0.01
    over = load_recipe("gastric_fcn8s", ["train.l2=0.001"])
    assert over.train["weight_decay"] == 0.001
    assert "l2" not in over.record()["train"]
    (tmp_path / "own.yaml").write_text("train: {l2: 0.1}", encoding="utf-8")
    assert load_recipe(tmp_path / "own.yaml").train == {"weight_decay": 0.1}
    assert load_recipe(tmp_path / "own.yaml", ["train.weight_decay=0.2"]).train == {"weight_decay": 0.2}
    (tmp_path / "own.yaml").write_text("train: {l2: 0.1, weight_decay: 0.2}", encoding="utf-8")
    with pytest.raises(UsageError, match="both are set"):
        load_recipe(tmp_path / "own.yaml")


@pytest.mark.parametrize("text", ["prepare.size=0", "evaluate.flips=[x]", "split.test=2", "prepare.resize=-1"])
def test_a_wrong_value_is_said_of_the_setting_as_the_user_wrote_it(text):
    key = text.split("=")[0]
    with pytest.raises(UsageError) as refused:
        load_recipe("auto", [text])
    assert refused.value.item == key
