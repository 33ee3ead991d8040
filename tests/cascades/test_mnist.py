"""The phases of cascades on MNIST."""

import numpy as np
import pytest
import torch

from nnstatmech.cascades.params import Entropies
from nnstatmech.cascades.tasks.entropies import run
from nnstatmech.theory.mean_field import MeanField

pytestmark = [pytest.mark.official_data, pytest.mark.slow]


def test_information_reaches_deepest_at_criticality(official_dataset):
    params = Entropies(
        depth=42,
        resolution=14,
        weight_variances=[1.0, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 4.0],
        evaluated_depths=3,
        ridge_strength=1e-2,
    )
    frame = run(params, [0, 1], official_dataset("mnist"), torch.device("cpu")).to_pandas()
    deepest = frame[frame.depth == 42].groupby(["quantity", "weight_variance"], observed=True).value.mean()
    assert deepest["explained_variance"].idxmax() in (1.7, 1.8)
    assert deepest["differential_entropy"].idxmax() in (1.6, 1.7, 1.8)
    assert deepest["differential_entropy"][1.0] < -15
    assert deepest["explained_variance"][4.0] < 0.02


def test_decoders_trained_for_one_epoch_act_like_a_finite_ridge(official_dataset):
    """Ordered networks lose information at 5.5 to 7.5 correlation depths, whichever of the two decodes."""
    cutoffs = {}
    for decoder in ("ridge", "adam"):
        params = Entropies(
            depth=30,
            resolution=14,
            weight_variances=[0.8, 1.0],
            evaluated_depths=30,
            decoder=decoder,
            presentations=60000,
            train_images=2048 if decoder == "ridge" else 60000,
        )
        frame = run(params, [0], official_dataset("mnist"), torch.device("cpu")).to_pandas()
        found = frame[frame.quantity == "cutoff_explained_variance"].set_index("weight_variance").value
        cutoffs[decoder] = found / [MeanField(variance, 0.05).correlation_depth for variance in found.index]
        assert cutoffs[decoder].between(5.5, 7.5).all()
    # Half a decade of λ is ln(10)/2 correlation depths.
    assert np.abs(cutoffs["adam"] - cutoffs["ridge"]).max() < np.log(10) / 2
