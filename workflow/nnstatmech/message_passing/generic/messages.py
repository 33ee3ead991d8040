"""Sweeps of BP, BPI, AMP and MF through layers of any channel: the seed's eqs. 8 to 31.

Corrections of the printed equations: A and G are precisions (4 to 7 print squares); (9) is Δ of the same ℓ; Σ in
(12) is σ; the summed index of (13) is i'; the "TODO" of (25), (29) and (31) are the reaction terms of
:class:`NodeLayer`.

All rules are written for unknown inputs *and* unknown weights; known ones have variance 0, and with known weights (25)
becomes ω = Σ W x̂ − V g', (29) B = Σ W g + A x̂ with A = Σ W² Γ, and (31) disappears. V in these terms is without the
channel's own noise. A and G stay precisions: where a channel's Γ is negative their sums are clamped at 0, without which
networks with rectified hidden units end in NaN.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .problem import LayerModel, Problem

VARIANCE_FLOOR = 1e-8

Score = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def floored(variance: Tensor) -> Tensor:
    return variance.clamp_min(VARIANCE_FLOOR)


class Moments:
    """Means and variances of a layer's inputs, (R, M, N).

    Attributes
    ----------
    mean, variance
        x̂ and Δ; the variance is 0 where the inputs are known.
    is_known
        Whether they are.
    square
        x̂².
    edge_mean, edge_variance
        What single edges see of them, (R, M, K, N), or None where that is the same.
    """

    def __init__(self, mean: Tensor, variance: Tensor | None):
        self.is_known = variance is None
        self.mean, self.variance = mean, torch.zeros_like(mean[:1, :1, :1]) if variance is None else variance
        self.square = mean * mean
        self.edge_mean: Tensor | None = None
        self.edge_variance: Tensor | None = None


class NodeLayer:
    """AMP, and MF, which is AMP without reaction terms.

    With x̂', m', g' of the sweep before::

        ω = Σ_i m x̂ − g' Σ_i (σ x̂ x̂' + m m' Δ) + g'² Σ_i σ m' x̂' Δ                                 (25)
        A = Σ_k (m² + σ) Γ − σ g²                                                                    (28)
        B = Σ_k m g + x̂ Σ_k m² Γ − x̂' Σ_k g g' σ − x̂ x̂' Σ_k σ m g' Γ                             (29)
        G = Σ_a (x̂² + Δ) Γ − Δ g²                                                                    (30)
        H = Σ_a x̂ g + m Σ_a x̂² Γ − m' Σ_a g g' Δ − m m' Σ_a g' Γ Δ x̂                              (31)

    Attributes
    ----------
    mean, variance
        m and σ of the weights that multiply the inputs, 1/√N included, (R, K, N); σ is 0 where they are known.
    is_known
        Whether they are.
    has_sent
        Whether there are messages of an earlier sweep.
    square
        m².
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
        self.is_known, self.has_sent = model.prior is None, False
        self.mean, self.variance = model.weights, torch.zeros_like(model.weights[:1, :1, :1])
        self.square = self.mean * self.mean
        self.B: Tensor
        self.A: Tensor
        self.g: Tensor
        self.curvature: Tensor
        self.memory: tuple[Moments, Tensor] | None = None
        if model.prior is not None:
            self.H, self.G = torch.zeros_like(model.weights), torch.zeros_like(model.weights)
        self.believe()

    def believe(self) -> None:
        """m and σ from the fields (22, 23)."""
        if self.model.prior is not None:
            mean, variance = self.model.prior.moments(self.H, self.G)
            self.mean, self.variance = mean * self.model.scale, variance * self.model.scale**2
            self.square = self.mean * self.mean

    def spread(self, inputs: Moments) -> Tensor:
        """V (24), a sum of three parts of which known inputs or weights leave one."""
        V = torch.zeros((), dtype=inputs.mean.dtype)
        if not self.is_known:
            V = V + inputs.square @ self.variance.mT
        if not inputs.is_known:
            V = V + inputs.variance @ self.mean_square().mT
        return floored(V)

    def mean_square(self) -> Tensor:
        """m² + σ."""
        return self.square if self.is_known else self.square + self.variance

    def forward(self, inputs: Moments) -> None:
        """V (24) and ω (25)."""
        self.inputs = inputs
        self.V = self.spread(inputs)
        self.omega = inputs.mean @ self.mean.mT
        if self.reacts and self.memory is not None:
            before, mean_before = self.memory
            g, delta, sigma = self.g, inputs.variance, self.variance
            if not self.is_known:
                self.omega = self.omega - g * ((inputs.mean * before.mean) @ sigma.mT)
            if not inputs.is_known:
                self.omega = self.omega - g * (delta @ (self.mean * mean_before).mT)
            if not (self.is_known or inputs.is_known):
                self.omega = self.omega + g**2 * ((before.mean * delta) @ (sigma * mean_before).mT)

    def backward(self, score: Score, damping: float) -> None:
        """g, Γ (26, 27), B and A (28, 29), H and G (30, 31), and the new m and σ."""
        g, curvature = score(self.omega, self.V)
        curvature = curvature.expand_as(g)
        if not self.inputs.is_known:
            self.send_down(*self.to_inputs(g, curvature), damping)
        memory = self.inputs, self.mean
        if self.model.prior is not None:
            self.send_to_weights(*self.to_weights(g, curvature), damping)
        self.g, self.memory, self.has_sent = g, memory, True

    def to_inputs(self, g: Tensor, curvature: Tensor) -> tuple[Tensor, Tensor]:
        """B (29) and A (28)."""
        x, m, sigma = self.inputs.mean, self.mean, self.variance
        B, A = g @ m, curvature @ self.mean_square()
        if not self.is_known:
            A = A - (g * g) @ sigma
        if self.reacts:
            B = B + x * (curvature @ self.square)
            if self.memory is not None and not self.is_known:
                x_before = self.memory[0].mean
                B = B - x_before * ((g * self.g) @ sigma) - x * x_before * ((self.g * curvature) @ (sigma * m))
        return B, A

    def to_weights(self, g: Tensor, curvature: Tensor) -> tuple[Tensor, Tensor]:
        """H (31) and G (30) of the weights that multiply the inputs."""
        x, delta, m = self.inputs.mean, self.inputs.variance, self.mean
        H, G = g.mT @ x, curvature.mT @ self.inputs.square
        if self.reacts:
            H = H + m * G
        if not self.inputs.is_known:
            G = G + curvature.mT @ delta - (g * g).mT @ delta
            if self.reacts and self.memory is not None:
                mean_before = self.memory[1]
                H = H - mean_before * ((g * self.g).mT @ delta)
                H = H - m * mean_before * ((self.g * curvature).mT @ (delta * x))
        return H, G

    def send_down(self, B: Tensor, A: Tensor, damping: float) -> None:
        """Damp and keep the fields on the inputs; a precision that is a sum over factors is clamped at 0."""
        A = A.clamp_min(0)
        self.B = torch.lerp(B, self.B, damping) if self.has_sent else B
        self.A = torch.lerp(A, self.A, damping) if self.has_sent else A

    def send_to_weights(self, H: Tensor, G: Tensor, damping: float) -> None:
        """Damp and keep the fields on the weights of unit scale, and believe them."""
        scale = self.model.scale
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
        self.b: Tensor
        self.a: Tensor
        self.h: Tensor
        self.g_share: Tensor
        super().__init__(model)

    def believe(self) -> None:
        """m, σ of the nodes and, for BP, m_c and σ_c of the edges (10, 11)."""
        super().believe()
        self.edge_mean = self.mean.unsqueeze(1)
        self.edge_variance = torch.zeros_like(self.edge_mean) if self.is_known else self.variance.unsqueeze(1)
        if self.needs_edges and self.model.prior is not None and self.has_sent:
            G = self.G.unsqueeze(1)
            if self.cavity_variance:
                G = (G - self.g_share).clamp_min(0)
            mean, variance = self.model.prior.moments(self.H.unsqueeze(1) - self.h, G)
            self.edge_mean, self.edge_variance = mean * self.model.scale, variance * self.model.scale**2

    def forward(self, inputs: Moments) -> None:
        """V (12) and ω, and what is left of them without one edge (13)."""
        self.inputs = inputs
        self.input_edges = inputs.mean.unsqueeze(2) if inputs.edge_mean is None else inputs.edge_mean
        product = self.edge_mean * self.input_edges
        self.omega = product.sum(-1)
        self.cavity_omega = self.omega.unsqueeze(-1) - product
        if self.cavity_variance:
            delta, m, sigma = self.edge_delta(), self.edge_mean, self.edge_variance
            share = m * m * delta + sigma * (self.input_edges**2 + delta)
            self.V = floored(share.sum(-1))
            self.cavity_V = floored(self.V.unsqueeze(-1) - share)
        else:
            self.V = self.spread(inputs)
            self.cavity_V = self.V.unsqueeze(-1)

    def edge_delta(self) -> Tensor:
        """Δ of the inputs as the edges see it, (R, M, K or 1, N)."""
        if self.inputs.is_known:
            return torch.zeros_like(self.inputs.mean).unsqueeze(2)
        if self.cavity_variance and self.inputs.edge_variance is not None:
            return self.inputs.edge_variance
        return self.inputs.variance.unsqueeze(2)

    def backward(self, score: Score, damping: float) -> None:
        """g and Γ of every edge (14, 15) and the fields that they add up to (16 to 19)."""
        x, delta = self.input_edges, self.edge_delta()
        m, sigma = self.edge_mean, self.edge_variance
        g, curvature = score(self.cavity_omega, self.cavity_V)
        curvature = curvature.expand_as(g)
        scale = self.model.scale
        shares = (
            m * g,
            (m * m + sigma) * curvature - sigma * g * g,
            x * g * scale,
            ((x * x + delta) * curvature - delta * g * g) * scale**2,
        )
        if self.has_sent:
            old = (self.b, self.a, self.h, self.g_share)
            shares = tuple(torch.lerp(new, before, damping) for new, before in zip(shares, old, strict=True))
        self.b, self.a, self.h, self.g_share = shares
        self.has_sent = True
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
        self.known = Moments(problem.inputs, None) if problem.prior is None else None
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

        def of_outputs(omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
            return channel.evidence_score(y if omega.ndim == 3 else y.unsqueeze(-1), omega, variance)

        score: Score = of_outputs
        for layer, below in zip(reversed(self.layers), [*reversed(self.layers[:-1]), None], strict=True):
            layer.backward(score, damping)
            if below is not None:
                score = score_of(layer, below)

    def input_moments(self) -> Moments:
        """x̂⁰ and Δ⁰: the data, or the signal's belief."""
        first, prior = self.layers[0], self.problem.prior
        if prior is None or self.known is not None:
            return self.known or Moments(self.problem.inputs, None)
        B, A = fields_on(first, self.problem.inputs)
        moments = Moments(*prior.moments(B, A))
        if isinstance(first, EdgeLayer) and first.needs_edges and first.has_sent:
            moments.edge_mean, moments.edge_variance = prior.moments(*without_edge(first))
        return moments

    def hidden_moments(self, layer: NodeLayer, above: NodeLayer) -> Moments:
        """x̂ and Δ of the units between two layers."""
        channel = layer.model.channel
        B, A = fields_on(above, layer.omega)
        moments = Moments(*channel.moments(A, B, layer.omega, layer.V))
        if isinstance(above, EdgeLayer) and above.needs_edges and above.has_sent:
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
    if not layer.has_sent:
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
