"""Fair timing on a busy machine: everyone takes turns on the same input, and medians are compared."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Generic, TypeVar

Input = TypeVar("Input")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: how long ours takes, how long the peer does; ratio is peer by ours.

    Args:
        path: Which hot path.
        peer: Against whom.
        ours_s: Median CPU seconds of one input.
        peer_s: The same of the peer.
        ratio: Above 1 ours is faster.
        peak_mb: The most memory that ours held in Python and numpy at a time.
        target: The ratio that we want; None where there is no target.
        off: How far ours is from an exact computation, in grey levels of 255 on average; None where not measured.
    """

    path: str
    peer: str
    ours_s: float
    peer_s: float
    ratio: float
    peak_mb: float
    target: float | None = None
    off: float | None = None

    def record(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Contest(Generic[Input]):
    """One path, its inputs, our way and the peers' ways. A way takes an input and the number of the turn.

    Where an input is a whole batch, ``samples`` says how many samples it has, and times are those of one.
    """

    path: str
    inputs: Sequence[Input]
    ours: Callable[[Input, int], object]
    peers: Mapping[str, Callable[[Input, int], object]]
    targets: Mapping[str, float]
    off: float | None = None
    samples: int = 1


def compare(contest: Contest[Input], *, turns: int) -> list[Row]:
    """Ours and one peer at a time take each input in turn, each as often first as second.

    CPU time is counted, so that other programs do not. A third chain between the two would only wear out the
    processor's caches for whoever comes next.
    """
    peak = _peak_mb(lambda: contest.ours(contest.inputs[0], 0))
    rows = []
    for peer, way in contest.peers.items():
        ours_s, peer_s = _duel(contest.inputs, (contest.ours, way), turns=turns)
        rows.append(
            Row(
                path=contest.path,
                peer=peer,
                ours_s=ours_s / contest.samples,
                peer_s=peer_s / contest.samples,
                ratio=peer_s / ours_s,
                peak_mb=peak,
                target=contest.targets.get(peer),
                off=contest.off,
            )
        )
    return rows


def _duel(inputs: Sequence[Input], ways: Sequence[Callable[[Input, int], object]], *, turns: int) -> list[float]:
    """The median seconds of each way."""
    for way in ways:  # files come into memory, kernels are compiled
        for turn, one in enumerate(inputs[:3]):
            way(one, turn)
    taken: list[list[float]] = [[] for _ in ways]
    for turn in range(turns):
        for place, one in enumerate(inputs):
            for k in range(len(ways)):
                chosen = (k + turn + place) % len(ways)
                start = time.process_time()
                ways[chosen](one, turn)
                taken[chosen].append(time.process_time() - start)
    return [statistics.median(times) for times in taken]


def table(rows: Sequence[Row]) -> str:
    """For people."""
    lines = [f"{'path':34} {'peer':28} {'ours ms':>8} {'peer ms':>8} {'ratio':>6} {'target':>6} {'MB':>6} {'off':>5}"]
    for r in rows:
        target = f"{r.target:.1f}" if r.target else ""
        off = f"{r.off:.2f}" if r.off is not None else ""
        numbers = f"{r.ours_s * 1e3:8.3f} {r.peer_s * 1e3:8.3f} {r.ratio:6.2f} {target:>6} {r.peak_mb:6.1f} {off:>5}"
        lines.append(f"{r.path:34} {r.peer:28} {numbers}")
    return "\n".join(lines)


def _peak_mb(run: Callable[[], object]) -> float:
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20
