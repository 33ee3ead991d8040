"""Random-feature data."""

import torch

from nnstatmech.message_passing.random_features import random_features, random_signs

CPU = torch.device("cpu")


def test_data_are_signs_and_nested_in_the_number_of_features():
    small = random_features([3, 4], 101, 51, 40, 80, CPU)
    large = random_features([3, 4], 101, 99, 40, 80, CPU)
    assert small.train_inputs.shape == (2, 40, 51)
    assert small.test_labels.shape == (2, 80)
    for part in (small.train_inputs, small.test_inputs, small.train_labels):
        assert torch.all(part.abs() == 1)
    torch.testing.assert_close(large.train_inputs[..., :51], small.train_inputs)
    torch.testing.assert_close(large.test_labels, small.test_labels)


def test_data_of_a_seed_do_not_depend_on_the_others():
    alone = random_features([4], 101, 51, 40, 80, CPU)
    together = random_features([3, 4], 101, 51, 40, 80, CPU)
    torch.testing.assert_close(together.train_inputs[1], alone.train_inputs[0])


def test_feature_correlation_is_the_arcsine_law():
    """E x_i x'_i over features = (2/π) arcsin(ξ·ξ'/D), and the labels are the teacher's."""
    features = 20001
    data = random_features([0], 101, features, 12, 8, CPU)
    latent = random_signs(0, "random features: patterns", 20, 101)
    inputs = data.train_inputs[0]
    expected = 2 / torch.pi * torch.asin((latent[:12] @ latent[:12].T / 101).clamp(-1, 1))
    # Standard error 1/√20001 at most; 4.5 of these for the largest of 66 pairs.
    assert (inputs @ inputs.T / features - expected).abs().max() < 4.5 / features**0.5
    teacher = random_signs(0, "random features: teacher", 101)
    assert torch.equal(data.test_labels[0], torch.sign(latent[12:] @ teacher))
