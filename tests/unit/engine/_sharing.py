"""Under torchrun: what each process does of a work that is shared out, and what all of them get. Writes ``RANK.json``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from sagittal.engine.ranks import joined
from sagittal.errors import NumericFailure


def main(out: Path) -> None:
    told: dict[str, object] = {}
    with joined(torch.device("cpu")) as ranks:
        for n in (0, 1, 5, 8):
            mine: list[int] = []

            def work(some: Sequence[int], mine: list[int] = mine) -> Iterator[str]:
                for one in some:
                    mine.append(one)
                    yield from [f"{one}"] * (one % 3)  # some items give nothing, others several

            told[str(n)] = {"all": ranks.shared(range(n), work), "mine": mine}

        def failing(some: Sequence[int]) -> Iterator[int]:
            for one in some:
                if one == 6:
                    raise NumericFailure("NAN_SCORE", f"case {one}", "NaN", "look")
                yield one

        try:
            ranks.shared(range(8), failing)
        except NumericFailure as error:
            told["raised"] = str(error)
        (out / f"{ranks.rank}.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
