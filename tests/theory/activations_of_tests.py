"""The package's activations by name, and one of one's own: bounded, with two kinks."""

import numpy as np

from nnstatmech.theory import activations

HARD_TANH = activations.Activation(
    "hard tanh", lambda h: np.clip(h, -1, 1), lambda h: (np.abs(h) < 1).astype(float), kinks=(-1.0, 1.0)
)
ACTIVATIONS = {
    activation.name: activation
    for activation in (activations.TANH, activations.ERF, activations.GELU, activations.SILU, HARD_TANH)
}
