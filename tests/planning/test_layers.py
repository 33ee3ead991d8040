"""Settings are merged from the bottom up, and every refusal says where the entry was written."""

import pytest

from nnstatmech.planning.families import families_of
from nnstatmech.planning.layers import overlaid, read_layers
from nnstatmech.planning.mistakes import ConfigError
from nnstatmech.planning.plan import Plan
from nnstatmech.planning.settings import SCALES, read_settings
from nnstatmech.planning.yaml_files import read_yaml


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return path


def refusals(files, overrides=None):
    layers = read_layers(files, overrides)
    try:
        for scale in SCALES:
            Plan(read_settings(layers.config, scale), layers.families, layers.folder_of)
    except ConfigError as error:
        return error.located(layers.origins)
    return []


@pytest.mark.parametrize(
    ("below", "above", "path", "merged"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, (), {"a": 1, "b": 3}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, (), {"a": {"b": 1, "c": 2}}),
        ({"a": 1}, {"a": {"c": 2}}, (), {"a": {"c": 2}}),
        ({"x": 1}, {"y": 2}, ("experiments", "e", "sweep"), {"y": 2}),
        ({"x": 1}, {"y": 2}, ("experiments", "e", "params", "cases"), {"y": 2}),
        ({"kind": "idx"}, {"path": "x"}, ("data_sources", "mine", "mnist"), {"path": "x"}),
        ({"laptop": 1, "paper": 2}, 3, (), 3),
        ({"laptop": 1, "paper": 2}, {"laptop": 3}, (), {"laptop": 3, "paper": 2}),
        (1, {"laptop": 3}, (), {"laptop": 3, "paper": 1}),
        ({"laptop": 1, "paper": 2}, {"b": 3}, (), {"b": 3}),
    ],
)
def test_what_merges_and_what_replaces(below, above, path, merged):
    assert overlaid(below, above, path) == merged


def test_an_override_is_one_line_and_touches_one_experiment(tmp_path):
    before = read_layers([]).config["experiments"]
    path = written(tmp_path, "mine.yaml", "experiments: {bn_ff: {params: {width: 64}}}\n")
    after = read_layers([path]).config["experiments"]
    assert after["bn_ff"]["params"]["width"] == 64
    assert {name for name in before if before[name] != after[name]} == {"bn_ff"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "\nexperiments:\n  bn_ff:\n    params: {widht: 3}\n",
            "mine.yaml, line 4: experiments.bn_ff.params: unknown key",
        ),
        (
            "experiments:\n  bn_ff:\n    params:\n      width: 0\n",
            "mine.yaml, line 4: experiments.bn_ff.params.width = 0",
        ),
        ("sclae: paper\n", "mine.yaml, line 1: top level: unknown key 'sclae'; did you mean 'scale'?"),
        ("figures:\n  Fig_4:\n    options: {colour: x}\n", "mine.yaml, line 3: figures.Fig_4.options.colour: "),
        ("experiments:\n  x: {family: moments}\n", "mine.yaml, line 2: experiments.x.dataset: is missing"),
    ],
)
def test_a_refusal_names_file_and_line(tmp_path, text, line):
    lines = refusals([written(tmp_path, "mine.yaml", text)])
    assert lines[0].startswith(line)


def test_a_refusal_names_the_command_line():
    assert refusals([], {"device": "gpu"})[0].startswith("--config: device = 'gpu': should be")


@pytest.mark.parametrize("value", [{"a": 1}, [1], "{a: 1}", " [1]"])
def test_the_command_line_takes_single_values(value):
    with pytest.raises(ConfigError, match="write it into a file and give that with --configfile"):
        read_layers([], {"experiments": value})


FAMILY = {
    "family.py": "from nnstatmech.parameters import Family\nfrom .params import Growth\n"
    'FAMILY = Family(work="Growth", uses_gpu=False, tasks={"growth": Growth})\n',
    "params.py": "from nnstatmech.parameters import Parameters\n\n\nclass Growth(Parameters):\n"
    '    """Growth."""\n\n    size: int = 3\n    rate: float = 1.0\n',
    "experiments.yaml": "a: {params: {size: 4, rate: {laptop: 1.0, paper: 2.0}}, sweep: {rate: [1, 2]}}\n"
    "b: {like: a, params: {size: 5}}\nc:\n  like: b\n  sweep: {size: [1]}\n",
}


def family_folder(tmp_path, name, **changed):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for file, text in {**FAMILY, **changed}.items():
        (folder / file).write_text(text)
    return written(tmp_path, "mine.yaml", f"families: [./{name}]\n")


