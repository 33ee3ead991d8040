"""AMP (= TAP): BP to first order around the full marginals, with the Onsager terms at the right times."""

from torch import Tensor

from ...products import bmm
from ..weights import BinaryWeights, GaussianWeights
from .layer import Layer, LayerInput, Messages


class AMPLayer(Layer):
    """Approximate message passing.

    With x̂, Δ, m, σ, g, Γ of this sweep and x̂', m', g' of the one before (g' = 0 after a reset)::

        ω    = Σ_i m x̂ − g' Σ_i σ x̂ x̂' − g' Σ_i m m' Δ + g'² Σ_i σ m' x̂' Δ
        B    = Σ_k m g + x̂ Σ_k m² Γ − x̂' Σ_k g g' σ − x̂ x̂' Σ_k σ m g' Γ
        H_in = Σ_a x̂ g + m Σ_a x̂² Γ − m' Σ_a g g' Δ − m m' Σ_a g' Γ Δ x̂

    The last term of each line is smaller by 1/N. At the first sweep this is the first-order Taylor expansion of BPI.

    An expansion in the share of one weight, m x̂, needs many undecided weights: where √V comes down to 2 max|x̂|
    (q₀ ≈ 0.85 to 0.92 for 784 inputs) the fields of a first sweep are off by 1 to 4 %, at √V = 0.7 max|x̂| (q₀ = 0.97)
    by 9 to 14 %, and at 0.2 max|x̂| (q₀ = 0.99) by half or more. Each layer watches for it (:meth:`Layer.watch`).
    """

    def reset(self) -> None:
        super().reset()
        self._memory: tuple[Tensor, Tensor, Tensor] | None = None

    def preactivation(self, inputs: LayerInput) -> Tensor:
        m, sigma = self.weights.mean, self.weights.variance
        omega = super().preactivation(inputs)
        if self._memory is None:
            return omega
        x, delta = inputs.mean, inputs.variance
        x_before, m_before, g_before = self._memory
        x_before = x if delta is None else x_before
        reaction = bmm(x * x_before, sigma.mT)
        if delta is not None:
            reaction += bmm(delta, (m * m_before).mT)
            omega += g_before * g_before * bmm(x_before * delta, (sigma * m_before).mT)
        return omega - g_before * reaction

    def messages(self, field_top: Tensor) -> Messages:
        self.watch()
        x, m = self.inputs.mean, self.weights.mean
        g, curvature = self.channel.score_and_curvature(field_top)
        field_in, slope = bmm(g.mT, x), bmm(curvature.mT, self.inputs.square)
        field_down = None
        if not self.is_first:
            field_down = bmm(g, m).addcmul_(x, bmm(curvature, m * m))
        if self._memory is not None:
            self._subtract_reactions(self._memory, field_in, field_down, g, curvature)
        self._remember(g)
        return Messages(field_in, field_down, g, curvature, slope)

    def _subtract_reactions(
        self,
        memory: tuple[Tensor, Tensor, Tensor],
        field_in: Tensor,
        field_down: Tensor | None,
        g: Tensor,
        curvature: Tensor,
    ) -> None:
        x, delta = self.inputs.mean, self.inputs.variance
        m, sigma = self.weights.mean, self.weights.variance
        x_before, m_before, g_before = memory
        both, mixed = g * g_before, g_before * curvature
        if delta is not None:
            field_in -= m_before * bmm(both.mT, delta)
            field_in -= m * m_before * bmm(mixed.mT, delta * x)
        if field_down is not None:
            field_down -= x_before * bmm(both, sigma)
            field_down -= x * x_before * bmm(mixed, sigma * m)

    def _remember(self, g: Tensor) -> None:
        if self.keeps_memory:
            self._memory = (self.inputs.mean, self.weights.mean.clone(), g)


class SameTimeAMPLayer(AMPLayer):
    """The reaction terms of B and H_in taken at the same sweep: g' → g, x̂' → x̂, m' → m.

    The equations printed in the appendix of the conference version of the paper. They act from the first sweep on and
    spoil the agreement with BP; kept to explain published curves.
    """

    def messages(self, field_top: Tensor) -> Messages:
        self.watch()
        x, delta = self.inputs.mean, self.inputs.variance
        m, sigma = self.weights.mean, self.weights.variance
        g, curvature = self.channel.score_and_curvature(field_top)
        square, cube = g * g, g * curvature
        field_in = bmm(g.mT, x) + m * bmm(curvature.mT, self.inputs.square)
        field_down = None
        if delta is not None:
            field_in -= m * bmm(square.mT, delta) + m * m * bmm(cube.mT, delta * x)
        if not self.is_first:
            field_down = bmm(g, m) + x * bmm(curvature, m * m)
            field_down -= x * bmm(square, sigma) + x * x * bmm(cube, sigma * m)
        self._remember(g)
        return Messages(field_in, field_down, g, curvature)


class SeedTAPLayer(AMPLayer):
    """The TAP equations of 2021 with their wrong reaction terms Σ_k σΓ and Σ_a ΔΓ.

    These terms are not odd under W → −W: they push all hidden weights the same way, and hidden units align. Kept
    only to reproduce old figures (together with messages that are not reset between mini-batches).
    """

    def preactivation(self, inputs: LayerInput) -> Tensor:
        omega = Layer.preactivation(self, inputs)
        if self._memory is None:
            return omega
        m = self.weights.mean
        reaction = bmm(inputs.square, self.weights.variance.mT)
        if inputs.variance is not None:
            reaction += bmm(inputs.variance, (m * m).mT)
        return omega - self._memory[2] * reaction

    def messages(self, field_top: Tensor) -> Messages:
        self.watch()
        x, delta = self.inputs.mean, self.inputs.variance
        m, sigma = self.weights.mean, self.weights.variance
        g, curvature = self.channel.score_and_curvature(field_top)
        field_in = bmm(g.mT, x) + m * bmm(curvature.mT, self.inputs.square)
        if delta is not None:
            field_in -= bmm(curvature.mT, delta)
        field_down = None
        if not self.is_first:
            field_down = bmm(g, m) + x * bmm(curvature, m * m) - bmm(curvature, sigma)
        self._remember(g)
        return Messages(field_in, field_down, g, curvature)


TAP_VARIANTS: dict[str, type[AMPLayer]] = {"exact": AMPLayer, "seed": SeedTAPLayer, "same_time": SameTimeAMPLayer}


def amp_layer(weights: BinaryWeights | GaussianWeights, variant: str = "exact") -> AMPLayer:
    """An AMP layer of the named variant: ``exact``, ``seed`` or ``same_time``."""
    return TAP_VARIANTS[variant](weights)
