"""The loop around a sweep: priors, damping, reinforcement, stopping, masks, frozen and real weights, replicas."""

import math
from types import SimpleNamespace

import pytest
import torch

from nnstatmech.message_passing import observables
from nnstatmech.message_passing.baselines import BinaryNet
from nnstatmech.message_passing.channels import argmax_output
from nnstatmech.message_passing.layers.bpi import BPILayer
from nnstatmech.message_passing.learning import Learner, LearningSettings
from nnstatmech.message_passing.network import build_network
from nnstatmech.message_passing.weights import BinaryWeights, UpdateRule

WIDTHS = [21, 9, 7, 1]


def batches(count: int, replicas: int, samples: int = 10, width: int = 21, dtype=torch.float64):
    """Teacher-labelled batches (count, R, M, N) and (count, R, M)."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(count, replicas, samples, width, generator=generator, dtype=dtype)
    return x, torch.sign(x @ torch.randn(width, generator=generator, dtype=dtype))


def trained(algorithm="amp", seeds=(0,), count=4, settings=None, widths=WIDTHS, **options):
    net = build_network(widths, algorithm, seeds, dtype=torch.float64, **options)
    learner = Learner(net, LearningSettings(**(settings or {})))
    x, y = batches(count, len(seeds), width=widths[0])
    for inputs, labels in zip(x, y, strict=True):
        learner.train_batch(inputs, labels)
    return net


@pytest.mark.parametrize("algorithm", ["bp", "bpi", "amp", "mf"])
@pytest.mark.parametrize("sweeps", [1, 3])
def test_replicas_are_independent(algorithm, sweeps):
    """Two replicas with their own ρ, ψ, r and ε are the same two alone."""
    rho, psi, r = torch.tensor([[1.01, 0.9]] * 3), torch.tensor([[0.2, 0.7]] * 3), torch.tensor([[0.0, 0.3]] * 3)
    together = build_network(WIDTHS, algorithm, [3, 4], epsilon=[0.5, 1.5], dtype=torch.float64)
    learner = Learner(together, LearningSettings(rho, psi, r, max_sweeps=sweeps))
    x, y = batches(3, 2)
    for inputs, labels in zip(x, y, strict=True):
        learner.train_batch(inputs, labels)
    for index, (seed, epsilon) in enumerate(((3, 0.5), (4, 1.5))):
        alone = build_network(WIDTHS, algorithm, [seed], epsilon=epsilon, dtype=torch.float64)
        one = slice(index, index + 1)
        learner = Learner(alone, LearningSettings(rho[:, one], psi[:, one], r[:, one], max_sweeps=sweeps))
        for inputs, labels in zip(x, y, strict=True):
            learner.train_batch(inputs[one], labels[one])
        for layer, reference in zip(together.layers, alone.layers, strict=True):
            torch.testing.assert_close(layer.weights.mean[index], reference.weights.mean[0], rtol=0, atol=1e-13)


def test_replicas_switch_to_the_exact_kernel_one_by_one():
    """A polarised replica beside a soft one: only the first leaves the series, and neither notices the other."""
    widths = [301, 9, 1]
    x, y = batches(3, 2, width=widths[0])
    results = []
    for seeds, epsilon, part in (
        ([0, 1], [100.0, 0.3], slice(0, 2)),
        ([0], [100.0], slice(0, 1)),
        ([1], [0.3], slice(1, 2)),
    ):
        net = build_network(widths, "bpi", seeds, epsilon=epsilon, series_order=3, dtype=torch.float64)
        learner = Learner(net, LearningSettings(rho=0.9))
        for inputs, labels in zip(x, y, strict=True):
            learner.train_batch(inputs[part], labels[part])
            learner.after_batch(0)
        results.append((learner.kernel_plan()[0], net.layers[0].weights.mean))
    assert [plan for plan, _ in results] == [(0,), (0,), ()]
    torch.testing.assert_close(results[0][1], torch.cat([results[1][1], results[2][1]]), rtol=0, atol=1e-13)


def test_the_prior_is_rho_times_the_last_field():
    net = trained(count=1, settings={"rho": 0.0, "damping": 0.0})
    first = [layer.weights.field.clone() for layer in net.layers]
    learner = Learner(net, LearningSettings(rho=[0.5, 0.25, 2.0], damping=0.0))
    learner.start_batch()
    for layer, field, rho in zip(net.layers, first, (0.5, 0.25, 2.0), strict=True):
        torch.testing.assert_close(layer.weights.prior_field, rho * field)


def test_damping_is_an_average_over_batches():
    plain, damped = (trained(count=1, settings={"damping": psi}) for psi in (0.0, 0.75))
    start = build_network(WIDTHS, "amp", [0], dtype=torch.float64)
    for free, slow, initial in zip(plain.layers, damped.layers, start.layers, strict=True):
        expected = 0.75 * initial.weights.mean + 0.25 * free.weights.mean
        torch.testing.assert_close(slow.weights.mean, expected, rtol=0, atol=1e-14)


def test_reinforcement_grows_after_ten_sweeps():
    net = build_network(WIDTHS, "mf", [0], dtype=torch.float64)
    learner = Learner(net, LearningSettings(reinforcement=0.2, reinforcement_step=0.1))
    r = [float(learner._rules(sweep, None)[0].reinforcement) for sweep in (0, 10, 11, 12)]
    assert r == pytest.approx([0.2, 0.2, 1 - 0.8 * 0.9, 1 - 0.8 * 0.81])


def test_focusing_polarises_and_solves():
    """Random labels, N = 51, P = 10: a coupling γ from 0.1 to 5 draws the posterior to a dense region of solutions."""
    x, _ = batches(1, 1, width=51)
    y = torch.sign(torch.randn(1, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    polarisations = []
    for settings in ({}, {"reinforcement": 0.1, "reinforcement_step": 0.01, "focusing": 21.0}):
        net = build_network([51, 1], "bpi", [0], dtype=torch.float64)
        Learner(net, LearningSettings(rho=0.0, damping=0.9, max_sweeps=400, **settings)).train_batch(x[0], y)
        polarisations.append(float(observables.polarisation(net.layers[0].weights.mean)))
    assert polarisations[1] > 2 * polarisations[0]
    assert float(observables.pointwise_error(net, x[0], y)) == 0


def test_focusing_field_written_out():
    """H = H_in + θ + atanh(tanh((y − 1) atanh(tanh H_in tanh γ)) tanh γ)."""
    generator = torch.Generator().manual_seed(0)
    weights = BinaryWeights(torch.zeros(1, 4, 5, dtype=torch.float64))
    weights.prior_field.normal_(generator=generator)
    field_in = torch.randn(1, 4, 5, generator=generator, dtype=torch.float64)
    gamma, replicas = 0.8, 4.0
    inner = torch.atanh(torch.tanh(field_in) * math.tanh(gamma))
    expected = field_in + weights.prior_field + torch.atanh(torch.tanh((replicas - 1) * inner) * math.tanh(gamma))
    coupling = torch.full((1, 1, 1), gamma, dtype=torch.float64)
    weights.update(field_in.clone(), None, UpdateRule(coupling=coupling, focusing=replicas))
    torch.testing.assert_close(weights.field, expected)


@pytest.mark.parametrize("stop", ["converged", "solved"])
def test_every_replica_stops_on_its_own(stop):
    reinforcement = 0.3 if stop == "solved" else 0.0
    settings = LearningSettings(rho=0.0, damping=0.5, reinforcement=reinforcement, max_sweeps=200, stop=stop)
    x, y = batches(1, 3, samples=12, width=51)
    together = build_network([51, 1], "amp", [0, 1, 2], dtype=torch.float64)
    Learner(together, settings).train_batch(x[0], y[0])
    sweeps = []
    for index in range(3):
        alone = build_network([51, 1], "amp", [index], dtype=torch.float64)
        learner = Learner(alone, settings)
        learner.train_batch(x[0, index : index + 1], y[0, index : index + 1])
        sweeps.append(learner.sweeps)
        torch.testing.assert_close(together.layers[0].weights.mean[index], alone.layers[0].weights.mean[0])
    assert max(sweeps) < 200
    if stop == "solved":
        assert (observables.pointwise_error(together, x[0], y[0]) == 0).all()


@pytest.mark.parametrize("algorithm", ["bp", "bpi", "amp", "mf"])
def test_masked_weights_stay_zero(algorithm):
    net = trained(algorithm, settings={"max_sweeps": 2, "rho": 0.9}, density=0.4)
    for layer in net.layers:
        weights = layer.weights
        assert (weights.mean[weights.mask == 0] == 0).all()
        assert (weights.variance[weights.mask == 0] == 0).all()
        assert (weights.decide()[weights.mask == 0] == 0).all()
    assert 0.2 < float(net.layers[0].weights.mask.mean()) < 0.6


@pytest.mark.parametrize("algorithm", ["bp", "bpi", "amp", "mf"])
def test_a_frozen_top_stays_one(algorithm):
    net = trained(algorithm, settings={"max_sweeps": 3, "rho": 0.9}, widths=[21, 9, 1], freeze_top=True)
    top = net.layers[-1].weights
    assert (top.mean == 1).all()
    assert (top.variance == 0).all()
    assert not torch.equal(net.layers[0].weights.mean, build_network([21, 9, 1], "mf", [0]).layers[0].weights.mean)


@pytest.mark.parametrize("algorithm", ["bpi", "amp", "mf"])
def test_a_frozen_top_of_real_weights_stays_one(algorithm):
    """A committee whose first layer has a Gaussian belief: it learns, its top stays 1 without variance."""
    net = trained(
        algorithm, settings={"max_sweeps": 3, "rho": 0.9}, widths=[21, 9, 1], freeze_top=True, weights="continuous"
    )
    top, bottom = net.layers[-1].weights, net.layers[0].weights
    assert (top.mean == 1).all()
    assert (top.variance == 0).all()
    assert torch.isfinite(bottom.mean).all()
    start = build_network([21, 9, 1], "mf", [0], weights="continuous", dtype=torch.float64).layers[0].weights
    assert not torch.allclose(bottom.mean, start.mean)


def test_kernels_are_chosen_at_the_same_batches_on_every_device(monkeypatch):
    """The choice depends on the sweeps since the last one: other batches give other numbers."""
    calls = []
    monkeypatch.setattr(BPILayer, "choose_kernels", lambda layer: calls.append(layer))
    chosen = {}
    for is_cuda in (False, True):
        net = build_network([21, 9, 1], "bpi", [0], series_order=3)
        learner = Learner(net, LearningSettings())
        net.layers[0].weights = SimpleNamespace(mean=SimpleNamespace(is_cuda=is_cuda))
        chosen[is_cuda] = []
        for batch in range(200):
            calls.clear()
            learner.after_batch(batch)
            if calls:
                chosen[is_cuda].append(batch)
    assert chosen[True] == chosen[False] == [0, 64, 128, 192]


def test_messages_that_are_not_reset_separate_bp_from_bpi():
    """With a reset they are the same at one sweep; stale edge messages are not."""
    for reset in (True, False):
        bp, bpi = (trained(name, settings={"reset_messages": reset, "rho": 0.9}) for name in ("bp", "bpi"))
        difference = (bp.layers[0].weights.mean - bpi.layers[0].weights.mean).abs().max()
        assert (difference < 1e-13) == reset


def test_argmax_layer_damps_its_field():
    net = build_network([11, 5, 10], "mf", [0], output="argmax", dtype=torch.float64)
    x = torch.randn(1, 6, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    classes = torch.tensor([[0, 3, 9, 1, 4, 4]])
    before = net.layers[1].weights.field.clone()
    Learner(net, LearningSettings(rho=[1.0, 0.5], damping=0.75)).train_batch(x, classes)
    top = net.layers[1]
    g = argmax_output.score(classes, top.omega, top.variance)
    field_in = torch.bmm(g.mT, top.inputs.mean)
    expected = 0.75 * before + 0.25 * (field_in + 0.5 * before)
    torch.testing.assert_close(top.weights.field, expected)
    torch.testing.assert_close(top.weights.mean, torch.tanh(expected))


@pytest.mark.parametrize("algorithm", ["bpi", "amp", "mf"])
def test_real_weights_learn_a_teacher(algorithm):
    net = build_network([21, 1], algorithm, [0], weights="continuous", dtype=torch.float64)
    learner = Learner(net, LearningSettings(rho=1.0, damping=0.0))
    x, y = batches(60, 1)
    for inputs, labels in zip(x[:50], y[:50], strict=True):
        learner.train_batch(inputs, labels)
    test_x, test_y = x[50:].flatten(0, 2)[None], y[50:].flatten()[None]
    assert float(observables.pointwise_error(net, test_x, test_y)) < 0.1
    weights = net.layers[0].weights
    torch.testing.assert_close(weights.mean, weights.field / weights.precision)
    assert (weights.precision >= 1e-6).all()


def test_one_real_weight_has_the_exact_posterior():
    """N = 1: no central limit is needed, and one sweep of a Gaussian prior with a probit-free label is Bayes' rule."""
    net = build_network([1, 1], "mf", [0], weights="continuous", dtype=torch.float64)
    weights = net.layers[0].weights
    weights.field.fill_(0.5)
    weights.precision.fill_(2.0)
    weights.mean.fill_(0.25)
    weights.variance.fill_(0.5)
    one = torch.ones(1, 1, dtype=torch.float64)
    Learner(net, LearningSettings(rho=1.0, damping=0.0)).train_batch(one.unsqueeze(-1), one)
    # The label +1 truncates N(1/4, 1/2) to w > 0; g and Γ are the first two derivatives of its log mass, and the
    # cavity-free (mean-field) message leaves out only the Onsager part m Γ.
    u = 0.25 / math.sqrt(0.5)
    g = math.exp(-u * u / 2) / math.sqrt(2 * math.pi) / (0.5 * math.erfc(-u / math.sqrt(2))) / math.sqrt(0.5)
    gamma = g * (g + 0.25 / 0.5)
    assert float(weights.field) == pytest.approx(0.5 + g)
    assert float(weights.precision) == pytest.approx(2.0 + gamma)


