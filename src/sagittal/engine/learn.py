"""From a plan to a trained, calibrated model in a run directory."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from sagittal.core.case import Case
from sagittal.data.batches import Batches
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.engine import checkpoint
from sagittal.engine.calibrate import Calibration, OperatingPoint, fit_calibration, fit_operating_point
from sagittal.engine.feed import class_weights, prepared_for, training_batches, validation_batches
from sagittal.engine.fit import Fitted, Hooks, fit
from sagittal.engine.infer import Predictor
from sagittal.engine.memory import keep_freed_memory
from sagittal.engine.plan import LOSSES, Plan
from sagittal.engine.postprocess import Postprocessing
from sagittal.engine.progress import Progress
from sagittal.engine.ranks import Ranks, own_gpu
from sagittal.engine.rows import Row, answered, beside_truth
from sagittal.engine.run import RECIPE, Run
from sagittal.engine.scoring import Measure, by_class
from sagittal.engine.settings import LAST, Best
from sagittal.engine.shown import view_of
from sagittal.engine.streaming import fits, grid_of, may_stream, streams
from sagittal.engine.tidying import LEAST_PATIENTS, Seen, fit_postprocessing, seen, undecided
from sagittal.engine.trunk import FeatureBatches, OnFeatures
from sagittal.engine.weights import start_from
from sagittal.errors import UsageError, nearest
from sagittal.losses._loss import Loss
from sagittal.losses._of_network import of_network
from sagittal.models._network import Network
from sagittal.tasks._task import Quick

Say = Callable[[str], None]

POSTPROCESS = "postprocess.json"

DEVICES = ("cpu", "cuda", "xpu")
"""Those that compute in float64 where sums of losses are taken; Apple's GPUs do not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """A finished training with its calibrated predictor."""

    fitted: Fitted
    predictor: Predictor


def learn(
    run: Run,
    plan: Plan,
    manifest: Manifest,
    *,
    device: torch.device,
    resume: bool = False,
    say: Say,
    progress: Progress | None = None,
    events: bool = True,
) -> Learned:
    """Train, keep the best weights, calibrate on validation.

    Args:
        run: Checkpoints, ``log.csv`` and ``calibration.json`` are written there.
        plan: What to do.
        manifest: With splits ``train`` and ``val``.
        device: Where to compute.
        resume: Go on from the last checkpoint.
        say: Gets lines for people.
        progress: Shows how far the training is; None shows it through ``say``.
        events: Write TensorBoard events.
    """
    keep_freed_memory()
    if not Ranks(device).first:
        say, progress, events = unheard, None, False
    hooks = Hooks(
        progress=progress,
        say=say,
        tensorboard=run.path / "tensorboard" if events else None,
        classes=plan.labels.classes,
        view=view_of(plan.preparation),
    )
    network = plan.network()
    # A run that was killed before its first checkpoint begins anew, from the same weights.
    if plan.pretrained is not None and checkpoint.find(run.checkpoints / "last") is None:
        loaded = start_from(network, plan.pretrained)
        if Ranks(device).first:
            run.write("pretrained.json", {"format": "sagittal-pretrained", "version": 1, **dataclasses.asdict(loaded)})
        say(loaded.sentence)
    with threads_for(plan.preparation.axes):
        fitted = _fit(run, plan, manifest, network, device=device, resume=resume, say=say, hooks=hooks)
    predictor = Predictor(plan=plan, task=plan.row, members=[network.eval()], device=device, provenance={"run": run.name})
    return Learned(fitted=fitted, predictor=calibrate(run, predictor, manifest))


def unheard(line: str) -> None:
    """For lines that others say already: the first process, or the run of which this is a part."""


