"""The kinds of data, which all answer the same questions; the figures stand in the rules of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagittal.engine import picture_rules, table_rules, tile_rules, volume_rules
from sagittal.engine.facts import Facts
from sagittal.engine.plan import Part

Size = tuple[tuple[int, ...], object, str]
"""Samples along each axis, what the reasons say of them, and why."""

Spacing = tuple[tuple[float, ...], str]
"""World units from sample to sample, and why."""

Chosen = tuple[Part, object, str]
"""A part, what the reasons say of it, and why; without a why it goes without saying."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictures:
    """Pictures that get one answer; the other kinds say where they differ.

    Args:
        facts: Of the training cases.
        sided: A class speaks of a side of the body.
        own_network: The recipe names the network.
        own_size: The recipe says how large cases are seen.
    """

    facts: Facts
    sided: bool
    own_network: bool
    own_size: bool

    def windows(self, options: Mapping[str, Any], spacing: Sequence[float], *, crop: bool) -> Chosen:
        """What the network sees at once.

        Args:
            options: What the recipe says of it.
            spacing: Of the prepared grid.
            crop: Whether only the content is seen.
        """
        return Part(name="tiles" if "size" in options else "whole", options=options), None, ""

    def spacing(self) -> Spacing | None:
        """At which all are seen; None where each keeps its own."""
        return None

    def size(self) -> Size:
        """Samples of a case that is seen as one."""
        side, why = picture_rules.size_of(self.facts, default_network=not self.own_network)
        return (side,) * self.facts.axes, side, why

    def model(self, *, sliced: bool) -> tuple[str, dict[str, Any]]:
        """The network and its options; ``sliced`` where it sees slices of volumes."""
        return "preact_resnet", picture_rules.model_of(self.facts)

    def members(self) -> int:
        """How many networks answer together."""
        return picture_rules.members_of(self.facts)

    def augment(self, *, across: int | None, exclusive: bool) -> tuple[dict[str, Any], str]:
        """Transforms with their options, and why.

        Args:
            across: The axis across the slices; None where the network sees none.
            exclusive: Each case has one class.
        """
        mixed = {"mixup": 0.3} if exclusive and picture_rules.mixed(self.facts) else {}
        return {**picture_rules.augment_of(mirrored=not self.sided), **mixed}, tile_rules.MODERATE

    def training(self, windows: Part, *, balanced: bool) -> dict[str, Any]:
        """Training settings; ``balanced`` where classes are drawn equally often."""
        return picture_rules.training_of(self.facts, balanced=balanced, whole=windows.name == "whole")


class Tables(Pictures):
    """Rows: images without axes."""

    __slots__ = ()

    def model(self, *, sliced: bool) -> tuple[str, dict[str, Any]]:
        """A network of few and wide layers."""
        return "mlp", table_rules.model_of(self.facts)

    def members(self) -> int:
        """Four."""
        return table_rules.MEMBERS

    def augment(self, *, across: int | None, exclusive: bool) -> tuple[dict[str, Any], str]:
        """Noise."""
        return table_rules.augment_of(self.facts), tile_rules.MODERATE

    def training(self, windows: Part, *, balanced: bool) -> dict[str, Any]:
        """As many steps whatever the number of rows."""
        return table_rules.training_of(self.facts)


