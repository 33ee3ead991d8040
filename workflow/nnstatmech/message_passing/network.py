"""A network of message-passing layers: how it is built, and one sweep up and down through it.

    network = build_network([784, 101, 101, 1], "amp", seeds=[0, 1, 2])        # three replicas
    network.sweep(inputs, network.top_field(labels), rules)                    # rules: one UpdateRule a layer

Inputs have the shape (replicas R, samples M, N_0); labels (R, M) are ±1 for a binary output and the integer class for
an argmax output. :class:`..learning.Learner` adds what surrounds a sweep: priors, resets, reinforcement, stopping.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..seeding import torch_stream
from .channels import binary_output
from .layers.amp import amp_layer
from .layers.argmax import ArgmaxLayer
from .layers.bp import BPLayer
from .layers.bpi import BPILayer
from .layers.expectation_backprop import ExpectationBackpropLayer
from .layers.layer import Layer, first_input
from .layers.mean_field import MeanFieldLayer
from .weights import BinaryWeights, GaussianWeights, UpdateRule


class Network:
    """Layers from the input to the output.

    Attributes
    ----------
    layers
        The layers; layer ℓ maps N_ℓ inputs to N_{ℓ+1} outputs.
    has_argmax_output
        Whether labels are classes rather than ±1.
    classes
        Output units; with one the labels are ±1.
    label_noise
        e (R,): the probability that a label (or, of classes, a comparison of two) is wrong; None where labels are
        right.
    """

    def __init__(self, layers: Sequence[Layer]):
        self.layers = list(layers)
        self.layers[0].is_first = True
        self.has_argmax_output = isinstance(self.layers[-1], ArgmaxLayer)
        self.classes = self.layers[-1].weights.mean.shape[1]
        self.label_noise: Tensor | None = None

    def top_field(self, labels: Tensor) -> Tensor:
        """What the labels (R, M) exert on the output units: y·∞ (R, M, 1), or the classes themselves."""
        if self.has_argmax_output:
            return labels
        if self.label_noise is not None:
            return binary_output.noisy_field(labels, self.label_noise).unsqueeze(-1)
        return binary_output.hard_field(labels).unsqueeze(-1)

    def doubt(self, noise: Tensor) -> None:
        """Take labels to be wrong with probability ``noise`` (R,), at most 1/2."""
        self.label_noise = noise
        if isinstance(self.layers[-1], ArgmaxLayer):
            self.layers[-1].label_noise = noise

    def reset(self) -> None:
        """Forget all messages; weights and their fields stay."""
        for layer in self.layers:
            layer.reset()

    def silence(self, replica: int) -> None:
        """Take one replica out of the computation after it has diverged."""
        for layer in self.layers:
            layer.weights.silence(replica)

    def sweep(self, inputs: Tensor, top_field: Tensor, rules: Sequence[UpdateRule]) -> None:
        """One sweep: messages up through all layers, then down; each layer's weights are updated on the way down."""
        self.forward(inputs)
        self.backward(top_field, rules)

    def forward(self, inputs: Tensor) -> None:
        """ω and V of all layers, from the inputs (R, M, N_0) and the last sweep's fields B."""
        layer_input = first_input(inputs)
        for layer, above in zip(self.layers, self.layers[1:], strict=False):
            layer.forward(layer_input)
            layer_input = layer.output(above.field_down)
        self.layers[-1].forward(layer_input)

    def backward(self, top_field: Tensor, rules: Sequence[UpdateRule]) -> None:
        """Fields down from the output and new weights, from the moments of the last forward pass."""
        for layer, rule in zip(reversed(self.layers), reversed(rules), strict=True):
            layer.backward(top_field, rule)
            if layer.field_down is not None:
                top_field = layer.field_down


