"""How large the windows of an answer may be: the same choice for the same budget, on every machine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import psutil
import torch

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.engine.plan import Plan
from sagittal.errors import LimitExceeded, UsageError
from sagittal.models._footprint import Footprint, footprint
from sagittal.models._network import Network
from sagittal.windows._windowing import Cover, places

GIB = 1 << 30

BESIDE = 1.3
"""What a backend takes beside the tensors: 1.07 to 1.25 times their sum was measured on CPUs."""

MOST_SAMPLES = 1 << 20
"""A batch of windows does not hold more samples than this, but at least one window: a larger batch is no faster."""

MOST_COUNTS = 64
"""More windows along one axis than this are not tried."""

SLIDE_RAM = 0.75
"""GiB for the windows of a slide at most: its answer is written while it is computed, so that 2 GB hold it with everything beside, and
where windows are small beside the grid, larger ones save little."""

CUT_SAMPLES, CUT_OVERLAP = 1 << 18, 0.5
"""The least window, and what it shares with the next one, into which a case is cut that the model would see at once and cannot: 512
samples along each axis of a slide, 64 of a volume."""

WORTH_SAYING = GIB // 4
"""Below this nobody asks how much memory an answer takes."""


@runtime_checkable
class Resizable(Protocol):
    """A windowing whose windows may be larger in an answer than they were in training."""

    @property
    def patch(self) -> Cover:
        """The windows of an answer as they were trained."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The windows that cover a grid.

    Args:
        windows: In array order.
        batch: How many are answered at once.
        need: Bytes, about, beside the volume, the weights and the answer itself.
        why: Why they are not larger; empty where they are as large as the budget allows.
    """

    windows: Sequence[Window]
    batch: int
    need: int
    why: str = ""

    @property
    def sentence(self) -> str:
        """For people: ``one window of 256x192x144, about 2.1 GiB``.

        >>> Choice(windows=[Window((0, 0), (64, 32))], batch=1, need=GIB).sentence
        'one window of 64x32, about 1.0 GiB of memory'
        """
        size = "x".join(map(str, self.windows[0].size))
        many = "one window" if len(self.windows) == 1 else f"{len(self.windows)} windows"
        return f"{many} of {size}, about {self.need / GIB:.1f} GiB of memory{f' ({self.why})' if self.why else ''}"


@dataclass(kw_only=True)
class Budget:
    """The memory for the windows of an answer.

    The plan's own number decides how large windows are, and travels with the model: the same windows answer on every
    machine. A user can lower it, and is told that answers near the borders of windows may then differ from those of the
    evaluation. What the machine has free decides nothing: it is only compared with the need, before the start.

    Args:
        plan: Its windowing, and its ``max_ram`` in GiB; None there keeps the trained windows.
        networks: The members.
        device: Where they compute.
        most: The user's own limit in GiB.
        batch: The most windows answered at once.
        say: Gets lines for people, the same one for each size; see ``verbs/_open.told_once``.
    """

    plan: Plan
    networks: Sequence[Network]
    device: torch.device
    most: float | None = None
    batch: int = 32
    say: Callable[[str], None] | None = None
    _choices: dict[tuple[tuple[int, ...], str], Choice] = field(default_factory=dict, repr=False)

    @property
    def allowed(self) -> float | None:
        """GiB for the windows, of slides :data:`SLIDE_RAM` at most; None where they stay as they were trained."""
        known = [v for v in (self.plan.max_ram, self.most) if v is not None]
        return min(known) if known and self.plan.max_ram is not None else None

    def choose(self, grid: Geometry) -> Choice:
        """The windows for a prepared grid.

        Raises:
            LimitExceeded: Not even the trained window fits into what the user allowed, or into what is free.
        """
        key = (grid.shape, grid.frame)
        if key not in self._choices:
            choice = self._chosen(grid)
            self._check(choice)
            self._tell(choice)
            self._choices[key] = choice
        return self._choices[key]

    def as_trained(self, grid: Geometry) -> Choice:
        """The trained windows, where each of them is answered by itself."""
        windows = self.plan.windowing.cover(grid)
        batch = max(1, min(self.batch, MOST_SAMPLES // max(1, math.prod(windows[0].size))))
        return Choice(windows=windows, batch=batch, need=0)

    def _chosen(self, grid: Geometry) -> Choice:
        windowing, allowed = self.plan.windowing, self.allowed
        if allowed is not None and grid.frame == "slide":
            allowed = min(allowed, SLIDE_RAM)
        windows = windowing.cover(grid)
        found = self._footprint(windows[0].size)
        samples = math.prod(windows[0].size)
        if not found.peak:
            return Choice(windows=windows, batch=self.batch, need=0)
        rate = BESIDE * found.peak / samples
        patch = windowing.patch if isinstance(windowing, Resizable) else None
        if windowing.one and allowed is not None and rate * samples > allowed * GIB:
            patch = Cover(size=(round(CUT_SAMPLES ** (1 / grid.axes)),), overlap=CUT_OVERLAP)
        why = self._kept(found) if patch is not None and allowed is not None else ""
        if not why and patch is not None and allowed is not None:
            windows = self._largest(patch, grid, rate, allowed * GIB)
            samples = math.prod(windows[0].size)
        ring = self._ring(grid.shape, windows[0].size[0], windows=len(windows))
        room = math.inf if allowed is None else (allowed * GIB - ring) / (rate * samples)
        batch = int(max(1, min(self.batch, MOST_SAMPLES // samples, len(windows), room)))
        return Choice(windows=windows, batch=batch, need=int(rate * samples * batch) + ring, why=why)

    def _kept(self, found: Footprint) -> str:
        """Why the trained windows are kept."""
        return "" if found.local else f"as trained: the network looks at the whole window ({found.why})"

    def _footprint(self, size: Sequence[int]) -> Footprint:
        """Of one window; no memory where the network cannot take it, which it will say itself."""
        head = self.plan.row.head(self.plan.labels, self.plan.preparation.axes)
        if not self.networks or not head.dense or not size:
            return Footprint(peak=0, local=False)
        thin = self.plan.windowing.thin
        seen = [s for axis, s in enumerate(size) if thin is None or axis != thin.axis]
        try:
            found = footprint(self.networks[0], seen, activate=self.plan.row.activate)
        except UsageError:
            return Footprint(peak=0, local=False)
        views = len(self.networks) * 2 ** len(self.plan.flips)
        kept = 0 if views == 1 else 2 * 4 * head.channels * math.prod(size)
        return Footprint(peak=found.peak + kept, local=found.local, why=found.why)

    def _largest(self, patch: Cover, grid: Geometry, rate: float, allowed: float) -> list[Window]:
        """The cover that computes the fewest samples within the allowed bytes; the trained windows where none fits.

        Larger windows overlap by as many samples as the trained ones, so that at every sample they see at least as much
        of its surroundings.
        """
        trained, multiples = patch.of(grid), list(self.networks[0].multiples)
        if self.plan.windowing.thin is not None:
            multiples.insert(self.plan.windowing.thin.axis, 1)
        # Across thin windows there is nothing to enlarge.
        fixed = [s == 1 for s in trained]
        tried = [
            [(1, 0.0)] if one else _tried(n, s, patch.overlap, m)
            for n, s, m, one in zip(grid.shape, trained, multiples, fixed, strict=True)
        ]
        best: tuple[float, list[tuple[int, float]]] | None = None
        for along in itertools.product(*tried):
            size = tuple(s for s, _ in along)
            counts = [len(places(n, s, o)) for n, (s, o) in zip(grid.shape, along, strict=True)]
            need = rate * math.prod(size) + self._ring(grid.shape, size[0], windows=math.prod(counts))
            cost = float(math.prod(size) * math.prod(counts))
            if need <= allowed and (best is None or cost < best[0]):
                best = cost, list(along)
        if best is None:
            return patch.windows(grid)
        starts = [places(n, s, o) for n, (s, o) in zip(grid.shape, best[1], strict=True)]
        return [Window(at, tuple(s for s, _ in best[1])) for at in itertools.product(*starts)]

    def _ring(self, shape: Sequence[int], rows: int, *, windows: int) -> int:
        """Bytes of the scores that wait for their other windows."""
        if windows == 1 or not shape:
            return 0
        return 4 * self.plan.row.head(self.plan.labels, len(shape)).channels * min(rows, shape[0]) * math.prod(shape[1:])

    def _check(self, choice: Choice) -> None:
        need, one = choice.need / GIB, "x".join(map(str, choice.windows[0].size))
        if self.most is not None and need > self.most:
            what = f"a window of {one} needs about {need:.2f} GiB, and {self.most:g} GiB are allowed"
            raise LimitExceeded("MAX_RAM", "--max-ram", what, f"allow at least {math.ceil(need * 100) / 100:g}, or leave it out")
        free = _free(self.device) / GIB
        if need > free:
            what = f"windows of {one} need about {need:.1f} GiB, and {free:.1f} GiB are free"
            raise LimitExceeded("OUT_OF_MEMORY", "memory", what, f"close other programs, or go on with less: --max-ram {0.8 * free:.1f}")

    def _tell(self, choice: Choice) -> None:
        if self.say is None or choice.need < WORTH_SAYING:
            return
        notes = [f"answering in {choice.sentence}"]
        if self.most is not None and self.plan.max_ram is not None:
            own = f"the {self.plan.max_ram:g} GiB with which the model is evaluated"
            notes += [f"--max-ram {self.most:g} is below {own}: answers near the borders of windows may differ"] * (
                self.most < self.plan.max_ram
            )
            notes += [f"--max-ram {self.most:g} changes nothing: it is above {own}"] * (self.most > self.plan.max_ram)
        for line in notes:
            self.say(line)


def _tried(n: int, trained: int, overlap: float, multiple: int) -> list[tuple[int, float]]:
    """Sizes along an axis, the largest first, each with the share that overlaps: as many samples as the trained windows do.

    >>> _tried(200, 96, 0.5, 16)[:2]
    [(208, 0.0), (128, 0.375)]
    """
    common = round(trained * overlap)
    found: dict[int, float] = {}
    for count in range(1, min(MOST_COUNTS, len(places(n, trained, overlap))) + 1):
        size = max(-(-(n + (count - 1) * common) // count), min(trained, n))
        size = -(-size // multiple) * multiple
        found.setdefault(size, 0.0 if size >= n else common / size)
    return list(found.items())


def _free(device: torch.device) -> int:
    """Bytes that the device can still give."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What torch has taken and does not use is free for this process.
        return int(free) + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(psutil.virtual_memory().available)
