"""Images as networks see them, and the order of minibatches."""

import numpy as np
import torch

from nnstatmech.cascades.images import ColourImages, grey_inputs, grey_part, minibatches, subset

from .samples import labelled_blobs


def test_minibatches_are_reshuffled_passes():
    order = minibatches(3, "test", images=10, batch_size=4, steps=5)
    assert order.shape == (5, 4)
    passes = order.flatten().reshape(2, 10)
    assert (passes.sort(1).values == torch.arange(10)).all()
    assert (passes[0] != passes[1]).any()
    assert (minibatches(3, "test", 10, 4, 5) == order).all()


def test_subsets_are_bounded_and_fixed():
    np.testing.assert_array_equal(subset(5, 9, "x"), range(5))
    few = subset(1000, 50, "x")
    assert len(set(few)) == 50
    np.testing.assert_array_equal(few, subset(1000, 50, "x"))
    assert few.std() > 200  # spread over the source: a block of 50 would have 14


def test_grey_inputs_average_areas_and_weigh_colours():
    grey = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    torch.testing.assert_close(grey_inputs(grey, 2) * 255, torch.tensor([[2.5, 4.5, 10.5, 12.5]]))
    colours = np.zeros((1, 2, 2, 3), np.uint8)
    colours[0, 0, 0], colours[0, 1, 1] = (255, 0, 0), (0, 255, 255)
    torch.testing.assert_close(grey_inputs(colours, 2), torch.tensor([[0.299, 0, 0, 0.701]]))


def test_colours_are_normalised_and_restored():
    pixels = torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)
    mean, deviation = torch.tensor([0.5, 0.2, 0.0])[:, None, None], torch.tensor([0.5, 1.0, 2.0])[:, None, None]
    images = ColourImages(pixels, 1, mean, deviation)
    torch.testing.assert_close(images[:1].flatten(), torch.tensor([-1.0, 0.0, 0.5]))
    torch.testing.assert_close(images.restore(images[:1]).flatten(), torch.tensor([0.0, 0.2, 1.0]))
    grey = ColourImages(pixels[..., :1], 2, mean, deviation)
    assert grey[torch.tensor([0, 0])].shape == (2, 3, 2, 2)


def test_parts_of_a_data_set_are_spread_over_it():
    dataset = labelled_blobs(train=400)
    pixels, labels = grey_part(dataset, "train", 50, resolution=3)
    assert pixels.shape == (50, 9)
    chosen = subset(400, 50, "train")
    torch.testing.assert_close(pixels, grey_inputs(dataset.train_images[chosen], 3))
    assert labels.tolist() == dataset.train_labels[chosen].tolist()
    whole, _ = grey_part(dataset, "test", 10**6, resolution=6)
    assert len(whole) == len(dataset.test_images)
