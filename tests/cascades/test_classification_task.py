"""The task `classification`: networks side by side learn what single ones learn."""

import numpy as np
import pytest

from nnstatmech.cascades.images import minibatches
from nnstatmech.cascades.networks import forward, initial_network
from nnstatmech.cascades.params import Classification
from nnstatmech.cascades.tasks.classification import classifier, run, square_images
from nnstatmech.datasets import Dataset
from nnstatmech.storage.tables import require_finite, schema_of

from .samples import CPU


@pytest.fixture(scope="module")
def stripes():
    """Images with horizontal (class 0) or vertical (class 1) stripes."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 400)
    images = generator.integers(0, 60, (400, 12, 12, 1)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        (image if label == 0 else image.transpose(1, 0, 2))[::3] += 150
    return Dataset("mnist", images[:300], labels[:300], images[300:], labels[300:], "stripes", True)


def learnt(dataset, seeds=(0,), variances=(0.5, 1.0), **changes):
    """Values by quantity, seed and weight variance."""
    settings = {"depth": 5, "resolution": 12, "channels": 6, "steps": 60, "learning_rate": 0.02, "momentum": 0.9}
    params = Classification(weight_variances=list(variances), **(settings | changes))
    table = run(params, list(seeds), dataset, CPU)
    assert table.schema == schema_of(Classification.columns)
    require_finite(table, "classification")
    return table.to_pandas().set_index(["quantity", "seed", "weight_variance"]).value


def accuracies(dataset, **settings):
    return learnt(dataset, **settings)["accuracy"]


def test_head_has_ten_outputs():
    layers = classifier(Classification(depth=7, channels=5, weight_variances=[1.0], steps=1))
    assert len(layers) == 7 + 2
    assert layers[-1].out_shape == (10,)


@pytest.mark.parametrize("architecture", ["cnn", "resnet"])
def test_easy_classes_are_learnt(stripes, architecture):
    assert accuracies(stripes, architecture=architecture)[0, 1.0] > 0.9


def test_no_training_without_signal(stripes):
    """Without weights every image has the same output: accuracy is the share of one class."""
    assert accuracies(stripes, variances=(0.0,), architecture="cnn", bias_variance=0.0, steps=1)[0, 0.0] < 0.7


def test_a_network_that_diverges_guesses_one_of_the_classes_at_hand(stripes):
    assert accuracies(stripes, learning_rate=1e38, steps=6).tolist() == [0.5, 0.5]


def test_the_loss_of_a_network_that_diverges_is_null(stripes):
    assert learnt(stripes, learning_rate=1e38, steps=6)["loss"].isna().all()


def test_the_loss_is_that_of_the_last_quarter_of_the_minibatches(stripes):
    """At a learning rate of nearly zero each step's loss is that of the initial network on the step's images."""
    sizes = {"steps": 8, "batch_size": 30, "learning_rate": 1e-30, "seeds": (0, 3)}
    found = learnt(stripes, **sizes)["loss"]
    params = Classification(depth=5, resolution=12, channels=6)
    pixels, labels = square_images(params, stripes, "train", 300, CPU)
    for seed, variance in found.index:
        shown = minibatches(seed, "classification", 300, 30, 8)[-2:].flatten()
        network = initial_network(classifier(params), [variance], params.bias_variance, [seed])
        logits = forward(classifier(params), network, pixels[shown][None])[0].double()
        right = logits.gather(1, labels[shown][:, None])[:, 0]
        assert found[seed, variance] == pytest.approx((logits.exp().sum(1).log() - right).mean().item(), rel=1e-5)


def test_members_do_not_disturb_each_other(stripes):
    together = accuracies(stripes, seeds=(0, 1), steps=15)
    for seed, variance in together.index:
        alone = accuracies(stripes, seeds=(seed,), variances=(variance,), steps=15)
        # Float32 rounding may move an image or two across a decision boundary.
        assert alone[seed, variance] == pytest.approx(together[seed, variance], abs=0.02)


def test_labels_are_needed(stripes):
    unlabelled = Dataset("mnist", stripes.train_images, None, stripes.test_images, None, "stripes", True)
    with pytest.raises(ValueError, match="labels"):
        run(Classification(depth=5, weight_variances=[1.0], steps=1), [0], unlabelled, CPU)
