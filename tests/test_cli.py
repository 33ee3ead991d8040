"""The command line: what it prints, what it refuses in one line, results packed here and unpacked there."""

import json
import subprocess
import sys
import zipfile

import pytest
from typer.testing import CliRunner

from nnstatmech import bundles, cli
from nnstatmech.planning import estimates, measured_costs
from nnstatmech.planning.codehash import module_hash
from nnstatmech.planning.layers import of_package
from nnstatmech.planning.plan import Plan
from nnstatmech.planning.settings import read_settings
from nnstatmech.storage.tables import read_table, tidy, write_table

ENGINE = "nnstatmech.moments.tasks.propagation"
COLUMNS = {"run": "category", "seed": "int32", "value": "float64"}


def call(*arguments):
    return CliRunner().invoke(cli.app, list(map(str, arguments)))


def made(*arguments):
    done = call(*arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def plan():
    layers = of_package({"scale": "paper", "seeds": 8})
    return Plan(read_settings(layers.config), layers.families, layers.folder_of)


def test_figures_are_listed_without_torch():
    code = (
        "import sys; sys.path.insert(0, 'workflow'); from typer.testing import CliRunner; from nnstatmech import cli; "
    )
    code += "done = CliRunner().invoke(cli.app, ['figures']); print(done.stdout); "
    code += "sys.exit(done.exit_code or bool({'torch', 'matplotlib', 'pandas', 'snakemake'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=bundles.ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Fig_4_zero_padding" in done.stdout


def test_a_figure_is_there_once_it_is_drawn(tmp_path):
    def line():
        return next(line for line in made("figures", "--results", tmp_path).splitlines() if line.startswith("Fig_4 "))

    assert " no " in line()
    picture = tmp_path / "laptop-bundled/figures/Fig_4.png"
    picture.parent.mkdir(parents=True)
    picture.touch()
    assert " yes " in line()


def test_experiments_say_how_many_jobs_are_done(tmp_path, plan):
    shard = tmp_path / "paper-bundled/moments/bn_ff/single/shard-000.parquet"
    shard.parent.mkdir(parents=True)
    shard.touch()
    said = made("experiments", "--config", "scale=paper", "seeds=8", "--results", tmp_path)
    (line,) = [line for line in said.splitlines() if line.startswith("bn_ff ")]
    jobs = plan.shard_count("bn_ff")
    assert line.split()[1:4] == ["1", str(plan.seed_count("bn_ff")), f"1/{jobs}"]


def test_the_cost_of_several_figures_counts_shared_experiments_once(plan, tmp_path):
    said = made("cost", "Fig_4", "Fig_5", "bn_ff", "--scale", "paper", "--seeds", "8", "--results", tmp_path)
    rows = {line.split()[0]: line.split() for line in said.splitlines()[2:]}
    assert int(rows["together"][1]) == int(rows["Fig_4"][1]) + int(rows["Fig_5"][1])
    assert rows["bn_ff"][1] == str(plan.shard_count("bn_ff"))
    assert said.count("not known yet") == 4


def test_an_estimate_is_the_sum_over_the_shards(plan, monkeypatch):
    monkeypatch.setattr(measured_costs, "measurements", dict)
    name = max(plan.runs, key=lambda name: len(plan.batches[name]) * (plan.shard_count(name) > 1))
    costs = [
        estimates.of_job(plan, name, batch, len(plan.seeds(name, shard)))
        for batch in plan.batches[name]
        for shard in plan.shards(name)
    ]
    estimate = estimates.of_experiment(plan, name)
    assert estimate.jobs == len(costs) > len(plan.batches[name])
    assert estimate.core_hours == pytest.approx(sum(cost.cpu_seconds for cost in costs) / 3600)
    assert estimate.unmeasured


def test_what_was_measured_multiplies_what_is_beyond_the_start(plan, monkeypatch):
    params, seeds = plan.parameters("vanilla", "single"), plan.shard_size("vanilla")
    start, stated = measured_costs.start_seconds(params), params.cost(seeds).cpu_seconds
    assert stated > start > 0
    kind = measured_costs.kind_of("moments", "propagation", params)
    monkeypatch.setattr(measured_costs, "measurements", lambda: {kind: measured_costs.Measured(3.0, 10.0)})
    corrected = measured_costs.corrected("moments", "propagation", params, params.cost(seeds)).cpu_seconds
    assert corrected == pytest.approx(start + 3 * (stated - start))
    estimate = estimates.of_experiment(plan, "vanilla")
    assert estimate.core_hours == pytest.approx(plan.shard_count("vanilla") * corrected / 3600)
    assert estimate.extrapolated == pytest.approx(3 * (stated - start) / 10)
    assert not estimate.unmeasured


def test_an_extrapolated_cost_says_so(plan, monkeypatch, tmp_path):
    of_command = ["cost", "Fig_3", "--scale", "paper", "--seeds", "8", "--results", tmp_path]
    params = plan.parameters("vanilla", "single")
    kind = measured_costs.kind_of("moments", "propagation", params)
    for longest, said in ((1.0, "times"), (1e9, "no")):
        monkeypatch.setattr(measured_costs, "measurements", lambda: {kind: measured_costs.Measured(1.0, longest)})  # noqa: B023
        assert made(*of_command).splitlines()[2].split()[-1] == said
    monkeypatch.setattr(measured_costs, "measurements", dict)
    assert made(*of_command).splitlines()[2].endswith("not measured")


def test_kinds_that_were_measured_are_kinds_of_jobs(plan):
    kinds = {
        measured_costs.kind_of(one.experiment(name).family, str(one.task(name)), one.parameters(name, run))
        for one in (plan, Plan.of(of_package({"scale": "laptop"})))
        for name, runs in one.runs.items()
        for run in runs
    }
    found = measured_costs.measurements()
    assert set(found) <= kinds
    assert all(0.05 < one.factor < 20 and one.cpu_seconds > 0 for one in found.values())


def test_the_disk_is_that_of_the_shards_at_hand(plan, tmp_path):
    assert estimates.disk_mb(plan, ["bn_ff"], tmp_path) is None
    shard = tmp_path / "paper-bundled/moments/bn_ff/single/shard-000.parquet"
    shard.parent.mkdir(parents=True)
    shard.write_bytes(bytes(2_000_000))
    assert estimates.disk_mb(plan, ["bn_ff"], tmp_path) == 2.0 * plan.shard_count("bn_ff")


def test_a_configuration_file_lies_over_the_front_door(tmp_path):
    path = tmp_path / "more.yaml"
    path.write_text("experiments:\n  bn_ff: {seeds: 3}\n")
    (line,) = [line for line in made("experiments", "--configfile", path).splitlines() if line.startswith("bn_ff ")]
    assert line.split()[2] == "3"


def test_the_schema_is_json():
    assert "data_sources" in json.loads(made("schema"))["properties"]


def test_running_jobs_are_watched(tmp_path):
    assert made("watch", tmp_path) == "no job has reported progress\n"
    path = tmp_path / "laptop-bundled/moments/bn_ff/single/shard-000.progress"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"n": 3, "total": 12, "elapsed": 60, "rate": 1, "prefix": "", "pid": 1}))
    said = made("watch", tmp_path, "--once")
    assert "laptop-bundled/moments/bn_ff/single/shard-000" in said
    assert "3/12" in said
    assert "01:00<03:00" in said


