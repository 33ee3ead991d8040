"""The plan covers every seed once, names runs safely and looks them up by their paths."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nnstatmech.planning.batches import RUN_ID, label, run_id
from nnstatmech.planning.claims import read_claims
from nnstatmech.planning.families import families_of
from nnstatmech.planning.layers import merged
from nnstatmech.planning.mistakes import ConfigError
from nnstatmech.planning.settings import SCALES, number_range, read_settings, resolve

from .test_settings import CONFIG, plan

ROOT = Path(__file__).resolve().parents[2]
PROJECT_CONFIG = merged()


def test_scales_are_resolved_wherever_they_stand():
    errors = []
    value = {"a": [{"laptop": 1, "paper": 2}, 3], "b": {"c": {"laptop": {"d": 4}, "paper": {"d": 5}}}}
    assert resolve(value, "paper", (), errors) == {"a": [2, 3], "b": {"c": {"d": 5}}}
    assert errors == []


@pytest.mark.parametrize(
    ("start", "stop", "step", "numbers"),
    [(1, 4, 1, [1, 2, 3, 4]), (2, 2, 1, [2]), (0.1, 0.5, 0.1, [0.1, 0.2, 0.3, 0.4, 0.5]), (0, 1, 0.5, [0, 0.5, 1])],
)  # fmt: skip
def test_ranges_include_their_ends_without_rounding_noise(start, stop, step, numbers):
    assert number_range({"from": start, "to": stop, "step": step}) == numbers


def test_each_run_carries_all_parameters_as_plain_values():
    run = plan().run("wide", "batch_size=16")
    assert run.params["width"] == 16
    assert run.params["batch_size"] == 16
    assert run.params["epsilon"] == 1e-3, "defaults are filled in"
    assert run.axes == {"batch_size": 16}
    assert json.loads(json.dumps(run.params)) == run.params


def test_cases_set_their_parameters_and_name_the_run():
    runs = plan().runs["cases"]
    assert {name: run.params["epsilon"] for name, run in runs.items()} == {"setting=small": 0, "setting=large": 0.1}


@pytest.mark.parametrize("scale", SCALES)
def test_shards_cover_every_seed_once(scale):
    made = plan(scale)
    for name, entry in made.settings.experiments.items():
        seeds = [seed for shard in made.shards(name) for seed in made.seeds(name, shard)]
        assert seeds == list(range(entry.seeds))


def test_run_ids_do_not_depend_on_the_order_of_axes():
    assert run_id({"b": 1, "a": 2.5}) == run_id({"a": 2.5, "b": 1}) == "a=2.5+b=1"
    assert run_id({}) == "single"
    assert label([784, 101, 1]) == "784-101-1"
    assert label(None) == "none"


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (lambda plan: plan.run("wide", "batch_size=32"), "has no run 'batch_size=32' at scale 'laptop'; did you mean"),
        (lambda plan: plan.run("wider", "single"), "no experiment 'wider'; did you mean 'wide'?"),
        (lambda plan: plan.seeds("wide", "002"), "has the shards 000 to 001 at scale 'laptop', not '002'"),
        (lambda plan: plan.figure("Fig_9"), "no figure 'Fig_9'; did you mean 'Fig_1'?; there are Fig_1"),
        (lambda plan: plan.source("mnist"), "data_sources.bundled has no 'mnist'; it has cifar10"),
    ],
)
def test_a_path_that_names_nothing_is_refused_with_the_nearest_name(question, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        question(plan())


def test_planning_imports_no_torch():
    code = "import sys; sys.path.insert(0, 'workflow'); "
    code += "import nnstatmech.planning.plan, nnstatmech.planning.claims, yaml; "
    code += "from nnstatmech.planning.settings import read_settings; from nnstatmech.planning.layers import merged; "
    code += "nnstatmech.planning.plan.Plan(read_settings(merged())); "
    code += "sys.exit(bool({'torch', 'matplotlib', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# --- the project's own config.yaml ---------------------------------------------------------------


@pytest.mark.parametrize("data", PROJECT_CONFIG["data_sources"])
@pytest.mark.parametrize("scale", SCALES)
def test_the_config_has_a_plan_at_every_scale_and_for_every_mapping(scale, data):
    made = plan(scale, PROJECT_CONFIG | {"data": data})
    for runs in made.runs.values():
        for identity, run in runs.items():
            assert RUN_ID.fullmatch(identity)
            assert run.dataset is None or made.source(run.dataset)


def test_every_experiment_is_drawn_or_judged():
    settings = read_settings(PROJECT_CONFIG)
    used = {name for figure in settings.figures.values() for name in figure.tables}
    used |= {name for claim in read_claims(families_of())[0] for name in claim.tables}
    assert set(settings.experiments) <= used


def test_settings_are_not_changed_by_reading():
    config = copy.deepcopy(CONFIG)
    read_settings(config, "paper")
    assert config == CONFIG
