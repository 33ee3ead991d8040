"""Tasks prior, posterior and ensemble: their tables, refusals, measures and figures."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from nnstatmech.linear_bnn import measures
from nnstatmech.linear_bnn.figures import exact as figures
from nnstatmech.linear_bnn.params import Ensemble
from nnstatmech.linear_bnn.tasks import ensemble, posterior, prior
from nnstatmech.linear_bnn.two_classes import two_class_problem
from nnstatmech.readings import NotMeasured

from .digits import small_digits

DATASET = small_digits()
BETAS = [0.3, 10.0]


def labelled(frame, params, run="single", **columns):
    """A table as the workflow joins it: with the columns of the sweep, and the parameters of each run."""
    frame = frame.assign(run=run, **columns)
    frame.attrs["runs"] = {run: params.model_dump()}
    return frame


@pytest.fixture(scope="module")
def tables():
    import pandas as pd
    import torch

    def run(task, params, seeds=(0, 1)):
        return labelled(task.run(params, seeds, DATASET, torch.device("cpu")).to_pandas(), params)

    panels = {
        "width": prior.Params(hidden_widths=[[2], [5]], samples=400),
        "layer_100": prior.Params(hidden_widths=[[20]], n_out=20, reach=2, samples=100),
        "relu": prior.Params(hidden_widths=[[2], [5]], activation="relu", samples=400),
        "bottleneck": prior.Params(hidden_widths=[[4, 2, 4]], samples=400),
    }
    parts = [run(prior, params).assign(panel=panel) for panel, params in panels.items()]
    exact = run(
        posterior, posterior.Params(hidden_widths=[[1], [2], [4], [16], [64]], betas=[0, *BETAS], points=121), [0]
    )
    descent = ensemble.Params(
        sampler="gradient_descent", hidden_widths=[[1], [2], [16], [64]], networks=128, max_steps=3000
    )
    return {
        "stm_prior": pd.concat(parts, ignore_index=True),
        "stm_exact": exact,
        "stm_energy": run(posterior, posterior.Params(hidden_widths=[[1], [2], [4], [8]], betas=BETAS, points=4), [0]),
        "stm_hmc": run(ensemble, ensemble.Params(hidden_widths=[[1], [4]], betas=BETAS, networks=128, moves=16)),
        "stm_langevin": run(
            ensemble,
            ensemble.Params(sampler="langevin", hidden_widths=[[2], [8]], betas=BETAS, networks=128, steps=100),
        ),
        "stm_descent": run(ensemble, descent),
    }


def test_tables_are_finite_and_typed(rows_of):
    rows_of(prior, prior.Params(hidden_widths=[[3, 2]], samples=50), [0], None)
    rows_of(posterior, posterior.Params(hidden_widths=[[1]], betas=[0, 1]), [0], DATASET)
    rows_of(ensemble, ensemble.Params(hidden_widths=[[3, 2]], betas=[1.0], networks=64, moves=8), [0], DATASET)


@pytest.mark.parametrize(
    "setting",
    [
        {"sampler": "hmc", "moves": 8},
        {"sampler": "langevin", "steps": 30, "batch_size": 2},
        {"sampler": "gradient_descent", "max_steps": 500},
    ],
)
def test_seeds_give_the_same_rows_in_any_shard(compare_shards, setting):
    compare_shards(ensemble, ensemble.Params(hidden_widths=[[3]], betas=[1.0], networks=128, **setting), DATASET)


def test_random_networks_in_any_shard(compare_shards):
    compare_shards(prior, prior.Params(hidden_widths=[[3]], samples=200), None)


def test_divergence_is_recorded(rows_of):
    params = ensemble.Params(
        sampler="langevin", hidden_widths=[[1]], betas=[10.0], networks=64, steps=300, step_size=0.05, tamed=False
    )
    rows = rows_of(ensemble, params, [0], DATASET)
    counts = rows["quantity"].value_counts()
    assert counts["diverged"] > 0
    assert counts["diverged"] + counts.get("output", 0) == 64


def test_slow_networks_stay_in_the_table(tables):
    rows = tables["stm_descent"]
    narrow = rows[rows["network"] == "1"]
    assert len(narrow[narrow["quantity"] == "probability"]) == 2 * 128
    steps = narrow.loc[narrow["quantity"] == "step", "value"]
    fraction = narrow.loc[narrow["quantity"] == "converged_fraction", "value"].mean()
    assert fraction == pytest.approx(np.mean(steps >= 0))
    assert fraction < 1


def test_problem_of_two_classes():
    params = Ensemble(classes=(1, 7), images=6, test_image=2)
    problem = two_class_problem(params, DATASET)
    assert problem.images.shape == (6, 64)
    np.testing.assert_allclose(np.linalg.norm(problem.images, axis=1), 1)
    np.testing.assert_array_equal(problem.targets, [1, 1, 1, -1, -1, -1])
    first = DATASET.train_images[np.flatnonzero(DATASET.train_labels == 1)[0]].ravel().astype(float)
    np.testing.assert_allclose(problem.images[0], first / np.linalg.norm(first))
    with pytest.raises(ValueError, match="test images of class 1"):
        two_class_problem(Ensemble(classes=(1, 7), test_image=500), DATASET)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"classes": (3, 3)}, "two different labels"),
        ({"images": 5}, "even number"),
        ({"betas": [3.0, 1.0]}, "rise strictly"),
        ({"networks": 100}, "multiple of 64"),
    ],
)
def test_refused_parameters(setting, message):
    with pytest.raises(ValueError, match=message):
        Ensemble(**setting)


def test_measures(tables):
    stm_prior, stm_exact = tables["stm_prior"], tables["stm_exact"]
    wrong = measures.exact(stm_prior, "halved_argument_log2_mass", "5", panel="width")
    assert wrong.value == pytest.approx(3, abs=1e-9)
    assert measures.exact(stm_prior, "total_mass", "5", panel="relu").value == pytest.approx(31 / 32, abs=1e-9)
    assert measures.ratio_to_process_law(stm_exact, ["64"]).value == pytest.approx(0.94, abs=0.01)
    assert measures.kurtosis_excess(stm_prior, "width", "5").standard_error > 0
    assert measures.random_network_statistic(stm_prior).value < 80
    assert 0 <= measures.fraction_outside(tables["stm_hmc"], 0.99).value <= 0.5
    assert measures.loss_deviation(tables["stm_hmc"]).value < 4
    assert measures.loss_ratio(tables["stm_langevin"], "2", 10).value > 1
    assert measures.equipartition(tables["stm_hmc"], "4", 10).value == pytest.approx(1, abs=0.3)
    assert measures.statistic(tables["stm_descent"], "16", samples=200).value < 70
    assert measures.true_distance(tables["stm_descent"], "64").value < 0.2
    assert measures.converged_fraction(tables["stm_descent"]).value < 1
    assert measures.selection_artefact(tables["stm_descent"], "64", 3).value < 0.3
    with pytest.raises(NotMeasured):
        measures.statistic(tables["stm_descent"], "16", samples=10_000)
    with pytest.raises(NotMeasured):
        measures.exact(stm_prior, "total_mass", "999", panel="relu")


def test_selecting_the_fast_networks_distorts_their_law():
    """Fast networks of width 2 have the lower half of the law, slow ones the upper half."""
    import pandas as pd

    law = (np.arange(3000) + 0.5) / 3000
    rows = [
        (network, 0, member, quantity, value)
        for network, slow_step in (("2", 5000), ("64", 1000))
        for member, probability in enumerate(law)
        for quantity, value in (("probability", probability), ("step", slow_step if probability > 0.5 else 1000))
    ]
    table = pd.DataFrame(rows, columns=["network", "seed", "member", "quantity", "value"])
    half = np.sqrt(1.5 * np.log(2) - 0.75 * np.log(3))  # of a uniform law to its lower half, in nats
    assert measures.selection_artefact(table, "2", 1.5).value == pytest.approx(half, abs=0.02)
    assert measures.selection_artefact(table, "2", 10).value < 0.02
    assert measures.selection_artefact(table, "64", 1.5).value < 0.02


@pytest.mark.parametrize("name", ["prior", "posterior_ladder", "js_vs_width", "energy_vs_beta"])
def test_figures_draw(tables, name):
    figure = getattr(figures, name)(tables, scale="laptop")
    assert isinstance(figure, Figure)
    assert all(ax.has_data() for ax in figure.axes)