def build_network(
    widths: Sequence[int],
    algorithm: str,
    seeds: Sequence[int],
    *,
    epsilon: float | Sequence[float] = 1.0,
    output: str = "binary",
    weights: str = "binary",
    density: float = 1.0,
    freeze_top: bool = False,
    series_order: int | None = None,
    switch_ratio: float = 1.0,
    tap_variant: str = "exact",
    cavity_variance: bool = False,
    label_noise: float = 0.0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Network:
    """A network with its initial fields H = ε·(standard normal).

    Parameters
    ----------
    widths
        [N_0, ..., N_{L+1}]: input, hidden and output units.
    algorithm
        ``bp``, ``bpi``, ``amp``, ``mf`` or ``ebp``: the rule of all layers below an argmax output.
    seeds
        One a replica; equal seeds share initial fields and masks.
    epsilon
        ε, a number or one a replica. For real weights ε/√N is the prior's standard deviation.
    output
        ``binary`` (labels ±1, one unit) or ``argmax`` (labels are classes).
    weights
        ``binary`` or ``continuous``.
    density
        Every weight exists with this probability.
    freeze_top
        Fix the top layer's weights at 1: a committee machine.
    series_order, switch_ratio
        See :class:`.layers.bpi.BPILayer`; for ``bp`` and ``bpi``.
    tap_variant
        ``exact``, ``seed`` or ``same_time``; for ``amp``.
    cavity_variance
        See :class:`.layers.bp.BPLayer`; for ``bp``.
    label_noise
        See :class:`Network`.

    Raises
    ------
    ValueError
        If the algorithm, the output or the kind of weights is unknown, or if they do not go together.
    """
    make: dict[str, Callable[[BinaryWeights | GaussianWeights], Layer]] = {
        "bp": lambda belief: BPLayer(belief, series_order, switch_ratio, cavity_variance),
        "bpi": lambda belief: BPILayer(belief, series_order, switch_ratio),
        "amp": lambda belief: amp_layer(belief, tap_variant),
        "mf": MeanFieldLayer,
        "ebp": ExpectationBackpropLayer,
    }
    for name, value, allowed in (
        ("algorithm", algorithm, tuple(make)),
        ("output", output, ("binary", "argmax")),
        ("weights", weights, ("binary", "continuous")),
    ):
        if value not in allowed:
            raise ValueError(f"{name}: {value!r} is unknown; allowed: {', '.join(allowed)}")
    if weights == "continuous" and algorithm == "bp":
        raise ValueError("weights: 'continuous' is not offered for algorithm 'bp'; allowed: bpi, amp, mf")
    if weights == "continuous" and output == "argmax":
        raise ValueError("weights: 'continuous' goes with output 'binary' only")
    if freeze_top and output == "argmax":
        raise ValueError("freeze_top: true makes all classes the same unit; it goes with output 'binary' only")
    scales = torch.as_tensor(epsilon, dtype=torch.float64).expand(len(seeds)).view(-1, 1, 1)
    layers = []
    for index, (fan_in, fan_out) in enumerate(pairwise(widths)):
        noise = torch.stack([normal_field(seed, index, fan_out, fan_in) for seed in seeds])
        mask = None
        if density < 1:
            mask = torch.stack([random_mask(seed, index, fan_out, fan_in, density) for seed in seeds]).to(device, dtype)
        if weights == "continuous":
            layers.append(make[algorithm](real_weights(noise, scales, mask, device, dtype)))
            continue
        belief = BinaryWeights((scales * noise).to(device, dtype), mask)
        is_top = index == len(widths) - 2
        layers.append(ArgmaxLayer(belief) if is_top and output == "argmax" else make[algorithm](belief))
    if freeze_top:
        layers[-1].weights.freeze()
    if isinstance(layers[-1], ExpectationBackpropLayer):
        layers[-1].is_top = True
    network = Network(layers)
    if label_noise:
        network.doubt(torch.full((len(seeds),), label_noise, device=device, dtype=dtype))
    return network


def real_weights(
    noise: Tensor, scales: Tensor, mask: Tensor | None, device: torch.device | str, dtype: torch.dtype
) -> GaussianWeights:
    """Gaussian beliefs of deviation ε/√N, their means one standard normal ``noise`` (R, K, N) of it."""
    deviation = scales.clamp_min(1e-12) / noise.shape[-1] ** 0.5
    precision = (deviation**-2).expand_as(noise).clone()
    return GaussianWeights((noise / deviation).to(device, dtype), precision.to(device, dtype), mask)


def normal_field(seed: int, index: int, fan_out: int, fan_in: int) -> Tensor:
    generator = torch_stream(seed, "initial field", index)
    return torch.randn(fan_out, fan_in, generator=generator, dtype=torch.float64)


def random_mask(seed: int, index: int, fan_out: int, fan_in: int, density: float) -> Tensor:
    generator = torch_stream(seed, "mask", index)
    return torch.rand(fan_out, fan_in, generator=generator, dtype=torch.float64) < density
