"""What is measured on a network: its predictions and the state of its weights."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .layers.layer import VARIANCE_FLOOR
from .network import Network

TIE = 1e-10


def pointwise_outputs(decisions: Sequence[Tensor], inputs: Tensor) -> Tensor:
    """Output preactivations (R, M, N_{L+1}) of the network with weights ``decisions`` [(R, K, N)] and sign units."""
    x = inputs
    for index, weights in enumerate(decisions):
        if index:
            x = torch.where(x + TIE > 0, 1.0, -1.0).to(weights.dtype)
        x = torch.bmm(x, weights.mT)
    return x


def bayesian_outputs(network: Network, inputs: Tensor) -> Tensor:
    """ω/√V of the output units, (R, M, N_{L+1}), averaged over the posterior layer by layer; no messages from above."""
    mean, variance = inputs, None
    for layer in network.layers:
        if variance is not None:
            mean = torch.erf(mean * 0.5**0.5)
            variance = 1 - mean * mean
        weights = layer.weights
        total = torch.bmm(mean * mean, weights.variance.mT)
        if variance is not None:
            total += weights.spread(variance)
        total.clamp_(min=VARIANCE_FLOOR)
        mean, variance = torch.bmm(mean, weights.mean.mT) * torch.rsqrt(total), total
    return mean


def errors(outputs: Tensor, labels: Tensor) -> Tensor:
    """Where outputs (R, M, 1) or (R, M, classes) disagree with labels (R, M): boolean (R, M)."""
    if outputs.shape[-1] > 1:
        return outputs.argmax(-1) != labels
    return torch.where(outputs[..., 0] + TIE > 0, 1.0, -1.0) != labels


def pointwise_error(network: Network, inputs: Tensor, labels: Tensor) -> Tensor:
    """Fraction (R,) of samples that the network with weights sign(m) gets wrong."""
    decisions = [layer.weights.decide() for layer in network.layers]
    return errors(pointwise_outputs(decisions, inputs), labels).double().mean(1)


def bayesian_error(network: Network, inputs: Tensor, labels: Tensor) -> Tensor:
    """Fraction (R,) of samples that the posterior average gets wrong."""
    return errors(bayesian_outputs(network, inputs), labels).double().mean(1)


def polarisation(mean: Tensor) -> Tensor:
    """⟨q0⟩ (R,): mean over units of (1/N) Σ_i m_ki², from m (R, K, N)."""
    return mean.square().mean((1, 2))


def overlap(mean: Tensor) -> tuple[Tensor, Tensor | None]:
    """Mean of the K × K matrix m mᵀ/N, each (R,): the whole of it (as old figures plot it), and off its diagonal.

    The second is None for a single unit.
    """
    units, inputs = mean.shape[1:]
    whole = mean.sum(1).square().sum(1) / (inputs * units * units)
    if units == 1:
        return whole, None
    return whole, (units * whole - polarisation(mean)) / (units - 1)


def sign_overlaps(decisions: Sequence[Tensor]) -> Iterator[tuple[str, int, list[float]]]:
    """Mean overlap of two units' weights ``decisions`` [(R, K, N)]: ``sign_overlap``, layer, one value a replica.

    A layer with a single unit has none.
    """
    for layer, weights in enumerate(decisions):
        off_diagonal = overlap(weights)[1]
        if off_diagonal is not None:
            yield "sign_overlap", layer, off_diagonal.tolist()


def weight_state(mean: Tensor, field: Tensor) -> dict[str, Tensor]:
    """What is recorded of a layer's means m and fields H, both (R, K, N): each quantity (R,).

    ``overlap_full`` has the diagonal of m mᵀ/N, ``overlap`` (absent for a single unit) has not.
    """
    full, off_diagonal = overlap(mean)
    state = {"polarisation": polarisation(mean), "overlap_full": full}
    if off_diagonal is not None:
        state["overlap"] = off_diagonal
    return state | {
        "field_scale": field.double().square().mean((1, 2)).sqrt(),
        "largest_field": field.abs().amax((1, 2)),
    }
