"""Images to inputs and labels."""

import numpy as np
import pytest
import torch

from nnstatmech.datasets import Dataset
from nnstatmech.message_passing.preprocessing import prepare, shuffled, training_rows

CPU = torch.device("cpu")


def dataset(generator) -> Dataset:
    def draw(count):
        pixels = generator.integers(0, 256, size=(count, 9, 9, 1)).astype(np.uint8)
        return pixels, generator.integers(10, size=count).astype(np.int64)

    return Dataset("noise", *draw(400), *draw(200), "noise", True)


def test_samples_are_standardised_with_the_training_set():
    images = dataset(np.random.default_rng(0))
    train, test = prepare(images, "odd_even", CPU)
    assert train.inputs.shape == (400, 81)
    assert float(train.inputs.mean()) == pytest.approx(0, abs=1e-5)
    assert float(train.inputs.std()) == pytest.approx(1, abs=1e-3)
    assert torch.equal(test.labels, torch.tensor(images.test_labels % 2 * 2 - 1).float())
    pixel = images.train_images[7, 2, 3, 0]
    other = int(np.argwhere(images.test_images.reshape(200, -1) == pixel)[0][0])
    column = int(np.argwhere(images.test_images.reshape(200, -1)[other] == pixel)[0][0])
    assert float(test.inputs[other, column]) == pytest.approx(float(train.inputs[7, 2 * 9 + 3]))


def test_colours_are_standardised_one_by_one():
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, [50, 100, 250], size=(30, 4, 4, 3)).astype(np.uint8)
    labels = np.arange(30) % 10
    train, _ = prepare(Dataset("colours", pixels, labels, pixels, labels, "", True), "ten_classes", CPU)
    by_colour = train.inputs.view(-1, 3)
    assert by_colour.mean(0).abs().max() < 1e-5
    assert (by_colour.std(0) - 1).abs().max() < 2e-3


def test_the_choice_of_training_images():
    shared = training_rows(100, 30, [0, 1], 17)
    assert shared.shape == (2, 30)
    assert torch.equal(shared[0], shared[1])
    assert torch.equal(shared[0], training_rows(100, 50, [4], 17)[0, :30])
    own = training_rows(100, 30, [0, 1], None)
    assert not torch.equal(own[0], own[1])
    assert training_rows(20, 30, [0], 17).shape == (1, 20)


def test_every_replica_is_shuffled_by_its_own_generator():
    rows = torch.stack([torch.arange(20), torch.arange(100, 120)])
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    found = shuffled(rows, generators)
    alone = [torch.randperm(20, generator=torch.Generator().manual_seed(seed)) for seed in (3, 4)]
    assert torch.equal(found, torch.stack([alone[0], 100 + alone[1]]))
    assert not torch.equal(shuffled(rows, generators), found)
