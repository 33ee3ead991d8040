"""The task `scores`: scores of the networks that other tasks train, by other ways."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifier
from torch import nn

from nnstatmech.cascades.images import grey_part
from nnstatmech.cascades.modules import module_of
from nnstatmech.cascades.networks import forward, initial_network, wide_classifier
from nnstatmech.cascades.params import Entropies, Scores
from nnstatmech.cascades.tasks import entropies
from nnstatmech.cascades.tasks import scores as task
from nnstatmech.scores import score_model
from nnstatmech.storage.tables import require_finite, schema_of

from .samples import CPU, labelled_blobs

SIZES = {"resolution": 6, "weight_variances": [0.8, 2.0], "train_images": 200, "test_images": 50}
DENSE = SIZES | {"depths": [4, 2], "presentations": [128], "scored_images": 10}


def frame(params, seeds=(0, 1), dataset=None):
    table = task.run(params, list(seeds), dataset or labelled_blobs(side=12), CPU)
    assert table.schema.equals(schema_of(Scores.columns))
    require_finite(table, "scores")
    found = table.to_pandas().astype({"quantity": str})
    assert not found.duplicated(["seed", "depth", "weight_variance", "presentations", "quantity"]).any()
    return found


@pytest.mark.parametrize("architecture", ["wide", "cnn", "resnet"])
def test_cascades_are_those_of_the_entropies(architecture):
    sizes = SIZES | {"architecture": architecture, "resolution": 10, "channels": 3, "bias_variance": 0.01}
    dataset = labelled_blobs(side=12)
    found = frame(Scores(depths=[4, 6], **sizes), dataset=dataset)
    maps = entropies.run(Entropies(depth=6, evaluated_depths=6, **sizes), [0, 1], dataset, CPU).to_pandas()
    keys = ["quantity", "seed", "weight_variance", "depth"]
    maps = maps[maps["depth"].isin([4, 6])].astype({"quantity": str}).set_index(keys)["value"]
    own = found.set_index(keys)["value"].sort_index()
    for quantity in ("differential_entropy", "explained_variance", "relative_entropy", "relative_entropy_coded"):
        np.testing.assert_allclose(own[quantity], maps[quantity].loc[own[quantity].index], rtol=1e-3, atol=1e-3)


def test_the_probe_is_scikit_learns_ridge_classifier():
    params = Scores(**DENSE)
    dataset = labelled_blobs(side=12, noise=90)
    found = frame(params, dataset=dataset).query("quantity == 'linear_probe'")
    layers = wide_classifier(36, 4)[:2]
    network = initial_network(layers, [0.8], 0.05, [1])
    sets = [grey_part(dataset, part, at_most, 6) for part, at_most in (("train", 200), ("test", 50))]
    (x, y), (test, labels) = ((forward(layers, network, pixels[None])[0].numpy(), named) for pixels, named in sets)
    expected = RidgeClassifier(alpha=params.ridge_strength * len(x)).fit(x, y.numpy()).score(test, labels.numpy())
    value = found.query("seed == 1 and depth == 2 and weight_variance == 0.8")["value"].item()
    assert value == pytest.approx(expected)
    assert 0.2 < value < 1


@pytest.mark.parametrize("architecture", ["wide", "cnn", "resnet"])
def test_modules_are_the_networks_that_are_trained(architecture):
    params = Scores(**DENSE | {"architecture": architecture, "resolution": 10, "channels": 3, "depths": [5]})
    x = torch.rand(7, 100)
    shown = x if architecture == "wide" else x.unflatten(1, (10, 10, 1))
    layers = task.trained_layers(params, 5)
    network = initial_network(layers, [2.0], 0.05, [3])
    module = module_of(layers, network)
    own = forward(layers, network, shown[None])[0]
    torch.testing.assert_close(module(x if architecture == "wide" else shown.permute(0, 3, 1, 2)), own)
    kinds = nn.Linear | nn.Conv2d
    assert sum(isinstance(part, kinds) for part in module.modules()) == sum(len(layer.affine_maps) for layer in layers)


def test_a_layer_of_another_kind_has_no_module():
    with pytest.raises(TypeError, match="str has no module"):
        module_of(["layer"], [[]])


@pytest.mark.parametrize("architecture", ["cnn", "resnet"])
def test_gradients_of_convolutions_are_those_of_the_ensemble(architecture):
    """The family's own layers, in double precision, by automatic differentiation."""
    sizes = SIZES | {"architecture": architecture, "resolution": 10, "channels": 3, "scored_images": 12}
    params, dataset = Scores(depths=[5], **sizes), labelled_blobs(side=12)
    found = frame(params, dataset=dataset).set_index(["quantity", "seed", "weight_variance"])["value"]
    (pixels,), labels = task.inputs_of(params, dataset, "test", 50, CPU)
    layers = task.trained_layers(params, 5)
    for seed, variance in ((0, 2.0), (1, 0.8)):
        network = initial_network(layers, [variance], params.bias_variance, [seed])
        network = [[(w.double().requires_grad_(), b if b is None else b.double()) for w, b in own] for own in network]
        logits = forward(layers, network, pixels[None, :12].double())[0]
        loss = torch.nn.functional.cross_entropy(logits, labels[:12])
        norms = [float(g.norm()) for g in torch.autograd.grad(loss, [w for own in network for w, _ in own])]
        assert found["grad_norm", seed, variance] == pytest.approx(sum(norms), rel=1e-5)
        assert found["weight_gradient_ratio", seed, variance] == pytest.approx(math.log(norms[0] / norms[-2]), rel=1e-5)


def test_weight_gradient_ratio_of_scalars():
    """Three weights in a row, without activation: ∂L/∂w₁ : ∂L/∂w₂ = w₂ : w₁."""
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False), nn.Linear(1, 2, bias=False))
    with torch.no_grad():
        network[0].weight.fill_(0.5)
        network[1].weight.fill_(-3.0)
        network[2].weight.copy_(torch.tensor([[1.0], [-1.0]]))
    found = score_model(network, torch.tensor([[1.0], [2.0]]), torch.tensor([0, 1]), ["weight_gradient_ratio"])
    value = found.set_index("score").loc["weight_gradient_ratio", "value"]
    assert value == pytest.approx(math.log(3.0 / 0.5))


def test_noise_is_white_and_keeps_the_labels():
    params = Scores(**DENSE | {"inputs": "noise"})
    pixels, labels = task.inputs_of(params, labelled_blobs(side=12), "train", 200, CPU)
    assert pixels.mean().item() == pytest.approx(0.5, abs=5 / (12 * pixels.numel()) ** 0.5)
    assert pixels.var().item() == pytest.approx(1 / 12, rel=0.05)
    neighbours = torch.corrcoef(torch.stack([pixels[0, :, 0], pixels[0, :, 1]]))[0, 1]
    assert abs(neighbours) < 4 / 200**0.5
    plain = task.inputs_of(Scores(**DENSE), labelled_blobs(side=12), "train", 200, CPU)
    assert torch.equal(plain[1], labels)
    assert not torch.equal(plain[0], pixels)


def test_scores_do_not_depend_on_the_shard():
    together, alone = frame(Scores(**DENSE)), frame(Scores(**DENSE), seeds=(1,))
    keys = ["seed", "depth", "weight_variance", "presentations", "quantity"]
    whole, part = (one.fillna({"presentations": 0}).set_index(keys)["value"].sort_index() for one in (together, alone))
    np.testing.assert_allclose(whole.loc[part.index].astype(float), part.astype(float), rtol=2e-3, atol=2e-3)
