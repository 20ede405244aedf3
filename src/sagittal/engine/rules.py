"""The default decisions: from what the data are to a plan, with a reason for each.

A recipe that sets something wins; everything it leaves open is decided here. The figures in the reasons'
places were chosen on training and validation data (see ``docs/concepts/auto.md``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from sagittal.core.labels import Labels
from sagittal.data.discover import LAYOUTS
from sagittal.data.manifest import Manifest
from sagittal.engine import slide_rules, tile_rules, volume_rules
from sagittal.engine.case_scores import case_metrics
from sagittal.engine.config import Recipe
from sagittal.engine.facts import Facts
from sagittal.engine.plan import EXPLAINERS, LOSSES, MODELS, TASKS, WINDOWS, Part, Plan, Reason, build
from sagittal.engine.prepare import Preparation
from sagittal.engine.sections import Open
from sagittal.engine.settings import LAST, Feeding, TrainSettings
from sagittal.engine.shares import shares_of
from sagittal.engine.units import units_of
from sagittal.engine.volume_rules import cropped
from sagittal.errors import UsageError, nearest
from sagittal.ops.scale import RULES, Rule
from sagittal.shelf import Shelf
from sagittal.tasks._task import Task
from sagittal.transforms._compose import Augmentation

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

SIDES = frozenset(["left", "right", "sinister", "dexter", "links", "rechts", "gauche", "droite", "izquierda", "derecha", "os", "od"])
"""Words of a class name that speak of a side of the body."""

SMALL = 64
"""Pictures of at most so many samples a side are seen as they are, by a network without a coarse first layer."""

FEW = 5000
"""Below so many training cases pictures are mixed."""

STEPS = 2000
"""How many steps a network of pictures learns on a small data set."""

TABLE_STEPS = 600
"""How many steps a table's network learns, whatever the number of rows (``docs/concepts/auto.md``)."""

MAX_RAM = 4.0
"""GiB: a whole brain at 1 mm fits into it with a small U-Net, and it fits into a machine of 8."""

GIVEN = ("channels", "outputs", "axes", "generator")
"""Options of a network that follow from the data and the seed."""

OWN = frozenset(RULES) - {"fixed"}
"""Ways to normalise by numbers of each image itself."""

FEEDING = ("rounds", "balance", "class_weights", "workers", "cache_mb", "prepare", "gather")


@dataclass(slots=True)
class Ledger:
    """Collects the reasons."""

    reasons: list[Reason] = field(default_factory=list)

    def choose(self, what: str, given: Any, default: Any, why: str) -> Any:
        """What the recipe gave, or the default; the reason is kept."""
        value = default if given is None else given
        self.reasons.append(Reason(what=what, value=value, why="the recipe says so" if given is not None else why))
        return value


def check_settings(recipe: Recipe) -> None:
    """Complain about settings that cannot be, before the data are looked at.

    Raises:
        UsageError: A part, option or training setting that does not exist, or a value that does not fit.
    """
    wish = dict(recipe.train)
    build(Feeding, {k: wish.pop(k) for k in FEEDING if k in wish}, "train")
    build(TrainSettings, wish, "train")
    for shelf, part in ((TASKS, recipe.task), (WINDOWS, recipe.windows.name), (MODELS, recipe.model.name)):
        if part is not None:
            shelf.get(part)
    _check_open("data", recipe.data, LAYOUTS, recipe.data.layout, reserved=("root",))
    _check_open("windows", recipe.windows, WINDOWS, recipe.windows.name)
    if recipe.windows.name is not None:
        WINDOWS.make(recipe.windows.name, recipe.windows.options())
    _check_open("model", recipe.model, MODELS, recipe.model.name, reserved=GIVEN)
    _check_open("explain", recipe.explain, EXPLAINERS, recipe.explain.name, reserved=("model", "x", "attend"))
    if recipe.explain.name is not None and "attend" not in EXPLAINERS.options(recipe.explain.name):
        fit = ", ".join(n for n in EXPLAINERS.names() if "attend" in EXPLAINERS.options(n))
        raise UsageError(
            "EXPLAINER", recipe.explain.name, "explains many rows at once, and is made of tables anyway", f"choose one of: {fit}"
        )
    if recipe.loss is not None:
        _check_open("loss", recipe.loss, LOSSES, recipe.loss.name)
        LOSSES.make(recipe.loss.name, recipe.loss.options())
    if isinstance(recipe.augment, dict):
        Augmentation.of(recipe.augment)


