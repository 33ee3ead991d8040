"""Small tables of every task, as the workflow joins them: made by calling the tasks themselves."""

import pandas as pd
import torch

from nnstatmech.linear_bnn.params import (
    Classifier,
    Ensemble,
    FullData,
    NeuralTangent,
    NormLearning,
    Outputs,
    PathPruning,
    Posterior,
    Prior,
    Regression,
    Samplers,
    Untrained,
)
from nnstatmech.linear_bnn.tasks import (
    classifier,
    ensemble,
    full_data,
    neural_tangent,
    norm_learning,
    outputs,
    path_pruning,
    posterior,
    prior,
    regression,
    samplers,
    untrained,
)

from .digits import small_digits

BETAS = [0.3, 10.0]
FAST = {"learning_rate": 0.1, "warm_up": 10, "steps": 60, "evaluations": 3, "width": 32, "bins": 100}


def table_of(task, cases: dict, axis: str | None = None, seeds=(0, 1), dataset=None) -> pd.DataFrame:
    """The joined table of one experiment: ``cases`` maps the values of the swept ``axis`` to parameters."""
    parts, runs = [], {}
    for case, params in cases.items():
        run = "single" if axis is None else f"{axis}={case}"
        labels = {"experiment": "example", "run": run} | ({axis: case} if axis else {})
        frame = task.run(params, list(seeds), dataset, torch.device("cpu")).to_pandas()
        for position, (name, value) in enumerate(labels.items()):
            frame.insert(position, name, value)
        parts.append(frame)
        runs[run] = params.model_dump(mode="json") | {"dataset": dataset and dataset.name}
    table = pd.concat(parts, ignore_index=True)
    for name in [*labels, "network", "quantity", "split", "curve", "task"]:
        if name in table and table[name].dtype == object:
            table[name] = table[name].astype("category")
    table.attrs = {"runs": runs, "shards": []}
    return table


def example_tables() -> dict[str, pd.DataFrame]:
    """A table for every role that the figures and claims know."""
    digits = small_digits()

    def one(task, params, seeds=(0, 1)):
        return table_of(task, {None: params}, seeds=seeds, dataset=digits)

    panels = {
        "width": Prior(hidden_widths=[[2], [5]], samples=400),
        "layer_100": Prior(n_out=20, samples=100),
        "relu": Prior(hidden_widths=[[2], [5]], activation="relu", samples=400),
        "relu_2": Prior(hidden_widths=[[3, 3]], activation="relu", samples=200),
        "relu_3": Prior(hidden_widths=[[3, 3, 3]], activation="relu", samples=200),
        "bottleneck": Prior(hidden_widths=[[4, 2, 4]], samples=400),
    }
    targets = {
        "thin": Regression(**FAST, target_deviation=0.1, target_scale="peak"),
        "broad": Regression(**FAST, target_deviation=0.3, target_scale="peak"),
        "unit_sum": Regression(**FAST, target_deviation=0.1),
    }
    hmc = Ensemble(hidden_widths=[[1], [4]], betas=BETAS, networks=128, moves=16)
    langevin = Ensemble(sampler="langevin", hidden_widths=[[2], [8]], betas=BETAS, networks=128, steps=100)
    descent = Ensemble(sampler="gradient_descent", hidden_widths=[[1], [2], [16], [64]], networks=128, max_steps=3000)
    wide = NeuralTangent(
        width=32, epochs=2, least_steps=0, widths=[8, 16], networks=6, tolerance=1e-5, max_steps=4000, test_images=6
    )
    return {
        "prior": table_of(prior, panels, "panel"),
        "exact": one(
            posterior, Posterior(hidden_widths=[[1], [2], [4], [8], [16], [64]], betas=[0, *BETAS], points=121)
        ),
        "energy": one(posterior, Posterior(hidden_widths=[[1], [2], [4], [8]], betas=BETAS, points=4)),
        "hmc": one(ensemble, hmc),
        "langevin": one(ensemble, langevin),
        "descent": one(ensemble, descent),
        "regression": one(regression, Regression(couplings=[0.0, 0.2, 400.0], **FAST)),
        "targets": table_of(regression, targets, "target", dataset=digits),
        "classifier": one(classifier, Classifier(width=64, epochs=2, batch_size=16)),
        "untrained": one(untrained, Untrained(width=24), seeds=range(200)),
        "norm_learning": one(norm_learning, NormLearning(points=101), seeds=[0]),
        "neural_tangent": one(neural_tangent, wide),
        "full_data": one(
            full_data, FullData(hidden_widths=[[2], [10], [2, 2]], betas=[1.0, 10.0], chains=8, draws=40), seeds=[0]
        ),
        "samplers": one(
            samplers,
            Samplers(samplers=["langevin", "gradient_descent"], hidden_widths=[[16]], betas=[1.0, 10.0], chains=64),
        ),
        "outputs": one(
            outputs,
            Outputs(hidden_widths=[[2], [3, 3]], betas=[1.0], chains=4, warm_up=40, draws=40, sweeps=40),
        ),
        "path_pruning": one(
            path_pruning,
            PathPruning(width=16, hidden_layers=3, epochs=20, kept=[1, 2, 3, 4, 6, 8, 11, 16]),
            seeds=range(3),
        ),
    }
