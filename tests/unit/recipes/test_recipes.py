"""The recipes hold the published set-ups exactly."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest
import torch

from sagittal.core.labels import Labels
from sagittal.data.layouts._found import Found
from sagittal.engine.checks import check_settings
from sagittal.engine.config import load_recipe, recipe_names
from sagittal.engine.facts import Facts
from sagittal.engine.plan import MODELS, Plan, build
from sagittal.engine.rules import decide
from sagittal.engine.settings import Stop, TrainSettings
from sagittal.engine.stopping import Watch
from sagittal.models._network import count
from sagittal.phantoms.retina import retina


def test_there_are_the_recipes_of_the_published_systems():
    assert {"auto", "oct_vgg16", "covid_vgg19bn", "cats_dogs_vgg16", "sonar_mlp"} <= set(recipe_names())
    assert load_recipe("auto").record() == {"recipe": "auto"}


@pytest.fixture(scope="module")
def oct_plan(tmp_path_factory):
    """The plan of the recipe for retina OCT on synthetic retinas."""
    from sagittal.data.discover import discover

    data = retina(tmp_path_factory.mktemp("data") / "oct", patients=12, scans=2, size=(64, 64), flawed=False)
    recipe = load_recipe("oct_vgg16")
    found: Found = discover(data, layout=recipe.data.layout, options={"group": recipe.data.group})
    assert len(found.manifest.labels) == 4
    facts = Facts(
        axes=2, channels=("value",), grey=True, shape=(496, 512), same_shape=True, spacing=(1.0, 1.0), same_spacing=True,
        low=(0.0,), high=(255.0,), mean=(0.2,), std=(0.2,), cases=100, names=found.manifest.labels.classes, classes=(25,) * 4,
    )  # fmt: skip
    return decide(recipe, found.manifest, facts)


def test_the_network_of_s0_has_its_numbers_of_parameters(oct_plan: Plan):
    with torch.device("meta"):
        network = MODELS.make("vgg", oct_plan.model.options, channels=oct_plan.preparation.count, outputs=4, axes=2)
    network.freeze(oct_plan.freeze)
    assert count(network) == (135_310_404, 1_049_860)


def test_the_preparation_and_training_of_s0(oct_plan: Plan):
    assert (oct_plan.preparation.size, oct_plan.preparation.resize, oct_plan.preparation.fit) == ((224, 224), 256, "crop")
    assert oct_plan.preparation.channels == "rgb"
    assert oct_plan.preparation.mean == (0.485, 0.456, 0.406)
    assert oct_plan.preparation.std == (0.229, 0.224, 0.225)
    assert (oct_plan.train.batch, oct_plan.train.epochs, oct_plan.train.optimizer, oct_plan.train.lr) == (128, 20, "adam", 1e-3)
    assert (oct_plan.train.stop.watch, oct_plan.train.stop.patience, oct_plan.train.stop.also) == ("loss", 3, None)
    assert list(oct_plan.augment) == ["resized_crop", "rotate", "jitter", "flip"]
    assert (oct_plan.pretrained, oct_plan.freeze, oct_plan.members, oct_plan.flips) == ("imagenet", "features", 1, ())
    assert oct_plan.train.ema is None
    assert oct_plan.feeding.balance is False


def settings_of(name: str) -> TrainSettings:
    wish = {k: v for k, v in load_recipe(name).train.items() if k not in {"balance", "rounds", "class_weights", "workers", "cache_mb"}}
    return build(TrainSettings, wish, "train")


def test_s3_steps_after_64_pictures_and_watches_running_averages_of_loss_and_accuracy():
    train = settings_of("covid_vgg19bn")
    assert train.batch * train.accumulate == 64
    assert (train.optimizer, train.lr, train.momentum, train.epochs) == ("sgd", 0.01, 0.9, 60)
    assert train.stop == Stop(watch="loss", also="accuracy", patience=5, smoothing=0.2, drop=0.1)
    assert train.best.watch == "accuracy"
    model = load_recipe("covid_vgg19bn").model
    assert (model.name, model.pretrained, model.options()) == ("vgg", "imagenet", {"depth": 19, "norm": "batch"})


def test_s3_drops_the_rate_when_the_loss_stalls_alone_and_stops_when_both_stall():
    watch = Watch.of(settings_of("covid_vgg19bn").stop)
    said = []
    # the loss is best at once; the accuracy rises for ten epochs, and then falls
    for epoch in range(40):
        watch, verdict = watch.after({"val_loss": 1.0 + 0.1 * epoch, "val_accuracy": 0.8 - 0.03 * abs(epoch - 10)})
        said.append(verdict)
        if verdict == "stop":
            break
    assert "drop" in said
    assert said.index("drop") == 5, "five epochs without a better loss"
    assert said[-1] == "stop"
    assert said.index("stop") > said.index("drop")


def test_sonar_is_one_hidden_layer_of_60():
    recipe = load_recipe("sonar_mlp")
    network = MODELS.make(recipe.model.name, recipe.model.options(), channels=60, outputs=2, axes=0)
    assert [m.out_features for m in network.modules() if isinstance(m, torch.nn.Linear)] == [60, 2]
    assert recipe.split.test == 0.4
    assert recipe.augment == "none"


def test_dogs_against_cats_learns_the_last_layer_only():
    recipe = load_recipe("cats_dogs_vgg16")
    with torch.device("meta"):
        network = MODELS.make(recipe.model.name, recipe.model.options(), channels=3, outputs=2, axes=2)
    network.freeze(recipe.model.freeze)
    assert count(network)[1] == 4096 * 2 + 2


@pytest.mark.parametrize("name", recipe_names())
def test_the_settings_of_a_recipe_can_be(name):
    recipe = load_recipe(name)
    check_settings(recipe)
    assert dataclasses.is_dataclass(settings_of(name))
    assert Labels(classes=("NonCOVID", "COVID"), positive=recipe.labels.positive if name == "covid_vgg19bn" else None)


@pytest.mark.parametrize(
    ("name", "channels", "classes", "parameters"),
    [("iseg_unet3d", 2, 4, 1_781_744), ("iseg_vnet", 2, 4, 45_613_956), ("iseg_hyperdensenet", 2, 4, 10_361_922)],
)
def test_the_networks_of_s2_have_their_numbers_of_parameters(name, channels, classes, parameters):
    recipe = load_recipe(name)
    with torch.device("meta"):
        network = MODELS.make(recipe.model.name, recipe.model.options(), channels=channels, outputs=classes, axes=3)
    assert count(network)[0] == parameters
    assert recipe.prepare.normalise == "full_volume_mean"
    assert recipe.windows.options() == {"size": 64, "per_case": 128, "share": 0.1}
    train = settings_of(name)
    assert (train.batch, train.epochs, train.optimizer, train.lr, train.momentum) == (1, 200, "sgd", 0.01, 0.9)
    assert train.schedule.name == "constant"


def test_brats_takes_four_modalities_and_two_blocks():
    recipe = load_recipe("brats_unet3d")
    assert (recipe.data.layout, recipe.model.name, recipe.model.options()["layout"]) == ("brats", "unet", "context")
    assert (settings_of("brats_unet3d").batch, settings_of("brats_unet3d").epochs) == (2, 100)


def test_s4_learns_fcn8s_with_decay_on_the_way_up_alone():
    recipe, train = load_recipe("gastric_fcn8s"), settings_of("gastric_fcn8s")
    with torch.device("meta"):
        network = MODELS.make(recipe.model.name, recipe.model.options(), channels=3, outputs=2, axes=2)
    assert network.published == "vgg16"
    assert [up.kernel_size[0] for up in network.decoder.ups] == [4, 4, 16]
    assert network.features.decays is False
    assert (train.batch, train.epochs, train.optimizer, train.lr, train.weight_decay) == (2, 30, "adam", 1e-4, 1e-2)
    assert (train.schedule.name, train.schedule.factor) == ("staircase", 0.95)
    assert recipe.prepare.size == 256


def test_tiles_of_stomach_are_seen_in_micrometres_and_those_without_a_drawing_have_no_tumour(tmp_path):
    from sagittal.data.discover import discover
    from sagittal.engine.facts import facts_of
    from sagittal.phantoms.tiles import tiles

    tiles(tmp_path / "tiles", patients=4, each=2, size=(128, 128), empty_outlines=False)
    recipe = load_recipe("gastric_tiles")
    found = discover(tmp_path / "tiles", layout=recipe.data.layout, options=recipe.data.met())
    bare = [c for c in found.manifest.cases if not c.annotation]
    assert bare
    assert {c.label for c in bare} == {"background"}
    manifest = found.manifest.with_cases(replace(c, split="train") for c in found.manifest.cases)
    plan = decide(recipe, manifest, facts_of(manifest))
    assert (plan.preparation.spacing, plan.preparation.unit, plan.preparation.size) == ((1.0, 1.0), "um", None)
    assert (plan.windows.name, plan.model.name) == ("balanced", "unet")
    assert "stain" in plan.augment
    assert load_recipe("gastric_fcn8s").data.options()["unmarked"] == "background"
