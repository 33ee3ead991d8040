"""Simultaneous propagation of signal and noise through random networks, and what is measured on the way.

Locations inside layer l (unit l of bn_res), in the order of the computation:

=============  ==================  ==============================  ===============================
location       vanilla             bn_ff                           bn_res (first branch layer)
=============  ==================  ==============================  ===============================
input          x^(l-1)             x^(l-1)                         y^(l-1), the trunk
preactivation  y^l (convolution)   y^l (convolution)               y^(l,1) (last: convolution)
normalised                         z^l                             z^(l,1)
activation                                                         x^(l,1)
output         x^l                 x^l                             y^l, the trunk after addition
=============  ==================  ==============================  ===============================
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import NamedProblem
from .activations import HOMOGENEOUS, activate
from .convolutions import Convolution
from .networks import Block, FullyConnected, WeightSource, batch_normalise
from .params import Propagation
from .statistics import (
    Spectra,
    column_means,
    covariance,
    effective_ranks,
    mean_square,
    reduce_spectra,
    signal_moments,
)

LOCATIONS = {
    "vanilla": ("input", "preactivation", "output"),
    "bn_ff": ("input", "preactivation", "normalised", "output"),
    "bn_res": ("input", "normalised", "activation", "preactivation", "output"),
}
RANK_LOCATION = {"vanilla": "output", "bn_ff": "output", "bn_res": "activation"}
# In single precision mean squares must stay within 1e38: a layer multiplies them by 1/epsilon at the very most.
LAYERS_BETWEEN_RESCALING = 4
# Covariances wait until this many bytes are at hand: a GPU takes many at once.
RANK_BYTES = {"cpu": 0, "cuda": 512 * 2**20}

# Moments beyond this range (and its inverse) lose digits in double precision, or all of them.
SMALLEST = 1e-300

Measurements = dict[tuple[str, str], Tensor]


class Breakdown(NamedProblem):
    """The arithmetic failed although the network is alive.

    Attributes
    ----------
    realisations
        Their places in the call of :func:`propagate`.
    """

    def __init__(self, failed: Tensor, message: str):
        super().__init__(message)
        self.realisations: list[int] = failed.nonzero()[:, 0].tolist()


class RawMoments(NamedTuple):
    """What is read off the blocks at one location and depth, float64, each of shape (realisations,).

    Moments of the rescaled signal, mean square of the rescaled noise, and the logarithms of the factors (of second
    moments) that were taken out of them.
    """

    nu1: Tensor
    nu2: Tensor
    mu2: Tensor
    mu4: Tensor
    noise: Tensor
    log_signal: Tensor
    log_noise: Tensor


class Recorder:
    """Collects moments at the measured depths, as tensors on the device; nothing is read by the host on the way.

    Noise (and, in vanilla networks, the signal) is rescaled on its way; the recorder keeps the logarithms of the
    factors and restores the true moments. Where a network has died (its signal is zero) there are none: NaN.

    Parameters
    ----------
    params
        Depths and tensors to measure.
    realisations
        Number of realisations that are propagated together.
    device
        Where they are.
    """

    def __init__(self, params: Propagation, realisations: int, device: torch.device):
        self.params = params
        self.every = params.depth // params.measurements
        self.log_signal = torch.zeros(realisations, dtype=torch.float64, device=device)
        self.log_noise = torch.zeros_like(self.log_signal)
        self.raw: dict[str, list[RawMoments]] = {}
        self.broken = torch.zeros(realisations, dtype=torch.bool, device=device)
        self.waiting: list[Tensor] = []
        self.spectra: list[Spectra] = []
        self.rank_tensors = {"none": (), "signal": ("signal",), "signal_and_noise": ("signal", "noise")}[
            params.effective_ranks
        ]

    def measures(self, layer: int) -> bool:
        """Whether ``layer`` (from 1; 0 is the input of the network) is measured."""
        return layer > 0 and layer % self.every == 0

    def record(self, location: str, blocks: Sequence[Block]) -> None:
        """Measure ``blocks`` at ``location`` of the current layer."""
        self.raw.setdefault(location, []).append(self.measure(location, blocks))

    def record_output(self, layer: int, blocks: Sequence[Block]) -> None:
        """Measure the output of ``layer`` where it is asked for, or as the input of the next layer."""
        locations = ["output"] * self.measures(layer)
        locations += ["input"] * (layer < self.params.depth and self.measures(layer + 1))
        if locations:
            moments = self.measure(locations[0], blocks)
            for location in locations:
                self.raw.setdefault(location, []).append(moments)

    def measure(self, location: str, blocks: Sequence[Block]) -> RawMoments:
        signals, noises = [block.signal for block in blocks], [block.noise for block in blocks]
        means = column_means(signals)
        if location == RANK_LOCATION[self.params.architecture]:
            self.measure_ranks(signals, means, noises)
        moments = signal_moments(signals, means)
        return RawMoments(
            nu1=moments["nu1_abs_signal"],
            nu2=moments["nu2_signal"],
            mu2=moments["mu2_signal"],
            mu4=moments["mu4_signal"],
            noise=mean_square(noises),
            log_signal=self.log_signal,
            log_noise=self.log_noise,
        )

    def measure_ranks(self, signals: list[Tensor], means: Tensor, noises: list[Tensor]) -> None:
        """Store the covariances, or what their effective ranks follow from where many of them wait."""
        if "signal" in self.rank_tensors:
            self.waiting.append(covariance(signals, means))
        if "noise" in self.rank_tensors:
            self.waiting.append(covariance(noises, column_means(noises)))
        if sum(matrix.nbytes for matrix in self.waiting) > RANK_BYTES[self.log_noise.device.type]:
            self.reduce_covariances()

    def reduce_covariances(self) -> None:
        if self.waiting:
            # Eigenvalues are found for finite matrices only; what is not finite is broken, and told so.
            self.spectra.append(reduce_spectra(torch.stack(self.waiting).nan_to_num(0.0, 0.0, 0.0)))
            self.waiting.clear()

    def rescale(self, blocks: Sequence[Block], signal: bool) -> None:
        """Bring the noise (and the signal, if asked) to mean square one, in place; a dead tensor stays as it is."""
        self.log_noise = self.log_noise + rescale_in_place([block.noise for block in blocks])
        if signal:
            self.log_signal = self.log_signal + rescale_in_place([block.signal for block in blocks])

    def results(self) -> Measurements:
        """All measurements, (location, quantity) to an array (realisations, measured depths), float64."""
        results = {
            (location, name): values
            for location, depths in self.raw.items()
            for name, values in self.restored_moments(depths).items()
        }
        self.reduce_covariances()
        if not self.spectra:
            return results
        ranks = torch.cat([effective_ranks(spectra) for spectra in self.spectra])
        raw = stacked(self.raw[RANK_LOCATION[self.params.architecture]])
        without = {"signal": raw.mu2 == 0, "noise": raw.noise == 0}
        for i, name in enumerate(self.rank_tensors):
            of_tensor = ranks[i :: len(self.rank_tensors)].T
            self.broken |= (~without[name] & ~of_tensor.isfinite()).any(1)
            key = RANK_LOCATION[self.params.architecture], f"reff_{name}"
            results[key] = of_tensor.masked_fill(without[name], torch.nan)
        return results

    def restored_moments(self, depths: Sequence[RawMoments]) -> dict[str, Tensor]:
        """The moments of one location as they are without any rescaling."""
        raw = stacked(depths)
        dead, constant, noiseless = raw.nu2 == 0, raw.mu2 == 0, raw.noise == 0
        moments = {
            name: restored(values, torch.exp(power * raw.log_signal))
            for name, values, power in (
                ("nu1_abs_signal", raw.nu1, 0.5),
                ("nu2_signal", raw.nu2, 1),
                ("mu2_signal", raw.mu2, 1),
                ("mu4_signal", raw.mu4, 2),
            )
        }
        log_mu2_signal = torch.where(
            moments["mu2_signal"].isnan(), raw.mu2.log() + raw.log_signal, moments["mu2_signal"].log()
        )
        moments["log_mu2_noise"] = (raw.noise.log() + raw.log_noise).masked_fill(noiseless, torch.nan)
        log_chi = (moments["log_mu2_noise"] - log_mu2_signal) / 2
        moments["log_chi"] = log_chi.masked_fill(constant, torch.nan)
        self.broken |= (~(dead | noiseless) & ~moments["log_mu2_noise"].isfinite()).any(1)
        self.broken |= (~(constant | noiseless) & ~log_chi.isfinite()).any(1)
        return {name: value.masked_fill(dead, torch.nan) for name, value in moments.items()}


def stacked(depths: Sequence[RawMoments]) -> RawMoments:
    """Of shape (realisations, depths) each."""
    return RawMoments(*(torch.stack(values, 1) for values in zip(*depths, strict=True)))


def restored(moments: Tensor, factors: Tensor) -> Tensor:
    """Moments times the factors that were taken out on the way, NaN where double precision does not hold them."""
    products = moments * factors
    held = (products >= SMALLEST) & (products <= 1 / SMALLEST) | (moments == 0)
    return torch.where(held, products, torch.nan)


def rescale_in_place(tensors: Sequence[Tensor]) -> Tensor:
    """Divide by the root mean square of each realisation; its squared logarithm, float64, shape (realisations,)."""
    square = mean_square(tensors)
    square = torch.where(square > 0, square, 1.0)
    factor = square.rsqrt().float()[:, None, None]
    for tensor in tensors:
        tensor.mul_(factor)
    return square.log()


Layers = Convolution | FullyConnected


def vanilla(layers: Layers, recorder: Recorder, after_layer: Callable[[], object]) -> None:
    """Convolution, activation: blocks of images do not meet, and pass unmeasured layers one by one."""
    for layer in range(1, recorder.params.depth + 1):
        outputs = layers.outputs()
        if recorder.measures(layer):
            outputs = list(outputs)
            recorder.record("preactivation", outputs)
        activate_and_measure(layers, recorder, layer, outputs)
        after_layer()


def bn_ff(layers: Layers, recorder: Recorder, after_layer: Callable[[], object]) -> None:
    """Convolution, batch normalisation, activation."""
    for layer in range(1, recorder.params.depth + 1):
        outputs = list(layers.outputs())
        if recorder.measures(layer):
            recorder.record("preactivation", outputs)
        normalise(recorder.params, outputs)
        if recorder.measures(layer):
            recorder.record("normalised", outputs)
        activate_and_measure(layers, recorder, layer, outputs)
        after_layer()


def normalise(params: Propagation, blocks: Sequence[Block]) -> None:
    batch_normalise(blocks, params.epsilon, params.batch_statistics == "differentiated")


def activate_and_measure(layers: Layers, recorder: Recorder, layer: int, outputs: Iterable[Block]) -> None:
    """The activation that ends a feed-forward layer: its result is measured and becomes the next input."""
    params = recorder.params
    if recorder.measures(layer) or recorder.measures(layer + 1):
        outputs = list(outputs)
        for block in outputs:
            activate(params.activation, *block, into=block)
        recorder.record_output(layer, outputs)
        load = layers.load
    else:
        load = layers.load_activated
    for index, block in enumerate(outputs):
        load(index, block)
    if layer % LAYERS_BETWEEN_RESCALING == 0:
        recorder.rescale(layers.stored(), signal=signal_has_no_scale(params))


def signal_has_no_scale(params: Propagation) -> bool:
    """Whether a rescaled signal goes on as the signal would: without normalisation, biases, and a scale in phi."""
    return params.architecture == "vanilla" and params.activation in HOMOGENEOUS and not params.bias_variance


def bn_res(layers: Layers, recorder: Recorder, after_layer: Callable[[], object], trunk: list[Block]) -> None:
    """Residual units: trunk + [batch normalisation, activation, convolution] x residual depth."""
    recorder.record_output(0, trunk)
    copies = [Block(torch.empty_like(block.signal), torch.empty_like(block.noise)) for block in trunk]
    for unit in range(1, recorder.params.depth + 1):
        for copy, block in zip(copies, trunk, strict=True):
            copy.signal.copy_(block.signal)
            copy.noise.copy_(block.noise)
        branch = copies
        for layer in range(recorder.params.residual_depth):
            normalise(recorder.params, branch)
            measured = layer == 0 and recorder.measures(unit)
            if measured:
                recorder.record("normalised", branch)
            for index, block in enumerate(branch):
                activate(recorder.params.activation, *block, into=block)
                layers.load(index, block)
            if measured:
                recorder.record("activation", branch)
            branch = list(layers.outputs())
            if measured:
                recorder.record("preactivation", branch)
        for block, addition in zip(trunk, branch, strict=True):
            block.signal.add_(addition.signal)
            block.noise.add_(addition.noise)
        recorder.record_output(unit, trunk)
        if unit % LAYERS_BETWEEN_RESCALING == 0:
            recorder.rescale(trunk, signal=False)
        after_layer()


@torch.inference_mode()
def propagate(
    params: Propagation,
    signal: Tensor,
    noise: Tensor,
    weights: WeightSource,
    biases: WeightSource | None = None,
    after_layer: Callable[[], object] = lambda: None,
) -> Measurements:
    """Propagate signal and noise through networks with fresh weights and measure the moments.

    Parameters
    ----------
    params
        The network.
    signal, noise
        Normalised images and noise, (realisations, images, height, width, channels), float32, on the device that
        computes.
    weights, biases
        Sources of the weights and of the biases, see :class:`nnstatmech.moments.networks.GaussianWeights`; of no biases
        None.
    after_layer
        Called after every layer (residual unit).

    Returns
    -------
    dict
        (location, quantity) to a float64 tensor (realisations, measured depths). Quantities: ``nu1_abs_signal``,
        ``nu2_signal``, ``mu2_signal``, ``mu4_signal``, ``log_mu2_noise``, ``log_chi`` (normalised sensitivity
        sqrt(mu_2(dv) / mu_2(v))), and ``reff_signal``, ``reff_noise`` (effective ranks) where asked for. Natural
        logarithms; noise relative to the input noise. NaN from where a network has died on (a ReLU layer without any
        active unit), and where a moment is below 1e-300 or above 1e300 (logarithms are followed beyond). Where the
        noise alone has gone (all units that it reaches are inactive), it and chi are NaN; where the signal is
        constant, chi, which diverges, and its effective rank.

    Raises
    ------
    Breakdown
        If anything else is not finite.
    """
    layers = (FullyConnected if params.kernel_size == 1 else Convolution)(params, signal, noise, weights, biases)
    recorder = Recorder(params, len(signal), signal.device)
    first = layers.first()
    if params.architecture == "bn_res":
        bn_res(layers, recorder, after_layer, first)
    else:
        recorder.record_output(0, first)
        for index, block in enumerate(first):
            layers.load(index, block)
        (vanilla if params.architecture == "vanilla" else bn_ff)(layers, recorder, after_layer)
    results = recorder.results()
    if layers.indefinite.any():
        raise Breakdown(
            layers.indefinite,
            "the Gram matrix of the inputs of a layer has no Cholesky factor to rounding; weights: drawn does without",
        )
    if recorder.broken.any():
        raise Breakdown(
            recorder.broken,
            "moments are not finite although the network is alive: batch normalisation divided by the variance 0 of a"
            f" channel, or single precision overflowed; epsilon = {params.epsilon}: a larger one prevents both",
        )
    return results
