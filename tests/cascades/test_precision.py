"""Full float32, and why it is needed."""

import torch

from nnstatmech.cascades import networks
from nnstatmech.cascades.decoders import trained
from nnstatmech.cascades.decoders.cascade import fit_cascade, reconstruct
from nnstatmech.cascades.decoders.trained import Adam
from nnstatmech.cascades.entropies import differential_entropy
from nnstatmech.cascades.networks import initial_parameters, wide_body
from nnstatmech.cascades.precision import full_precision


def test_precision_is_restored():
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    try:
        with full_precision():
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.backends.cudnn.allow_tf32
        assert torch.get_float32_matmul_precision() == "high"
        assert torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision("highest")


def rounded_to_tf32(x):
    """Float32 numbers rounded to the 10 bits of mantissa that TF32 products keep."""
    return torch.ldexp(
        torch.round(torch.ldexp(torch.frexp(x).mantissa, torch.tensor(11))), torch.frexp(x).exponent - 11
    )


def collapsed_entropies(monkeypatch, rounding):
    """Differential entropies over the depth of an ordered network whose products round their factors."""
    width, depth, exact_affine = 60, 24, networks.affine
    layers = wide_body(width, depth)

    def rounding_affine(x, weight, bias):
        # The gradient passes the rounding as if it were not there.
        factors = (factor + (rounding(factor) - factor).detach() for factor in (x, weight))
        return exact_affine(*factors, bias)

    def parameters(position):
        return initial_parameters(layers[position], position, [0.5], 0.05, [0])

    images = torch.rand(1, 400, width, generator=torch.Generator().manual_seed(0))
    with monkeypatch.context() as patch:
        patch.setattr(networks, "affine", rounding_affine)
        patch.setattr(trained, "affine", rounding_affine)
        fitted, kept = fit_cascade(layers, parameters, Adam((0,), 640), images, images[:, :100], range(1, depth + 1))
        return differential_entropy(reconstruct(fitted, kept)[0])


def test_why_tf32_is_off(monkeypatch):
    """In the ordered phase images differ by a factor χ^(l/2) after l layers, down to the rounding of the products.

    In float32 the entropy stops at its noise floor of -17 to -19.8; with TF32 factors already some -12.5.
    """
    single = collapsed_entropies(monkeypatch, torch.clone)
    tf32 = collapsed_entropies(monkeypatch, rounded_to_tf32)
    torch.testing.assert_close(single[:5], tf32[:5], rtol=0, atol=0.01)
    assert -19.8 < single[-1] < -17
    assert tf32[-1] > single[-1] + 4
