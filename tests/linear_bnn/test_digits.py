"""Images as vectors, splits, mini-batches."""

import numpy as np
import pytest
import torch

from nnstatmech.linear_bnn.digits import MiniBatches, accuracy, labelled_digits, step_size

from .digits import small_digits


def test_the_first_images_are_held_out_and_never_trained_on():
    dataset = small_digits(train=100, test=20)
    digits = labelled_digits(dataset, train_images=50, validation_images=30, device="cpu")
    vectors = torch.tensor(dataset.train_images).flatten(1) / 255
    assert len(digits.splits["validation"][0]) == 20  # at most a fifth of 100
    torch.testing.assert_close(digits.splits["validation"][0], vectors[:20])
    torch.testing.assert_close(digits.x, vectors[20:70])
    torch.testing.assert_close(digits.splits["train"][0], vectors[20:40])
    assert digits.labels.tolist() == dataset.train_labels[20:70].tolist()
    assert len(digits.splits["test"][1]) == 20


def test_mini_batches_pass_over_all_images_in_each_seeds_own_order():
    def streams():
        return [torch.Generator().manual_seed(seed) for seed in (4, 9)]

    batches = MiniBatches(10, 4, streams())
    assert batches.steps_per_epoch == 3
    assert batches.epochs_of(2, 7) == 3
    for _ in range(2):
        epoch = torch.cat([batches.next() for _ in range(3)], 1)
        assert epoch.shape == (2, 10)
        assert all(sorted(order) == list(range(10)) for order in epoch.tolist())
    alone = MiniBatches(10, 4, streams()[1:])
    np.testing.assert_array_equal(alone.next()[0], MiniBatches(10, 4, streams()).next()[1])


def test_accuracy_counts_the_largest_logit():
    logits = torch.tensor([[[1.0, 2.0], [3.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])
    assert accuracy(logits, torch.tensor([1, 1])).tolist() == [0.5, 1.0]


def test_curvature_units_make_the_step_independent_of_the_brightness():
    x = torch.rand(50, 8, generator=torch.Generator().manual_seed(0))
    top = torch.linalg.eigvalsh(x.T @ x / 50)[-1].item()
    assert step_size(0.3, "curvature", x) == pytest.approx(0.3 / top, rel=1e-5)
    assert step_size(0.3, "curvature", x / 2) == pytest.approx(1.2 / top, rel=1e-5)
    assert step_size(0.3, "absolute", x) == 0.3
