"""What scores and conventions are compared with: rates counted by hand, and files that agree with each other."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from nnstatmech.atlas import make_reference, reference, standing
from nnstatmech.atlas.curves import HELD_OUT_PLANE, networks_of, table_of_scores
from nnstatmech.atlas.findings import NOT_OF_NETWORKS, findings_of, rates_of
from nnstatmech.probe.sentences import CONVENTIONS

BLOCKS = 8


def network(plane, value, depth, accuracy, gradient, rank=8.0, probed=True):
    """Rows of one network: gradients grow by a factor a block, the effective rank is constant but for the last half."""
    rows = [{"quantity": "depth", "value": depth + 1.0, "seconds": 0.1}]
    rows += [{"quantity": "gradient_ratio", "value": gradient, "seconds": 0.2}]
    rows += [{"quantity": "accuracy", "value": accuracy, "step": 50}]
    for block in range(BLOCKS + 1) if probed else []:
        curves = {
            "log_gradient": gradient * (1 - block / (BLOCKS - 1)),
            "reff_signal": 8.0 if block < 4 else rank,
            "multiply_adds": 10 * (block > 0),
        }
        rows += [{"quantity": name, "value": value, "block": block} for name, value in curves.items()]
    here = {"run": plane, "plane": plane, "seed": 0, "initial_value": value, "depth": depth}
    return [here | row for row in rows]


def table():
    held, other = HELD_OUT_PLANE, "dense_tanh"
    rows = [
        *network(held, 1.0, 2, 0.1, gradient=9.0),  # fails: exploding, at risk
        *network(held, 2.0, 2, 0.2, gradient=-5.0, rank=1.1),  # fails: vanishing, one-dimensional
        *network(held, 3.0, 2, 0.3, gradient=0.0),  # fails without a finding
        *network(held, 1.0, 4, 0.9, gradient=6.0),  # trains: exploding
        *network(held, 2.0, 4, 0.9, gradient=0.1),  # trains without a finding
        *network(held, 3.0, 4, 0.1, gradient=0.0, probed=False),  # numbers overflow
        *network(other, 1.0, 2, 0.1, gradient=30.0),  # not held out
        *network(other, 1.0, 4, 0.1, gradient=30.0),  # held out, a second depth: fails, exploding, at risk
    ]
    found = pd.DataFrame(rows)
    found.attrs["runs"] = {plane: {"plane": plane, "depths": [2, 4]} for plane in (held, other)}
    return found


def test_findings_are_those_of_a_diagnosis():
    found = findings_of(table()).set_index(["plane", "initial_value", "depth"])["kinds"]
    assert len(found) == 7
    assert found[HELD_OUT_PLANE, 1.0, 2] == {"exploding_gradient", "gradient_risk"}
    assert found[HELD_OUT_PLANE, 2.0, 2] == {"vanishing_gradient", "one_dimensional_signal"}
    assert found[HELD_OUT_PLANE, 3.0, 2] == frozenset()


def test_rates_are_shares_of_held_out_networks():
    rates = rates_of(table(), list(CONVENTIONS))
    assert set(rates) == set(CONVENTIONS) - NOT_OF_NETWORKS
    assert rates["exploding_gradient"] == (2 / 4, 1 / 2, 4, 2)
    assert rates["gradient_risk"] == (2 / 4, 0, 4, 2)
    assert rates["one_dimensional_signal"] == (1 / 4, 0, 4, 2)
    assert rates["dead_units"] == (0, 0, 4, 2)


def test_blocks_are_no_scores():
    networks = networks_of(table())
    assert len(networks) == 8
    assert "reff_signal" not in networks


def test_percentiles_count_what_is_less_promising():
    networks = networks_of(table())
    found = standing.percentiles(pd.Series({"depth": 4.0, "gradient_ratio": -6.0}), networks)
    assert found["depth"] == 50  # four networks are deeper, with five layers, four have three
    # |g| of the others: 9, 5, 0, 6, 0.1, 0, 30, 30; three are further from zero, one is as far.
    assert found["gradient_ratio"] == pytest.approx(100 * 3.5 / 8)
    unknown = standing.percentiles(pd.Series({"depth": np.nan, "snip": 1.0}), networks)
    assert unknown.isna().all()


def test_one_command_writes_what_is_read(tmp_path, monkeypatch):
    made = table()
    said = {
        "dataset_description": "blobs",
        "commit": "abc",
        "params": {"steps": [20, 50]},
        "seconds": 900,
        "threads": 2,
    }
    made.attrs["shards"] = [said, said]
    monkeypatch.setattr(make_reference, "read_frame", lambda path: made)
    path = tmp_path / "results/paper-official/atlas/atlas.parquet"
    written = make_reference.write_reference(path, tmp_path)
    expected = {
        "scale": "paper",
        "data": "official",
        "dataset": ["blobs"],
        "commit": ["abc"],
        "steps": [50],
        "seeds": 1,
    }
    assert written == expected | {"networks": 8, "training": 2, "held_out": 7, "core_hours": 1.0}
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    for read in (reference.provenance, reference.rates, reference.networks, reference.scores):
        monkeypatch.setattr(reference, read.__name__, read.__wrapped__)
    assert reference.provenance() == written
    assert reference.rates()["exploding_gradient"] == (0.5, 0.5, 4, 2)
    pd.testing.assert_frame_equal(reference.networks(), networks_of(made), check_dtype=False)
    assert set(reference.scores()["score"]) == {"depth", "gradient_ratio"}


def test_the_files_of_the_package_agree_with_each_other():
    networks, said = reference.networks(), reference.provenance()
    assert len(networks) == said["networks"]
    assert networks["trains"].sum() == said["training"]
    assert networks["held_out"].sum() == said["held_out"]
    kept = reference.scores()
    counted = table_of_scores(networks, tuple(kept["among"].unique()), resampled=1)
    assert list(kept["score"]) == list(counted["score"])
    np.testing.assert_allclose(kept["value"], counted["value"], rtol=5e-3)
    assert set(reference.rates()) == set(CONVENTIONS) - NOT_OF_NETWORKS
    held = networks[networks["held_out"]]
    for rates in reference.rates().values():
        assert rates.failing + rates.training <= len(held)
        assert rates.training <= held["trains"].sum()


def test_scores_stand_beside_those_of_the_atlas():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
    images, labels = torch.randn(12, 1, 4, 4), torch.arange(12) % 3
    found = standing.score_model(model, images, labels, ["naswot"]).set_index("score")
    assert list(found.index) == ["depth", "gradient_ratio", "naswot"]
    shallower = (reference.networks()["layers"] < 2).mean() + (reference.networks()["layers"] == 2).mean() / 2
    assert found.loc["depth", "percentile"] == pytest.approx(100 * (1 - shallower))
    kept = reference.scores().set_index(["among", "score"])["value"]
    assert found.loc["gradient_ratio", "area"] == kept["all", "gradient_ratio"]
    assert found.loc["gradient_ratio", "area_held_out"] == kept["held out", "gradient_ratio"]
    assert standing.sentence(found.attrs["atlas"]).startswith(f"Compared with {len(reference.networks())} networks")