def _check_open(where: str, section: Open, shelf: Shelf, name: str | None, *, reserved: Iterable[str] = ()) -> None:
    """Whether the further keys of a section are options of the named part, or of any where none is named.

    Raises:
        UsageError: One is not; the nearest may be a key of the section itself.
    """
    if not section.options():
        return
    names = [name] if name is not None else shelf.names()
    known = {option for n in names for option in shelf.options(n)} - set(reserved)
    for key in section.options():
        if key not in known:
            what = f"the {shelf.kind} {name} has no such option" if name is not None else f"no {shelf.kind} has such an option"
            raise UsageError("UNKNOWN_OPTION", f"{where}.{key}", what, nearest(key, {*known, *type(section).model_fields}))


def decide(recipe: Recipe, manifest: Manifest, facts: Facts) -> Plan:
    """The plan of a run.

    Raises:
        UsageError: The recipe asks for something that the data cannot give.
    """
    ledger = Ledger()
    row = _task(recipe, manifest, ledger)
    labels = _labels(recipe, manifest.labels, row)
    dense = row.head(labels, facts.axes).dense
    windows = _windows(recipe, facts, ledger, dense=dense)
    model, pretrained, freeze = _model(recipe, facts, ledger, dense=dense, sliced=windows.name == "slices")
    preparation = _preparation(recipe, facts, ledger, dense=dense, pretrained=pretrained)
    if dense and preparation.crop and labels.background not in {None, labels.classes[0]}:
        # Beyond the box nobody votes, and the first class stands there.
        what = f"outside the box the first class, {labels.classes[0]}, would stand, and the background is {labels.background}"
        raise UsageError("CROP", "prepare.crop", what, "put the background first in the labels, or --set prepare.crop=false")
    target = slide_rules.stain_of(manifest, recipe.prepare.stain) if recipe.prepare.stain is not None else None
    preparation = replace(preparation, tissue=windows.name == "tissue", stain=target)
    balanced = row.exclusive and not dense and WINDOWS.make(windows.name, windows.options).fixed
    train, feeding = _training(recipe, facts, ledger, windows, balanced=balanced, dense=dense)
    members = _members(recipe, facts, ledger, dense=dense)
    augment = _augment(recipe, facts, ledger, windows, mixed=_mixed(facts, row, dense=dense), dense=dense)
    plan = Plan(
        task=row.name,
        labels=labels,
        preparation=preparation,
        windows=windows,
        unit=recipe.windows.unit,
        model=model,
        pretrained=pretrained,
        freeze=freeze,
        members=members,
        views=recipe.model.views,
        augment=augment,
        loss=_loss(recipe, facts, row, ledger),
        feeding=volume_rules.gathered(feeding, facts.axes, augment, ledger.choose),
        train=train,
        flips=_flips(recipe, facts, row, ledger, windows),
        rule=recipe.evaluate.rule,
        precision=recipe.evaluate.precision,
        max_ram=_max_ram(recipe, facts, ledger, dense=dense),
        postprocess=recipe.evaluate.postprocess,
        metrics=_metrics(recipe, facts, row, ledger),
        sensitivity=recipe.evaluate.sensitivity,
        specificity=recipe.evaluate.specificity,
        abstain_error=recipe.evaluate.abstain_error,
        explain=Part(name=recipe.explain.name or ("grad_cam" if facts.axes else "integrated_gradients"), options=recipe.explain.options()),
        explain_cases=recipe.explain.cases,
        seed=recipe.seed,
        fingerprint=manifest.digest,
        units=units_of(row, manifest, preparation, labels),
        reasons=tuple(ledger.reasons),
    )
    return replace(plan, shares=shares_of(plan, manifest))


def _task(recipe: Recipe, manifest: Manifest, ledger: Ledger) -> Task:
    """The task that the recipe names, or the one whose most natural annotation is what was said."""
    rows = [TASKS.get(name) for name in TASKS.names()]
    fitting = sorted((row.said.index(manifest.said), row.name) for row in rows if manifest.said in row.said)
    if not fitting and recipe.task is None:
        raise UsageError(
            "NOTHING_SAID",
            manifest.root,
            "no case has a label or an annotation",
            "give labels: class folders, or a CSV with a label column",
        )
    name = ledger.choose("task", recipe.task, fitting[0][1] if fitting else None, f"what was said of each case is a {manifest.said}")
    row: Task = TASKS.get(name)
    if manifest.said not in row.said:
        raise UsageError(
            "TASK",
            name,
            f"what was said of each case is a {manifest.said}, which does not answer it",
            f"choose one of: {', '.join(n for _, n in fitting)}",
        )
    return row