def test_overlaps_against_the_full_matrix():
    mean = torch.tanh(torch.randn(2, 5, 30, generator=torch.Generator().manual_seed(0)))
    matrix = torch.bmm(mean, mean.mT) / 30
    full, off_diagonal = observables.overlap(mean)
    torch.testing.assert_close(full, matrix.mean((1, 2)))
    torch.testing.assert_close(observables.polarisation(mean), matrix.diagonal(dim1=1, dim2=2).mean(1))
    off = matrix - torch.diag_embed(matrix.diagonal(dim1=1, dim2=2))
    torch.testing.assert_close(off_diagonal, off.sum((1, 2)) / 20)
    assert observables.overlap(mean[:, :1])[1] is None


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1.0])
def test_initial_polarisation(epsilon):
    """E tanh²(εz) for a standard normal z; 80 000 weights scatter by less than 0.001."""
    z = torch.linspace(-9, 9, 4001, dtype=torch.float64)
    density = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    expected = float(torch.trapezoid(torch.tanh(epsilon * z) ** 2 * density, z))
    net = build_network([800, 101], "mf", [0], epsilon=epsilon)
    assert float(observables.polarisation(net.layers[0].weights.mean)) == pytest.approx(expected, abs=4e-3)


def test_bayesian_outputs_against_sampled_weights():
    """u of a hidden layer and output, against 4000 draws of the weights: standard error 0.016 in a mean of ±1."""
    net = build_network([301, 101, 1], "mf", [0], epsilon=1.0, dtype=torch.float64)
    x = torch.randn(1, 4, 301, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    u = observables.bayesian_outputs(net, x)[0, :, 0]
    generator = torch.Generator().manual_seed(2)
    total = torch.zeros(4, dtype=torch.float64)
    for _ in range(40):
        draws = [
            torch.where(torch.rand(100, *mean.shape[1:], generator=generator) * 2 - 1 < mean, 1.0, -1.0).double()
            for mean in (layer.weights.mean for layer in net.layers)
        ]
        outputs = observables.pointwise_outputs(draws, x.expand(100, -1, -1))
        total += torch.sign(outputs[..., 0]).sum(0)
    assert (torch.erf(u / math.sqrt(2)) - total / 4000).abs().max() < 5 * 0.016


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, window):
        ctx.save_for_backward(z)
        ctx.window = window
        return torch.where(z >= 0, 1.0, -1.0).to(z.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (z,) = ctx.saved_tensors
        return (gradient * (z.abs() <= 1) if ctx.window else gradient), None


@pytest.mark.parametrize("outputs", [1, 10])
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_binary_net_against_autograd(outputs, optimiser):
    widths = [12, 7, 5, outputs]
    rate = {"sgd": 0.3, "adam": 1e-2}[optimiser]
    net = BinaryNet(widths, [0], learning_rate=rate, optimiser=optimiser, dtype=torch.float64)
    latent = [w[0].clone().requires_grad_() for w in net.latent]
    optimisers = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    reference = optimisers[optimiser](latent, lr=rate)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        x = torch.randn(8, 12, generator=generator, dtype=torch.float64)
        if outputs == 1:
            y = torch.sign(torch.randn(8, generator=generator, dtype=torch.float64))
        else:
            y = torch.randint(outputs, (8,), generator=generator)
        net.train_batch(x[None], y[None])
        z = x
        for index, w in enumerate(latent):
            if index:
                z = StraightThrough.apply(z, True)
            z = z @ StraightThrough.apply(w, False).T / w.shape[1] ** 0.5
        if outputs == 1:
            loss = torch.nn.functional.softplus(-y * z[:, 0]).mean()
        else:
            loss = torch.nn.functional.cross_entropy(z, y)
        reference.zero_grad()
        loss.backward()
        reference.step()
        with torch.no_grad():
            for w in latent:
                w.clamp_(-1, 1)
    for ours, theirs in zip(net.latent, latent, strict=True):
        torch.testing.assert_close(ours[0], theirs.detach(), rtol=1e-9, atol=1e-10)


def test_binary_net_keeps_masks_and_a_frozen_top():
    net = BinaryNet([21, 9, 1], [0], density=0.5, freeze_top=True)
    x, y = batches(3, 1, dtype=torch.float32)
    before = net.decisions()
    for inputs, labels in zip(x, y, strict=True):
        net.train_batch(inputs, labels)
    after = net.decisions()
    assert torch.equal(before[0] == 0, after[0] == 0)
    assert torch.equal(before[1], after[1])
    assert (after[1] >= 0).all()
    assert not torch.equal(before[0], after[0])


def test_unknown_names_are_refused_with_what_is_allowed():
    with pytest.raises(ValueError, match="algorithm: 'tapp' is unknown; allowed: bp, bpi, amp, mf"):
        build_network(WIDTHS, "tapp", [0])
    with pytest.raises(ValueError, match="give one value a layer"):
        Learner(build_network(WIDTHS, "mf", [0]), LearningSettings(rho=[1.0, 1.0]))
