"""The task ``committee``."""

import numpy as np
import pytest
import torch

from nnstatmech.message_passing.params import Committee
from nnstatmech.message_passing.tasks import committee

CPU = torch.device("cpu")
LEARNERS = ("online_bp", "focusing_bp", "binarynet", "sbpi")


def run(seeds, **params):
    return committee.run(Committee(**params), list(seeds), None, CPU).to_pandas()


def means(frame):
    return frame.groupby(["features", "quantity"], observed=True)["value"].mean().unstack()


@pytest.mark.parametrize("algorithm", LEARNERS)
def test_small_committees_learn(algorithm):
    sizes = {"hidden_units": 9, "latent_dimension": 21, "samples": 63, "features": [63], "matrix_features": [63]}
    schedule = {"focusing_bp": {"epochs": 80, "psi": 0.9, "epsilon": 1.0}}.get(
        algorithm, {"epochs": 30, "epsilon": 0.5}
    )
    frame = run([0, 1], algorithm=algorithm, **sizes, **schedule)
    result = means(frame).loc[63]
    assert result["train_error"] < 25
    assert 0.4 < result["equal_weights"] <= 1
    matrices = frame.loc[frame["quantity"] == "unit_overlaps", "matrix"]
    assert len(matrices) == 2
    for matrix, equal in zip(matrices, frame.loc[frame["quantity"] == "equal_weights", "value"], strict=True):
        overlaps = np.asarray(matrix).reshape(9, 9)
        np.testing.assert_allclose(np.diag(overlaps), 1, atol=1e-6)
        off_diagonal = (overlaps.sum() - 9) / 72
        assert (1 + off_diagonal) / 2 == pytest.approx(equal, abs=1e-6)


@pytest.mark.parametrize("algorithm", LEARNERS)
def test_a_seed_does_not_depend_on_its_shard(algorithm):
    params = {"hidden_units": 5, "latent_dimension": 11, "samples": 22, "features": [15], "epochs": 3, "epsilon": 0.5}
    together, alone = run([0, 1], algorithm=algorithm, **params), run([1], algorithm=algorithm, **params)
    mine = together[together["seed"] == 1].set_index("quantity")["value"]
    # Signs of the weights may only differ where rounding decides a tie: none of the 75 weights here.
    np.testing.assert_allclose(mine, alone.set_index("quantity")["value"].loc[mine.index], atol=1e-6)


@pytest.mark.slow
def test_published_levels():
    """D = 101, P = 303, K = 27: test error (%) 31.8 and 21.2 of online BP, 30.0 and 22.9 of BinaryNet at 13.5 and 54
    weights per pattern (a prototype's mean over its seeds, and consistent with the published curves)."""
    sizes = {"features": [151, 605]}
    online = means(run(range(6), algorithm="online_bp", epochs=20, epsilon=0.5, **sizes))["test_error"]
    gradient = means(run(range(6), algorithm="binarynet", epochs=100, batch_size=10, learning_rate=10, **sizes))
    # One realisation scatters by 2.5 % (606 test patterns give 1.8 % and the drawn teacher the rest): the mean of six
    # has 1.0 %; four of these.
    assert online.to_numpy() == pytest.approx([31.8, 21.2], abs=4)
    assert gradient["test_error"].to_numpy() == pytest.approx([30.0, 22.9], abs=4)
    assert gradient.loc[605, "train_error"] < 0.5
