"""What a layer believes about its weights: natural parameters, prior, mean and variance of every weight.

Every tensor has the shape (replicas R, output units K, input units N). Replicas are independent copies (seeds, or
values of ρ, ψ, ε, r) that are computed together.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..products import bmm
from . import loops
from .channels import binary_weight
from .channels.special import constants, product_field

SMALLEST_PRECISION = 1e-6


@dataclass(frozen=True)
class UpdateRule:
    """How the field that a sweep sends to a weight becomes the weight's new mean.

    Each entry is a number or a tensor (R, 1, 1).

    Attributes
    ----------
    damping
        ψ: m ← ψ m + (1 − ψ) m_new.
    reinforcement
        r: the part of the last sweep's own field that is added; 0.0 (the number) skips it.
    coupling
        γ of focusing, the strength of the attraction between the y replicas that are imagined around the weight.
    focusing
        y > 1 switches focusing on; 0 is off.
    field_limit
        |H| is clamped there.
    active
        Boolean (R, 1, 1), or None for all: replicas that have stopped keep their weights.
    """

    damping: Tensor | float = 0.0
    reinforcement: Tensor | float = 0.0
    coupling: Tensor | float = 0.0
    focusing: float = 0.0
    field_limit: float = 2.0**24
    active: Tensor | None = None


class BinaryWeights:
    """Weights W = ±1 with the prior ∝ e^{θW}; H is the total field, θ included, and m the damped mean tanh H.

    Attributes
    ----------
    field, prior_field, mean, variance
        H, θ, m and 1 − m² (0 where masked), each (R, K, N).
    mask
        0/1 tensor (R, K, N) of the weights that exist, or None for all; others have no field and no mean.
    """

    needs_precision = False

    def __init__(self, field: Tensor, mask: Tensor | None = None):
        self.field = field if mask is None else field * mask
        self.prior_field = torch.zeros_like(field)
        self.mask = mask
        self.frozen = False
        self.mean = binary_weight.mean(self.field)
        self.variance = torch.empty_like(field)
        self._refresh_variance()

    def freeze(self, mean: float = 1.0) -> None:
        """Fix every weight at ``mean`` for good (the second layer of a committee machine)."""
        self.mean.fill_(mean)
        if self.mask is not None:
            self.mean *= self.mask
        self._refresh_variance()
        self.frozen = True

    def silence(self, replica: int) -> None:
        """Set one replica's weights to zero mean and no field, so that its infinities spread no further."""
        for tensor in (self.field, self.prior_field, self.mean):
            tensor[replica] = 0
        self._refresh_variance()

    def state(self) -> list[Tensor]:
        """The tensors that last from one mini-batch to the next."""
        return [self.field, self.prior_field, self.mean, self.variance]

    def set_prior(self, decay: Tensor) -> None:
        """Posterior as prior: θ ← ρ H, with ρ of shape (R, 1, 1)."""
        torch.mul(self.field, decay, out=self.prior_field)

    def mean_square(self) -> float:
        """Mean of m² + σ over the weights that exist."""
        return 1.0

    def spread(self, input_variance: Tensor) -> Tensor:
        """Σ_i Δ_i (m² + σ) = Σ_i Δ_i over the weights that exist: (R, M, K) or (R, M, 1)."""
        if self.mask is None:
            return input_variance.sum(-1, keepdim=True)
        return bmm(input_variance, self.mask.mT)

    def update(
        self, field_in: Tensor, precision_in: Tensor | None, rule: UpdateRule, slope: Tensor | None = None
    ) -> None:
        """H ← H_in + r H + θ, then m ← ψ m + (1 − ψ) tanh H, where H_in is ``field_in`` + m ∘ ``slope``.

        ``field_in`` (R, K, N) may be overwritten; ``precision_in`` is ignored.
        """
        if rule.focusing == 0 and loops.serve_alike(
            self.field, self.prior_field, self.mean, self.variance, field_in, slope, self.mask
        ):
            loops.update(self, field_in, slope, rule)
            return
        if slope is not None:
            field_in.addcmul_(self.mean, slope)
        total = self._total_field(field_in, rule)
        if rule.active is None:
            self.field.copy_(total)
            self.mean.lerp_(binary_weight.mean_(total), 1 - rule.damping)
        else:
            fresh = binary_weight.mean(total)
            self.field.copy_(torch.where(rule.active, total, self.field))
            self.mean.copy_(torch.where(rule.active, torch.lerp(self.mean, fresh, 1 - rule.damping), self.mean))
        self._refresh_variance()

    def update_damping_field(self, field_in: Tensor, rule: UpdateRule) -> None:
        """H ← ψ H + (1 − ψ)(H_in + r H + θ), m = tanh H: the argmax layer damps the field, not the mean."""
        total = self._total_field(field_in, rule)
        damped = torch.lerp(self.field, total, 1 - rule.damping)
        if rule.active is not None:
            damped = torch.where(rule.active, damped, self.field)
        self.field.copy_(damped)
        self.mean.copy_(binary_weight.mean(self.field))
        self._refresh_variance()

    def decide(self) -> Tensor:
        """The point-wise weights sign(m), 0 where m = 0 or masked."""
        return torch.sign(self.mean)

    def _total_field(self, field_in: Tensor, rule: UpdateRule) -> Tensor:
        if rule.focusing > 0:
            coupling = torch.as_tensor(rule.coupling, dtype=field_in.dtype)
            inner = product_field(field_in, coupling)
            field_in += product_field((rule.focusing - 1) * inner, coupling)
        elif isinstance(rule.reinforcement, Tensor) or rule.reinforcement:
            field_in.addcmul_(self.field, torch.as_tensor(rule.reinforcement, dtype=self.field.dtype))
        total = field_in.add_(self.prior_field).clamp_(-rule.field_limit, rule.field_limit)
        return total if self.mask is None else total.mul_(self.mask)

    def _refresh_variance(self) -> None:
        exists = constants(self.mean.dtype, self.mean.device).one if self.mask is None else self.mask
        torch.addcmul(exists, self.mean, self.mean, value=-1, out=self.variance)


