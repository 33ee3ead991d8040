"""Small runs share jobs: which ones, what the jobs are called, and what they cost."""

import copy
import itertools
import random
import re

import pytest

from nnstatmech.parameters import Cost
from nnstatmech.planning import estimates, job_sizes, measured_costs
from nnstatmech.planning.batches import ALL, RUN_ID, axes_to_batch, batch_id, batches_of
from nnstatmech.planning.layers import merged
from nnstatmech.planning.mistakes import ConfigError

from .test_settings import CONFIG, plan, problems

MOST_JOBS = 40  # of a family's laptop figures
SHORTEST = 5.0  # seconds of computing


def grid(**axes):
    """Runs of a sweep by their ids."""
    return {
        "+".join(f"{name}={value}" for name, value in zip(axes, point, strict=True)): dict(
            zip(axes, point, strict=True)
        )
        for point in itertools.product(*axes.values())
    }


def test_a_job_is_called_by_the_axes_that_its_runs_share():
    axes = {"rho": 1, "algorithm": "bp"}
    assert batch_id(axes, []) == "algorithm=bp+rho=1"
    assert batch_id(axes, ["rho"]) == "algorithm=bp"
    assert batch_id(axes, ["algorithm", "rho"]) == ALL
    assert batch_id({}, []) == "single"


def test_every_run_is_in_one_job_in_the_order_of_the_sweep():
    runs = grid(a=[2, 1], b=["x", "y", "z"])
    batches = batches_of(runs, ["b"])
    assert batches == {"a=2": ["a=2+b=x", "a=2+b=y", "a=2+b=z"], "a=1": ["a=1+b=x", "a=1+b=y", "a=1+b=z"]}
    assert batches_of(runs, []) == {run: [run] for run in runs}


@pytest.mark.parametrize(
    ("most", "jobs"),
    [(5.9, 6), (6, 3), (8.9, 3), (9, 2), (17.9, 2), (18, 1)],  # a job of one value of b is 6 s, one of a 9 s
)
def test_the_fewest_jobs_that_are_not_too_long(most, jobs):
    runs = grid(a=[1, 2], b=[1, 2, 3])
    batched = axes_to_batch(runs, dict.fromkeys(runs, 3.0), most)
    assert len(batches_of(runs, batched)) == jobs


@pytest.mark.parametrize("seed", range(20))
def test_no_choice_of_axes_gives_fewer_jobs(seed):
    """All choices tried one by one."""
    rng = random.Random(seed)
    runs = grid(a=range(rng.randint(1, 4)), b=range(rng.randint(1, 3)), c=range(rng.randint(1, 3)))
    seconds = {run: rng.uniform(1, 30) for run in runs}
    choices = [
        [name for name, taken in zip("abc", mask, strict=True) if taken] for mask in itertools.product([0, 1], repeat=3)
    ]

    def jobs(batched):
        return [sum(seconds[run] for run in batch) for batch in batches_of(runs, batched).values()]

    fewest = min(len(jobs(choice)) for choice in choices if max(jobs(choice)) <= 60)
    found = jobs(axes_to_batch(runs, seconds, 60))
    assert len(found) == fewest
    assert max(found) <= 60


def test_runs_that_are_too_long_have_jobs_of_their_own():
    runs = grid(a=[1, 2])
    assert axes_to_batch(runs, dict.fromkeys(runs, 100.0), 60) == ()


def test_the_runs_of_a_job_share_its_start():
    costs = [Cost(10.0, 300.0), Cost(5.0, 500.0), Cost(1.0, 10.0)]
    assert job_sizes.cost_of_job(costs) == Cost(2.0 + 8.0 + 3.0 + 0.0, 500.0)


def config(**entry):
    changed = copy.deepcopy(CONFIG)
    changed["experiments"]["wide"] |= entry
    return changed


def test_an_entry_may_name_the_axes():
    assert list(plan(config=config(batched=[])).batches["wide"]) == ["batch_size=16", "batch_size=64"]
    assert plan(config=config(batched=["batch_size"])).batches["wide"] == {ALL: ["batch_size=16", "batch_size=64"]}
    assert plan().batches["other"] == {"single": ["single"]}


def test_an_axis_that_the_sweep_lacks_is_refused():
    (said,) = problems(config(batched=["batchsize"]))
    assert said == "experiments.wide.batched = 'batchsize': is no axis of the sweep; did you mean 'batch_size'?"


def test_a_path_that_names_no_job_is_refused():
    made = plan(config=config(batched=["batch_size"]))
    assert made.batch("wide", ALL) == ["batch_size=16", "batch_size=64"]
    with pytest.raises(ConfigError, match="the run 'batch_size=16' of experiment 'wide' is computed in the job 'all'"):
        made.batch("wide", "batch_size=16")
    with pytest.raises(ConfigError, match=re.escape("'wide' has no job 'batch_size=1' at scale 'laptop'; known: all")):
        made.batch("wide", "batch_size=1")


def test_a_shard_must_say_all_of_each_of_its_runs():
    contents = plan(config=config(batched=["batch_size"])).shard_contents("wide")
    assert list(contents) == ["all/000", "all/001"]
    assert {run: said["params"]["batch_size"] for run, said in contents["all/001"].items()} == {
        "batch_size=16": 16,
        "batch_size=64": 64,
    }
    assert contents["all/001"]["batch_size=16"]["seeds"] == [2, 3]


def test_fewer_seeds_leave_the_jobs_as_they_are():
    """Whatever caps the seeds: what exists stays valid when the cap is lifted."""
    whole = plan("paper", merged())
    few = plan("paper", merged() | {"seeds": 2})
    assert few.batches == whole.batches


@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_the_jobs_of_every_experiment_hold_every_run_once(scale):
    made = plan(scale, merged())
    for name, runs in made.runs.items():
        assert sorted(run for batch in made.batches[name].values() for run in batch) == sorted(runs)
        assert all(RUN_ID.fullmatch(batch) for batch in made.batches[name])


def test_laptop_figures_are_few_jobs():
    """At most 40 a family, and none under 5 s in an experiment that fits into one job."""
    made = plan("laptop", merged())
    jobs = dict.fromkeys(made.families, 0)
    for name, entry in made.settings.experiments.items():
        seeds = min(made.shard_size(name), entry.seeds)
        seconds = [
            job_sizes.cost_of_job([made.cost(name, run, seeds) for run in made.batch(name, batch)]).cpu_seconds - 2
            for batch in made.batches[name]
        ]
        assert len(seconds) == 1 or min(seconds) >= SHORTEST or sum(seconds) > job_sizes.BATCH_SECONDS["laptop"], name
        jobs[entry.family] += len(seconds) * made.shard_count(name)
    assert max(jobs.values()) <= MOST_JOBS, jobs


def test_estimates_count_jobs_and_their_starts_once(monkeypatch):
    monkeypatch.setattr(measured_costs, "measurements", dict)
    made = plan(config=config(batched=["batch_size"]))
    estimate = estimates.of_experiment(made, "wide")
    single = [made.cost("wide", run, 2).cpu_seconds - 2 for run in made.runs["wide"]]
    assert estimate.jobs == 2
    assert estimate.core_hours == pytest.approx(2 * (2 + sum(single)) / 3600)
