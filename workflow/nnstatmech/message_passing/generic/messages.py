"""Sweeps of BP, BPI, AMP and MF through layers of any channel: the seed's eqs. 8 to 31.

Corrections of the printed equations: A and G are precisions (4 to 7 print squares); (9) is Δ of the same ℓ; Σ in (12) is
σ; the summed index of (13) is i'; the "TODO" of (25), (29) and (31) are the reaction terms of :class:`NodeLayer`.

All rules are written for unknown inputs *and* unknown weights; known ones have variance 0, and with known weights (25)
becomes ω = Σ W x̂ − V g', (29) B = Σ W g + A x̂ with A = Σ W² Γ, and (31) disappears. V in these terms is without the
channel's own noise. A and G stay precisions: where a channel's Γ is negative their sums are clamped at 0, without which
networks with rectified hidden units end in NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .problem import LayerModel, Problem

VARIANCE_FLOOR = 1e-8

Score = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def floored(variance: Tensor) -> Tensor:
    return variance.clamp_min(VARIANCE_FLOOR)


@dataclass
class Moments:
    """Means and variances of a layer's inputs, (R, M, N), and of what single edges see of them, (R, M, K, N) or None."""

    mean: Tensor
    variance: Tensor
    edge_mean: Tensor | None = None
    edge_variance: Tensor | None = None


class NodeLayer:
    """AMP, and MF, which is AMP without reaction terms.

    With x̂', m', g' of the sweep before::

        ω = Σ_i m x̂ − g' Σ_i (σ x̂ x̂' + m m' Δ) + g'² Σ_i σ m' x̂' Δ                                     (25)
        A = Σ_k (m² + σ) Γ − σ g²                                                                        (28)
        B = Σ_k m g + x̂ Σ_k m² Γ − x̂' Σ_k g g' σ − x̂ x̂' Σ_k σ m g' Γ                                 (29)
        G = Σ_a (x̂² + Δ) Γ − Δ g²                                                                        (30)
        H = Σ_a x̂ g + m Σ_a x̂² Γ − m' Σ_a g g' Δ − m m' Σ_a g' Γ Δ x̂                                  (31)

    Attributes
    ----------
    mean, variance
        m and σ of the weights that multiply the inputs, 1/√N included, (R, K, N).
    omega, V
        ω and V of the preactivations, (R, M, K).
    B, A
        Field and precision sent down to the inputs, (R, M, N).
    H, G
        Field and precision sent to the weights of unit scale, (R, K, N).
    """

    needs_edges = False

    def __init__(self, model: LayerModel, reacts: bool = True):
        self.model, self.reacts = model, reacts
        weights = model.weights
        self.H, self.G = torch.zeros_like(weights), torch.zeros_like(weights)
        self.B: Tensor | None = None
        self.A: Tensor | None = None
        self.g: Tensor | None = None
        self.believe()

    def believe(self) -> None:
        """m and σ from the fields (22, 23)."""
        if self.model.prior is None:
            self.mean, self.variance = self.model.weights, torch.zeros_like(self.model.weights)
            return
        mean, variance = self.model.prior.moments(self.H, self.G)
        scale = self.model.scale
        self.mean, self.variance = mean * scale, variance * scale**2

    def forward(self, inputs: Moments) -> None:
        """V (24) and ω (25)."""
        before = getattr(self, "inputs", inputs)
        mean_before = getattr(self, "mean_before", self.mean)
        x, delta, x_before = inputs.mean, inputs.variance, before.mean
        m, sigma = self.mean, self.variance
        self.V = floored((x * x) @ sigma.mT + delta @ (m * m + sigma).mT)
        self.omega = x @ m.mT
        if self.reacts and self.g is not None:
            self.omega = self.omega - self.g * ((x * x_before) @ sigma.mT + delta @ (m * mean_before).mT)
            self.omega = self.omega + self.g**2 * ((x_before * delta) @ (sigma * mean_before).mT)
        self.inputs, self.inputs_before, self.mean_then = inputs, before, mean_before

    def backward(self, score: Score, damping: float) -> None:
        """g, Γ (26, 27), B and A (28, 29), H and G (30, 31), and the new m and σ."""
        x, delta, x_before = self.inputs.mean, self.inputs.variance, self.inputs_before.mean
        m, sigma, mean_before, g_before = self.mean, self.variance, self.mean_then, self.g
        g, curvature = score(self.omega, self.V)
        B = g @ m
        A = curvature @ (m * m + sigma) - (g * g) @ sigma
        H = g.mT @ x
        G = curvature.mT @ (x * x + delta) - (g * g).mT @ delta
        if self.reacts:
            B = B + x * (curvature @ (m * m))
            H = H + m * (curvature.mT @ (x * x))
            if g_before is not None:
                both, mixed = g * g_before, g_before * curvature
                B = B - x_before * (both @ sigma) - x * x_before * (mixed @ (sigma * m))
                H = H - mean_before * (both.mT @ delta) - m * mean_before * (mixed.mT @ (delta * x))
        self.g, self.curvature, self.mean_before = g, curvature, m
        self.send(B, A, H, G, damping)

    def send(self, B: Tensor, A: Tensor, H: Tensor, G: Tensor, damping: float) -> None:
        """Damp and keep the fields; precisions that are sums over factors are clamped at 0."""
        scale = self.model.scale
        self.B = B if self.B is None else torch.lerp(B, self.B, damping)
        self.A = A.clamp_min(0) if self.A is None else torch.lerp(A.clamp_min(0), self.A, damping)
        if self.model.prior is not None:
            self.H = torch.lerp(H * scale, self.H, damping)
            self.G = torch.lerp((G * scale**2).clamp_min(0), self.G, damping)
            self.believe()


