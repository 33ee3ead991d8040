"""Files that repeat what is said elsewhere agree with it."""

import re
from pathlib import Path

import pytest
import yaml

from nnstatmech.planning import costs, generated, schema

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}


def requirements():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return dict(line.lower().split("==") for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize(("path", "text"), generated.contents().items(), ids=lambda item: getattr(item, "name", ""))
def test_generated_files_are_what_the_code_says(path, text):
    assert path.read_text(encoding="utf-8") == text, "run python -m nnstatmech.planning.generated"


def test_the_front_door_is_short():
    assert len((ROOT / "config.yaml").read_text().splitlines()) < 100


def test_the_config_obeys_the_schema():
    import jsonschema

    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    errors = jsonschema.Draft202012Validator(schema.config_schema()).iter_errors(config)
    assert [f"{error.json_path}: {error.message[:200]}" for error in errors] == []


@pytest.mark.parametrize("name", ["run", "tables", "figures"])
def test_environments_hold_the_pinned_versions(name):
    pinned = requirements()
    for line in yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text())["dependencies"]:
        package, version = line.split("=")
        if package != "python":
            assert pinned[CONDA_NAMES.get(package, package)] == version, line


def test_requirements_name_versions_and_no_addresses():
    text = (ROOT / "requirements.txt").read_text()
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|@", text)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", line) for line in text.splitlines() if line[0] != "#")


def test_measured_costs_are_read_from_the_shards(tmp_path):
    for shard, seconds in (("000", 10), ("001", 30)):
        path = tmp_path / f"laptop-bundled/moments/bn_ff/single/shard-{shard}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{seconds}\t0:00:10\t500\t{seconds / 2}\n")
    row = costs.measured(tmp_path).iloc[0]
    assert (row.family, row.experiment, row.jobs, row.seconds, row.total_cpu_seconds) == ("moments", "bn_ff", 2, 30, 20)