MISTAKES = [
    (["cost", "Fig_44"], "there is no figure 'Fig_44'; did you mean 'Fig_4'?"),
    (["figures", "--scale", "papr"], "--config: scale = 'papr': is not a scale; did you mean 'paper'?"),
    (["figures", "--data", "bundle"], "--config: data = 'bundle': no such mapping"),
    (["figures", "--config", "sale=paper"], "unknown key 'sale'; did you mean 'scale'?"),
    (["figures", "--config", "scale"], "--config scale: must be KEY=VALUE"),
    (["figures", "--config", "seeds={a: 1}"], "the command line takes single values only"),
    (["figures", "--config", "seeds=["], "is no value"),
    (["figures", "--configfile", "none.yaml"], "none.yaml"),
    (["watch", "none"], "none: no such folder"),
    (["accept", "results/none.parquet"], "has no shards"),
    (["bundle", "none"], "none holds no shards"),
    (["unbundle", "none.zip"], "none.zip is no whole bundle of results"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_one_line(arguments, said):
    done = call(*arguments)
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_values_may_follow_one_config_option():
    given = ["cost", "Fig_4", "--config", "scale=paper", "seeds=8", "--results", "a=b", "c=d"]
    assert cli.one_value_each(given) == [
        *["cost", "Fig_4", "--config", "scale=paper", "--config", "seeds=8", "--results", "a=b", "c=d"]
    ]


# --- bundles -------------------------------------------------------------------------------------


def write_results(folder, code):
    """One experiment with two shards and its table, one data set's facts, a picture, a log."""
    said = {"engine": ENGINE, "code": code, "commit": "c0ffee", "dataset": "cifar10", "params": {}, "run": "single"}
    for shard in (0, 1):
        table = tidy(COLUMNS, run="single", seed=[shard], value=1.0)
        path = folder / f"laptop-bundled/moments/bn_ff/single/shard-00{shard}.parquet"
        write_table(table, path, said | {"seeds": [shard]})
    write_table(table, folder / "laptop-bundled/moments/bn_ff.parquet", {"shards": []})
    for name in ("datasets/bundled/cifar10.json", "laptop-bundled/figures/Fig_4.png", "laptop-bundled/x.log"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")


@pytest.fixture
def packed(tmp_path):
    """``packed(code)``: a bundle of results that code made."""

    def pack(code=None):
        write_results(tmp_path / "there", code or module_hash(ENGINE, bundles.RUN_SCRIPT))
        made("bundle", tmp_path / "there/laptop-bundled", "-o", tmp_path / "x.zip")
        return tmp_path / "x.zip"

    return pack


def test_a_bundle_gives_back_the_shards_and_the_facts(packed, tmp_path):
    path = packed()
    assert {"laptop-bundled/figures/Fig_4.png", "bundle.json"} <= set(zipfile.ZipFile(path).namelist())
    said = made("unbundle", path, "--results", tmp_path / "here")
    assert said == "moments/bn_ff: 2 shards unpacked, made by the code at hand\n"
    shard = "laptop-bundled/moments/bn_ff/single/shard-00{}.parquet"
    found = sorted(str(path.relative_to(tmp_path / "here")) for path in tmp_path.glob("here/**/*") if path.is_file())
    assert found == ["datasets/bundled/cifar10.json", shard.format(0), shard.format(1)]
    assert read_table(tmp_path / "here" / shard.format(1))[1]["seeds"] == [1]
    made("unbundle", path, "--results", tmp_path / "here")  # again: what is there is left alone


def test_other_code_is_left_out_with_the_modules_that_differ(packed, tmp_path, monkeypatch):
    path = packed()
    ours = bundles.module_hashes(ENGINE, bundles.RUN_SCRIPT)
    assert "nnstatmech.moments.statistics" in ours
    changed = ours | {"nnstatmech.moments.statistics": "1", "nnstatmech.new": "2"}
    monkeypatch.setattr(bundles, "engine_hash", lambda engine: "0" * 16)
    monkeypatch.setattr(bundles, "module_hashes", lambda *starts: changed)
    done = call("unbundle", path, "--results", tmp_path / "here")
    assert done.exit_code == 1
    left = "moments/bn_ff: left out, made by other code; modules that differ: "
    assert done.stderr == f"{left}nnstatmech.moments.statistics, nnstatmech.new\n"
    assert not list(tmp_path.glob("here/**/*.parquet"))
    made("unbundle", path, "--results", tmp_path / "here", "--others")
    assert len(list(tmp_path.glob("here/**/*.parquet"))) == 2


def test_shards_of_code_that_is_gone_say_so(packed, tmp_path):
    done = call("unbundle", packed("0" * 16), "--results", tmp_path / "here")
    assert "it was packed without the code that made it (commit c0ffee)" in done.stderr


def test_shards_that_were_accepted_for_the_code_at_hand_are_taken(packed, tmp_path):
    write_results(tmp_path / "there", "0" * 16)
    now = module_hash(ENGINE, bundles.RUN_SCRIPT)
    for shard in tmp_path.glob("there/*/*/*/*/*.parquet"):
        rows, said = read_table(shard)
        write_table(rows, shard, said | {"accepted": [{"engine": ENGINE, "code": now}]})
    made("bundle", tmp_path / "there/laptop-bundled", "-o", tmp_path / "y.zip")
    assert "2 shards unpacked" in made("unbundle", tmp_path / "y.zip", "--results", tmp_path / "here")


def test_shards_of_different_code_are_left_out_together(packed, tmp_path):
    packed()
    shard = next(tmp_path.glob("there/*/*/*/*/*.parquet"))
    rows, said = read_table(shard)
    write_table(rows, shard, said | {"code": "0" * 16})
    made("bundle", tmp_path / "there/laptop-bundled", "-o", tmp_path / "y.zip")
    done = call("unbundle", tmp_path / "y.zip", "--results", tmp_path / "here")
    assert "its shards were not all made by the same code" in done.stderr
    assert not list(tmp_path.glob("here/**/*.parquet"))


def rewritten(path, change):
    """A bundle with other files."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def alter(files):
    name = next(name for name in files if "shard" in name)
    files[name] = files[name][:-1] + b"x"


def escape(files):
    contents = json.loads(files["bundle.json"])
    name = "../outside.parquet"
    files[name] = b""
    contents["files"][name] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    files["bundle.json"] = json.dumps(contents).encode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (alter, "was altered"),
        (escape, "lies outside the results"),
        (lambda files: files.update(extra=b""), "other files than it says"),
        (lambda files: files.pop("bundle.json"), "bundle.json"),
        (lambda files: files.update({"bundle.json": b'{"format": 9}'}), "it has format 9"),
    ],
    ids=["altered", "outside", "more", "none", "format"],
)
def test_a_bundle_that_is_not_whole_is_refused_before_anything_is_written(packed, tmp_path, change, said):
    done = call("unbundle", rewritten(packed(), change), "--results", tmp_path / "here")
    assert done.exit_code == 1
    assert said in done.stderr
    assert not (tmp_path / "here").exists()


def test_results_that_are_there_are_never_written_over(packed, tmp_path):
    path = packed()
    mine = tmp_path / "here/laptop-bundled/moments/bn_ff/single/shard-001.parquet"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    done = call("unbundle", path, "--results", tmp_path / "here")
    assert "shard-001.parquet is there with other content" in done.stderr
    assert [path.name for path in tmp_path.glob("here/**/*.parquet")] == ["shard-001.parquet"]