class EdgeLayer(NodeLayer):
    """BP and BPI, with messages on every edge (R, M, K, N): the seed's eqs. 8 to 19.

    Parameters
    ----------
    model
        The layer.
    cavity_inputs
        BP: means that come in leave the edge out, too. BPI takes the full ones.
    cavity_variance
        Leave the edge out of V, A and G as well, which makes linear Gaussian problems exact.
    """

    def __init__(self, model: LayerModel, cavity_inputs: bool = True, cavity_variance: bool = False):
        self.needs_edges = cavity_inputs
        self.cavity_variance = cavity_variance
        self.b: Tensor | None = None
        self.a: Tensor | None = None
        self.h: Tensor | None = None
        super().__init__(model)

    def believe(self) -> None:
        """m, σ of the nodes and, for BP, m_c and σ_c of the edges (10, 11)."""
        super().believe()
        mean, variance = self.mean.unsqueeze(1), self.variance.unsqueeze(1)
        if self.needs_edges and self.model.prior is not None and self.h is not None:
            G = self.G.unsqueeze(1)
            if self.cavity_variance:
                G = (G - self.g_share).clamp_min(0)
            mean, variance = self.model.prior.moments(self.H.unsqueeze(1) - self.h, G)
            mean, variance = mean * self.model.scale, variance * self.model.scale**2
        self.edge_mean, self.edge_variance = mean, variance

    def forward(self, inputs: Moments) -> None:
        """V (12) and ω, and what is left of them without one edge (13)."""
        x, delta = inputs.mean, inputs.variance
        m, sigma = self.mean, self.variance
        x_c = x.unsqueeze(2) if inputs.edge_mean is None else inputs.edge_mean
        product = self.edge_mean * x_c
        self.omega = product.sum(-1)
        self.cavity_omega = self.omega.unsqueeze(-1) - product
        if self.cavity_variance:
            delta_c = delta.unsqueeze(2) if inputs.edge_variance is None else inputs.edge_variance
            share = self.edge_mean**2 * delta_c + self.edge_variance * (x_c**2 + delta_c)
            self.V = floored(share.sum(-1))
            self.cavity_V = floored(self.V.unsqueeze(-1) - share)
        else:
            self.V = floored((x * x) @ sigma.mT + delta @ (m * m + sigma).mT)
            self.cavity_V = self.V.unsqueeze(-1)
        self.inputs, self.input_edges = inputs, x_c

    def backward(self, score: Score, damping: float) -> None:
        """g and Γ of every edge (14, 15) and the fields that they add up to (16 to 19)."""
        x_c, delta = self.input_edges, self.inputs.variance.unsqueeze(2)
        m, sigma = self.edge_mean, self.edge_variance
        if self.cavity_variance and self.inputs.edge_variance is not None:
            delta = self.inputs.edge_variance
        g, curvature = score(self.cavity_omega, self.cavity_V)
        curvature = curvature.expand_as(g)
        scale = self.model.scale if self.model.prior is not None else 1.0
        shares = (
            m * g,
            (m * m + sigma) * curvature - sigma * g * g,
            x_c * g * scale,
            ((x_c * x_c + delta) * curvature - delta * g * g) * scale**2,
        )
        if self.b is not None:
            old = (self.b, self.a, self.h, self.g_share)
            shares = tuple(torch.lerp(new, before, damping) for new, before in zip(shares, old, strict=True))
        self.b, self.a, self.h, self.g_share = shares
        self.B, self.A = self.b.sum(2), self.a.sum(2).clamp_min(0)
        if self.model.prior is not None:
            self.H, self.G = self.h.sum(1), self.g_share.sum(1).clamp_min(0)
            self.believe()