@contextlib.contextmanager
def threads_for(axes: int) -> Iterator[None]:
    """Networks of tables compute on one thread within the block: waiting for a second one takes longer than their work.

    On a busy machine two threads took 20 times as long as one.
    """
    before = torch.get_num_threads()
    if axes == 0:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fit(
    run: Run, plan: Plan, manifest: Manifest, network: Network, *, device: torch.device, resume: bool, say: Say, hooks: Hooks
) -> Fitted:
    ranks = Ranks(device)
    shares: dict[str, Any] = {"rank": ranks.rank, "ranks": ranks.count, "pin": device.type == "cuda"}
    store = prepared_for(plan, manifest, run.path / "prepared", say=say)
    pictures = (
        training_batches(plan, manifest, store=store, device=device, **shares),
        validation_batches(plan, manifest, store=store, **shares),
    )
    if pictures[0].read is not None:
        say(f"training windows are read a batch at once on {device}")
    train: Batches | FeatureBatches = pictures[0]
    val: Batches | FeatureBatches = pictures[1]
    model: nn.Module = network
    # the features of a dense network are larger than its images
    if network.trunk_is_frozen and not network.dense and (not plan.augment or plan.views > 1) and not plan.train.unfreeze:
        say(f"the trunk is frozen: its features are computed once for {plan.views} view(s) a case")
        model = OnFeatures(network.to(device))
        train = FeatureBatches(pictures[0], network, views=plan.views, device=device)
        val = FeatureBatches(pictures[1], network, views=1, device=device)
    if not manifest.split("val"):
        say("there is no validation case: the last weights are kept, and val_* in log.csv are of the training cases")
    try:
        return fit(
            model,
            train=train,
            val=val,
            loss=_loss(plan, manifest, network),
            settings=plan.train if manifest.split("val") else dataclasses.replace(plan.train, best=Best(watch=LAST), stop=None),
            folder=run.path,
            seed=plan.seed,
            device=device,
            measure=_measure(plan),
            hooks=hooks,
            resume=resume,
        )
    finally:
        train.close()
        val.close()


def _measure(plan: Plan) -> Measure:
    """The task's quick scores, those of a class by its name."""
    classes = plan.labels.classes

    def quick(outputs: torch.Tensor, targets: torch.Tensor) -> Quick:
        return by_class(plan.row.quick(outputs, targets), classes)

    return quick


def _loss(plan: Plan, manifest: Manifest, network: Network) -> Loss:
    options = dict(plan.loss.options)
    if plan.feeding.class_weights:
        # What a network puts out beside the classes (the border of objects) weighs as much as the mean class.
        beside = plan.row.head(plan.labels, plan.preparation.axes).channels - len(plan.labels)
        options["weight"] = [*class_weights(plan, manifest), *[1.0] * beside]
    loss: Loss = LOSSES.make(plan.loss.name, options)
    return of_network(loss, network.several)


def calibrate(run: Run, predictor: Predictor, manifest: Manifest) -> Predictor:
    """Fit temperature and operating point, or the tidying of label maps, on validation and keep them with the run."""
    plan, task = predictor.plan, predictor.task
    if task.objects is not None:
        return predictor
    if task.per_case:
        return tidied(run, predictor, manifest)
    if not task.calibrated:
        return predictor
    if not manifest.split("val"):
        return predictor
    ranks = Ranks(predictor.device)
    rows = ranks.shared(manifest.split("val"), functools.partial(answered, predictor, manifest))
    calibration, operating = fitted_on(rows, plan)
    if ranks.first:
        write_calibration(run, calibration, operating)
    return predictor.calibrated(calibration, operating)


def tidied(run: Run, predictor: Predictor, manifest: Manifest) -> Predictor:
    """Decide on validation how label maps are tidied, and keep it with the run."""
    plan, cases = predictor.plan, manifest.split("val")
    if not plan.postprocess or plan.unit != "case" or plan.labels.background is None:
        return predictor
    patients = len({case.owner for case in cases})
    if patients < LEAST_PATIENTS:
        decided = undecided(plan.labels, patients)
    else:

        def looked(some: Sequence[Case]) -> Iterator[dict[str, Seen]]:
            small = [case for case in some if _fits(predictor, manifest, case)]
            for one in beside_truth(predictor, manifest, small):
                yield seen(one.truth, np.asarray(one.prediction.answer), one.prediction.geometry, plan.labels, one.case.owner)

        decided = fit_postprocessing(Ranks(predictor.device).shared(cases, looked), plan.labels, seed=plan.seed)
    if Ranks(predictor.device).first:
        run.write(POSTPROCESS, {"format": "sagittal-postprocess", "version": 1, **decided.record()})
    return dataclasses.replace(predictor, postprocessing=decided)


