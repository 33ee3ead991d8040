"""Settings that cannot be used are refused with one line that names the key, the value and what is allowed."""

import copy
from pathlib import Path

import pytest
import yaml

from nnstatmech.planning.mistakes import ConfigError
from nnstatmech.planning.plan import Plan
from nnstatmech.planning.settings import read_settings

HERE = Path(__file__).parent
CONFIG = yaml.safe_load("""
scale: laptop
data: bundled
data_dir: data
device: auto
data_sources:
  bundled:
    cifar10: {kind: bundled, content: photographs, size: 32}
  mine:
    cifar10: {kind: npz, path: mine.npz}
experiments:
  wide:
    family: moments
    dataset: cifar10
    seeds: {laptop: 4, paper: 1000}
    seeds_per_shard: {laptop: 2, paper: 50}
    params: {architecture: vanilla, depth: 20, measurements: 10, width: {laptop: 16, paper: 512}}
    sweep: {batch_size: [16, 64]}
  other: {family: linear_bnn, task: untrained, dataset: cifar10, params: {temperatures: [1]}}
  cases:
    family: moments
    dataset: cifar10
    params: {architecture: bn_ff, depth: 20, measurements: 10, width: 16, batch_size: 8}
    sweep:
      setting:
        small: {epsilon: 0}
        large: {epsilon: 0.1}
figures:
  Fig_1:
    family: moments
    draw: drawings.py:growth
    experiments: {main: wide}
    options: {colour: C1}
    title: A title
    caption: A caption.
""")


def plan(scale="laptop", config=CONFIG):
    return Plan(read_settings(config, scale), folder_of=lambda path: HERE)


def problems(config) -> list[str]:
    """All complaints about both scales, as the workflow collects them."""
    lines = []
    for scale in (None, "laptop", "paper"):
        try:
            plan(scale, config)
        except ConfigError as error:
            lines += error.lines
    return list(dict.fromkeys(lines))


def test_the_example_is_good():
    assert problems(CONFIG) == []


def put(path, value):
    """A change of the example: set the entry at a dotted path."""

    def change(config):
        *sections, key = path.split(".")
        for section in sections:
            config = config[section]
        config[key] = value

    return change


def remove(path):
    def change(config):
        *sections, key = path.split(".")
        for section in sections:
            config = config[section]
        del config[key]

    return change


