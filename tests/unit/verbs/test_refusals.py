"""What a verb refuses: before anything is written, in one line, with the nearest name; the same command can be given again."""

from __future__ import annotations

import numpy as np
import pytest

import sagittal
from sagittal.engine.config import load_recipe, recipe_names, settings
from sagittal.engine.learn import device_of
from sagittal.errors import Refused, SagittalError, UnreadableInput, UsageError, nearest
from sagittal.io.writers.raster import encode_png
from sagittal.verbs._asked import Request
from sagittal.verbs.audit import audit
from sagittal.verbs.evaluate import evaluate
from sagittal.verbs.run import run
from sagittal.verbs.train import begin, train


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("circle", "square ü"):
        (tmp_path / "my data" / name).mkdir(parents=True)
        for i in range(8):
            (tmp_path / "my data" / name / f"{i} é.png").write_bytes(encode_png(rng.integers(0, 255, (1, 20, 24), dtype=np.uint8)))
    return tmp_path / "my data"


MISSPELT = {
    "trian.epochs=3": "train",
    "train.epoch=3": "epochs",
    "train.stop.pateince=3": "patience",
    "model.name=vgq": "vgg",
    "task=clasification": "classification",
    "loss=cross_entropi": "cross_entropy",
    "augment.rotat=3": "rotate",
    "windows.name=hole": "whole",
    "explain.name=gradcam": "grad_cam",
    "prepare.fit=strech": "stretch",
    "split.leaks=dorp": "drop",
    "evaluate.sensitivty=.9": "sensitivity",
    "labels.positive=circel": "circle",
    "data.grop=x": "group",
}


@pytest.mark.parametrize(("text", "meant"), MISSPELT.items(), ids=MISSPELT)
def test_a_misspelt_setting_is_answered_with_the_nearest(text, meant, pictures, tmp_path):
    with pytest.raises(UsageError) as refusal:
        train(pictures, out=tmp_path / "out", sets=[text])
    assert refusal.value.remedy == f"did you mean {meant}?"
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


# The further keys of these belong to a part, which checks them.
OPEN = {"data", "windows", "model", "loss", "explain", "augment", "train"}


@pytest.mark.parametrize("key", [key for key, _, _ in settings() if "." in key and key.split(".")[0] not in OPEN])
def test_every_setting_misspelt_is_answered_with_itself(key):
    section, _, name = key.rpartition(".")
    with pytest.raises(UsageError, match=rf"did you mean {name}\?"):
        load_recipe("auto", [f"{section}.{name}x=1"])


@pytest.mark.parametrize("text", ["train.epochs", "train.epochs=many", "train.lr=fast", "split.test=2", "train.schedule=cosin", "seed=[1"])
def test_a_value_that_does_not_fit_is_one_line(text, pictures, tmp_path):
    with pytest.raises(UsageError) as refusal:
        train(pictures, out=tmp_path / "out", sets=[text])
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_an_unknown_code_lets_nothing_through(pictures, tmp_path):
    with pytest.raises(UsageError, match=r"did you mean GROUP_LEAK\?"):
        train(pictures, out=tmp_path / "out", allow=["GROUP_LEEK"])
    with pytest.raises(UsageError, match=r"did you mean DUPLICATE\?"):
        audit(pictures, out=tmp_path / "out", allow=["DUPLICAT"])
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_none_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"did you mean cuda\?"):
        device_of("cuad")


def test_missing_weights_are_known_before_anything_is_written(pictures, tmp_path):
    with pytest.raises(UsageError, match=r"UNKNOWN_WEIGHTS imagnet"):
        train(pictures, out=tmp_path / "out", sets=["model.name=resnet", "model.depth=18", "model.pretrained=imagnet"])
    assert not (tmp_path / "out").exists()


def test_the_same_command_can_be_given_again_after_a_refusal(pictures, tmp_path):
    (pictures / "circle" / "zz.png").write_text("this is no picture\n")
    with pytest.raises(UnreadableInput, match=r"zz\.png"):
        begin(Request(data=pictures, out=tmp_path / "new" / "out", recipe=load_recipe()))
    assert not (tmp_path / "new").exists(), "the folder is gone, and the one that was made for it"
    (pictures / "circle" / "zz.png").unlink()
    begun = begin(Request(data=pictures, out=tmp_path / "out", recipe=load_recipe()))
    assert {"train", "val", "test"} == set(begun.manifest.splits)


def test_a_run_is_never_written_over(pictures, tmp_path):
    begin(Request(data=pictures, out=tmp_path / "out", recipe=load_recipe()))
    before = sorted(p.name for p in (tmp_path / "out").iterdir())
    with pytest.raises(UsageError, match="OUTPUT_EXISTS"):
        begin(Request(data=pictures, out=tmp_path / "out", recipe=load_recipe()))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == before


def test_too_few_cases_are_refused_before_training(tmp_path):
    (tmp_path / "two.csv").write_text("a,b,value\n1,2,0.5\n3,4,0.7\n")
    with pytest.raises((Refused, UsageError)):
        begin(Request(data=tmp_path / "two.csv", out=tmp_path / "out", recipe=load_recipe("auto", ["task=regression"])))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["empty", "one class", "not there", "a text file"])
def test_what_cannot_be_learnt_from_is_refused_with_a_remedy(what, tmp_path):
    place = tmp_path / what
    if what == "empty":
        place.mkdir()
    elif what == "one class":
        (place / "only").mkdir(parents=True)
        for i in range(6):
            (place / "only" / f"{i}.png").write_bytes(encode_png(np.full((1, 9, 9), 20 * i, dtype=np.uint8)))
    elif what == "a text file":
        place.write_text("hello\n")
    with pytest.raises(SagittalError) as refusal:
        run(place, out=tmp_path / "out")
    assert refusal.value.exit_code in {2, 3, 4}
    assert refusal.value.remedy
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_not_there_is_said_to_be_not_there(tmp_path):
    with pytest.raises(UsageError, match="NOT_FOUND"):
        evaluate(tmp_path / "nothing")


def test_a_message_lists_no_thousand_names():
    text = nearest("zzz", [f"case{i:04}" for i in range(1000)])
    assert text.endswith(" and 976 more")
    assert len(text) < 300


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_short_and_sound(name):
    from sagittal.engine.checks import check_settings
    from sagittal.engine.config import recipe_folder

    assert len((recipe_folder() / f"{name}.yaml").read_text(encoding="utf-8").splitlines()) <= 15
    check_settings(load_recipe(name))


def test_paths_may_be_texts(pictures, tmp_path):
    begun = begin(Request(data=str(pictures), out=str(tmp_path / "out"), recipe=load_recipe()))
    assert begun.run.path == tmp_path / "out"
    with pytest.raises(UsageError, match="ends in"):
        sagittal.package(str(begun.run.path), out="model.zip")
    with pytest.raises(UsageError, match="NOT_A_RUN"):
        train(resume=str(tmp_path))


def test_a_csv_of_files_that_are_not_there_says_so(tmp_path):
    (tmp_path / "cases.csv").write_text("file,labell\nx.png,1\ny.png,2\n")
    with pytest.raises(UsageError, match="none of its columns names files that are there"):
        run(tmp_path / "cases.csv", out=tmp_path / "out")
