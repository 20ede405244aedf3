"""What was asked, what was true and what was answered: the input of every metric of a set of cases."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Labels
from sagittal.core.annotation import IGNORE
from sagittal.errors import NumericFailure, UsageError

Kind = Literal["class", "classes", "value", "boxes"]
Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Reference:
    """What the training cases say, from which the trivial baselines are made.

    Args:
        n: How many training cases.
        mean: ``(K,)``: the share of the cases that have each class, or the mean of each value.

    >>> Reference.of(np.array([0, 1, 1, 1]), classes=2).mean.tolist()
    [0.25, 0.75]
    """

    n: int
    mean: NDArray[np.float64] = field(repr=False)

    @classmethod
    def of(cls, truth: Array, *, classes: int) -> Reference:
        """From the truth of the training cases: ``(N,)`` class indices, or ``(N, K)`` presences or values.

        Cases of which nothing is known (``IGNORE``) are left out; no case at all gives zeros.
        """
        rows = np.eye(classes)[truth[truth != IGNORE].astype(int)] if truth.ndim == 1 else np.asarray(truth, dtype=np.float64)
        mean = rows.mean(axis=0) if len(rows) else np.zeros(classes)
        return cls(n=len(rows), mean=mean)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OneClass:
    """One class against the rest.

    Args:
        label: The class.
        truth: ``(n,)``: the case has the class.
        said: ``(n,)``: the answer is the class.
        score: ``(n,)``: how much the model spoke for the class.
    """

    label: str
    truth: NDArray[np.bool_] = field(repr=False)
    said: NDArray[np.bool_] = field(repr=False)
    score: NDArray[np.float64] = field(repr=False)

    def counts(self) -> NDArray[np.float64]:
        """``(n, 4)``: a one in the column of true positive, false positive, false negative or true negative."""
        t, s = self.truth, self.said
        return np.stack([t & s, ~t & s, t & ~s, ~t & ~s], axis=1).astype(np.float64)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Answers:
    """The answers of one model to a set of cases, beside the truth.

    ``N`` cases, ``K`` classes (or values). What ``truth`` and ``answer`` are depends on what was asked:

    ============  ==============================  =====================================
    kind          truth                           answer
    ============  ==============================  =====================================
    ``class``     ``(N,)`` class indices          ``(N,)`` class indices
    ``classes``   ``(N, K)`` bool                 ``(N, K)`` bool
    ``value``     ``(N, K)`` float                ``(N, K)`` float
    ``boxes``     N arrays ``(n, 2 axes + 1)``    N arrays ``(n, 2 axes + 2)``
    ============  ==============================  =====================================

    Boxes are rows of low corner, high corner, class index and, in an answer, score.
    A class index of ``IGNORE`` in the truth leaves the case out of every metric.

    Args:
        labels: The classes, or the names of the values.
        cases: ``(N,)`` ids.
        groups: ``(N,)``: whose the case is; empty where not known.
        truth: See above.
        scores: ``(N, K)``: probabilities for classes, the values themselves for values; ``(N, 0)`` for boxes.
        answer: See above.
        reference: What the training cases say; None when not known.
        unit: What one row is: a case, a window, a group.
        rule: How rows were put together, when they were.
        seed: Of every bootstrap interval, so that two calls give the same.

    Raises:
        NumericFailure: A score, a true or an answered value is NaN or infinite.
        ValueError: Shapes or class indices that do not fit.

    >>> Answers(
    ...     labels=Labels(classes=("healthy", "ill"), positive="ill"),
    ...     cases=np.array(["a", "b"]), groups=np.array(["", ""]),
    ...     truth=np.array([0, 1]), scores=np.array([[0.8, 0.2], [0.4, 0.6]]), answer=np.array([0, 1]),
    ... ).kind
    'class'
    """

    labels: Labels
    cases: NDArray[np.str_] = field(repr=False)
    groups: NDArray[np.str_] = field(repr=False)
    truth: Array | tuple[Array, ...] = field(repr=False)
    scores: NDArray[np.float64] = field(repr=False)
    answer: Array | tuple[Array, ...] = field(repr=False)
    reference: Reference | None = None
    unit: str = "case"
    rule: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        put("cases", np.asarray(self.cases, dtype=np.str_))
        put("groups", np.asarray(self.groups, dtype=np.str_))
        scores = np.asarray(self.scores, dtype=np.float64)
        put("scores", scores if scores.ndim == 2 else scores.reshape(len(self.cases), 0))
        for name in ("truth", "answer"):
            put(name, _tidy(getattr(self, name), classes=len(self.labels)))
        _check_shapes(self)
        _check_finite(self)

    @property
    def kind(self) -> Kind:
        """What was asked of the cases."""
        if isinstance(self.truth, tuple):
            return "boxes"
        if self.truth.ndim == 1:
            return "class"
        return "classes" if self.truth.dtype == np.bool_ else "value"

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.cases)

    @property
    def owners(self) -> NDArray[np.intp]:
        """``(N,)`` numbers from 0: rows with the same number belong to the same group; a row without one stands alone."""
        whose = np.where(self.groups != "", np.char.add("g:", self.groups), np.char.add("c:", self.cases))
        found: NDArray[np.intp] = np.unique(whose, return_inverse=True)[1].reshape(-1)
        return found

    @property
    def table(self) -> Array:
        """The truth as an array; refused for boxes, which have none."""
        if isinstance(self.truth, tuple):
            raise self.wrong_kind("class", "classes", "value")
        return self.truth

    @property
    def said(self) -> Array:
        """The answer as an array; refused for boxes, which have none."""
        if isinstance(self.answer, tuple):
            raise self.wrong_kind("class", "classes", "value")
        return self.answer

    @property
    def one_class(self) -> str | None:
        """The class that scores speak of when only one is of interest: the positive one of two, or the only one."""
        if len(self.labels) == 1:
            return self.labels.classes[0]
        return self.labels.positive if len(self.labels) == 2 and self.kind == "class" else None

    def known(self) -> Answers:
        """Without the cases of which nothing is known."""
        if self.kind != "class" or not (self.table == IGNORE).any():
            return self
        return self.take(np.flatnonzero(self.table != IGNORE))

    def take(self, index: Array) -> Answers:
        """The rows of these indices, in this order."""

        def part(of: Array | tuple[Array, ...]) -> Array | tuple[Array, ...]:
            return tuple(of[i] for i in index) if isinstance(of, tuple) else of[index]

        return replace(
            self,
            cases=self.cases[index],
            groups=self.groups[index],
            scores=self.scores[index],
            truth=part(self.truth),
            answer=part(self.answer),
        )

    def each_class(self) -> list[OneClass]:
        """Each class against the rest, known cases only; the positive class alone where there are two.

        Raises:
            UsageError: These are answers about values or boxes.
        """
        return [one for one in self.against_rest() if self.one_class in (None, one.label)]

    def against_rest(self) -> list[OneClass]:
        """Every class against the rest, known cases only.

        Raises:
            UsageError: These are answers about values or boxes.
        """
        self.need("class", "classes")
        these = self.known()
        classes = np.arange(len(self.labels))
        truth = these.table[:, None] == classes if self.kind == "class" else these.table
        said = these.said[:, None] == classes if self.kind == "class" else these.said
        return [
            OneClass(label=label, truth=truth[:, k], said=said[:, k], score=these.scores[:, k])
            for k, label in enumerate(self.labels.classes)
        ]

    def need(self, *kinds: Kind) -> None:
        """Refuse answers of another kind.

        Raises:
            UsageError: The kind is none of these.
        """
        if self.kind not in kinds:
            raise self.wrong_kind(*kinds)

    def wrong_kind(self, *kinds: Kind) -> UsageError:
        """The refusal of a metric that needs answers of another kind."""
        what = f"this metric scores answers of the kind {' or '.join(kinds)}, and these are of the kind {self.kind}"
        return UsageError("METRIC", self.kind, what, "choose metrics that fit the task")


def _tidy(values: Any, *, classes: int) -> Array | tuple[Array, ...]:
    """Boxes as a tuple of arrays; class indices as int; an empty list as no class index."""
    if isinstance(values, list | tuple):
        boxes = tuple(np.asarray(v, dtype=np.float64) for v in values)
        return tuple(b if b.size else np.zeros((0, b.shape[-1] if b.ndim == 2 else 0)) for b in boxes)
    array = np.asarray(values)
    if array.ndim == 1 and (array.size == 0 or np.issubdtype(array.dtype, np.integer)):
        return array.astype(np.int64)
    if array.ndim == 2 and array.shape[1] == classes:
        return array if array.dtype == np.bool_ else array.astype(np.float64)
    raise ValueError(f"an array of {array.dtype} and shape {array.shape} is neither (N,) class indices nor (N, {classes})")


def _check_shapes(answers: Answers) -> None:
    n, k = answers.n, len(answers.labels)
    same = type(answers.truth) is type(answers.answer)
    if not same or not n == len(answers.groups) == len(answers.truth) == len(answers.answer) == len(answers.scores):
        raise ValueError("cases, groups, truth, scores and answer differ in length or kind")
    if answers.kind == "boxes":
        return
    if answers.table.shape != answers.said.shape or answers.table.dtype != answers.said.dtype:
        raise ValueError(f"truth {answers.table.dtype} {answers.table.shape} and answer {answers.said.dtype} {answers.said.shape} differ")
    if n and answers.scores.shape != (n, k):
        raise ValueError(f"scores are {answers.scores.shape}, not {(n, k)}")
    if answers.kind != "class" or not n:
        return
    if answers.table.min() < IGNORE or max(answers.table.max(), answers.said.max()) >= k or answers.said.min() < 0:
        raise ValueError(f"a class index is not one of 0 to {k - 1}")


def _check_finite(answers: Answers) -> None:
    for name in ("scores", "truth", "answer"):
        values = getattr(answers, name)
        rows = values if isinstance(values, tuple) else list(values) if values.dtype.kind == "f" else []
        bad = [i for i, row in enumerate(rows) if not np.isfinite(row).all()]
        if bad:
            more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            what = f"{name} of this case{more} hold NaN or infinity"
            raise NumericFailure("NAN_SCORE", answers.cases[bad[0]], what, "look at the training log: the model has diverged")
