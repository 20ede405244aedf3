"""From a file to what enters the network: grid, size, colours and intensities, as the recipe says or the data decide."""

from __future__ import annotations

from typing import cast

from sagittal.engine import slide_rules, tile_rules, volume_rules
from sagittal.engine.config import Recipe
from sagittal.engine.defaults import Pictures, Spacing
from sagittal.engine.facts import Facts
from sagittal.engine.ground import Ground
from sagittal.engine.prepare import Preparation
from sagittal.ops.scale import RULES, Rule

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

OWN = frozenset(RULES) - {"fixed"}
"""Ways to normalise by numbers of each image itself."""


def spacing_of(recipe: Recipe, facts: Facts, kind: Pictures) -> Spacing | None:
    """World units from sample to sample, and why, which is empty where the recipe says so; None where each case keeps its own."""
    wish = recipe.prepare.spacing
    if wish is not None:
        return tuple(wish) if isinstance(wish, list) else (wish,) * facts.axes, ""
    if facts.slides and facts.axes and recipe.prepare.size is None:
        found = slide_rules.spacing_of(facts)
        return None if found is None else (found, slide_rules.WHY_SPACING)
    return kind.spacing()


def crops(recipe: Recipe, facts: Facts) -> bool:
    """Whether volumes are cut to the box around what is not 0."""
    wish = recipe.prepare.crop
    return facts.axes > 2 and (volume_rules.cropped(facts) if wish is None else wish)


def preparation_of(ground: Ground) -> Preparation:
    """The way from a file to what enters the network."""
    recipe, facts, ledger, wish = ground.recipe, ground.facts, ground.ledger, ground.recipe.prepare
    if facts.axes == 0:
        # Standardised before augmentation, so that noise means the same for every column.
        high = tuple(m + (s or 1.0) for m, s in zip(facts.mean, facts.std, strict=True))
        return Preparation(axes=0, names=facts.channels, low=facts.mean, high=high)
    colour = "all" if facts.axes > 2 or len(facts.channels) not in {1, 3, 4} else ("grey" if facts.grey else "rgb")
    colour = "rgb" if recipe.model.pretrained == "imagenet" and colour == "grey" else colour
    channels = ledger.choose("prepare.channels", wish.channels, colour, "the pictures have no colour" if facts.grey else "as they come")
    size = _size(ground)
    volume = facts.axes > 2
    by_rule = volume or wish.normalise in OWN or _own_colours(ground)
    low, high, mean, std = _scaling(ground, channels=channels, by_rule=by_rule)
    if ground.spacing is not None and ground.why_spacing:
        ledger.choose("prepare.spacing", None, list(ground.spacing), ground.why_spacing)
    scaling, clip = _scaling_rule(ground) if by_rule else ("fixed", False)
    if volume:
        why = "what is exactly 0 around the rest is not looked at" if ground.crop else "a scan is seen whole: little of it is exactly 0"
        ledger.choose("prepare.crop", wish.crop, ground.crop, why)
    return Preparation(
        axes=facts.axes,
        scaling=scaling,
        clip=clip,
        crop=ground.crop,
        region=ledger.choose("prepare.region", wish.region, None, "") if wish.region is not None else None,
        order=wish.order or "linear",
        size=size,
        resize=wish.resize,
        fit=ledger.choose("prepare.fit", wish.fit, "stretch", "the whole picture is seen"),
        upright=volume,
        spacing=ground.spacing,
        multiple=16 if ground.dense and not volume else 1,
        unit="um" if ground.spacing is not None and facts.unit == "um" else "",
        channels=channels,
        names=facts.channels if channels == "all" else (),
        low=low,
        high=high,
        mean=mean,
        std=std,
    )


def _own_colours(ground: Ground) -> bool:
    """Whether each picture of tissue is measured by itself; not where the recipe says how colours are met."""
    wish = ground.recipe.prepare
    told = wish.normalise is not None or wish.range is not None or wish.stain is not None
    few = ground.dense and tile_rules.few_stains(ground.facts, sided=ground.kind.sided)
    return few and not told and ground.recipe.model.pretrained is None


def _scaling_rule(ground: Ground) -> tuple[Rule, bool]:
    """Which numbers the intensities are measured by, and whether they are cut off."""
    recipe, facts, ledger = ground.recipe, ground.facts, ground.ledger
    wish = recipe.prepare.normalise
    if wish in OWN:
        return cast(Rule, ledger.choose("prepare.normalise", wish, None, "")), False
    if wish is not None or recipe.prepare.range is not None:
        return "fixed", wish == "ct"
    rule, why = volume_rules.scaling_of(facts) if facts.axes > 2 else ("image", tile_rules.WHY_OWN)
    ledger.choose("prepare.normalise", None, "ct" if rule == "fixed" else rule, why)
    return rule, rule == "fixed"


def _size(ground: Ground) -> tuple[int, ...] | None:
    recipe, wish = ground.recipe, ground.recipe.prepare.size
    if wish is not None:
        return tuple(wish) if isinstance(wish, list) else (wish,) * ground.facts.axes
    if ground.dense or recipe.prepare.spacing is not None or recipe.windows.options() or ground.facts.slides:
        ground.ledger.choose("prepare.size", None, "own", "every sample of the source is answered")
        return None
    size, shown, why = ground.kind.size()
    ground.ledger.choose("prepare.size", None, shown, why)
    return size


def _scaling(
    ground: Ground, *, channels: str, by_rule: bool
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """``low, high, mean, std``."""
    recipe, facts, ledger = ground.recipe, ground.facts, ground.ledger
    wish = recipe.prepare.range
    low, high = ((wish[0],), (wish[1],)) if wish is not None else (facts.low, facts.high)
    n = {"grey": 1, "rgb": 3}.get(channels, len(facts.channels))
    low, high = _channels(low, n), _channels(high, n)
    default = "imagenet" if recipe.model.pretrained == "imagenet" else "data"
    how = recipe.prepare.normalise or default
    if not by_rule:
        ledger.choose("prepare.normalise", recipe.prepare.normalise, default, "mean and deviation of the training cases")
    if how == "imagenet":
        return low, high, _channels(IMAGENET_MEAN, n), _channels(IMAGENET_STD, n)
    if how == "none":
        return low, high, (0.0,), (1.0,)
    mean, std = _channels(facts.mean, n), _channels(facts.std, n)
    if wish is not None:
        mean, std = _rescaled(mean, std, was=(_channels(facts.low, n), _channels(facts.high, n)), now=(wish[0], wish[1]))
    return low, high, mean, tuple(s if s > 0 else 1.0 for s in std)


def _rescaled(
    mean: tuple[float, ...], std: tuple[float, ...], *, was: tuple[tuple[float, ...], tuple[float, ...]], now: tuple[float, float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation, measured where ``was`` becomes 0 and 1, on the scale where ``now`` does.

    What the new range cuts off was measured with the rest, so they are those of the data only as far as nothing is cut.
    """
    low, high = now
    means = (a + m * (b - a) for m, a, b in zip(mean, *was, strict=True))
    stds = (s * (b - a) for s, a, b in zip(std, *was, strict=True))
    return tuple((m - low) / (high - low) for m in means), tuple(s / (high - low) for s in stds)


def _channels(numbers: tuple[float, ...], n: int) -> tuple[float, ...]:
    """One number a channel: repeated, cut (alpha) or averaged (grey) as the channels need."""
    if len(numbers) == n:
        return numbers
    if n == 1:
        return (sum(numbers[:3]) / len(numbers[:3]),)
    return numbers[:n] if len(numbers) > n else (numbers[0],) * n