def _labels(recipe: Recipe, labels: Labels, row: Task) -> Labels:
    rules = recipe.labels
    for name in (rules.positive, rules.background):
        if name is not None:
            labels.index(name)
    return replace(
        labels,
        positive=rules.positive or labels.positive,
        background=rules.background or labels.background,
        colours={**labels.colours, **rules.colours},
    )


def _windows(recipe: Recipe, facts: Facts, ledger: Ledger, *, dense: bool) -> Part:
    options = recipe.windows.options()
    if recipe.windows.name is not None:
        return Part(name=recipe.windows.name, options=options)
    if facts.slides and facts.axes:
        name, found, why = slide_rules.windows_of(dense=dense)
        ledger.choose("windows", None, name, why)
        return Part(name=name, options={**found, **options})
    if dense and facts.axes > 2 and not options:
        name, options, why = volume_rules.windows_of(
            facts, _spacing_of(recipe, facts, dense=dense) or facts.spacing, crop=_crops(recipe, facts)
        )
        ledger.choose("windows", None, f"{name} {options}", why)
        return Part(name=name, options=options)
    if dense and facts.axes:
        name, found, why = tile_rules.windows_of(facts, _coarser(recipe, facts), whole=not options)
        ledger.choose("windows", None, name, why)
        return Part(name=name, options={**found, **options})
    name = "tiles" if "size" in options else "whole"
    return Part(name=name, options=options)


def _preparation(recipe: Recipe, facts: Facts, ledger: Ledger, *, dense: bool, pretrained: str | None) -> Preparation:
    wish = recipe.prepare
    if facts.axes == 0:
        # Standardised before augmentation, so that noise means the same for every column.
        high = tuple(m + (s or 1.0) for m, s in zip(facts.mean, facts.std, strict=True))
        return Preparation(axes=0, names=facts.channels, low=facts.mean, high=high)
    colour = "all" if facts.axes > 2 or len(facts.channels) not in {1, 3, 4} else ("grey" if facts.grey else "rgb")
    colour = "rgb" if pretrained == "imagenet" and colour == "grey" else colour
    channels = ledger.choose("prepare.channels", wish.channels, colour, "the pictures have no colour" if facts.grey else "as they come")
    size = _size(recipe, facts, ledger, dense=dense)
    volume, own = facts.axes > 2, _own_colours(recipe, facts, dense=dense)
    low, high, mean, std = _scaling(recipe, facts, ledger, channels=channels, pretrained=pretrained, own=own)
    spacing = _spacing(recipe, facts, ledger, dense=dense)
    scaling, clip = _scaling_rule(recipe, facts, ledger) if volume or own or wish.normalise in OWN else ("fixed", False)
    crop = volume and ledger.choose("prepare.crop", wish.crop, cropped(facts), "what is exactly 0 around the rest is not looked at")
    return Preparation(
        axes=facts.axes,
        scaling=scaling,
        clip=clip,
        crop=crop,
        region=ledger.choose("prepare.region", wish.region, None, "") if wish.region is not None else None,
        order=wish.order or "linear",
        size=size,
        resize=wish.resize,
        fit=ledger.choose("prepare.fit", wish.fit, "stretch", "the whole picture is seen"),
        upright=facts.axes > 2,
        spacing=spacing,
        multiple=16 if dense and not volume else 1,
        unit="um" if spacing is not None and facts.unit == "um" else "",
        channels=channels,
        names=facts.channels if channels == "all" else (),
        low=low,
        high=high,
        mean=mean,
        std=std,
    )


def _spacing(recipe: Recipe, facts: Facts, ledger: Ledger, *, dense: bool) -> tuple[float, ...] | None:
    """World units from sample to sample; volumes that differ in it meet at their median."""
    found = _spacing_of(recipe, facts, dense=dense)
    if found is not None and recipe.prepare.spacing is None:
        why = "the volumes differ in spacing; this is the median, finer where it is coarse"
        why = slide_rules.WHY_SPACING if facts.slides else (tile_rules.WHY_COARSER if facts.axes == 2 else why)
        ledger.choose("prepare.spacing", None, list(found), why)
    return found