class Sweeper:
    """Messages up and down a problem's layers until they agree.

    Parameters
    ----------
    problem
        The R problems.
    algorithm
        ``bp``, ``bpi``, ``amp`` or ``mf``.
    cavity_variance
        For ``bp``: see :class:`EdgeLayer`.
    """

    def __init__(self, problem: Problem, algorithm: str, cavity_variance: bool = False):
        make = {
            "bp": lambda model: EdgeLayer(model, True, cavity_variance),
            "bpi": lambda model: EdgeLayer(model, False),
            "amp": NodeLayer,
            "mf": lambda model: NodeLayer(model, reacts=False),
        }[algorithm]
        self.problem = problem
        self.layers: list[NodeLayer] = [make(model) for model in problem.layers]

    def sweep(self, damping: float = 0.0) -> None:
        """Up from the inputs and down from the outputs; messages keep the part ``damping`` of their old value."""
        self.forward()
        self.backward(damping)

    def forward(self) -> None:
        """x̂, Δ (8, 9; 20, 21), ω and V of every layer."""
        moments = self.input_moments()
        for layer, above in zip(self.layers, [*self.layers[1:], None], strict=True):
            layer.forward(moments)
            if above is not None:
                moments = self.hidden_moments(layer, above)

    def backward(self, damping: float) -> None:
        """Fields from the observed outputs down."""
        channel = self.problem.layers[-1].channel
        y = self.problem.outputs

        def score(omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
            return channel.evidence_score(y if omega.ndim == 3 else y.unsqueeze(-1), omega, variance)

        for layer, below in zip(reversed(self.layers), [*reversed(self.layers[:-1]), None], strict=True):
            layer.backward(score, damping)
            if below is not None:
                score = score_of(layer, below)

    def input_moments(self) -> Moments:
        """x̂⁰ and Δ⁰: the data, or the signal's belief."""
        first, prior = self.layers[0], self.problem.prior
        if prior is None:
            return Moments(self.problem.inputs, torch.zeros_like(self.problem.inputs))
        B, A = fields_on(first, self.problem.inputs)
        moments = Moments(*prior.moments(B, A))
        if isinstance(first, EdgeLayer) and first.needs_edges and first.b is not None:
            moments.edge_mean, moments.edge_variance = prior.moments(*without_edge(first))
        return moments

    def hidden_moments(self, layer: NodeLayer, above: NodeLayer) -> Moments:
        """x̂ and Δ of the units between two layers."""
        channel = layer.model.channel
        B, A = fields_on(above, layer.omega)
        moments = Moments(*channel.moments(A, B, layer.omega, layer.V))
        if isinstance(above, EdgeLayer) and above.needs_edges and above.b is not None:
            b, a = without_edge(above)
            mean, variance = channel.moments(a, b, layer.omega.unsqueeze(2), layer.V.unsqueeze(2))
            moments.edge_mean, moments.edge_variance = mean, variance
        return moments

    def means(self) -> Tensor:
        """Posterior means of the signal (R, N_0), or of the first layer's weights of unit scale (R, K, N)."""
        return self.marginals()[0]

    def marginals(self) -> tuple[Tensor, Tensor]:
        """Posterior means and variances of the signal (R, N_0), or of the first layer's weights (R, K, N)."""
        if self.problem.prior is not None:
            moments = self.input_moments()
            return moments.mean[:, 0], moments.variance[:, 0]
        layer = self.layers[0]
        return layer.mean / layer.model.scale, layer.variance / layer.model.scale**2


def fields_on(layer: NodeLayer, like: Tensor) -> tuple[Tensor, Tensor]:
    """B and A on the inputs of a layer; 0 before the first sweep."""
    if layer.B is None or layer.A is None:
        return torch.zeros_like(like), torch.zeros_like(like)
    return layer.B, layer.A


def without_edge(layer: EdgeLayer) -> tuple[Tensor, Tensor]:
    """B and A on a layer's inputs less the share of each edge, (R, M, K, N)."""
    A = layer.A.unsqueeze(2)
    return layer.B.unsqueeze(2) - layer.b, (A - layer.a).clamp_min(0) if layer.cavity_variance else A


def score_of(layer: NodeLayer, below: NodeLayer) -> Score:
    """The score of the hidden units below a layer, given the fields that it has just sent."""

    def score(omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        B, A = (layer.B, layer.A) if omega.ndim == 3 else (layer.B.unsqueeze(-1), layer.A.unsqueeze(-1))
        return below.model.channel.score(A, B, omega, variance)

    return score
