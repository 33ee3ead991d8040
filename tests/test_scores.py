"""Scores at initialisation: against their definitions, written out, on networks that are small enough."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnstatmech.probe.checks import ProbeError
from nnstatmech.scores import BASELINES, SCORES, score_model

DOUBLE = torch.float64


def batch(count=12, features=6, classes=3):
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(count, features, generator=generator, dtype=DOUBLE),
        torch.randint(0, classes, (count,), generator=generator),
    )


def network(activation=nn.ReLU, norm=False):
    torch.manual_seed(1)
    middle = [nn.BatchNorm1d(8)] if norm else []
    return nn.Sequential(
        nn.Linear(6, 8), *middle, activation(), nn.Linear(8, 8), activation(), nn.Linear(8, 3)
    ).double()


def score(name, model=None, data=None):
    table = score_model(model or network(), *(data or batch()), names=[name])
    return float(table.set_index("score").loc[name, "value"])


def weights(model):
    return [layer.weight for layer in model if isinstance(layer, nn.Linear)]


def gradients(model, loss, **settings):
    return torch.autograd.grad(loss, weights(model), **settings)


def test_there_are_at_least_a_dozen_with_definition_and_source():
    assert len(SCORES) >= 12
    table = score_model(network(), *batch())
    assert list(table["score"]) == list(SCORES)
    assert table["value"].notna().all()
    assert (table["seconds"] >= 0).all()
    published = table[~table["score"].isin(("depth", "parameters", "multiply_adds", "gradient_ratio"))]
    assert published["definition"].str.contains(r"\(.*\d{4}.*\)").all()


def test_baselines_are_always_there():
    table = score_model(network(), *batch(), names=["snip"])
    assert list(table["score"]) == [*BASELINES, "snip"]


def test_counts():
    assert score("depth") == 3
    assert score("parameters") == 6 * 8 + 8 + 8 * 8 + 8 + 8 * 3 + 3
    assert score("multiply_adds") == 6 * 8 + 8 * 8 + 8 * 3


def test_scores_of_gradients():
    model, (images, labels) = network(), batch()
    found = gradients(model, F.cross_entropy(model(images), labels))
    assert score("grad_norm") == pytest.approx(sum(float(g.norm()) for g in found))
    products = [float((w * g).abs().sum()) for w, g in zip(weights(model), found, strict=True)]
    assert score("snip") == pytest.approx(sum(products))
    signed = [float((w * g).sum()) for w, g in zip(weights(model), found, strict=True)]
    assert score("plain") == pytest.approx(sum(signed))


def test_grasp_is_a_product_with_the_hessian():
    """By differences of gradients along the gradient."""
    model, (images, labels) = network(nn.Tanh), batch()
    found = gradients(model, F.cross_entropy(model(images), labels))
    step, changed = 1e-6, []
    for sign in (1, -1):
        with torch.no_grad():
            for w, g in zip(weights(model), found, strict=True):
                w += sign * step * g
        changed.append(gradients(model, F.cross_entropy(model(images), labels)))
        with torch.no_grad():
            for w, g in zip(weights(model), found, strict=True):
                w -= sign * step * g
    curved = [(a - b) / (2 * step) for a, b in zip(*changed, strict=True)]
    expected = -sum(float((w * h).sum()) for w, h in zip(weights(model), curved, strict=True))
    assert score("grasp", network(nn.Tanh)) == pytest.approx(expected, rel=1e-6)


def test_fisher_of_a_linear_network():
    """One layer: activations are outputs, whose gradient is softmax minus label over the number of images."""
    model = nn.Sequential(nn.Linear(6, 3)).double()
    images, labels = batch()
    outputs = model(images)
    gradient = (outputs.softmax(1) - F.one_hot(labels, 3)) / len(images)
    expected = 0.5 * (outputs * gradient).square().mean(0).sum()
    assert score("fisher", model) == pytest.approx(float(expected))


def test_gradsign_and_zico():
    model, (images, labels) = network(), batch()
    single = [
        torch.cat([g.flatten() for g in gradients(model, F.cross_entropy(model(x[None]), y[None]))])
        for x, y in zip(images, labels, strict=True)
    ]
    assert score("gradsign") == pytest.approx(float(torch.stack(single).sign().sum(0).abs().sum()))
    halves = [
        [g.abs() for g in gradients(model, F.cross_entropy(model(images[part]), labels[part]))]
        for part in (slice(0, 6), slice(6, 12))
    ]
    expected = 0.0
    for a, b in zip(*halves, strict=True):
        mean, deviation = (a + b) / 2, (a - b).abs() / 2
        expected += math.log(float((mean / deviation)[deviation > 0].sum()))
    assert score("zico") == pytest.approx(expected)


def test_synflow_is_the_depth_times_the_summed_output_without_biases():
    """A homogeneous network of degree one in each of its weights, by Euler's theorem; normalisation removed."""
    torch.manual_seed(2)
    layers = [nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3, bias=False)]
    model = nn.Sequential(*layers).double()
    with torch.no_grad():
        layers[1].running_mean.fill_(3.0)
        output = layers[3].weight.abs() @ layers[0].weight.abs() @ torch.ones(6, dtype=DOUBLE)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert score("synflow", model) == pytest.approx(2 * float(output.sum()))
    assert score("logsynflow", model) > 0
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_codes_of_relus():
    model, (images, _) = network(), batch()
    hidden = model[0](images)
    deep = model[2](torch.relu(hidden))
    codes = torch.cat([hidden > 0, deep > 0], 1).double()
    kernel = torch.tensor([[float((a == b).sum()) for a in codes] for b in codes])
    assert score("naswot") == pytest.approx(float(torch.linalg.slogdet(kernel.double())[1]))
    assert score("linear_regions") == len({tuple(code.tolist()) for code in codes})
    assert math.isnan(score("naswot", network(nn.Tanh)))
    assert math.isnan(score("linear_regions", network(nn.Tanh)))