def _fits(predictor: Predictor, manifest: Manifest, case: Case) -> bool:
    """Whether what tidies label maps would look at the answer to a case: not where it is a very large slide."""
    if not may_stream(predictor):
        return True
    image = image_of(case, manifest)
    return not streams(predictor, image) or fits(grid_of(predictor, image))


def write_calibration(run: Run, calibration: Calibration, operating: OperatingPoint) -> None:
    """Keep calibration and operating point with the run."""
    record = {"calibration": calibration.record(), "operating_point": operating.record()}
    run.write("calibration.json", {"format": "sagittal-calibration", "version": 1, **record})


def fitted_on(rows: Sequence[Row], plan: Plan) -> tuple[Calibration, OperatingPoint]:
    """Calibration and operating point from answered validation cases."""
    scores, truth = np.stack([r.scores for r in rows]), np.stack([r.truth for r in rows])
    calibration = fit_calibration(scores, truth, plan.labels)
    wanted = plan.specificity if plan.rule == "specificity" else plan.sensitivity
    given = calibration.apply(scores)
    return calibration, fit_operating_point(given, truth, plan.labels, rule=plan.rule, wanted=wanted, error=plan.abstain_error)


def predictor_of(run: Run, *, device: torch.device) -> Predictor:
    """The trained model of a run, calibrated as it was.

    Raises:
        UsageError: The run has no finished training, or is not calibrated yet.
    """
    plan = run.plan()
    folder = run.checkpoints / "best"
    if checkpoint.find(folder) is None:
        raise UsageError("NOT_TRAINED", run.path, "the run has no trained model", "finish it with `sagittal train --resume`")
    if checkpoint.find(run.checkpoints / "last") is not None and checkpoint.load_state(run.checkpoints / "last")["run"]["ended"] is None:
        # its weights are the best so far, and nothing of it is calibrated
        raise UsageError("NOT_TRAINED", run.path, "the training was stopped before its end", "finish it with `sagittal train --resume`")
    _refuse_uncalibrated(run, plan)
    network = plan.network()
    network.load_state_dict(checkpoint.load(folder).model)
    tidying = Postprocessing.from_record(run.read(POSTPROCESS)) if run.has(POSTPROCESS) else None
    plain = Predictor(
        plan=plan,
        task=plan.row,
        members=[network.to(device).eval()],
        postprocessing=tidying,
        device=device,
        provenance={"run": run.name},
    )
    return plain.calibrated(*calibration_of(run.read("calibration.json"))) if run.has("calibration.json") else plain


def _refuse_uncalibrated(run: Run, plan: Plan) -> None:
    """Complain where training ended and the run was stopped before it was calibrated; a fold's model has no recipe of its own.

    Raises:
        UsageError: As said.
    """
    if not plan.row.calibrated or run.has("calibration.json") or not run.has(RECIPE):
        return
    if run.recipe().split.folds is not None or run.manifest().split("val"):
        what = "the run was stopped between its training and its calibration"
        raise UsageError("NOT_CALIBRATED", run.path, what, "finish it with `sagittal train --resume`; nothing is trained again")


def calibration_of(record: Mapping[str, Any]) -> tuple[Calibration, OperatingPoint]:
    """What :func:`calibrate` wrote."""
    return Calibration.from_record(record["calibration"]), OperatingPoint.from_record(record["operating_point"])


def device_of(name: str) -> torch.device:
    """The device of a name; ``auto`` is the GPU where there is one, under torchrun the process's own.

    Raises:
        UsageError: There is no such device, or not one for every process.
    """
    if name in {"auto", "cuda"} and torch.cuda.is_available():
        own = own_gpu()
        return torch.device("cuda") if own is None else torch.device("cuda", own)
    if name == "auto":
        return torch.device("cpu")
    kind = name.split(":")[0]
    if kind not in DEVICES:
        # by its letters it would be taken for xpu
        meant = "cuda" if kind == "gpu" else kind
        raise UsageError("DEVICE", name, "there is no device of this name", nearest(meant, ("auto", *DEVICES)))
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
        if device.type == "cuda":
            # What names no device is then on this one: memory that is locked for it lies in no other's.
            torch.cuda.set_device(device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError("DEVICE", name, str(error).split("\n")[0], "use --device auto or cpu") from None
    return device
