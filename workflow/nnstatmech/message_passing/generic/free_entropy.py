"""The Bethe free entropy log Z at a fixed point of BP or AMP; BPI and MF are fixed points of no such function.

Z is the probability (density) of the observed outputs, averaged over the prior of what is unknown and over the noise of
the layers.
"""

from itertools import pairwise

from torch import Tensor

from .messages import EdgeLayer, NodeLayer, Sweeper, fields_on, without_edge


def free_entropy(sweeper: Sweeper) -> Tensor:
    """log Z (R,) of the messages as they are, after a last forward pass.

    Raises
    ------
    ValueError
        If the rule has none.
    """
    kinds = {
        isinstance(layer, EdgeLayer) if layer.reacts and (layer.needs_edges or type(layer) is NodeLayer) else None
        for layer in sweeper.layers
    }
    if None in kinds:
        raise ValueError("the free entropy is defined for bp and amp; bpi and mf have none")
    sweeper.forward()
    return of_edges(sweeper) if True in kinds else of_nodes(sweeper)


def total(values: Tensor) -> Tensor:
    return values.flatten(1).sum(1)


def of_outputs(sweeper: Sweeper) -> Tensor:
    top = sweeper.layers[-1]
    return total(top.model.channel.log_evidence(sweeper.problem.outputs, top.omega, top.V))


def of_edges(sweeper: Sweeper) -> Tensor:
    """Σ φ_out + Σ over unknowns of [φ + Σ over edges of (φ without the edge − φ)], for BP."""
    result = of_outputs(sweeper)
    first, prior = sweeper.layers[0], sweeper.problem.prior
    if prior is not None and isinstance(first, EdgeLayer):
        whole = prior.log_partition(first.B, first.A)
        edges = prior.log_partition(*fields_of_cavities(first))
        result = result + total(whole) + total(edges - whole.unsqueeze(2))
    layers = [layer for layer in sweeper.layers if isinstance(layer, EdgeLayer)]
    for layer, above in pairwise(layers):
        channel = layer.model.channel
        whole = channel.log_partition(above.A, above.B, layer.omega, layer.V)
        B, A = fields_of_cavities(above)
        edges = channel.log_partition(A, B, layer.omega.unsqueeze(2), layer.V.unsqueeze(2))
        result = result + total(whole) + total(edges - whole.unsqueeze(2))
    for layer in layers:
        if layer.model.prior is not None:
            whole = layer.model.prior.log_partition(layer.H, layer.G)
            H, G = layer.H.unsqueeze(1) - layer.h, (layer.G.unsqueeze(1) - layer.g_share).clamp_min(0)
            result = result + total(whole) + total(layer.model.prior.log_partition(H, G) - whole.unsqueeze(1))
    return result


def fields_of_cavities(layer: EdgeLayer) -> tuple[Tensor, Tensor]:
    """B and A without the share of each edge, whatever variances the messages used."""
    return without_edge(layer)[0], (layer.A.unsqueeze(2) - layer.a).clamp_min(0)


def of_nodes(sweeper: Sweeper) -> Tensor:
    """Σ over unknowns of [φ − ⟨Bx − Ax²/2⟩] + Σ φ_out + ½ Σ g² (V − Σ_i σ Δ), for AMP."""
    result = of_outputs(sweeper)
    first, prior = sweeper.layers[0], sweeper.problem.prior
    if prior is not None:
        x = sweeper.input_moments()
        B, A = fields_on(first, x.mean)
        result = result + total(prior.log_partition(B, A) - prior.coupling(B, A, x.mean, x.variance))
    for layer, above in zip(sweeper.layers, sweeper.layers[1:], strict=False):
        channel, x = layer.model.channel, above.inputs
        whole = channel.log_partition(above.A, above.B, layer.omega, layer.V)
        result = result + total(whole - channel.coupling(above.A, above.B, x.mean, x.variance))
    for layer in sweeper.layers:
        V = layer.V
        if not (layer.is_known or layer.inputs.is_known):
            V = V - layer.inputs.variance @ layer.variance.mT
        result = result + 0.5 * total(layer.g**2 * V)
        if layer.model.prior is not None:
            moments = layer.model.prior.moments(layer.H, layer.G)
            result = result + total(layer.model.prior.log_partition(layer.H, layer.G))
            result = result - total(layer.model.prior.coupling(layer.H, layer.G, *moments))
    return result
