"""The training set of two classes."""

import numpy as np
import pytest

from nnstatmech.linear_bnn.params import Ensemble
from nnstatmech.linear_bnn.two_classes import two_class_problem

from .digits import small_digits

DATASET = small_digits()


def test_problem_of_two_classes():
    problem = two_class_problem(Ensemble(classes=[1, 7], images=6, test_image=2), DATASET)
    assert problem.images.shape == (6, 64)
    np.testing.assert_allclose(np.linalg.norm(problem.images, axis=1), 1)
    np.testing.assert_array_equal(problem.targets, [1, 1, 1, -1, -1, -1])
    first = DATASET.train_images[np.flatnonzero(DATASET.train_labels == 1)[0]].ravel().astype(float)
    np.testing.assert_allclose(problem.images[0], first / np.linalg.norm(first))


def test_too_few_images_are_refused():
    with pytest.raises(ValueError, match="test images of class 1"):
        two_class_problem(Ensemble(classes=[1, 7], test_image=500), DATASET)