def test_kernels_of_a_linear_network():
    """The tangent kernel of summed outputs of a linear layer is classes × X Xᵀ (weights only)."""
    images, labels = batch(count=4)
    model = nn.Sequential(nn.Linear(6, 3)).double()
    eigenvalues = torch.linalg.eigvalsh(images @ images.mT)
    assert score("ntk_condition", model, (images, labels)) == pytest.approx(float(eigenvalues[-1] / eigenvalues[0]))
    # More images than weights: the kernel is singular.
    assert math.isnan(score("ntk_condition", model))
    # All input Jacobians are the same: one eigenvalue is the number of images, the others vanish.
    count, k = 12, 1e-5
    expected = -(math.log(count + k) + 1 / (count + k) + (count - 1) * (math.log(k) + 1 / k))
    assert score("jacob_cov", model) == pytest.approx(expected, rel=1e-6)


def test_lenses_agree_with_the_probe():
    from nnstatmech.probe.probe import probe_model

    model, (images, _) = network(norm=True), batch(count=64)
    table = probe_model(model, images, batch=64)
    last = table["block"].max() - 1
    at = table[table["block"] == last].set_index("quantity")["value"]
    data = batch(count=64)
    for name, quantity in (
        ("log_chi", "log_chi"),
        ("effective_rank", "reff_signal"),
        ("contrast", "contrast"),
        ("reconstruction", "r2"),
    ):
        assert score(name, model, data) == pytest.approx(at[quantity]), name
    gradient = table[table["quantity"] == "log_gradient"].set_index("block")["value"]
    assert score("gradient_ratio", model, data) == pytest.approx(gradient[0] - gradient[last])


def test_the_model_stays_as_it_is():
    model = network(norm=True).float().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    images, labels = batch()
    score_model(model, images.float(), labels)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ["snap"]}, "scores 'snap': must be some of depth"),
        ({"labels": torch.zeros(3)}, "labels of shape"),
        ({"images": torch.zeros(12, 6, dtype=torch.long)}, "floating-point tensor"),
        ({"model": nn.Conv1d(1, 2, 1), "images": torch.randn(12, 1, 6)}, "one vector of outputs"),
    ],
    ids=["name", "labels", "integers", "no vector"],
)
def test_what_cannot_be_scored(arguments, message):
    images, labels = batch()
    given = {"model": network(), "images": images, "labels": labels} | arguments
    with pytest.raises(ProbeError, match=message):
        score_model(**given)


def test_convolutional_images_from_an_array():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 3))
    table = score_model(model, pixels, np.arange(16) % 3).set_index("score")["value"]
    assert table.drop(["ntk_condition"]).notna().all()
    assert table["depth"] == 2
