"""Devices that fill with many realisations, and that the host does not wait for inside the loop over layers."""

import math

import numpy as np
import pytest
import torch

from nnstatmech.errors import NamedProblem
from nnstatmech.moments import convolutions, propagation, sizes, statistics
from nnstatmech.moments.convolutions import Convolution
from nnstatmech.moments.networks import FullyConnected, GaussianWeights
from nnstatmech.moments.propagation import Recorder, propagate
from nnstatmech.moments.sizes import activations_of, realisations_at_once

from .small import CPU, inputs, network, params

META, CUDA = torch.device("meta"), torch.device("cuda")
IMAGES = (32, 32, 3)
needs_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

SETTINGS = [
    {"architecture": architecture, **more}
    for architecture in ("vanilla", "bn_ff", "bn_res")
    for more in (
        {"kernel_size": 3},
        {"kernel_size": 1, "weights": "drawn"},
        {"kernel_size": 1, "weights": "gram", "width": 32},
        {"kernel_size": 3, "activation": "gelu", "batch_statistics": "differentiated"},
    )
]


class CopiedWeights:
    """Weights drawn on the CPU, for any device."""

    def __init__(self, seeds):
        self.source = GaussianWeights(seeds, CPU)

    def fill(self, out, std):
        drawn = torch.empty(out.shape)
        self.source.fill(drawn, std)
        out.copy_(drawn)


class SilentWeights:
    """Weights without a stream of their own."""

    def fill(self, out, std):
        out.normal_(0, std)


def pass_through_layers(settings, signal, noise):
    """The loop over layers alone, measurements included; what comes before and after it may be read by the host."""
    layers = (FullyConnected if settings.kernel_size == 1 else Convolution)(settings, signal, noise, SilentWeights())
    recorder = Recorder(settings, len(signal), signal.device)
    first = layers.first()
    for index, block in enumerate(first):
        layers.load(index, block)
    recorder.record_output(0, first)
    yield
    if settings.architecture == "bn_res":
        propagation.bn_res(layers, recorder, lambda: None, first)
    else:
        getattr(propagation, settings.architecture)(layers, recorder, lambda: None)
    recorder.reduce_covariances()
    yield


@pytest.mark.parametrize("realisations", [1, 3])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_host_reads_nothing_between_layers(settings, realisations, monkeypatch):
    """On the meta device there is nothing to read: whatever does raises."""
    for module, name in ((convolutions, "BLOCK_BYTES"), (statistics, "PIECE_BYTES"), (propagation, "RANK_BYTES")):
        monkeypatch.setitem(getattr(module, name), "meta", getattr(module, name)["cuda"])
    chosen = params(**settings)
    signal, noise = inputs(chosen, range(realisations))
    for _ in pass_through_layers(chosen, signal.to(META), noise.to(META)):
        pass


@needs_a_gpu
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_gpu_is_not_waited_for_between_layers(settings):
    chosen = params(**settings)
    signal, noise = (tensor.to(CUDA) for tensor in inputs(chosen, range(3)))
    steps = pass_through_layers(chosen, signal, noise)
    next(steps)
    torch.cuda.set_sync_debug_mode("error")
    try:
        next(steps)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_a_gpu
@pytest.mark.parametrize("realisations", [1, 3])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_gpu_finds_what_the_cpu_finds(settings, realisations):
    """On equal weights, to rounding: 1e-6 a layer, times a sensitivity of at most e^(0.25 l)."""
    chosen = params(**settings)
    signal, noise = inputs(chosen, range(realisations))
    ours = propagate(chosen, signal.to(CUDA), noise.to(CUDA), CopiedWeights(range(realisations)))
    for key, values in propagate(chosen, signal, noise, CopiedWeights(range(realisations))).items():
        torch.testing.assert_close(ours[key].cpu(), values, rtol=2e-4, atol=2e-5)


# --- how many at once -----------------------------------------------------------------------------------------------


def at_once(settings, free, monkeypatch):
    monkeypatch.setattr(sizes, "free_bytes", lambda device: free)
    return realisations_at_once(settings, IMAGES, CUDA)


def test_small_convolutions_fill_a_gpu_together_and_large_ones_go_alone(monkeypatch):
    small = network(width=64, batch_size=8)
    together = at_once(small, math.inf, monkeypatch)
    assert 4 * activations_of(small, IMAGES) * together == sizes.FULL_BYTES
    assert at_once(network(width=512, batch_size=64), math.inf, monkeypatch) == 1
    assert realisations_at_once(small, IMAGES, CPU) == 1


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_realisations_fit_into_the_memory_that_is_free(kernel_size, monkeypatch):
    settings = network(width=128, batch_size=16, kernel_size=kernel_size)
    whole = at_once(settings, math.inf, monkeypatch)
    each = sizes.device_bytes(settings, IMAGES, alone=False)
    counts = [at_once(settings, share * whole * each, monkeypatch) for share in (0.25, 0.5, 1.0, 4.0)]
    assert counts == sorted(counts)
    assert 1 <= counts[0] < counts[-1] == whole
    with pytest.raises(NamedProblem, match=r"takes about .* GiB on the GPU, of which 0\.0 GiB are free"):
        at_once(settings, 1000, monkeypatch)


@needs_a_gpu
@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
def test_memory_is_what_was_estimated(architecture, kernel_size):
    """Never more, and not five times less."""
    settings = network(architecture, width=128, batch_size=32, kernel_size=kernel_size, effective_ranks="none")
    signal, noise = (torch.randn(4, 32, *((1, 1, 3072) if kernel_size == 1 else IMAGES), device=CUDA) for _ in "ab")
    torch.cuda.reset_peak_memory_stats()
    propagate(settings, signal, noise, GaussianWeights(range(4), CUDA))
    estimated = 4 * sizes.device_bytes(settings, IMAGES, alone=False)
    assert np.log(estimated / torch.cuda.max_memory_allocated()) == pytest.approx(np.log(5) / 2, abs=np.log(5) / 2)
