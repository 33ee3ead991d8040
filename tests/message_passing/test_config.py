"""What config.yaml and claims.yaml promise of this family."""

from pathlib import Path

import pytest
import yaml

from nnstatmech.planning import claims
from nnstatmech.planning.layers import merged
from nnstatmech.planning.plan import Plan
from nnstatmech.planning.settings import read_settings

ROOT = Path(__file__).resolve().parents[2]
CONFIG = merged(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
MINE = CONFIG | {
    section: {name: entry for name, entry in CONFIG[section].items() if entry["family"] == "message_passing"}
    for section in ("experiments", "figures")
}
PUBLISHED_FIGURES = [
    "MP_Fig_1",
    "MP_Fig_2",
    "MP_Fig_3",
    "MP_rho",
    "MP_maxiters",
    "MP_r",
    "MP_damping",
    "MP_dataset_size",
    "MP_initial_weights",
    "MP_architecture",
    "MP_table",
]


@pytest.fixture(scope="module", params=["laptop", "paper"])
def plan(request):
    return Plan(read_settings(MINE, request.param))


def test_every_published_figure_is_configured(plan):
    mine = {name for name, figure in plan.settings.figures.items() if figure.family == "message_passing"}
    assert set(PUBLISHED_FIGURES) <= mine


def test_figure_1_has_every_curve_of_the_draft(plan):
    runs = plan.runs["mp_fig_1"].values()
    found = {(run.dataset, run.params["batch_size"], run.params["algorithm"]) for run in runs}
    assert found == {
        (dataset, batch_size, algorithm)
        for dataset in ("mnist", "fashion_mnist")
        for batch_size in (1, 16, 128, 1024)
        for algorithm in ("bp", "amp", "bpi", "sgd")
    }


def test_reinforcement_is_neutral_in_one_experiment_and_diverges_in_the_other(plan):
    for run in plan.runs["mp_r"].values():
        for case in run.params["cases"].values():
            assert case["rho"] == pytest.approx(1 - case["reinforcement"])
    for run in plan.runs["mp_r_seed"].values():
        assert run.params["rho"] > 1


def test_claims_name_what_exists(plan):
    text = (claims.PACKAGE / "message_passing/claims.yaml").read_text(encoding="utf-8")
    mine = [claims.Claim(family="message_passing", **entry) for entry in yaml.safe_load(text)]
    claims.check_references(mine, plan.settings)
    here = [claim for claim in mine if claim.holds(plan.settings.scale, "bundled")]
    assert len(here) >= 12
