"""What a validation looks like in TensorBoard."""

from __future__ import annotations

import numpy as np
import torch

from sagittal.data.batch import Batch
from sagittal.engine.examples import SIDE_PX, Seen, example, score_maps


def batch(images, targets):
    n = len(targets)
    return Batch(images=images, targets=targets, weights=torch.ones(n), ids=tuple("abcdefgh"[:n]))


def test_truth_is_drawn_left_and_the_answer_right_in_the_plane_with_most_of_the_truth():
    truth = np.zeros((12, 16, 10), int)
    truth[3:9, 4:12, 7] = 1
    picture = example(np.zeros(truth.shape, np.float32), truth, np.zeros_like(truth))
    half = (picture.shape[1] - 4) // 2
    assert picture[:, :half].any() and not picture[:, half + 4 :].any()


def test_the_table_counts_all_batches_and_leaves_out_what_is_not_known():
    seen = Seen(("ill", "well"))
    for said in ([0, 1, -1], [1, 1, 0]):
        seen.add(torch.eye(2)[[0, 1, 1]], batch(torch.zeros(3, 1, 4, 4), torch.tensor(said)))
    assert seen._counts.tolist() == [[1, 1], [1, 2]]
    assert seen.confusion.shape[2] == 3 and seen.examples is None


def test_a_few_cases_are_kept_and_values_have_no_picture():
    seen = Seen()
    for _ in range(3):
        seen.add(torch.rand(2, 3, 8, 8, 8), batch(torch.rand(2, 1, 8, 8, 8), torch.zeros(2, 8, 8, 8, dtype=torch.long)))
    assert seen.examples.shape[0] == 3 * 164 and seen.confusion is None
    values = Seen()
    values.add(torch.rand(2, 1), batch(torch.rand(2, 1, 8, 8), torch.rand(2, 1)))
    assert values.examples is None and values.confusion is None


def test_scores_of_a_drawn_validation_are_maps_beside_the_picture():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(8, 8)).astype(np.float32)
    scores = np.zeros((2, 8, 8), np.float32)
    scores[1, :, 4:] = 1
    made = score_maps(image, scores)
    assert made.shape == (SIDE_PX, 3 * SIDE_PX + 8, 3)
    first, second = made[:, SIDE_PX + 4 : 2 * SIDE_PX + 4], made[:, 2 * SIDE_PX + 8 :]
    assert not first.any()
    assert (second[:, :60] == 0).all() and (second[:, -60:] == 255).all()
