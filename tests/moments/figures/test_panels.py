"""Every figure of the configuration, drawn from tiny runs of its experiments."""

import importlib

import pytest

from ..small import laptop_plan, planned_table


@pytest.mark.parametrize("name", laptop_plan().settings.figures)
@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_tables_made_in_python_go_into_every_figure(name, scale):
    figure = laptop_plan().settings.figures[name]
    module, _, function = figure.draw.rpartition(".")
    draw = getattr(importlib.import_module(f"nnstatmech.moments.figures.{module}"), function)
    roles = {role: planned_table(experiment) for role, experiment in figure.experiments.items()}
    draw(**roles, scale=scale, **figure.options).draw_without_rendering()
