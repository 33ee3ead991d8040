"""What config.yaml and claims.yaml promise of this family."""

import copy
from pathlib import Path

import pytest
import yaml

from nnstatmech.message_passing.params import Timing, Training
from nnstatmech.planning.claims import Claim, check_references, read_claims
from nnstatmech.planning.families import families_of
from nnstatmech.planning.layers import merged
from nnstatmech.planning.mistakes import ConfigError
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


@pytest.mark.parametrize(
    ("figure", "role", "experiment", "message"),
    [
        ("MP_rho", "main", "mp_timing", "'mp_timing' is a table of Timing, and learning_curves reads one of Training"),
        ("MP_maxiters", "main", ["mp_maxiters", "mp_capacity"], "'mp_capacity' is a table of Perceptron"),
        ("MP_Fig_2", "main", "mp_rho", "epoch_time reads one of Timing"),
        ("MP_Fig_3", "main", "mp_rho", "committee reads one of Committee"),
        ("MP_perceptron", "capacity", "mp_committee", "perceptron reads one of Perceptron"),
        ("MP_table", "main", "mp_committee", "error_table reads one of Training"),
        ("MP_bayes", "main", "mp_perceptron", "bayesian_prediction reads one of Training"),
    ],
)
def test_a_figure_of_another_tasks_table_is_refused_in_one_line(figure, role, experiment, message):
    changed = copy.deepcopy(MINE)
    changed["figures"][figure]["experiments"][role] = experiment
    with pytest.raises(ConfigError, match=message) as refused:
        Plan(read_settings(changed, "laptop"))
    assert len(refused.value.lines) == 1


def test_ten_classes_take_at_most_ten():
    assert Training(labels="ten_classes").class_range() == (1, 10)
    assert Training(labels="odd_even").class_range() == Timing().class_range() == (2, None)


def mine() -> list[Claim]:
    return [claim for claim in read_claims(families_of())[0] if claim.family == "message_passing"]


def test_every_claim_names_a_rival_that_its_allowance_leaves_far():
    for claim in mine():
        assert claim.rival is not None, claim.id
        assert claim.rival_is, claim.id
        assert claim.rival != claim.expected, claim.id
        assert claim.allowance <= abs(claim.expected - claim.rival) / 4 + 1e-12, claim.id
        assert not claim.allowance or claim.note, claim.id
        if claim.comparison == "at_most":
            assert claim.rival > claim.expected, claim.id
        if claim.comparison == "at_least":
            assert claim.rival < claim.expected, claim.id


def test_claims_name_what_exists(plan):
    check_references(mine(), plan)
    here = [claim for claim in mine() if claim.holds(plan.settings.scale, "bundled")]
    assert len(here) >= 12