def _spacing_of(recipe: Recipe, facts: Facts, *, dense: bool) -> tuple[float, ...] | None:
    wish = recipe.prepare.spacing
    if wish is not None:
        return tuple(wish) if isinstance(wish, list) else (wish,) * facts.axes
    if facts.slides and facts.axes and recipe.prepare.size is None:
        return slide_rules.spacing_of(facts)
    if dense and facts.axes == 2 and _coarser(recipe, facts) > 1:
        return tuple(round(s * _coarser(recipe, facts), 6) for s in facts.spacing)
    return None if facts.axes < 3 or recipe.prepare.size is not None or not dense else volume_rules.spacing_of(facts)


def _coarser(recipe: Recipe, facts: Facts) -> int:
    """By how much pictures with drawn answers are seen smaller; not where the recipe says how large they are seen."""
    told = recipe.prepare.spacing is not None or recipe.prepare.size is not None
    return 1 if told or facts.slides or facts.axes != 2 or not facts.same_spacing else tile_rules.coarser(facts)


def _crops(recipe: Recipe, facts: Facts) -> bool:
    return cropped(facts) if recipe.prepare.crop is None else recipe.prepare.crop


def _own_colours(recipe: Recipe, facts: Facts, *, dense: bool) -> bool:
    """Whether each picture of tissue is measured by itself; not where the recipe says how colours are met."""
    wish = recipe.prepare
    told = wish.normalise is not None or wish.range is not None or wish.stain is not None
    return dense and not told and recipe.model.pretrained is None and tile_rules.few_stains(facts, sided=sided(facts.names))


def _scaling_rule(recipe: Recipe, facts: Facts, ledger: Ledger) -> tuple[Rule, bool]:
    """Which numbers the intensities are measured by, and whether they are cut off."""
    wish = recipe.prepare.normalise
    if wish in OWN:
        return cast(Rule, ledger.choose("prepare.normalise", wish, None, "")), False
    if wish is not None or recipe.prepare.range is not None:
        return "fixed", wish == "ct"
    rule, why = volume_rules.scaling_of(facts) if facts.axes > 2 else ("image", tile_rules.WHY_OWN)
    ledger.choose("prepare.normalise", None, "ct" if rule == "fixed" else rule, why)
    return rule, rule == "fixed"


