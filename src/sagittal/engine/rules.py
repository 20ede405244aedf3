"""The default decisions: from what the data are to a plan, with a reason for each.

A recipe that sets something wins; everything it leaves open is decided here. The figures in the reasons'
places were chosen on training and validation data (see ``docs/concepts/auto.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sagittal.core.labels import Labels
from sagittal.data.manifest import Manifest
from sagittal.data.manifest.words import SPOKEN
from sagittal.engine import picture_rules, preparation_rules, slide_rules, tile_rules, volume_rules
from sagittal.engine.case_scores import case_metrics
from sagittal.engine.checks import GIVEN, training_of
from sagittal.engine.config import Recipe
from sagittal.engine.defaults import Chosen, kind_of
from sagittal.engine.facts import Facts
from sagittal.engine.ground import Ground, Ledger
from sagittal.engine.loss_rules import check_loss
from sagittal.engine.plan import MODELS, TASKS, WINDOWS, Part, Plan
from sagittal.engine.preparation_rules import preparation_of
from sagittal.engine.room import within
from sagittal.engine.sections import DEFAULT
from sagittal.engine.settings import LAST, Feeding, TrainSettings
from sagittal.engine.shares import shares_of
from sagittal.engine.sides import check_sides, left_right, sided
from sagittal.engine.units import units_of
from sagittal.errors import UsageError
from sagittal.tasks._task import Task
from sagittal.transforms._compose import Augmentation

MAX_RAM = 4.0
"""GiB: a whole brain at 1 mm fits into it with a small U-Net, and it fits into a machine of 8."""


def decide(recipe: Recipe, manifest: Manifest, facts: Facts) -> Plan:
    """The plan of a run.

    Raises:
        UsageError: The recipe asks for something that the data cannot give.
        UnsafeConfiguration: Pictures are to be mirrored, and the classes tell left from right.
    """
    ledger = Ledger()
    row = _task(recipe, manifest, ledger)
    labels = _labels(recipe, manifest.labels, row)
    ground = _ground(recipe, facts, row, ledger, dense=row.head(labels, facts.axes).dense)
    windows = _windows(ground)
    model = _model(ground, sliced=windows.name == "slices")
    preparation = preparation_of(ground)
    if ground.dense and ground.crop and labels.background not in {None, labels.classes[0]}:
        # Beyond the box nobody votes, and the first class stands there.
        what = f"outside the box the first class, {labels.classes[0]}, would stand, and the background is {labels.background}"
        raise UsageError("CROP", "prepare.crop", what, "put the background first in the labels, or --set prepare.crop=false")
    target = slide_rules.stain_of(manifest, recipe.prepare.stain) if recipe.prepare.stain is not None else None
    preparation = replace(preparation, tissue=windows.name == "tissue", stain=target)
    train, feeding = _training(ground, windows)
    members = _members(ground)
    augment = _augment(ground, windows)
    varied = _varied(ground, augment, members=members)
    flips = _flips(ground, augment)
    check_sides(facts.names, facts.axes, Augmentation.of(augment), flips, told=recipe.labels.sided)
    freeze = recipe.model.freeze
    plan = Plan(
        task=row.name,
        labels=labels,
        preparation=preparation,
        windows=windows,
        unit=recipe.windows.unit,
        model=model,
        pretrained=recipe.model.pretrained,
        freeze=tuple(freeze) if isinstance(freeze, list) else freeze,
        members=members,
        views=recipe.model.views,
        augment=augment,
        varied=varied,
        loss=_loss(ground),
        feeding=volume_rules.gathered(feeding, facts.axes, augment, ledger.choose),
        train=train,
        flips=flips,
        rule=recipe.evaluate.rule,
        precision=recipe.evaluate.precision,
        max_ram=_max_ram(ground),
        postprocess=recipe.evaluate.postprocess,
        metrics=_metrics(ground),
        sensitivity=recipe.evaluate.sensitivity,
        specificity=recipe.evaluate.specificity,
        abstain_error=recipe.evaluate.abstain_error,
        explain=Part(name=recipe.explain.name or ("grad_cam" if facts.axes else "integrated_gradients"), options=recipe.explain.options()),
        explain_cases=recipe.explain.cases,
        seed=recipe.seed,
        fingerprint=manifest.digest,
        units=units_of(row, manifest, preparation, labels),
    )
    plan = within(plan, ground, lambda smaller: _training(ground, smaller)[0])
    _say_training(ground, plan.train)
    if recipe.loss is not None:
        check_loss(plan, manifest)
    return replace(plan, shares=shares_of(plan, manifest), reasons=tuple(ledger.reasons))


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
    name = ledger.choose("task", recipe.task, fitting[0][1] if fitting else None, f"of each case was said: {SPOKEN[manifest.said]}")
    row: Task = TASKS.get(name)
    if manifest.said not in row.said:
        raise UsageError(
            "TASK",
            name,
            f"of each case was said: {SPOKEN[manifest.said]}; that is no answer to learn it from",
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


def _ground(recipe: Recipe, facts: Facts, row: Task, ledger: Ledger, *, dense: bool) -> Ground:
    kind = kind_of(facts.axes, dense=dense)(
        facts=facts,
        sided=sided(facts.names) if recipe.labels.sided is None else recipe.labels.sided,
        own_network=recipe.model.name is not None,
        own_size=recipe.prepare.spacing is not None or recipe.prepare.size is not None,
    )
    spacing, why = preparation_rules.spacing_of(recipe, facts, kind) or (None, "")
    crop = preparation_rules.crops(recipe, facts)
    return Ground(recipe=recipe, facts=facts, row=row, dense=dense, kind=kind, spacing=spacing, why_spacing=why, crop=crop, ledger=ledger)


def _windows(ground: Ground) -> Part:
    wish, options, facts = ground.recipe.windows, ground.recipe.windows.options(), ground.facts
    if wish.name is not None:
        return Part(name=wish.name, options=options)
    if facts.slides and facts.axes:
        name, found, told = slide_rules.windows_of(dense=ground.dense)
        chosen: Chosen = Part(name=name, options={**found, **options}), name, told
    else:
        chosen = ground.kind.windows(options, ground.spacing or facts.spacing, crop=ground.crop)
    part, shown, why = chosen
    if why:
        ground.ledger.choose("windows", None, shown, why)
    return part


def _model(ground: Ground, *, sliced: bool) -> Part:
    wish = ground.recipe.model
    if wish.name is not None:
        return Part(name=ground.ledger.choose("model", wish.name, None, ""), options=wish.options())
    name, options = ground.kind.model(sliced=sliced)
    options = {**options, **wish.options()}
    MODELS.check(name, options, reserved=GIVEN)
    ground.ledger.choose("model", None, name, "a small network that learns from scratch; see docs/concepts/auto.md")
    return Part(name=name, options=options)


def _members(ground: Ground) -> int:
    wish = ground.recipe.model
    default = ground.kind.members() if wish.name is None else 1
    why = "networks started apart answer better together" if default > 1 else "one network answers; more of them would take as much longer"
    members: int = ground.ledger.choose("model.members", wish.members, default, why)
    return members


def _augment(ground: Ground, windows: Part) -> dict[str, Any]:
    given = _over_chosen(ground)
    if given is None:
        own = ground.recipe.augment
        return {name: options for name, options in own.items() if name != DEFAULT} if isinstance(own, dict) else {}
    default, why = _changes(ground, windows)
    changed = {**default, **{name: _over(default.get(name), options) for name, options in given.items()}}
    changed = {name: options for name, options in changed.items() if options is not None and options is not False}
    why = f"{why}; the recipe changes {', '.join(given)}" if given else why
    ground.ledger.choose("augment", None, ", ".join(changed), why)
    return changed


def _over_chosen(ground: Ground) -> dict[str, Any] | None:
    """What the recipe changes of the augmentation that is chosen for the data; None where it says all of it by itself."""
    given = {DEFAULT: True} if ground.recipe.augment is None else ground.recipe.augment
    if given == "none" or not given.get(DEFAULT):
        return None
    return {name: options for name, options in given.items() if name != DEFAULT}


def _varied(ground: Ground, augment: Mapping[str, Any], *, members: int) -> dict[str, Any]:
    """How samples of every second network are changed instead: of few pictures that get one answer, unless the recipe says how."""
    recipe, facts = ground.recipe, ground.facts
    if recipe.model.varied and not facts.axes:
        raise UsageError("VARIED", "model.varied", "networks of a table share the rows that they see", "leave it out")
    if members == 1:
        if recipe.model.varied:
            raise UsageError("VARIED", "model.varied", "one network has no other beside it", "set model.members to 2 or more")
        return {}
    chosen = _over_chosen(ground) is not None
    default = chosen and not ground.dense and facts.axes == picture_rules.AXES and picture_rules.varied(facts)
    why = "networks that saw few pictures changed in different ways answer better together" if default else "all see samples changed alike"
    if not ground.ledger.choose("model.varied", recipe.model.varied, default, why):
        return {}
    return picture_rules.varied_of(flip=augment.get("flip"))


def _over(default: object, options: object) -> object:
    """A part of the augmentation with what a recipe changes of it: options that it does not name stay."""
    return {**default, **options} if isinstance(default, dict) and isinstance(options, dict) else options


def _changes(ground: Ground, windows: Part) -> tuple[dict[str, Any], str]:
    """How training samples are changed unless the recipe says it, and why."""
    return ground.kind.augment(across=_across(windows), exclusive=ground.row.exclusive)


def _across(windows: Part) -> int | None:
    """The axis across the slices; None where the network sees volumes."""
    return int(windows.options.get("axis", 2)) if windows.name == "slices" else None


def _loss(ground: Ground) -> Part:
    recipe, facts, row = ground.recipe, ground.facts, ground.row
    if recipe.loss is not None:
        return Part(name=recipe.loss.name, options=recipe.loss.options())
    ground.ledger.choose("loss", None, row.loss, f"the usual one for {row.name}")
    smooth = row.exclusive and row.loss == "cross_entropy" and recipe.model.name is None
    small = facts.axes > 0 and max(facts.shape) <= picture_rules.SMALL
    return Part(name=row.loss, options={"label_smoothing": 0.05 if small else 0.1} if smooth else {})


def _training(ground: Ground, windows: Part) -> tuple[TrainSettings, Feeding]:
    balanced = ground.row.exclusive and not ground.dense and WINDOWS.make(windows.name, windows.options).fixed
    wish = {**ground.kind.training(windows, balanced=balanced), **ground.recipe.train}
    if ground.recipe.train.get("stop") is None and not ground.dense:
        # The schedule ends at its best; a small validation set would pick an earlier epoch by luck.
        wish.setdefault("best", {"watch": LAST})
    return training_of(wish)


def _say_training(ground: Ground, train: TrainSettings) -> None:
    asked = {"epochs", "minutes"} & {key for key, value in ground.recipe.train.items() if value is not None}
    long = f"{train.minutes:g} minutes" if "minutes" in asked else "1 epoch" if train.epochs == 1 else f"{train.epochs} epochs"
    told = f"{long} of {ground.facts.cases} cases, batch {train.batch}"
    ground.ledger.choose("train", told if asked else None, told, "enough for the number of cases")


def _metrics(ground: Ground) -> Mapping[str, Any]:
    """The metrics that were chosen; asked for now, so that a wrong one does not end a run after its training."""
    row, chosen = ground.row, ground.recipe.evaluate.metrics
    if row.per_case and tile_rules.any_way_round(ground.facts, sided=False):
        default = tile_rules.metrics_of(ranked=row.samplewise)
        chosen = {**dict.fromkeys(default, True), **chosen}
        ground.ledger.choose("evaluate.metrics", None, default, tile_rules.WHY_METRICS)
    case_metrics(row, chosen)
    return chosen


def _max_ram(ground: Ground) -> float | None:
    """GiB for the windows of a drawn answer: a fixed number, so that the same windows answer on every machine."""
    if not ground.dense or not ground.facts.axes:
        return None
    why = "the larger the windows of an answer, the less is computed twice; --max-ram lowers it"
    found: float = ground.ledger.choose("evaluate.max_ram", ground.recipe.evaluate.max_ram, MAX_RAM, why)
    return found


def _flips(ground: Ground, augment: Mapping[str, Any]) -> tuple[int, ...]:
    recipe, facts = ground.recipe, ground.facts
    if recipe.evaluate.flips is not None:
        return tuple(recipe.evaluate.flips)
    # Only a network that saw mirrored pictures is asked them, and none whose recipe says how they are mirrored.
    given = _over_chosen(ground)
    if given is None or "flip" in given or not ground.row.regrid or "flip" not in augment:
        return ()
    if ground.dense and tile_rules.any_way_round(facts, sided=ground.kind.sided):
        ground.ledger.choose("evaluate.flips", None, "axes 0 and 1", "the pictures have no up and down, so they are asked four ways")
        return (0, 1)
    axis = left_right(facts.axes)
    ground.ledger.choose("evaluate.flips", None, f"axis {axis}", "no class speaks of a side, so the mirrored picture is asked as well")
    return (axis,)
