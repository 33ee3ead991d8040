"""Compiled loops against the passes of torch that they replace."""

import os
import subprocess
import sys

import pytest
import torch

from nnstatmech import compiler
from nnstatmech.message_passing import loops
from nnstatmech.message_passing.channels.sign import Preactivation
from nnstatmech.message_passing.learning import Learner, LearningSettings
from nnstatmech.message_passing.network import build_network
from nnstatmech.message_passing.weights import BinaryWeights, UpdateRule

needs_compiler = pytest.mark.skipif(loops.library() is None, reason="no C compiler at hand")


@pytest.fixture
def no_loops(monkeypatch):
    """Switch the loops off and on again."""

    def switch(off: bool) -> None:
        monkeypatch.setattr(loops, "serve", (lambda *tensors: False) if off else serve)

    serve = loops.serve
    return switch


def grid(fields=(0.0, 1e-6, -0.3, 2.0, -50.0, torch.inf, -torch.inf)) -> tuple[torch.Tensor, ...]:
    """Fields, ω and V over many orders of magnitude, each (2, n), in float32."""
    ratio = torch.cat([torch.linspace(-9, 9, 61), torch.tensor([0.0, -0.0, 1e-5, 12.0, -20.0])])
    variance = torch.logspace(-6, 4, 7)
    B, u, V = torch.broadcast_tensors(torch.tensor(fields)[:, None, None], ratio[:, None], variance)
    return tuple(tensor.reshape(1, -1).expand(2, -1).contiguous() for tensor in (B, u * V.sqrt(), V))


def assert_as_exact_as_passes(ours, passes, exact, scales):
    """The largest error, as a part of a scale, is at most twice that of the passes."""
    for one, other, target, scale in zip(ours, passes, exact, scales, strict=True):
        allowed = 2 * ((other - target).abs() / scale).max()
        assert ((one - target).abs() / scale).max() <= allowed < 2e-5


@needs_compiler
def test_the_score_and_its_curvature_are_those_of_the_passes():
    B, omega, variance = grid()
    g, curvature = Preactivation(omega.double(), variance.double()).score_and_curvature(B.double())
    passes = Preactivation(omega, variance).score_and_curvature(B)
    channel = loops.CompiledPreactivation(omega, variance)
    ours = channel.score_and_curvature(B)
    assert torch.equal(channel.score(B), ours[0])
    size = g.abs() + 1e-9 * variance.rsqrt()
    terms = size * (size + (omega / variance).abs())
    assert_as_exact_as_passes(ours, passes, (g, curvature), (size, terms))


@needs_compiler
@pytest.mark.parametrize("has_field", [False, True])
def test_the_moments_of_units_are_those_of_the_passes(has_field):
    B, omega, variance = grid(fields=(0.0, 1e-6, -0.3, 2.0, -30.0))
    above = B if has_field else None
    exact = Preactivation(omega.double(), variance.double()).moments(B.double() if has_field else None)
    passes = Preactivation(omega, variance).moments(above)
    ours = loops.CompiledPreactivation(omega, variance).moments(above)
    scales = [1, 1, 1, 1 + exact.field.abs()] if exact.field is not None else [1, 1, 1]
    assert_as_exact_as_passes(*(found[: len(scales)] for found in (ours, passes, exact)), scales)
    assert torch.equal(ours.peak, ours.mean.abs().amax(1))


@needs_compiler
def test_numbers_that_are_not_finite_stay_so():
    variance = torch.ones(1, 3)
    omega = torch.tensor([[torch.nan, 1.0, torch.nan]])
    above = torch.tensor([[1.0, torch.nan, torch.inf]])
    channel = loops.CompiledPreactivation(omega, variance)
    assert channel.score(above).isnan().all()
    assert channel.moments(above).mean.isnan().all()


