"""What is finished of a slide's answer: only a state that can be true is gone on from."""

from dataclasses import dataclass

import numpy as np
import pytest

from sagittal.core import Geometry, Labels
from sagittal.verbs._parts import Parts


@dataclass(frozen=True)
class Rows:
    """As much of a job as parts look at."""

    grid: Geometry

    def record(self):
        return {"grid": list(self.grid.shape)}


def parts(folder):
    return Parts(folder=folder, labels=Labels(classes=("tissue", "tumour")), identity={"model": "m"})


@pytest.mark.parametrize("text", ["[]", '"rows"', "{", '{"rows": "many"}', '{"rows": 9e99}'])
def test_a_state_that_means_nothing_is_begun_anew(tmp_path, text):
    job = Rows(Geometry.picture((8, 4)))
    assert parts(tmp_path / "part").begin(job) == 0
    (tmp_path / "part" / "state.json").write_text(text)
    assert parts(tmp_path / "part").begin(job) == 0
    assert np.fromfile(tmp_path / "part" / "answer.raw", np.uint8).size == 0
