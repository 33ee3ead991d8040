"""What decoders see and predict, as rows."""

import pytest
import torch

from nnstatmech.cascades.decoders import rows
from nnstatmech.cascades.decoders.ridge import Ridge
from nnstatmech.cascades.decoders.rows import assemble, target_rows
from nnstatmech.cascades.networks import Convolution

from .samples import LAYERS, activations


@pytest.mark.parametrize("layer", LAYERS)
def test_rows_are_put_back_in_place(layer):
    inputs, _ = activations(layer)
    assert torch.equal(assemble(layer, target_rows(layer, inputs)), inputs)


def test_memory_chunks_change_nothing(monkeypatch):
    layer = Convolution(6, 2, 3)
    inputs, outputs = activations(layer)
    expected = Ridge(1e-3).fit(layer, 0, inputs, outputs)(outputs)
    monkeypatch.setitem(rows.SCRATCH, "cpu", 5000)
    # Float32 rounding of the Gram matrix, 1e-7, is amplified by at most its largest eigenvalue over λ, some 100.
    torch.testing.assert_close(Ridge(1e-3).fit(layer, 0, inputs, outputs)(outputs), expected, rtol=0, atol=1e-5)