@needs_compiler
@pytest.mark.parametrize("density", [1.0, 0.4])
@pytest.mark.parametrize("sweeps", [1, 3])
@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("amp", {}),
        ("mf", {}),
        ("bpi", {"series_order": 3, "switch_ratio": 0.0}),
        ("bpi", {"series_order": 2, "switch_ratio": 0.0}),
        ("bpi", {}),
        ("bp", {}),
        ("amp", {"weights": "continuous"}),
        ("ebp", {}),
    ],
    ids=["amp", "mf", "third order", "second order", "bpi", "bp", "real weights", "ebp"],
)
def test_learning_is_the_same_up_to_rounding(no_loops, rule, options, sweeps, density):
    """Two replicas of unlike settings, six mini-batches, fields that have grown to several units."""
    reinforcement = 0.0 if options.get("weights") == "continuous" else torch.tensor([[0.1, 0.3]])
    settings = LearningSettings(
        rho=torch.tensor([[1.01, 0.9]]),
        damping=torch.tensor([[0.5, 0.8]]),
        reinforcement=reinforcement,
        max_sweeps=sweeps,
    )
    results = []
    for off in (False, True):
        no_loops(off)
        generator = torch.Generator().manual_seed(1)
        network = build_network([61, 23, 9, 1], rule, [0, 1], density=density, **options)
        learner = Learner(network, settings)
        for _ in range(6):
            x = torch.randn(2, 40, 61, generator=generator)
            learner.train_batch(x, torch.sign(x[..., :7].sum(-1)))
        results.append([state for layer in network.layers for state in layer.state()])
    assert results[0][0].abs().max() > 3
    for one, other in zip(*results, strict=True):
        assert (one - other).abs().max() <= 2e-4 * other.abs().max()


@needs_compiler
@pytest.mark.parametrize("density", [1.0, 0.4])
def test_replicas_that_have_stopped_keep_their_weights(no_loops, density):
    mask = None if density == 1 else (torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(2)) < density).float()
    results = []
    for off in (False, True):
        no_loops(off)
        generator = torch.Generator().manual_seed(1)
        weights = BinaryWeights(torch.randn(3, 5, 7, generator=generator), mask)
        weights.prior_field.copy_(torch.randn(3, 5, 7, generator=generator))
        before = [tensor.clone() for tensor in weights.state()]
        field_in, slope = (torch.randn(3, 5, 7, generator=generator) for _ in range(2))
        rule = UpdateRule(0.3, 0.2, active=torch.tensor([True, False, True]).view(3, 1, 1), field_limit=1.5)
        weights.update(field_in, None, rule, slope)
        for now, then in zip(weights.state(), before, strict=True):
            assert torch.equal(now[1], then[1])
        assert weights.field[::2].abs().max() == 1.5
        results.append(weights.state())
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


@needs_compiler
@pytest.mark.parametrize("sweeps", [1, 2])
@pytest.mark.parametrize("rule", ["amp", "bpi", "bp", "mf"])
def test_tensors_of_other_kinds_and_strides_are_taken_for_what_they_are(rule, sweeps):
    results = []
    for unusual in (False, True):
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(1, 40, 61, generator=generator)
        y = torch.sign(x[..., :7].sum(-1))
        network = build_network([61, 9, 1], rule, [0])
        if unusual:
            x, y = x.mT.contiguous().mT, y.double()
            network.layers[0].weights.prior_field = torch.full((1, 1, 1), 0.25)
        else:
            network.layers[0].weights.prior_field.fill_(0.25)
        learner = Learner(network, LearningSettings(rho=0.0, max_sweeps=sweeps))
        learner.train_batch(x, y)
        results.append(network.layers[0].weights.field.clone())
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)


@needs_compiler
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_inputs_of_any_size_give_the_same_network(scale):
    fields = []
    for factor in (1.0, scale):
        x = torch.randn(1, 40, 61, generator=torch.Generator().manual_seed(1))
        learner = Learner(build_network([61, 9, 1], "amp", [0]), LearningSettings())
        learner.train_batch(factor * x, torch.sign(x[..., :7].sum(-1)))
        fields.append(learner.network.layers[0].weights.field)
    torch.testing.assert_close(*fields, rtol=1e-4, atol=1e-5)


@needs_compiler
def test_a_library_is_compiled_once(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = "float twice(float x) { return 2 * x; }"
    compiler.load(source)
    (made,) = (tmp_path / "nnstatmech").iterdir()
    monkeypatch.setenv("CC", "/nowhere/cc")
    assert compiler.load(source).twice is not None
    with pytest.raises(OSError, match="nowhere"):
        compiler.load(source + "\n")
    made.unlink()
    made.write_bytes(b"cut off")
    monkeypatch.delenv("CC")
    assert compiler.load(source).twice is not None


@needs_compiler
def test_without_a_folder_for_it_a_library_is_compiled_every_time(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert compiler.load("float twice(float x) { return 2 * x; }").twice is not None


@pytest.mark.parametrize("variables", [{"NNSTATMECH_NO_COMPILE": "1"}, {"CC": "/nowhere/cc"}, {"CC": "false"}])
def test_without_a_compiler_torch_does_the_work(variables, tmp_path):
    program = "from nnstatmech.message_passing import loops; import torch; print(loops.serve(torch.ones(3)))"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "XDG_CACHE_HOME": str(tmp_path),
        **variables,
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
