"""The sections of a recipe: closed, frozen, each key with a line that says what it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import pydantic

from sagittal.data.split import SplitRules
from sagittal.engine.operating import Rule

Seed = Annotated[int, pydantic.Field(ge=0, lt=2**63)]
Count = Annotated[int, pydantic.Field(ge=1)]
Length = Annotated[float, pydantic.Field(gt=0)]


class Section(pydantic.BaseModel):
    """A part of the recipe: frozen, closed."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


DEFAULT = "default"
"""Under ``augment``: what is chosen for the data stays, but for the parts that are named beside it."""


class Open(Section):
    """A part whose further keys are options of the named part on a shelf, checked there."""

    model_config = pydantic.ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    def options(self) -> dict[str, Any]:
        """The keys beyond the declared ones."""
        return dict(self.model_extra or {})


class Data(Open):
    """Where the data are and how they lie. Further keys are options of the layout.

    Args:
        layout: Name of a layout; found by looking otherwise.
        group: A pattern for file names whose bracket is the patient, or a column.
        resample_labels: Read label maps on other grids than their images through the world.
        resample_modalities: Bring modalities on other grids onto that of the first.
        mpp: Micrometres a pixel of images whose files do not say it.
    """

    layout: str | None = None
    group: str | None = None
    resample_labels: bool = False
    resample_modalities: bool = False
    mpp: float | None = pydantic.Field(default=None, gt=0)

    def met(self) -> dict[str, Any]:
        """What :func:`sagittal.data.discover.discover` is told: the layout's options, and how grids that differ are met."""
        stated = {} if self.mpp is None else {"mpp": self.mpp}
        return {**self.options(), **stated, "resample_labels": self.resample_labels, "resample_modalities": self.resample_modalities}


class LabelRules(Section):
    """What the classes mean.

    Args:
        positive: The class that a sensitivity speaks of.
        background: The class that is nothing: it is drawn nowhere and not averaged in.
        sided: Whether classes tell left from right, so that no picture may be mirrored; their names say it otherwise.
        colours: Of classes by name, for pictures.
    """

    positive: str | None = None
    background: str | None = None
    sided: bool | None = None
    colours: dict[str, str] = {}


class Split(Section):
    """Who is trained on and who is tested on.

    Args:
        test: Share of the patients that are tested on; a fifth, or a tenth where the data come with a validation split.
        val: Share of the rest that chooses the model; a fifth.
        group: As data.group.
        folds: Cross-validate in so many parts, instead of one test split.
        repeats: How often the folds are drawn anew.
        leaks: What happens to a patient on both sides of the test split: refuse, or drop from training.
        seed: Another number draws other splits.
    """

    test: float | None = pydantic.Field(default=None, ge=0, lt=1)
    val: float | None = pydantic.Field(default=None, ge=0, lt=1)
    group: str | None = None
    folds: int | None = pydantic.Field(default=None, ge=2)
    repeats: int = pydantic.Field(default=1, ge=1)
    leaks: Literal["refuse", "drop"] = "refuse"
    seed: Seed = 0

    def rules(self, *, has: Sequence[str] = (), allow: Iterable[str] = ()) -> SplitRules:
        """What :func:`sagittal.data.split.assign` wants.

        Args:
            has: The splits that the data set comes with. Where it has a validation split, whoever made it keeps a
                test split elsewhere: a tenth is then enough for a test of our own, instead of a fifth.
            allow: Findings that do not stop the run.
        """
        test = self.test if self.test is not None else (0.1 if "val" in has else 0.2)
        return SplitRules(test=test, val=0.2 if self.val is None else self.val, seed=self.seed, leaks=self.leaks, allow=frozenset(allow))

    def inner(self, *, table: bool) -> float:
        """The share of a fold's training cases that choose; none for a table, whose length of training is fixed."""
        return self.val if self.val is not None else (0.0 if table else 0.15)


class Windows(Open):
    """What the model sees at once. Further keys are options of the windowing.

    Args:
        name: Of the windowing.
        unit: Whether the answer is that of a case, or of each window.
    """

    name: str | None = None
    unit: Literal["case", "window"] = "case"


class Prepare(Section):
    """The deterministic way from a file to what enters the network.

    Args:
        size: Samples along each axis of what enters the network.
        resize: The shorter side of a picture before it is cut to size.
        fit: How a picture comes to its size: stretch, crop or pad.
        spacing: World units from sample to sample.
        channels: grey, rgb, or all that the files have.
        range: Values that become 0 and 1.
        normalise: From what mean and spread are taken.
        crop: Look only at the box around the content.
        region: Look only at an organ that is found first.
        order: How is read between samples: linear or cubic.
        stain: How stains of slides are brought to one look.
    """

    size: Count | list[Count] | None = None
    resize: Count | None = None
    fit: Literal["stretch", "crop", "pad"] | None = None
    spacing: Length | list[Length] | None = None
    channels: Literal["grey", "rgb", "all"] | None = None
    range: tuple[float, float] | None = None
    normalise: (
        Literal["data", "imagenet", "none", "ct", "image", "nonzero", "max_min", "full_volume_mean", "brats", "max", "mean"] | None
    ) = None
    crop: bool | None = None
    region: Literal["lungs"] | None = None
    order: Literal["linear", "cubic"] | None = None
    stain: Literal["macenko", "reinhard", "vahadane"] | None = None


class Model(Open):
    """The network. Further keys are options of the network.

    Args:
        name: Of the network.
        pretrained: Published weights to start from, or a file.
        freeze: Parts of the network that do not learn.
        views: Augmented views a case whose features a frozen trunk computes once.
        members: Networks that are trained side by side, pictures on samples of their own, and averaged.
        varied: Every second of them sees samples that are moved more and not changed otherwise.
    """

    name: str | None = None
    pretrained: str | None = None
    freeze: str | list[str] | None = None
    views: int = pydantic.Field(default=1, ge=1)
    members: int | None = pydantic.Field(default=None, ge=1)
    varied: bool | None = None


class Loss(Open):
    """The loss. Further keys are its options.

    Args:
        name: Of the loss.
    """

    name: str


class Evaluate(Section):
    """How the answers are made and judged.

    Args:
        flips: Axes along which a case is also answered mirrored.
        max_ram: GiB that the windows of a drawn answer may take.
        precision: Numbers of the network: fp32, or what the device is fastest with.
        postprocess: Clean drawn answers as validation found best.
        metrics: Beyond those of the task, by name, with their options; false leaves one out.
        rule: By what the operating point is chosen on validation.
        sensitivity: That the operating point keeps, under that rule.
        specificity: That the operating point keeps, under that rule.
        abstain_error: Mistakes that are allowed among the answers that are not withheld.
    """

    flips: list[int] | None = None
    max_ram: float | None = pydantic.Field(default=None, gt=0)
    precision: Literal["fp32", "auto"] = "fp32"
    postprocess: bool = True
    metrics: dict[str, bool | dict[str, Any]] = {}
    rule: Rule = "sensitivity"
    sensitivity: float = pydantic.Field(default=0.95, gt=0, lt=1)
    specificity: float = pydantic.Field(default=0.95, gt=0, lt=1)
    abstain_error: float = pydantic.Field(default=0.05, gt=0, lt=1)


class Explain(Open):
    """Which explainer, for how many cases. Further keys are options of the explainer.

    Args:
        name: Of the explainer.
        cases: How many of each kind.
    """

    name: str | None = None
    cases: int = pydantic.Field(default=6, ge=0)