class Drawn(Pictures):
    """Pictures of which every sample is answered."""

    __slots__ = ()

    @property
    def coarser(self) -> int:
        """By how much they are seen smaller; slides, and pictures that differ in spacing, are not."""
        return 1 if self.own_size or self.facts.slides or not self.facts.same_spacing else tile_rules.coarser(self.facts)

    def windows(self, options: Mapping[str, Any], spacing: Sequence[float], *, crop: bool) -> Chosen:
        """A case at once, or patches."""
        name, found, why = tile_rules.windows_of(self.facts, self.coarser, whole=not options)
        return Part(name=name, options={**found, **options}), name, why

    def spacing(self) -> Spacing | None:
        """Coarser by a power of 2 where objects are large."""
        return (tuple(round(s * self.coarser, 6) for s in self.facts.spacing), tile_rules.WHY_COARSER) if self.coarser > 1 else None

    def model(self, *, sliced: bool) -> tuple[str, dict[str, Any]]:
        """A U-Net."""
        return "unet", {"widths": tile_rules.WIDTHS}

    def members(self) -> int:
        """One."""
        return 1

    def augment(self, *, across: int | None, exclusive: bool) -> tuple[dict[str, Any], str]:
        """Of tissue and small pictures their own; else those of any picture."""
        found = tile_rules.augment_for(self.facts, sided=self.sided)
        return found or (picture_rules.augment_of(mirrored=not self.sided), tile_rules.MODERATE)

    def training(self, windows: Part, *, balanced: bool) -> dict[str, Any]:
        """As many steps whatever the number of windows; fewer of few pictures."""
        return tile_rules.training_of(self.facts, dict(windows.options), sided=self.sided)


class Volumes(Pictures):
    """Volumes that get one answer."""

    __slots__ = ()

    def size(self) -> Size:
        """Small, in the proportions of the median case."""
        size = volume_rules.size_of(self.facts)
        return size, list(size), "the median volume in its proportions, so coarse that a CPU learns it in minutes"

    def model(self, *, sliced: bool) -> tuple[str, dict[str, Any]]:
        """A narrow residual network."""
        return "preact_resnet", volume_rules.whole_model_of()

    def members(self) -> int:
        """One."""
        return 1

    def augment(self, *, across: int | None, exclusive: bool) -> tuple[dict[str, Any], str]:
        """As slices and patches are changed."""
        return volume_rules.augment_of(self.facts, sliced=across, mirrored=not self.sided)

    def training(self, windows: Part, *, balanced: bool) -> dict[str, Any]:
        """Few steps of few volumes."""
        return volume_rules.whole_training_of(self.facts, balanced=balanced)


class DrawnVolumes(Volumes):
    """Volumes of which every sample is answered."""

    __slots__ = ()

    def windows(self, options: Mapping[str, Any], spacing: Sequence[float], *, crop: bool) -> Chosen:
        """Slices or patches; patches of the size that the recipe says."""
        if options:
            name, found, why = tile_rules.windows_of(self.facts, 1, whole=False)
            return Part(name=name, options={**found, **options}), name, why
        name, found, why = volume_rules.windows_of(self.facts, spacing, crop=crop)
        return Part(name=name, options=found), f"{name}: {_in_words(found)}", why

    def spacing(self) -> Spacing | None:
        """The median, where they differ."""
        found = None if self.own_size else volume_rules.spacing_of(self.facts)
        return None if found is None else (found, "the volumes differ in spacing; this is the median, finer where it is coarse")

    def model(self, *, sliced: bool) -> tuple[str, dict[str, Any]]:
        """A U-Net."""
        return "unet", volume_rules.model_of(sliced=sliced)

    def training(self, windows: Part, *, balanced: bool) -> dict[str, Any]:
        """As many steps whatever the number of windows."""
        return volume_rules.training_of(self.facts, windows.name, dict(windows.options))


def kind_of(axes: int, *, dense: bool) -> type[Pictures]:
    """Which kind of data has so many axes, and an answer for every sample or one for all."""
    if axes == 0:
        return Tables
    if axes > 2:
        return DrawnVolumes if dense else Volumes
    return Drawn if dense else Pictures


def _in_words(options: Mapping[str, Any]) -> str:
    """Options as a person writes them.

    >>> _in_words({"size": [96, 96, 32], "per_case": 4})
    'size 96 x 96 x 32, per_case 4'
    """
    return ", ".join(f"{key} {' x '.join(map(str, value)) if isinstance(value, list) else value}" for key, value in options.items())
