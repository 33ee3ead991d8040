"""Activations behind one interface: what a layer of a network with any activation asks of its scalar channel.

A unit is x = f(z + b + s ξ) − c with z ~ N(ω, V), bias b, pre-activation noise ξ of variance s² and a constant c that
centres it (the seed "Deep message passing", eq. 2 and the channel below eq. 3). The seed's functions φ^ℓ (eq. 5) and
φ^{L+1} (eq. 6) are here with the normalised N(z; ω, V); A is a precision, not its square root as eqs. 4 to 7 print.
Bias and noise act inside these functions only: ω → ω + b, V → V + s².
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from . import identity, relu, sign, truncated

Pair = tuple[Tensor, Tensor]
Hidden = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
HiddenPair = Callable[[Tensor, Tensor, Tensor, Tensor], Pair]


@dataclass(frozen=True)
class Activation:
    """The closed forms of one activation f.

    Attributes
    ----------
    function
        f, elementwise.
    log_partition, moments, score
        Of a hidden unit seen by e^{Bx − Ax²/2}, functions of (A, B, ω, V): φ; x̂ and Δ; g = ∂_ω φ and Γ = −∂²_ω φ.
    log_evidence, evidence_score
        Of an observed unit, functions of (y, ω, V): log P(y); g and Γ.
    is_binary
        Whether x² is a constant, so that A has nothing to act on.
    """

    function: Callable[[Tensor], Tensor]
    log_partition: Hidden
    moments: HiddenPair
    score: HiddenPair
    log_evidence: Callable[[Tensor, Tensor, Tensor], Tensor]
    evidence_score: Callable[[Tensor, Tensor, Tensor], Pair]
    is_binary: bool = False


def sign_score(A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> Pair:
    g = sign.score(B, omega, variance)
    return g, sign.curvature(g, omega, variance)


def observed_sign(y: Tensor, omega: Tensor, variance: Tensor) -> Pair:
    """g = (y/√V) r and Γ = r t/V of the half line that y leaves to z, at k = yω/√V."""
    k = y * omega * torch.rsqrt(variance)
    return y * truncated.pull(k) * torch.rsqrt(variance), (1 - truncated.variance(k)) / variance


def log_density(y: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    return -0.5 * ((y - omega).square() / variance + torch.log(2 * torch.pi * variance))


def observed_identity(y: Tensor, omega: Tensor, variance: Tensor) -> Pair:
    return (y - omega) / variance, 1 / variance


def relu_evidence(y: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """A density where y > 0, and the probability of silence where y = 0."""
    silent = torch.special.log_ndtr(-omega * torch.rsqrt(variance))
    return torch.where(y > 0, log_density(y, omega, variance), silent)


def observed_relu(y: Tensor, omega: Tensor, variance: Tensor) -> Pair:
    linear = observed_identity(y, omega, variance)
    silent = observed_sign(-torch.ones_like(y), omega, variance)
    return torch.where(y > 0, linear[0], silent[0]), torch.where(y > 0, linear[1].expand_as(silent[1]), silent[1])


ACTIVATIONS: dict[str, Activation] = {
    "sign": Activation(
        lambda z: torch.where(z >= 0, 1.0, -1.0).to(z.dtype),
        lambda A, B, omega, variance: sign.log_partition(B, omega, variance),
        lambda A, B, omega, variance: sign.moments(B, omega, variance),
        sign_score,
        lambda y, omega, variance: torch.special.log_ndtr(y * omega * torch.rsqrt(variance)),
        observed_sign,
        is_binary=True,
    ),
    "identity": Activation(
        lambda z: z,
        identity.log_partition,
        identity.moments,
        identity.score_and_curvature,
        log_density,
        observed_identity,
    ),
    "relu": Activation(
        lambda z: z.clamp_min(0),
        relu.log_partition,
        relu.moments,
        relu.score_and_curvature,
        relu_evidence,
        observed_relu,
    ),
}


@dataclass(frozen=True)
class Channel:
    """An activation with bias, noise and centre; tensors are (R, M, K), or (R, M, K, N) with one entry an edge.

    Attributes
    ----------
    activation
        f.
    bias
        b, (R, 1, K).
    noise
        s², the variance of the pre-activation noise.
    centre
        c, subtracted from f of hidden units.
    """

    activation: Activation
    bias: Tensor
    noise: float = 0.0
    centre: float = 0.0

    def shifted(self, omega: Tensor, variance: Tensor, axis: int = -1) -> Pair:
        """ω + b and V + s²; ``axis`` is that of the units in (R, M, …)."""
        bias = self.bias
        if omega.ndim == 4:
            bias = bias.unsqueeze(1) if axis == -1 else bias.unsqueeze(-1)
        return omega + bias, variance + self.noise

    def log_partition(self, A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
        """φ of hidden units on the last axis; with x = f − c: φ(A, B + Ac) − Bc − Ac²/2."""
        inner = self.activation.log_partition(A, B + A * self.centre, *self.shifted(omega, variance))
        return inner - B * self.centre - 0.5 * A * self.centre**2

    def moments(self, A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> Pair:
        """x̂ and Δ of hidden units on the last axis."""
        mean, spread = self.activation.moments(A, B + A * self.centre, *self.shifted(omega, variance))
        return mean - self.centre, spread

    def coupling(self, A: Tensor, B: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """The mean of Bx − Ax²/2, without the constant that the last term is for x = ±1."""
        square = 0.0 if self.activation.is_binary else 0.5 * A * (mean * mean + variance)
        return B * mean - square

    def score(self, A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> Pair:
        """g and Γ of hidden units on the third axis: ω (R, M, K), or (R, M, K, N) without one edge each."""
        return self.activation.score(A, B + A * self.centre, *self.shifted(omega, variance, 2))

    def log_evidence(self, y: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
        """log P(y) of observed units, (R, M, K)."""
        return self.activation.log_evidence(y, *self.shifted(omega, variance))

    def evidence_score(self, y: Tensor, omega: Tensor, variance: Tensor) -> Pair:
        """g and Γ of observed units on the third axis."""
        return self.activation.evidence_score(y, *self.shifted(omega, variance, 2))
