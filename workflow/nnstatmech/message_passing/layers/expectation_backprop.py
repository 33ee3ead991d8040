"""Expectation backpropagation: mean field whose hidden units pass the field from above on to first order."""

import math

import torch
from torch import Tensor

from ..channels import sign
from .mean_field import MeanFieldLayer


class ExpectationBackpropLayer(MeanFieldLayer):
    """g = B ∂x̂/∂ω = 2B G(u)/√V in hidden layers, u = ω/√V; the observed layer's g is exact.

    Soudry, Hubara, Meir 2014: the gradient of the log-evidence with respect to the means, variances held.
    """

    is_top = False

    def score(self, field_top: Tensor) -> Tensor:
        if self.is_top:
            return sign.score(field_top, self.omega, self.variance)
        u_squared = self.omega.square() / self.variance
        return field_top * math.sqrt(2 / math.pi) * torch.exp(-0.5 * u_squared) * torch.rsqrt(self.variance)
