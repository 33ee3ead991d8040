"""Mean field: BPI to zeroth order, no cavity and no reaction term."""

from torch import Tensor

from ...products import bmm
from .layer import Layer, Messages


class MeanFieldLayer(Layer):
    """H_in = Σ_a g x̂, B = Σ_k m g. Wrong at O(1) as an inference algorithm, competitive as a trainer."""

    def messages(self, field_top: Tensor) -> Messages:
        g = self.score(field_top)
        field_down = None if self.is_first else bmm(g, self.weights.mean)
        return Messages(bmm(g.mT, self.inputs.mean), field_down, g)
