"""The network, its optimizer and the running average of its weights: all that a step changes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from sagittal.data.batch import Batch
from sagittal.engine import optimize
from sagittal.engine.checkpoint import Checkpoint
from sagittal.engine.ema import Average
from sagittal.engine.pending import Pending
from sagittal.engine.precision import Numbers
from sagittal.engine.ranks import Ranks
from sagittal.engine.reproducible import seed_all
from sagittal.engine.settings import TrainSettings
from sagittal.errors import NumericFailure
from sagittal.explainers._features import feature_maps
from sagittal.losses._loss import Loss
from sagittal.losses._outputs import Outputs, TrainingLoss, answer_of, in_float32
from sagittal.models._members import Members
from sagittal.models._network import Network
from sagittal.ops.randomness import generator

_AVERAGE = "average/"
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the run a batch stands; with the seed all randomness follows from it."""

    epoch: int
    batch: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Stepped:
    """What a step saw of this process's samples.

    Args:
        numbers: The sum of the losses and the norm of the gradient, on their way.
        weight: The sum of the weights.
        outputs: The logits of the batches.
        losses: Of each batch, ``(B,)``.
        ids: Of each batch.
    """

    numbers: Pending
    weight: float
    outputs: list[Tensor]
    losses: Sequence[Tensor]
    ids: Sequence[Sequence[str]]


