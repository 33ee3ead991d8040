"""Which tables the functions of this family say that they take."""

import pytest

from nnstatmech.planning.mistakes import ConfigError
from nnstatmech.planning.plan import Plan
from nnstatmech.planning.settings import read_settings

from .small import family_config, laptop_plan

ROLES = [(name, role) for name, figure in laptop_plan().settings.figures.items() for role in figure.experiments]


@pytest.mark.parametrize(("figure", "role"), ROLES)
def test_experiments_of_other_tasks_are_refused_in_one_line(figure, role):
    config = family_config()
    config["experiments"]["stranger"] = {"family": "linear_bnn", "task": "prior", "seeds": 1, "params": {}}
    config["figures"][figure]["experiments"][role] = "stranger"
    with pytest.raises(ConfigError) as error:
        Plan(read_settings(config, "laptop"))
    (line,) = [line for line in error.value.lines if "stranger" in line and "table of" in line]
    assert "reads one of Propagation" in line
