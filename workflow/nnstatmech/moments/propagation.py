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

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from ..errors import NamedProblem
from .networks import Block, Convolution, FullyConnected, WeightSource, batch_normalise, rectify
from .params import Propagation
from .statistics import column_means, covariance, effective_rank, mean_square, signal_moments

LOCATIONS = {
    "vanilla": ("input", "preactivation", "output"),
    "bn_ff": ("input", "preactivation", "normalised", "output"),
    "bn_res": ("input", "normalised", "activation", "preactivation", "output"),
}
RANK_LOCATION = {"vanilla": "output", "bn_ff": "output", "bn_res": "activation"}
# In single precision mean squares must stay within 1e38: a layer multiplies them by 1/epsilon at the very most.
LAYERS_BETWEEN_RESCALING = 4
# Covariances wait for their effective ranks until this many bytes are at hand: a GPU takes them all at once.
RANK_BYTES = {"cpu": 0, "cuda": 2 * 2**30}

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


class Recorder:
    """Collects moments at the measured depths, as tensors on the device.

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
        self.moments: dict[tuple[str, str], list[Tensor]] = {}
        self.broken = torch.zeros(realisations, dtype=torch.bool, device=device)
        self.waiting: list[Tensor] = []
        self.ranks: list[Tensor] = []
        self.without_rank: dict[str, list[Tensor]] = {"signal": [], "noise": []}
        self.rank_tensors = {"none": (), "signal": ("signal",), "signal_and_noise": ("signal", "noise")}[
            params.effective_ranks
        ]

    def measures(self, layer: int) -> bool:
        """Whether ``layer`` (from 1; 0 is the input of the network) is measured."""
        return layer > 0 and layer % self.every == 0

    def record(self, location: str, blocks: Sequence[Block]) -> None:
        """Measure ``blocks`` at ``location`` of the current layer."""
        self.append(location, self.measure(location, blocks))

    def record_output(self, layer: int, blocks: Sequence[Block]) -> None:
        """Measure the output of ``layer`` where it is asked for, or as the input of the next layer."""
        before = self.measures(layer + 1) and layer < self.params.depth
        if not (before or self.measures(layer)):
            return
        moments = self.measure("output" if self.measures(layer) else "input", blocks)
        if self.measures(layer):
            self.append("output", moments)
        if before:
            self.append("input", moments)

    def measure(self, location: str, blocks: Sequence[Block]) -> dict[str, Tensor]:
        signals, noises = [block.signal for block in blocks], [block.noise for block in blocks]
        means = column_means(signals)
        moments = signal_moments(signals, means)
        square = mean_square(noises)
        dead, constant, noiseless = moments["nu2_signal"] == 0, moments["mu2_signal"] == 0, square == 0
        log_mu2_signal = moments["mu2_signal"].log() + self.log_signal
        for name, power in (("nu1_abs_signal", 0.5), ("nu2_signal", 1), ("mu2_signal", 1), ("mu4_signal", 2)):
            moments[name] = restored(moments[name], torch.exp(power * self.log_signal))
        log_mu2_signal = torch.where(moments["mu2_signal"].isnan(), log_mu2_signal, moments["mu2_signal"].log())
        moments["log_mu2_noise"] = (square.log() + self.log_noise).masked_fill(noiseless, torch.nan)
        log_chi = (moments["log_mu2_noise"] - log_mu2_signal) / 2
        moments["log_chi"] = log_chi.masked_fill(constant, torch.nan)
        self.broken |= ~(dead | noiseless) & ~moments["log_mu2_noise"].isfinite()
        self.broken |= ~(constant | noiseless) & ~log_chi.isfinite()
        if location == RANK_LOCATION[self.params.architecture]:
            self.measure_ranks(signals, means, noises)
            self.without_rank["signal"].append(constant)
            self.without_rank["noise"].append(noiseless)
        return {name: value.masked_fill(dead, torch.nan) for name, value in moments.items()}

    def measure_ranks(self, signals: list[Tensor], means: Tensor, noises: list[Tensor]) -> None:
        """Store the covariances; their effective ranks are found when enough of them wait."""
        if "signal" in self.rank_tensors:
            self.waiting.append(covariance(signals, means))
        if "noise" in self.rank_tensors:
            self.waiting.append(covariance(noises, column_means(noises)))
        if sum(matrix.nbytes for matrix in self.waiting) > RANK_BYTES[self.log_noise.device.type]:
            self.find_ranks()

    def find_ranks(self) -> None:
        if self.waiting:
            # Eigenvalues are found for finite matrices only; what is not finite is broken, and told so.
            self.ranks.extend(effective_rank(torch.stack(self.waiting).nan_to_num(0.0, 0.0, 0.0)))
            self.waiting.clear()

    def append(self, location: str, moments: dict[str, Tensor]) -> None:
        for name, value in moments.items():
            self.moments.setdefault((location, name), []).append(value)

    def rescale(self, blocks: Sequence[Block], signal: bool) -> None:
        """Bring the noise (and the signal, if asked) to mean square one, in place; a dead tensor stays as it is."""
        self.log_noise += rescale_in_place([block.noise for block in blocks])
        if signal:
            self.log_signal += rescale_in_place([block.signal for block in blocks])

    def results(self) -> Measurements:
        """All measurements, (location, quantity) to an array (realisations, measured depths), float64."""
        self.find_ranks()
        results = {key: torch.stack(values, 1) for key, values in self.moments.items()}
        location = RANK_LOCATION[self.params.architecture]
        for i, name in enumerate(self.rank_tensors):
            ranks = torch.stack(self.ranks[i :: len(self.rank_tensors)], 1)
            without = torch.stack(self.without_rank[name], 1)
            self.broken |= (~without & ~ranks.isfinite()).any(1)
            results[location, f"reff_{name}"] = ranks.masked_fill(without, torch.nan)
        return results


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
        tensor *= factor
    return square.log()


Layers = Convolution | FullyConnected


def vanilla(layers: Layers, recorder: Recorder, after_layer: Callable[[], object]) -> None:
    """Convolution, ReLU: blocks of images do not meet, and pass one by one through layers without a measurement."""
    for layer in range(1, recorder.params.depth + 1):
        outputs = layers.outputs()
        if recorder.measures(layer):
            outputs = list(outputs)
            recorder.record("preactivation", outputs)
        rectify_and_measure(layers, recorder, layer, outputs)
        after_layer()


def bn_ff(layers: Layers, recorder: Recorder, after_layer: Callable[[], object]) -> None:
    """Convolution, batch normalisation, ReLU."""
    for layer in range(1, recorder.params.depth + 1):
        outputs = list(layers.outputs())
        if recorder.measures(layer):
            recorder.record("preactivation", outputs)
        batch_normalise(outputs, recorder.params.epsilon)
        if recorder.measures(layer):
            recorder.record("normalised", outputs)
        rectify_and_measure(layers, recorder, layer, outputs)
        after_layer()


def rectify_and_measure(layers: Layers, recorder: Recorder, layer: int, outputs: Iterable[Block]) -> None:
    """The ReLU that ends a feed-forward layer: its result is measured and becomes the next input."""
    if recorder.measures(layer) or recorder.measures(layer + 1):
        outputs = list(outputs)
        for block in outputs:
            rectify(block, *block)
        recorder.record_output(layer, outputs)
        load = layers.load
    else:
        load = layers.load_rectified
    for index, block in enumerate(outputs):
        load(index, block)
    if layer % LAYERS_BETWEEN_RESCALING == 0:
        recorder.rescale(layers.stored(), signal=recorder.params.architecture == "vanilla")


def bn_res(layers: Layers, recorder: Recorder, after_layer: Callable[[], object], trunk: list[Block]) -> None:
    """Residual units: trunk + [batch normalisation, ReLU, convolution] x residual depth."""
    recorder.record_output(0, trunk)
    copies = [Block(torch.empty_like(block.signal), torch.empty_like(block.noise)) for block in trunk]
    for unit in range(1, recorder.params.depth + 1):
        for copy, block in zip(copies, trunk, strict=True):
            copy.signal.copy_(block.signal)
            copy.noise.copy_(block.noise)
        branch = copies
        for layer in range(recorder.params.residual_depth):
            batch_normalise(branch, recorder.params.epsilon)
            measured = layer == 0 and recorder.measures(unit)
            if measured:
                recorder.record("normalised", branch)
            for index, block in enumerate(branch):
                rectify(block, *block)
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
    after_layer: Callable[[], object] = lambda: None,
) -> Measurements:
    """Propagate signal and noise through networks with fresh weights and measure the moments.

    Parameters
    ----------
    params
        The network.
    signal, noise
        Normalised images and noise, (realisations, images, height, width, channels), float32, on the device that
        computes. Convolutional networks take one realisation.
    weights
        Source of the weights, see :class:`nnstatmech.moments.networks.GaussianWeights`.
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
    layers = (FullyConnected if params.kernel_size == 1 else Convolution)(params, signal, noise, weights)
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


def realisations_at_once(params: Propagation, device: torch.device) -> int:
    """How many realisations share one call of :func:`propagate`: one, if convolutional.

    On the CPU as many as stay in the caches; on a GPU as many as fill it, within a few gigabytes.
    """
    if params.kernel_size > 1:
        return 1
    variates = min(params.width, 2 * params.batch_size)
    bytes_each = 4 * params.width * (4 * params.batch_size + variates)
    return max(1, math.floor({"cpu": 8 * 2**20, "cuda": 2 * 2**30}[device.type] / bytes_each))
