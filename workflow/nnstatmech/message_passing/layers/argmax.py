"""The top layer of a network with more than two classes."""

from torch import Tensor

from ...products import bmm
from ..channels import argmax_output
from ..weights import BinaryWeights, UpdateRule
from .layer import Layer


class ArgmaxLayer(Layer):
    """Ten output units and P(c | z) = 1[c = argmax z]: plain gradient messages, and damping on the field H.

    ``label_noise`` e (R,), or None for none: the probability that a comparison of two classes is wrong.
    """

    weights: BinaryWeights
    label_noise: Tensor | None = None

    def backward(self, field_top: Tensor, rule: UpdateRule) -> None:
        """As :meth:`Layer.backward`, with the integer classes (R, M) in place of a field."""
        if self.label_noise is None:
            g = argmax_output.score(field_top, self.omega, self.variance)
        else:
            g = argmax_output.noisy_score(field_top, self.omega, self.variance, self.label_noise.unsqueeze(-1))
        if not self.is_first:
            self.field_down = bmm(g, self.weights.mean)
        if not self.weights.frozen:
            self.weights.update_damping_field(bmm(g.mT, self.inputs.mean), rule)
