"""Every drawing function draws tables made by the tasks, and only such tables."""

import importlib
import inspect

import matplotlib.pyplot as plt
import pytest
import yaml
from matplotlib.figure import Figure

from nnstatmech.planning.families import PACKAGE
from nnstatmech.planning.references import reference_of

FIGURES = yaml.safe_load((PACKAGE / "linear_bnn/figures.yaml").read_text(encoding="utf-8"))
EXAMPLES = {
    "stm_prior": "prior",
    "stm_exact": "exact",
    "stm_energy": "energy",
    "stm_hmc": "hmc",
    "stm_langevin": "langevin",
    "stm_descent": "descent",
    "stm_regression": "regression",
    "stm_one_coupling": "regression",
    "stm_target_width": "targets",
    "stm_training": "classifier",
    "stm_annealed": "classifier",
    "stm_untrained": "untrained",
    "stm_norm_learning": "norm_learning",
    "stm_ntk": "neural_tangent",
    "stm_path_pruning": "path_pruning",
    "stm_full_data": "full_data",
    "stm_samplers": "samplers",
    "stm_outputs": "outputs",
}


def drawing_function(name):
    module, _, function = FIGURES[name]["draw"].partition(".")
    return getattr(importlib.import_module(f"nnstatmech.linear_bnn.figures.{module}"), function)


def all_functions_that_draw_a_figure():
    for path in (PACKAGE / "linear_bnn/figures").glob("[a-z]*.py"):
        module = importlib.import_module(f"nnstatmech.linear_bnn.figures.{path.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and function.__annotations__.get("return") is Figure:
                yield f"{path.stem}.{name}"


@pytest.mark.parametrize("name", FIGURES)
def test_figure_draws(tables, name):
    roles = {role: tables[EXAMPLES[experiment]] for role, experiment in FIGURES[name]["experiments"].items()}
    figure = drawing_function(name)(**roles, scale="laptop")
    assert isinstance(figure, Figure)
    assert all(ax.has_data() for ax in figure.axes)
    plt.close(figure)


@pytest.mark.parametrize("name", FIGURES)
def test_roles_are_the_positional_parameters(name):
    parameters = inspect.signature(drawing_function(name)).parameters.values()
    positional = [p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert positional == list(FIGURES[name]["experiments"])
    assert "scale" in {p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", FIGURES)
def test_an_experiment_of_another_task_is_refused_in_one_line(name):
    """Each role is given the table of norm learning, or of the prior where that is what it takes."""
    signature = reference_of(FIGURES[name]["draw"], "nnstatmech.linear_bnn.figures").signature()
    for role, parameter in signature.roles.items():
        other = "Prior" if "NormLearning" in parameter.tasks else "NormLearning"
        ((path, text),) = signature.role_mistakes({role: "another"}, {"another": other}, others=False)
        assert path == ("experiments", role)
        assert text.startswith(f"'another' is a table of {other}, and {signature.name} reads one of ")


def test_every_whole_figure_is_listed():
    assert sorted(all_functions_that_draw_a_figure()) == sorted(entry["draw"] for entry in FIGURES.values())


def test_priors_of_one_run_need_no_axis(tables):
    """A table of one call from Python holds one panel only; the others stay empty."""
    main = tables["prior"]
    run = main["run"].iloc[0]
    single = main[main["run"] == run].drop(columns="panel")
    single.attrs = {"runs": {run: main.attrs["runs"][run]}, "shards": []}
    figure = drawing_function("STM_prior")(single, scale="laptop")
    assert [ax.has_data() for ax in figure.axes] == [True, False, False, False, False, False]
    plt.close(figure)