class Learner:
    """A network that can make a step.

    Args:
        model: Moved to the device and into its layout in place.
        loss: One number a sample.
        settings: Of the run.
        ranks: The processes that train together; its device is used.
        device: Where it computes.
        seed: Of the run; dropout and other noise in the network follow from it and the place of the batch.
    """

    def __init__(self, model: nn.Module, loss: Loss, settings: TrainSettings, *, ranks: Ranks, device: torch.device, seed: int) -> None:
        optimize.check_unfreezing(model, settings.unfreeze)
        self.model = ranks.prepare(model.to(device))
        # a network that gives several outputs comes with a loss that takes them
        self._loss = cast(TrainingLoss, loss)
        self._settings = settings
        self._ranks = ranks
        self._seed = seed
        self.numbers = Numbers(self.model, settings, device)
        self._optimizer = optimize.optimizer_for(self.model, settings)
        self._average = Average(self.model, decay=settings.ema) if settings.ema is not None else None
        self._called = ranks.wrap(self.model)
        self.behind = 1 if device.type == "cuda" else 0

    def thaw(self, epoch: int) -> None:
        """Let the stages learn whose turn it is when this epoch begins."""
        if optimize.thaw(self.model, self._optimizer, self._settings, epoch=epoch):
            # the exchange of gradients is laid out when the network is wrapped
            self._called = self._ranks.wrap(self.model)

    def step(self, group: Sequence[Batch], *, place: Place, rate: float, number: int) -> Stepped:
        """One update of the weights from the mean loss over all samples of a group of batches.

        The mean is exact: the sum of the samples' losses times weights over the sum of the weights, over all
        batches of the group and all processes, however many batches the group has and however full they are.

        Args:
            group: One or more batches; the last group of an epoch may have fewer.
            place: Of the first batch.
            rate: Share of the settings' learning rate.
            number: Which update this is, from 1 on.

        Returns:
            The sums over this process's share, and the logits of every batch. Where the learner is ``behind``, they are on
            their way, and whoever keeps them calls :meth:`checked` so many steps later; else they are checked.

        Raises:
            NumericFailure: A loss or a gradient is NaN or infinite; the weights are as they were before.
        """
        here = float(sum(math.fsum(batch.weights.tolist()) for batch in group))
        weight = self._ranks.sum(here)[0]
        if weight <= 0:
            return Stepped(numbers=Pending([0.0, 0.0]), weight=0.0, outputs=[], losses=[], ids=[])
        optimize.set_rate(self._optimizer, rate)
        self._optimizer.zero_grad(set_to_none=True)
        self._called.train()
        done = [self._backward(batch, place.batch + i, place, weight, last=i == len(group) - 1) for i, batch in enumerate(group)]
        losses = [each for each, _ in done]
        sums = torch.cat([x.double() for x in losses]).sum(), self._gradient_norm().double()
        stepped = Stepped(
            numbers=Pending(sums), weight=here, outputs=[logits for _, logits in done], losses=losses, ids=[b.ids for b in group]
        )
        if self.behind:
            # The device keeps its weights by itself where a number is none; here that is found out later.
            self._optimizer.found_inf = (~torch.stack(sums).isfinite().all()).float()  # type: ignore[attr-defined]
        else:
            self.checked(stepped)
        self._optimizer.step()
        if self._average is not None:
            self._average.update(self.model, step=number)
        return stepped

    def checked(self, stepped: Stepped) -> float:
        """The sum of the losses of a step; waits for it where it is not there yet.

        Raises:
            NumericFailure: It, or the gradient, is NaN or infinite.
        """
        total, size = stepped.numbers.read()
        if math.isfinite(total) and math.isfinite(size):
            return total
        self._optimizer.zero_grad(set_to_none=True)
        raise not_finite(stepped.losses, stepped.ids, alone=self._ranks.count == 1)

    def outputs(self, images: Tensor) -> Tensor:
        """The logits in float32, as the loss takes them."""
        with self.numbers.computing():
            logits: Tensor = self.model(self.numbers.images(images))
        return logits.float()

    def first_features(self, images: Tensor) -> Tensor | None:
        """What the first stage makes of the first image, ``(channels, *shape)``; None where it makes no maps."""
        network = self.model.members[0] if isinstance(self.model, Members) else self.model
        if not isinstance(network, Network) or not network.axes:
            return None
        with self.numbers.computing():
            maps = torch.from_numpy(feature_maps(network, self.numbers.images(images[:1]), stage=network.stages[0][0]))
        return maps if maps.dim() == network.axes + 1 else None

    def losses(self, logits: Outputs, batch: Batch) -> Tensor:
        """The weighted loss of every sample, ``(B,)``."""
        device = self.numbers.device
        return self._loss(logits, batch.targets.to(device, non_blocking=True)) * batch.weights.to(device, non_blocking=True)

    @contextmanager
    def judged(self) -> Iterator[None]:
        """Within the block the network has the weights that are evaluated and kept, and is in evaluation mode."""
        self.model.eval()
        with self._average.in_place_of(self.model) if self._average else nullcontext(), torch.inference_mode():
            yield

    def checkpoint(self, state: Mapping[str, object]) -> Checkpoint:
        """All that is needed to go on."""
        memory = optimize.remembered(self.model, self._optimizer)
        if self._average is not None:
            memory |= {_AVERAGE + name: tensor for name, tensor in self._average.tensors().items()}
        return Checkpoint(model=self.model.state_dict(), optimizer=memory, state=state)

    def judged_checkpoint(self, state: Mapping[str, object]) -> Checkpoint:
        """The weights that are evaluated and kept."""
        model = self._average.tensors() if self._average is not None else self.model.state_dict()
        return Checkpoint(model=model, optimizer=None, state=state)

    def load(self, checkpoint: Checkpoint) -> None:
        """Go on from what ``checkpoint`` gave; the stages that learnt then must learn now."""
        self.model.load_state_dict(dict(checkpoint.model))
        memory = dict(checkpoint.optimizer or {})
        average = {name.removeprefix(_AVERAGE): memory.pop(name) for name in list(memory) if name.startswith(_AVERAGE)}
        optimize.remember(self.model, self._optimizer, memory)
        if self._average is not None:
            self._average.load(average)

    def load_weights(self, checkpoint: Checkpoint) -> None:
        """Take the weights alone."""
        self.model.load_state_dict(dict(checkpoint.model))

    def _backward(self, batch: Batch, index: int, place: Place, weight: float, *, last: bool) -> tuple[Tensor, Tensor]:
        seed_all(int(generator(self._seed, place.epoch, index, self._ranks.rank).integers(2**63)), self.numbers.device)
        with self._ranks.alone(self._called, last=last):
            with self.numbers.computing():
                found: Outputs = self._called(self.numbers.images(batch.images))
            outputs = in_float32(found)
            losses = self.losses(outputs, batch)
            # the exchange takes the mean over processes, what is wanted is the sum
            (losses.sum() * (self._ranks.count / weight)).backward()  # type: ignore[no-untyped-call]
        return losses.detach(), answer_of(outputs).detach()

    def _gradient_norm(self) -> Tensor:
        gradients = [p.grad for _, p in optimize.learning(self.model) if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if self._settings.clip is not None:
            torch.nn.utils.clip_grads_with_norm_((p for _, p in optimize.learning(self.model)), self._settings.clip, norm)
        return norm


def not_finite(losses: Sequence[Tensor], ids: Sequence[Sequence[str]], *, alone: bool = True) -> NumericFailure:
    """What to say of losses or gradients that are no numbers: of which cases.

    Args:
        losses: Of each batch, ``(B,)``.
        ids: Of the samples of each batch.
        alone: No other process may be the one whose losses are bad.
    """
    bad = [
        name
        for values, own in zip(losses, ids, strict=True)
        for name, fine in zip(own, values.isfinite().tolist(), strict=True)
        if not fine
    ]
    what = "the loss is not a finite number" if bad else "the gradient is not a finite number, the losses are"
    if not bad and not alone:
        what = "the gradient is not a finite number; another process may name the case"
    names = bad or [name for own in ids for name in own]
    item = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    return NumericFailure("NOT_FINITE", item, what, "look at these cases, lower train.lr, or set train.clip: 1")