WIDE = "experiments.wide"
FIGURE = CONFIG["figures"]["Fig_1"] | {"options": {}}
BAD = [
    # Unknown keys, at each level
    (put("scales", 1), "top level: unknown key 'scales'; did you mean 'scale'?"),
    (put(f"{WIDE}.sedes", 3), "experiments.wide: unknown key 'sedes'; did you mean 'seeds'?"),
    (put(f"{WIDE}.params.widht", 3), "experiments.wide.params: unknown key 'widht'; did you mean 'width'?"),
    (put(f"{WIDE}.sweep.kernal_size", [3]), "experiments.wide.sweep: unknown key 'kernal_size'; did you mean 'kernel_size'?"),
    (put("experiments.cases.sweep.setting.small", {"eps": 0}), "experiments.cases.sweep: unknown key 'eps'; did you mean 'epsilon'?"),
    (put("figures.Fig_1.capton", "x"), "figures.Fig_1: unknown key 'capton'; did you mean 'caption'?"),
    (put("data_sources.bundled.cifar10.sise", 3), "data_sources.bundled.cifar10.bundled: unknown key 'sise'; did you mean 'size'?"),
    # Missing entries
    (remove("data_sources"), "data_sources: is missing"),
    (remove(f"{WIDE}.family"), "experiments.wide.family: is missing"),
    (remove(f"{WIDE}.params.architecture"), "experiments.wide.params.architecture: is missing"),
    (remove("figures.Fig_1.draw"), "figures.Fig_1.draw: is missing"),
    (put(f"{WIDE}.seeds", {"laptop": 3}), "experiments.wide.seeds: gives no value for scale 'paper'; it has laptop"),
    # Wrong types
    (put(f"{WIDE}.seeds", "many"), "experiments.wide.seeds = 'many': should be a valid integer"),
    (put(f"{WIDE}.params.depth", "deep"), "experiments.wide.params.depth = 'deep': should be a valid integer"),
    (put(f"{WIDE}.params.depth", 2.5), "experiments.wide.params.depth = 2.5: should be a valid integer"),
    (put(f"{WIDE}.params", [1]), "experiments.wide.params = [1]: should be a valid dictionary"),
    (put(f"{WIDE}.sweep", [1]), "experiments.wide.sweep = [1]: should be a valid dictionary"),
    (put("figures.Fig_1.experiments", "wide"), "figures.Fig_1.experiments = 'wide': should be a valid dictionary"),
    (put("experiments", [1]), "experiments = [1]: should be a valid dictionary"),
    (put(WIDE, None), "experiments.wide = None: should be a valid dictionary"),
    # Out of range
    (put(f"{WIDE}.seeds", 0), "experiments.wide.seeds = 0: should be greater than or equal to 1"),
    (put(f"{WIDE}.seeds_per_shard", -1), "experiments.wide.seeds_per_shard = -1: should be greater than or equal to 1"),
    (put(f"{WIDE}.params.width", {"laptop": 0, "paper": 9}), "experiments.wide.params.width = 0: should be greater than or equal to 2"),
    (put(f"{WIDE}.sweep.batch_size", [16, 1]), "experiments.wide.sweep.batch_size = 1: should be greater than or equal to 2"),
    (put(f"{WIDE}.params.epsilon", -1.0), "experiments.wide.params.epsilon = -1.0: should be greater than or equal to 0"),
    (put(f"{WIDE}.params.epsilon", float("nan")), "experiments.wide.params.epsilon = nan: should be a finite number"),
    (put(f"{WIDE}.params.depth", 15), "experiments.wide.params: depth = 15: must be a multiple of measurements = 10"),
    (put("data_sources.bundled.cifar10.size", 4), "data_sources.bundled.cifar10.bundled.size = 4: should be greater than or equal to 8"),
    (put(f"{WIDE}.params.epsilon", {"from": 1, "to": 0, "step": 1}), "experiments.wide.params.epsilon = {'from': 1, 'to': 0, 'step': 1}: 'to' must not be below 'from'"),
    (put(f"{WIDE}.sweep.batch_size", {"from": 4, "to": 8, "step": 0}), "experiments.wide.sweep.batch_size = {'from': 4, 'to': 8, 'step': 0}: from, to and step must be numbers and step positive"),
    # Unknown names
    (put("scale", "lap"), "scale = 'lap': is not a scale; did you mean 'laptop'?; allowed: laptop, paper"),
    (put("data", "oficial"), "data = 'oficial': no such mapping in data_sources; known: bundled, mine; allowed: bundled, mine"),
    (put("device", "gpu"), "device = 'gpu': should be 'auto', 'cpu' or 'cuda'"),
    (put(f"{WIDE}.family", "moment"), "experiments.wide.family = 'moment': no such family; did you mean 'moments'?; allowed: atlas, cascades, linear_bnn, message_passing, moments"),
    (put(f"{WIDE}.task", "propagate"), "experiments.wide.task = 'propagate': family 'moments' has no such task; did you mean 'propagation'?"),
    (put(f"{WIDE}.dataset", "cifar"), "experiments.wide.dataset = 'cifar': is in no mapping of data_sources; did you mean 'cifar10'?"),
    (put(f"{WIDE}.params.architecture", "resnet"), "experiments.wide.params.architecture = 'resnet': should be 'vanilla', 'bn_ff' or 'bn_res'"),
    (put("figures.Fig_1.experiments.main", "wider"), "figures.Fig_1.experiments: 'wider' is no experiment; did you mean 'wide'?"),
    (put("figures.Fig_1.family", "moment"), "figures.Fig_1.family = 'moment': no such family"),
    (put("figures.Fig_1.draw", "drawings.py:grwth"), "figures.Fig_1.draw = 'drawings.py:grwth': drawings.py defines no 'grwth'; did you mean 'growth'?"),
    (put("figures.Fig_1.draw", "score.card"), "figures.Fig_1.draw = 'score.card': there is no module nnstatmech.moments.figures.score"),
    (put("figures.Fig_1.draw", "scorecard"), "figures.Fig_1.draw = 'scorecard': String should match pattern"),
    (put("data_sources.mine.cifar10.kind", "npzz"), "data_sources.mine.cifar10"),
    # Names that cannot be used
    (put("experiments.Wide-1", CONFIG["experiments"]["wide"]), "experiments.Wide-1"),
    (put("figures.Fig 1", CONFIG["figures"]["Fig_1"]), "figures.Fig 1"),
    # Contracts: what figures give to functions, and what tasks need
    (put("figures.Fig_1.options", {"color": "C1"}), "figures.Fig_1.options.color: growth takes no such option; did you mean 'colour'?"),
    (put("figures.Fig_1.options", {"scale": "paper"}), "figures.Fig_1.options.scale: growth takes no such option; known: colour"),
    (put("figures.Fig_1.experiments", {"mian": "wide"}), "figures.Fig_1.experiments.mian: growth takes no such table; did you mean 'main'?"),
    (put("figures.Fig_1.experiments", {"baseline": "wide"}), "figures.Fig_1.experiments: growth needs a table as 'main'"),
    (put("figures.Fig_1.experiments", {"main": ["wide", "cases"]}), "figures.Fig_1.experiments.main: growth takes a single experiment here, not 2"),
    (put("figures.Fig_1.experiments", {"main": "other"}), "figures.Fig_1.experiments.main: 'other' is a table of Untrained, and growth reads one of Propagation"),
    (put("figures.Fig_1", FIGURE | {"draw": "drawings.py:several", "experiments": {"tables": "wide"}, "options": {"law": "x"}}), "figures.Fig_1.experiments.tables: several takes a list of experiments here: write [wide]"),
    (put("figures.Fig_1", FIGURE | {"draw": "drawings.py:several", "experiments": {"tables": ["wide"]}}), "figures.Fig_1.options: several needs the option 'law'"),
    (put("figures.Fig_1.draw", "nowhere.py:growth"), "figures.Fig_1.draw = 'nowhere.py:growth': there is no module"),
    (remove(f"{WIDE}.dataset"), "experiments.wide.dataset: is missing: the task 'propagation' needs images"),
    (put("experiments.other", {"family": "linear_bnn", "task": "norm_learning", "dataset": "cifar10"}), "experiments.other.dataset = 'cifar10': the task 'norm_learning' reads no data set; leave it out"),
    (put("experiments.other", {"family": "linear_bnn", "task": "annealed", "dataset": "cifar10"}), "experiments.other.task = 'annealed': family 'linear_bnn' has no such task"),
    (put("experiments.wide.sweep", {"depth": [10, 20]}), "experiments.wide.sweep.depth: the table has a column 'depth' of its own"),
    (put("experiments.wide.sweep", {"run": {"a": {"width": 8}}}), "experiments.wide.sweep.run: the table has a column 'run' of its own"),
    (put("experiments.wide.sweep", {"value": {"a": {"width": 8}}}), "experiments.wide.sweep.value: the table has a column 'value' of its own"),
    (put("seeds", {"wid": 3}), "seeds.wid: no such experiment; did you mean 'wide'?"),
    (put("seeds", True), "seeds = True: should be a valid integer"),
    (put(f"{WIDE}.seeds", True), "experiments.wide.seeds = True: should be a valid integer"),
    (put(f"{WIDE}.params.depth", True), "experiments.wide.params.depth = True: should be a valid integer"),
    # Sweeps
    (put(f"{WIDE}.sweep", {"epsilon": 0.1}), "experiments.wide.sweep.epsilon = 0.1: should be a valid list"),
    (put(f"{WIDE}.sweep", {"epsilon": [1, 1.0]}), "experiments.wide.sweep: two runs are called 'epsilon=1.0'; values must differ"),
    (put(f"{WIDE}.sweep", {"batch_size": [16, True]}), "experiments.wide.sweep.batch_size = True: should be a valid integer"),
    (put("experiments.cases.sweep.setting.large", {"epsilon": 0.0}), "experiments.cases.sweep: the runs 'setting=small' and 'setting=large' are the same"),
    (put("experiments.cases.sweep.epsilon", [0.2]), "experiments.cases.sweep.epsilon: sets 'epsilon', which the axis 'setting' sets too"),
    (put(f"{WIDE}.params.epsilon", {"from": 0.0, "to": 1.0, "step": 1e-9}), "experiments.wide.params.epsilon = {'from': 0.0, 'to': 1.0, 'step': 1e-09}: gives more than 100000 values"),
    (put(f"{WIDE}.sweep.batch_size", []), "experiments.wide.sweep.batch_size: is empty; it needs at least one value"),
    (put("experiments.cases.sweep.setting", {}), "experiments.cases.sweep.setting: is empty; it needs at least one value"),
    (put(f"{WIDE}.sweep.batch_size", [16, 16]), "experiments.wide.sweep: two runs are called 'batch_size=16'; values must differ"),
    (put(f"{WIDE}.sweep.image", {"a" * 220: {"image_stream": "published"}}), "experiments.wide.sweep: the run id 'batch_size=16+image=aaa"),
    (put("figures.Fig_1.experiments", {}), "figures.Fig_1.experiments = {}: Dictionary should have at least 1 item"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "line"), BAD, ids=[line for _, line in BAD])
def test_each_mistake_is_named_in_one_line(change, line):
    config = copy.deepcopy(CONFIG)
    change(config)
    lines = problems(config)
    assert len(lines) >= 1
    assert lines[0].startswith(line)
    assert all("\n" not in found for found in lines)
    # One mistake gives one complaint; a swept value is complained about for each run that has it.
    assert len({found.split(":")[0] for found in lines}) == 1


def test_all_mistakes_are_reported_at_once():
    config = copy.deepcopy(CONFIG)
    put(f"{WIDE}.params.width", 0)(config)
    put("experiments.cases.family", "momets")(config)
    put("figures.Fig_1.experiments.main", "nothing")(config)
    assert len(problems(config)) == 3
