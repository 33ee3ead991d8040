"""Every command of the pages is in one list, with what is done with it here."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from small_project import PARTS, ROOT, Project, copy_project

from nnstatmech.planning import estimates
from nnstatmech.planning.layers import of_package
from nnstatmech.planning.plan import Plan

from .pages import commands, pages

LISTED = {entry["command"]: entry for entry in yaml.safe_load((ROOT / "tests/docs/commands.yaml").read_text())}
SMALL = ROOT / "tests/docs/small.yaml"
KINDS = ("run", "small", "plan", "parse")
EXECUTED = ("run", "small")


def of_kind(kind, quick=False):
    """Commands of a kind that are executed here, the quick or the other ones."""
    return [
        command
        for command, how in LISTED.items()
        if how["kind"] == kind and "by" not in how and how.get("quick", False) == quick
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The whole project, with nothing computed."""
    folder = tmp_path_factory.mktemp("commands") / "project"
    (folder / "results").mkdir(parents=True)
    for part in (*PARTS, "config.yaml", "docs"):
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)
    return Project(folder)


@pytest.fixture(scope="module")
def small_project(tmp_path_factory):
    """The project of the tests, with two figures of seconds."""
    return copy_project(tmp_path_factory.mktemp("small") / "project")


@pytest.fixture
def place(request):
    """Where a command is called: a function of the entry of the list."""

    def folder(how):
        at = how.get("at", "project")
        if at == "checkout":
            return ROOT
        return request.getfixturevalue("small_project" if at == "small" else "project").folder

    return folder


def in_shell(folder, command):
    """Run a command as a reader would, with this Python, and the package of the folder, first on the path."""
    python = shlex.quote(sys.executable)
    ready = f"export PATH={shlex.quote(str(sys.prefix))}/bin:$PATH PYTHONPATH=workflow OMP_NUM_THREADS=1; "
    ready += f'nnstatmech() {{ {python} -m nnstatmech "$@"; }}; '
    done = subprocess.run(["bash", "-c", ready + command], cwd=folder, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def with_config(command, config):
    """A snakemake command with values of ``--config`` laid over its own."""
    words = shlex.split(command)
    if not config:
        return words
    if "--config" not in words:
        return [*words, "--config", *config]
    here = words.index("--config") + 1
    given = dict(word.split("=", 1) for word in words[here:]) | dict(word.split("=", 1) for word in config)
    return [*words[:here], *(f"{key}={value}" for key, value in given.items())]


def test_the_list_is_complete_and_holds_nothing_else():
    said = {command for page in pages() for command in commands(page)}
    assert said - set(LISTED) == set(), "enter them in tests/docs/commands.yaml"
    assert set(LISTED) - said == set(), "no page says so any more"


def test_the_list_is_understood():
    assert {how["kind"] for how in LISTED.values()} <= set(KINDS)
    for how in LISTED.values():
        assert "by" not in how or (ROOT / how["by"]).exists(), how


def test_most_commands_are_executed():
    executed = [command for command, how in LISTED.items() if how["kind"] in EXECUTED]
    assert len(executed) >= 0.8 * len(LISTED)


@pytest.mark.parametrize("command", of_kind("run", quick=True))
def test_quick_commands_run_as_they_stand(place, command):
    in_shell(place(LISTED[command]), command)


@pytest.mark.recipes
@pytest.mark.parametrize("command", of_kind("run"))
def test_commands_that_run_as_they_stand(place, command):
    in_shell(place(LISTED[command]), command)


def skip_without(needed):
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"needs {needed}: pip install -e '.[slurm,cluster]'")


@pytest.mark.recipes
@pytest.mark.parametrize("command", of_kind("plan"))
def test_commands_that_are_planned(project, command):
    skip_without(LISTED[command].get("needs"))
    assert "total" in in_shell(project.folder, f"{command} -n")


@pytest.mark.recipes
@pytest.mark.parametrize("command", of_kind("small"))
def test_commands_that_run_small(place, command):
    how = LISTED[command]
    skip_without(how.get("needs"))
    folder = place(how)
    if "adds" in how:
        in_shell(folder, f"{command} {how['adds']}")
        return
    for line in filter(None, (how.get("after"), command)):
        words = with_config(line, how.get("config") if line == command else None)
        if words[0] == "snakemake" and "at" not in how:
            targets = [word for word in words[1:] if word.endswith(".png") or word == "scorecard"]
            words = [words[0], *targets, "--configfile", str(SMALL), *words[1 + len(targets) :]]
        in_shell(folder, shlex.join(words))
        for target in (word for word in words if word.startswith("figures/")):
            assert (folder / target).exists()


def extras():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("command", of_kind("parse"))
def test_commands_that_are_only_read(command):
    pinned = (ROOT / "requirements.txt").read_text().splitlines()
    for words in map(shlex.split, command.split("&&")):
        if "install" in words:
            for word in words[words.index("install") + 1 :]:
                if "==" in word:
                    assert word in pinned
                if match := re.fullmatch(r"\.\[(.+)\]", word):
                    assert set(match[1].split(",")) <= set(extras())
                if word.endswith(".txt"):
                    assert (ROOT / word).exists()
        for word in words:
            if word.startswith("tests/"):
                assert (ROOT / word).exists()
        if words[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(words[2]) is not None


def test_a_dry_run_ends_with_what_its_runs_cost(project):
    plan = Plan.of(of_package({"scale": "paper"}))
    cost = estimates.of_experiments(plan, plan.figure("Fig_4").tables)
    *_, last = in_shell(project.folder, "snakemake figures/Fig_4.png --config scale=paper -n").splitlines()
    assert last.startswith(f"Cost: about {estimates.hours(cost.core_hours)} core hours in {cost.jobs} jobs, up to")
    assert estimates.megabytes(cost.memory_mb) in last
