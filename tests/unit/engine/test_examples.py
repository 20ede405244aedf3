"""What a validation looks like in TensorBoard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from sagittal.data.batch import Batch
from sagittal.engine.examples import SIDE_PX, Seen, example, score_maps
from sagittal.engine.prepare import Preparation
from sagittal.engine.shown import view_of
from sagittal.engine.tracking import Events


def batch(images, targets):
    n = len(targets)
    return Batch(images=images, targets=targets, weights=torch.ones(n), ids=tuple("abcdefgh"[:n]))


def test_truth_is_drawn_left_and_the_answer_right_in_the_plane_with_most_of_the_truth():
    truth = np.zeros((12, 16, 10), int)
    truth[3:9, 4:12, 7] = 1
    picture = example(np.zeros((*truth.shape, 3), np.uint8), truth, np.zeros_like(truth))
    half = (picture.shape[1] - 4) // 2
    assert picture[:, :half].any() and not picture[:, half + 4 :].any()


def test_the_table_counts_all_batches_and_leaves_out_what_is_not_known():
    seen = Seen(("ill", "well"))
    for said in ([0, 1, -1], [1, 1, 0]):
        seen.add(torch.eye(2)[[0, 1, 1]], batch(torch.zeros(3, 1, 4, 4), torch.tensor(said)))
    assert seen.counts.tolist() == [[1, 1], [1, 2]]
    assert seen.confusion.shape[2] == 3 and seen.examples is None


def test_the_table_of_drawn_cases_counts_their_samples():
    truth = torch.tensor([[[0, 0, 1], [2, -1, 1]]] * 2)
    seen = Seen(("none", "grey", "white"))
    for _ in range(2):
        answers = torch.nn.functional.one_hot(torch.tensor([[[0, 1, 1], [2, 0, 0]]] * 2), 3).movedim(-1, 1).float()
        seen.add(answers, replace(batch(torch.rand(2, 1, 2, 3), truth), weights=torch.tensor([1.0, 0.0])))
    assert seen.counts.tolist() == [[2, 2, 0], [2, 2, 0], [0, 0, 2]], "neither what is not known nor samples that do not count"
    assert seen.confusion is not None
    many = Seen()
    many.add(torch.rand(1, 30, 4, 4), batch(torch.rand(1, 1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long)))
    assert many.confusion is None, "a table of thirty classes cannot be read"


def test_a_few_cases_are_kept_and_values_have_no_picture():
    seen = Seen()
    for _ in range(3):
        seen.add(torch.rand(2, 3, 8, 8, 8), batch(torch.rand(2, 1, 8, 8, 8), torch.zeros(2, 8, 8, 8, dtype=torch.long)))
    assert seen.examples.shape[0] == 3 * 164
    values = Seen()
    values.add(torch.rand(2, 1), batch(torch.rand(2, 1, 8, 8), torch.rand(2, 1)))
    assert values.examples is None and values.confusion is None


def test_scores_of_a_drawn_validation_are_maps_beside_the_picture():
    image = np.full((8, 8, 3), (200, 20, 120), np.uint8)
    scores = np.zeros((2, 8, 8), np.float32)
    scores[1, :, 4:] = 1
    made = score_maps(image, scores)
    assert made.shape == (SIDE_PX, 3 * SIDE_PX + 8, 3)
    first, second = made[:, SIDE_PX + 4 : 2 * SIDE_PX + 4], made[:, 2 * SIDE_PX + 8 :]
    assert not first.any()
    assert made[SIDE_PX // 2, SIDE_PX // 2].tolist() == [200, 20, 120], "the picture has its colours"
    assert (second[:, :60] == 0).all() and (second[:, -60:] == 255).all()


def coloured(**scale):
    """A purple tile as it enters the network, and how it is shown."""
    preparation = Preparation(axes=2, channels="rgb", **scale)
    unit = np.array([0.6, 0.2, 0.7], np.float32)[:, None, None] + np.linspace(0, 0.1, 64, dtype=np.float32).reshape(8, 8)
    return preparation.scale.normalise(unit), view_of(preparation)


def test_tissue_is_shown_in_its_own_colours_although_each_channel_was_brought_to_one_scale():
    image, view = coloured(mean=(0.65, 0.25, 0.75), std=(0.03, 0.03, 0.03))
    assert np.ptp(image.mean(axis=(1, 2))) < 1e-5, "to the network it is grey"
    assert np.abs(view(image)[0, 0].astype(int) - [153, 51, 178]).max() <= 1
    seen = Seen(view=view)
    seen.add(torch.rand(1, 2, 8, 8), batch(torch.from_numpy(image)[None], torch.zeros(1, 8, 8, dtype=torch.long)))
    for made in (seen.examples, seen.scores):
        red, green, blue = made[20, 20].astype(int)
        assert blue > red > green + 80


def test_of_slices_with_neighbours_the_middle_one_is_shown_in_grey():
    image = np.stack([np.zeros((4, 4)), np.linspace(0, 1, 16).reshape(4, 4), np.zeros((4, 4))]).astype(np.float32)
    made = view_of(Preparation(axes=3))(image)
    assert made.shape == (4, 4, 3) and np.ptp(made) == 255
    assert (made[..., 0] == made[..., 2]).all()


def test_the_batch_in_tensorboard_has_the_colours_of_the_pictures(tmp_path):
    image, view = coloured(mean=(0.65, 0.25, 0.75), std=(0.03, 0.03, 0.03))
    events, drawn = Events(tmp_path, step=0), []
    events._writer.add_image = lambda name, pixels, step: drawn.append(pixels)
    events.images("train/images", torch.from_numpy(image)[None], view, step=0)
    events.images("of a table", torch.zeros(4, 7), view, step=0)
    events.close()
    assert len(drawn) == 1
    inside = drawn[0][:, drawn[0].shape[1] // 2, drawn[0].shape[2] // 2]
    assert inside[2] > inside[0] > inside[1] + 80