def _size(recipe: Recipe, facts: Facts, ledger: Ledger, *, dense: bool) -> tuple[int, ...] | None:
    wish = recipe.prepare.size
    if wish is not None:
        return tuple(wish) if isinstance(wish, list) else (wish,) * facts.axes
    if dense or recipe.prepare.spacing is not None or recipe.windows.options() or facts.slides:
        ledger.choose("prepare.size", None, "own", "every sample of the source is answered")
        return None
    if facts.axes > 2:
        size = volume_rules.size_of(facts)
        ledger.choose("prepare.size", None, list(size), "the median volume in its proportions, so coarse that a CPU learns it in minutes")
        return size
    side = min(max(facts.shape), 160)
    side = side if side <= SMALL else max(SMALL, side // 32 * 32)
    ledger.choose("prepare.size", None, side, f"the median picture has {' x '.join(map(str, facts.shape))} samples")
    return (side,) * facts.axes


def _scaling(
    recipe: Recipe, facts: Facts, ledger: Ledger, *, channels: str, pretrained: str | None, own: bool
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """``low, high, mean, std``."""
    wish = recipe.prepare.range
    low, high = ((wish[0],), (wish[1],)) if wish is not None else (facts.low, facts.high)
    n = {"grey": 1, "rgb": 3}.get(channels, len(facts.channels))
    low, high = _channels(low, n), _channels(high, n)
    default = "imagenet" if pretrained == "imagenet" else "data"
    how = recipe.prepare.normalise or default
    if facts.axes < 3 and not own:
        ledger.choose("prepare.normalise", recipe.prepare.normalise, default, "mean and deviation of the training cases")
    if how == "imagenet":
        return low, high, _channels(IMAGENET_MEAN, n), _channels(IMAGENET_STD, n)
    if how == "none":
        return low, high, (0.0,), (1.0,)
    mean, std = _channels(facts.mean, n), _channels(facts.std, n)
    return low, high, mean, tuple(s if s > 0 else 1.0 for s in std)


def _channels(numbers: tuple[float, ...], n: int) -> tuple[float, ...]:
    """One number a channel: repeated, cut (alpha) or averaged (grey) as the channels need."""
    if len(numbers) == n:
        return numbers
    if n == 1:
        return (sum(numbers[:3]) / len(numbers[:3]),)
    return numbers[:n] if len(numbers) > n else (numbers[0],) * n


def _model(
    recipe: Recipe, facts: Facts, ledger: Ledger, *, dense: bool, sliced: bool
) -> tuple[Part, str | None, str | tuple[str, ...] | None]:
    wish = recipe.model
    options = wish.options()
    if wish.name is None:
        name, options = _default_model(facts, options, dense=dense, sliced=sliced)
        MODELS.check(name, options, reserved=GIVEN)
        ledger.choose("model", None, name, "a small network that learns from scratch; see docs/concepts/auto.md")
    else:
        name = ledger.choose("model", wish.name, None, "")
    freeze = tuple(wish.freeze) if isinstance(wish.freeze, list) else wish.freeze
    return Part(name=name, options=options), wish.pretrained, freeze


def _default_model(facts: Facts, options: Mapping[str, Any], *, dense: bool, sliced: bool) -> tuple[str, dict[str, Any]]:
    if facts.axes == 0:
        seen = {"patterns": [16, 32]} if facts.ordered else {"waves": 256}
        return "mlp", {"widths": [64, 64], "dropout": 0.3, "activation": "gelu", **seen, **options}
    if facts.axes > 2 and not dense:
        return "preact_resnet", {**volume_rules.whole_model_of(), **options}
    if dense and facts.axes > 2:
        return "unet", {**volume_rules.model_of(sliced=sliced), **options}
    if dense:
        return "unet", {"widths": tile_rules.WIDTHS, **options}
    if max(facts.shape) <= SMALL:
        return "preact_resnet", {"widths": [32, 64, 128], "blocks": 2, **options}
    return "preact_resnet", {"widths": [32, 64, 128, 256], "blocks": 2, "stem_stride": 4, **options}


def _members(recipe: Recipe, facts: Facts, ledger: Ledger, *, dense: bool) -> int:
    default = 1
    if recipe.model.name is None and not dense:
        default = 4 if facts.axes == 0 else (3 if facts.cases < 10_000 and facts.axes == 2 else 1)
    members: int = ledger.choose("model.members", recipe.model.members, default, "networks started apart answer better together")
    return members


def _augment(recipe: Recipe, facts: Facts, ledger: Ledger, windows: Part, *, mixed: bool, dense: bool) -> dict[str, Any]:
    if recipe.augment == "none":
        return {}
    if recipe.augment is not None:
        return dict(recipe.augment)
    found = tile_rules.augment_for(facts, sided=sided(facts.names)) if dense else None
    default, why = found or ({**_default_augment(facts, windows), **({"mixup": 0.3} if mixed else {})}, tile_rules.MODERATE)
    ledger.choose("augment", None, ", ".join(default), why)
    return default


def _mixed(facts: Facts, row: Task, *, dense: bool) -> bool:
    """Whether pictures are mixed: few of them, and large enough that a network can learn them by heart."""
    return row.exclusive and not dense and facts.axes == 2 and max(facts.shape) > SMALL and facts.cases < FEW


def _default_augment(facts: Facts, windows: Part) -> dict[str, Any]:
    if facts.axes == 0:
        return {**({"slide": 1.0} if facts.ordered else {}), "noise": {"sd": [0.3, 0.3]}}
    if facts.axes == 2:
        return {
            **({} if sided(facts.names) else {"flip": "horizontal"}),
            "affine": {"rotate": 10, "scale": [0.85, 1.25], "shift": 0.06, "shear": 3.5},
            "jitter": {"brightness": 0.15, "contrast": 0.28},
            "gamma": [0.74, 1.35],
            "blur": {"sigma": 1.0, "p": 0.2},
            "noise": 0.05,
        }
    return volume_rules.augment_of(sliced=_across(windows), mirrored=not sided(facts.names))


def _across(windows: Part) -> int | None:
    """The axis across the slices; None where the network sees volumes."""
    return int(windows.options.get("axis", 2)) if windows.name == "slices" else None


def sided(names: Iterable[str]) -> bool:
    """Whether a class speaks of a side of the body, which a mirrored picture would turn into the other.

    >>> sided(["left lung", "tumour"]), sided(["bright", "cleft"])
    (True, False)
    """
    return any(word in SIDES for name in names for word in re.findall(r"[a-z]+", name.lower()))


def _loss(recipe: Recipe, facts: Facts, row: Task, ledger: Ledger) -> Part:
    if recipe.loss is not None:
        return Part(name=recipe.loss.name, options=recipe.loss.options())
    ledger.choose("loss", None, row.loss, f"the usual one for {row.name}")
    smooth = row.exclusive and row.loss == "cross_entropy" and recipe.model.name is None
    return Part(name=row.loss, options={"label_smoothing": 0.05 if facts.axes and max(facts.shape) <= SMALL else 0.1} if smooth else {})


def _training(recipe: Recipe, facts: Facts, ledger: Ledger, windows: Part, *, balanced: bool, dense: bool) -> tuple[TrainSettings, Feeding]:
    if dense and facts.axes == 2:
        default = tile_rules.training_of(facts, dict(windows.options))
    elif facts.axes < 3:
        default = _default_training(facts, balanced=balanced)
    elif dense:
        default = volume_rules.training_of(facts, windows.name, dict(windows.options))
    else:
        default = volume_rules.whole_training_of(facts, balanced=balanced)
    wish = {**default, **recipe.train}
    if recipe.train.get("stop") is None and not dense:
        # The schedule ends at its best; a small validation set would pick an earlier epoch by luck.
        wish.setdefault("best", {"watch": LAST})
    feeding = build(Feeding, {k: wish.pop(k) for k in FEEDING if k in wish}, "train")
    train = build(TrainSettings, wish, "train")
    ledger.choose("train", None, f"{train.epochs} epochs of {facts.cases} cases, batch {train.batch}", "enough for the number of cases")
    return train, feeding


def _default_training(facts: Facts, *, balanced: bool) -> dict[str, Any]:
    if facts.axes == 0:
        epochs = 10
        return {
            "epochs": epochs,
            "rounds": max(1, round(TABLE_STEPS * 64 / (epochs * max(facts.cases, 1)))),
            "batch": 64,
            "optimizer": "adamw",
            "lr": 3e-3,
            "weight_decay": 0.1,
            "decay_all": True,
            "schedule": {"name": "cosine", "warmup": 0.03},
        }
    batch = 16 if facts.cases < 1000 else 64
    steps = STEPS if facts.cases < 1000 else STEPS * 2 // 3
    return {
        "epochs": max(12, min(100, steps * batch // max(facts.cases, 1))),
        "batch": batch,
        "optimizer": "adamw",
        "lr": 2e-3,
        "weight_decay": 0.05,
        "schedule": {"name": "cosine", "warmup": 0.05},
        "ema": 0.99,
        "balance": balanced,
    }


def _metrics(recipe: Recipe, facts: Facts, row: Task, ledger: Ledger) -> Mapping[str, Any]:
    """The metrics that were chosen; asked for now, so that a wrong one does not end a run after its training."""
    chosen: Mapping[str, Any] = recipe.evaluate.metrics
    if row.per_case and tile_rules.any_way_round(facts, sided=False):
        default = tile_rules.metrics_of(ranked=row.samplewise)
        chosen = {**dict.fromkeys(default, True), **chosen}
        ledger.choose("evaluate.metrics", None, default, tile_rules.WHY_METRICS)
    case_metrics(row, chosen)
    return chosen


def _max_ram(recipe: Recipe, facts: Facts, ledger: Ledger, *, dense: bool) -> float | None:
    """GiB for the windows of a drawn answer: a fixed number, so that the same windows answer on every machine."""
    if not dense or not facts.axes:
        return None
    why = "the larger the windows of an answer, the less is computed twice; --max-ram lowers it"
    found: float = ledger.choose("evaluate.max_ram", recipe.evaluate.max_ram, MAX_RAM, why)
    return found


def _flips(recipe: Recipe, facts: Facts, row: Task, ledger: Ledger, windows: Part) -> tuple[int, ...]:
    if recipe.evaluate.flips is not None:
        return tuple(recipe.evaluate.flips)
    mirrored = facts.axes >= 2 and recipe.augment is None and row.regrid and not sided(facts.names) and _across(windows) != 0
    if not mirrored:
        return ()
    if row.head(Labels(classes=facts.names), facts.axes).dense and tile_rules.any_way_round(facts, sided=sided(facts.names)):
        ledger.choose("evaluate.flips", None, (0, 1), "the pictures have no up and down, so they are asked mirrored four ways")
        return (0, 1)
    # Left and right: a picture's second axis, the first of an upright volume and of its slices.
    axis = 1 if facts.axes == 2 else 0
    ledger.choose("evaluate.flips", None, (axis,), "no class speaks of a side, so the mirrored picture is asked as well")
    return (axis,)