class GaussianWeights:
    """Real weights with a Gaussian belief of natural parameters H and G: m = H/G, variance 1/G.

    PasP acts on both parameters. The interface is that of :class:`BinaryWeights`.
    """

    needs_precision = True

    def __init__(self, field: Tensor, precision: Tensor, mask: Tensor | None = None):
        self.field, self.precision = field if mask is None else field * mask, precision
        self.prior_field, self.prior_precision = torch.zeros_like(field), torch.zeros_like(field)
        self.mask = mask
        self.frozen = False
        self.mean = self.field / precision
        self.variance = torch.empty_like(field)
        self._refresh_variance()

    def freeze(self, mean: float = 1.0) -> None:
        """Fix every weight at ``mean`` for good: no variance, and no update."""
        self.mean.fill_(mean)
        self.frozen = True
        self._refresh_variance()

    def silence(self, replica: int) -> None:
        """Set one replica's weights to zero mean and unit variance, so that its infinities spread no further."""
        for tensor in (self.field, self.prior_field, self.prior_precision, self.mean):
            tensor[replica] = 0
        self.precision[replica] = 1
        self._refresh_variance()

    def state(self) -> list[Tensor]:
        """The tensors that last from one mini-batch to the next."""
        return [self.field, self.precision, self.prior_field, self.prior_precision, self.mean, self.variance]

    def set_prior(self, decay: Tensor) -> None:
        """Posterior as prior: (θ_H, θ_G) ← ρ (H, G)."""
        torch.mul(self.field, decay, out=self.prior_field)
        torch.mul(self.precision, decay, out=self.prior_precision)

    def mean_square(self) -> Tensor:
        """Mean of m² + σ over the weights of each output unit, (R, 1, K)."""
        return (self.mean * self.mean + self.variance).mean(-1).unsqueeze(1)

    def spread(self, input_variance: Tensor) -> Tensor:
        """Σ_i Δ_i (m² + σ), (R, M, K)."""
        return bmm(input_variance, (self.mean * self.mean + self.variance).mT)

    def update(
        self, field_in: Tensor, precision_in: Tensor | None, rule: UpdateRule, slope: Tensor | None = None
    ) -> None:
        """H ← H_in + r H + θ_H, G ← max(1e-6, G_in + r G + θ_G), m ← ψ m + (1 − ψ) H/G, variance 1/G.

        H_in is ``field_in`` + m ∘ ``slope``.
        """
        if precision_in is None:
            raise ValueError("precision_in: a real weight needs it beside its field")
        if slope is not None:
            field_in = torch.addcmul(field_in, self.mean, slope)
        field = field_in + rule.reinforcement * self.field + self.prior_field
        precision = precision_in + rule.reinforcement * self.precision + self.prior_precision
        field = field.clamp(-rule.field_limit, rule.field_limit)
        if self.mask is not None:
            field *= self.mask
        precision = precision.clamp(SMALLEST_PRECISION, rule.field_limit)
        mean = torch.lerp(self.mean, field / precision, torch.as_tensor(1 - rule.damping, dtype=field.dtype))
        for old, new in ((self.field, field), (self.precision, precision), (self.mean, mean)):
            old.copy_(new if rule.active is None else torch.where(rule.active, new, old))
        self._refresh_variance()

    def decide(self) -> Tensor:
        """The point-wise weights: the mean itself."""
        return self.mean

    def _refresh_variance(self) -> None:
        if self.frozen:
            self.variance.zero_()
        else:
            torch.reciprocal(self.precision, out=self.variance)
        if self.mask is not None:
            self.mean *= self.mask
            self.variance *= self.mask