def test_a_family_of_ones_own_is_found(tmp_path):
    layers = read_layers([family_folder(tmp_path, "growing_a")])
    assert layers.families["growing_a"].engine("growth") == "growing_a.tasks.growth"
    experiments = layers.config["experiments"]
    assert experiments["b"] == experiments["a"] | {"params": {"size": 5, "rate": {"laptop": 1.0, "paper": 2.0}}}
    assert experiments["c"]["sweep"] == {"size": [1]}
    assert experiments["c"]["params"]["size"] == 5
    assert layers.origins["experiments", "c", "params", "rate"] == "growing_a/experiments.yaml, line 1"
    assert layers.origins["experiments", "c", "params", "size"] == "growing_a/experiments.yaml, line 2"


def test_what_is_like_a_sibling_does_not_follow_an_override_of_it(tmp_path):
    path = family_folder(tmp_path, "growing_b")
    path.write_text(path.read_text() + "experiments: {a: {params: {size: 9}}}\n")
    experiments = read_layers([path]).config["experiments"]
    assert [experiments[name]["params"]["size"] for name in "abc"] == [9, 5, 5]


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("growing_c", {"experiments.yaml": "a: {like: b}\nb: {like: a}\n"}, "the entries are like each other"),
        ("growing_d", {"experiments.yaml": "a: {like: bb}\nb: {}\n"}, "no such entry of this file; did you mean"),
        ("growing_e", {"experiments.yaml": "[a]\n"}, "must hold a mapping of experiments"),
        ("growing_f", {"family.py": "FAMILIES = 3\n"}, "declares no family"),
        ("moments", {}, "is taken or no Python name"),
        ("random", {}, "is taken or no Python name"),
        ("my-family", {}, "is taken or no Python name"),
    ],
)
def test_families_that_cannot_be_used_are_named(tmp_path, name, changed, message):
    with pytest.raises(ConfigError, match=message):
        read_layers([family_folder(tmp_path, name, **changed)])


def test_a_folder_without_a_family_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere holds no family\.py"):
        read_layers([written(tmp_path, "mine.yaml", "families: [nowhere]\n")])


OWN = """experiments:
  mine: {family: probe, task: initialisation, dataset: cifar10, params: {model: "my_models.py:build"}}
  named: {family: probe, task: training, dataset: cifar10, params: {model: "torchvision:resnet18"}}
  other: {family: moments, dataset: cifar10, params: {architecture: vanilla}}
figures:
  Probe_named: {title: My network, options: {sentences: false}}
"""


def test_an_experiment_of_ones_own_is_a_figure_without_an_entry(tmp_path):
    before = read_layers([]).config["figures"]
    layers = read_layers([written(tmp_path, "mine.yaml", OWN)])
    figures = layers.config["figures"]
    assert set(figures) - set(before) == {"Probe_mine", "Probe_named"}
    assert all(figures[name] == before[name] for name in before)
    assert figures["Probe_mine"]["experiments"] == {"main": "mine"}
    assert figures["Probe_mine"]["title"] == "Probes: mine"
    assert "experiment mine, " in figures["Probe_mine"]["caption"]
    assert figures["Probe_named"]["title"] == "My network"
    assert figures["Probe_named"]["draw"] == figures["Probe_mine"]["draw"]
    plan = Plan(read_settings(layers.config, "laptop"), layers.families, layers.folder_of)
    assert plan.runs["mine"]["single"].params["file"] == "my_models.py"
    assert plan.drawing("Probe_mine") == plan.drawing("Probe_mlp")


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (("sentences", "sentence"), "mine.yaml, line 6: figures.Probe_named.options.sentence: "),
        (("title", "titel"), "mine.yaml, line 6: figures.Probe_named: unknown key 'titel'; did you mean 'title'?"),
    ],
)
def test_what_is_written_of_such_a_figure_is_checked(tmp_path, changed, line):
    assert refusals([written(tmp_path, "mine.yaml", OWN.replace(*changed))])[0].startswith(line)


@pytest.mark.parametrize("text", ["figures: [a]\n", "experiments: [a]\n", "figures: {Probe_x: 3}\n"])
def test_what_is_no_mapping_is_refused_as_ever(tmp_path, text):
    assert refusals([written(tmp_path, "mine.yaml", text)])[0].startswith("mine.yaml, line 1: ")


def test_the_experiments_state_what_differs():
    """Settings of all families' experiments: leaves, a value a scale or a list counting as one.

    250 for the 56 experiments of the four works as they were when `like` came, ten for each that came later.
    """

    def leaves(value):
        if isinstance(value, dict) and not (value and set(value) <= set(SCALES)):
            return sum(map(leaves, value.values()))
        return 1

    contents = [read_yaml(family.folder / "experiments.yaml")[0] for family in families_of().values()]
    experiments = sum(map(len, contents))
    assert sum(map(leaves, contents)) <= 250 + 10 * (experiments - 56)
