"""Engines on another device than the CPU, without one: PyTorch's meta device has shapes and devices but no numbers.

An elementwise operation that mixes devices is refused there as it is on a GPU. What the host reads is replaced by ones.
"""

import pytest
import torch

from nnstatmech.cascades.params import Classification, Entropies, Scores, Trainability
from nnstatmech.cascades.tasks import classification, entropies, scores, trainability
from nnstatmech.datasets.load import load
from nnstatmech.datasets.sources import Bundled
from nnstatmech.message_passing.tasks import training
from nnstatmech.moments import convolutions, propagation, statistics
from nnstatmech.moments.params import Propagation

META = torch.device("meta")


def as_ones(tensor):
    return torch.ones(tensor.shape, dtype=tensor.dtype)


def reading(original, value):
    """A method that reads a tensor, answering ``value(tensor)`` on the meta device."""

    def method(tensor, *arguments, **named):
        return value(tensor) if tensor.is_meta else original(tensor, *arguments, **named)

    return method


@pytest.fixture(autouse=True)
def readable_meta_device(monkeypatch):
    for name, value in {
        "cpu": as_ones,
        "item": lambda tensor: as_ones(tensor).item(),
        "tolist": lambda tensor: as_ones(tensor).tolist(),
        "__bool__": lambda tensor: False,
        "__int__": lambda tensor: 0,  # among others the outcome of a regression: it did not fail
    }.items():
        monkeypatch.setattr(torch.Tensor, name, reading(getattr(torch.Tensor, name), value))
    for module, name in (
        (convolutions, "BLOCK_BYTES"),
        (statistics, "PIECE_BYTES"),
        (propagation, "RANK_BYTES"),
    ):
        sizes = getattr(module, name)
        monkeypatch.setitem(sizes, "meta", sizes["cuda"])


@pytest.fixture(scope="module")
def digits():
    return load("mnist", Bundled(content="digits", size=28), data_dir="data")


class NormalWeights:
    """Weights without a stream of their own, which the meta device does not have."""

    def fill(self, out, std):
        out.normal_(0, std)


def test_the_meta_device_refuses_mixtures():
    with pytest.raises(RuntimeError, match="device"):
        torch.ones(2, device=META) + torch.ones(2)


@pytest.mark.parametrize("realisations", [1, 3])
@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
@pytest.mark.parametrize(
    "sizes",
    [
        {"kernel_size": 3, "boundary": "periodic"},
        {"kernel_size": 3, "boundary": "symmetric"},
        {"kernel_size": 3, "boundary": "zero_padding"},
        {"kernel_size": 1, "weights": "drawn"},
        {"kernel_size": 1, "weights": "gram"},
    ],
    ids=str,
)
def test_moments_stay_on_their_device(architecture, sizes, realisations):
    params = Propagation(architecture=architecture, depth=4, width=16, batch_size=4, measurements=2, **sizes)
    shape = (2, 4, 1, 1, 48) if params.kernel_size == 1 else (realisations, 4, 8, 8, 3)
    signal, noise = torch.empty(shape, device=META), torch.empty(shape, device=META)
    moments = propagation.propagate(params, signal, noise, NormalWeights())
    # Largest eigenvalues are those of a small matrix on the CPU, sent back.
    assert {values.device for values in moments.values()} == {META}


@pytest.mark.parametrize("algorithm", ["bp", "bpi", "amp", "mf", "sgd", "adam_sgd"])
@pytest.mark.parametrize("labels", ["odd_even", "ten_classes"])
def test_binary_networks_learn_on_their_device(algorithm, labels, digits):
    params = training.Training(
        algorithm=algorithm, labels=labels, hidden=[5, 5], samples=64, batch_size=16, epochs=1, rho=1.0, psi=0.5
    )
    assert len(training.run(params, [0, 1], digits, META)) > 0


@pytest.mark.parametrize("architecture", ["wide", "shrinking", "cnn", "resnet"])
def test_cascades_stay_on_their_device(architecture, digits):
    params = Entropies(
        architecture=architecture, depth=6, resolution=10, channels=4, weight_variances=[1.0, 2.0], train_images=64
    )
    assert len(entropies.run(params, [0, 1], digits, META)) > 0


def test_networks_are_trained_on_their_device(digits):
    params = Classification(depth=6, channels=4, weight_variances=[1.0, 2.0], steps=2)
    assert len(classification.run(params, [0], digits, META)) == 4  # accuracies and losses
    params = Trainability(
        resolution=10, depths=[3, 5], weight_variances=[1.0, 2.0], steps=4, measure_every=2, test_images=50
    )
    assert len(trainability.run(params, [0], digits, META)) > 0


@pytest.mark.parametrize("inputs", ["dataset", "noise"])
@pytest.mark.parametrize("architecture", ["wide", "cnn"])
def test_networks_are_scored_on_their_device(architecture, inputs, digits):
    params = Scores(architecture=architecture, inputs=inputs, channels=4, depths=[4, 5], weight_variances=[1.0, 2.0])
    assert len(scores.run(params, [0], digits, META)) > 0
