"""Task ``training``: its table and its outcomes."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from message_passing import tables

from nnstatmech.datasets import Dataset
from nnstatmech.message_passing.learning import Learner
from nnstatmech.message_passing.params import Training
from nnstatmech.message_passing.tasks import training
from nnstatmech.message_passing.trainers import replicas_of
from nnstatmech.storage.checkpoints import ShardCheckpoint
from nnstatmech.storage.tables import schema_of

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images() -> Dataset:
    return tables.images()


def trained(dataset, seeds=(0,), given=None, **parameters) -> pd.DataFrame:
    defaults = {"bayes": True, "hidden": [11, 9], "batch_size": 20, "epochs": 3, "rho": [1.0, 1.0, 0.9]}
    table = training.run(Training(**{**defaults, **parameters}), list(seeds), dataset, CPU, **(given or {}))
    assert table.schema.equals(schema_of(Training.columns))
    return table.to_pandas()


def values(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    return table[table.quantity == quantity]


def without_times(table: pd.DataFrame) -> pd.DataFrame:
    kept = table[~table.quantity.isin(["seconds_per_epoch", "fused_kernel"])].astype(
        {"case": object, "quantity": object}
    )
    return kept.sort_values(["case", "seed", "quantity", "layer", "epoch"], na_position="first").reset_index(drop=True)


@pytest.mark.parametrize("labels", ["odd_even", "ten_classes"])
@pytest.mark.parametrize("algorithm", ["bp", "bpi", "amp", "mf", "sgd", "adam_sgd"])
def test_every_algorithm_learns(images, algorithm, labels):
    rate = 1e-2 if algorithm == "adam_sgd" else 1.0
    table = trained(images, algorithm=algorithm, labels=labels, hidden=[41], rho=1.0, epochs=8, learning_rate=rate)
    error = values(table, "test_error").set_index("epoch").value
    chance = 50 if labels == "odd_even" else 90
    assert error[8] < 0.4 * chance
    assert error[8] < 0.7 * error[0]
    assert np.isfinite(table.value).all()


def test_the_table(images):
    table = trained(images, seeds=[3, 5], evaluate_every=2, epochs=3)
    assert set(table.quantity) >= {
        "train_error",
        "test_error",
        "bayes_train_error",
        "bayes_test_error",
        "polarisation",
        "overlap",
        "overlap_full",
        "sign_overlap",
        "field_scale",
        "largest_field",
        "seconds_per_epoch",
        "samples",
    }
    assert not table.duplicated(["seed", "case", "epoch", "layer", "quantity"]).any()
    errors = values(table, "test_error")
    assert sorted(errors[errors.seed == 5].epoch) == [0, 2, 3]
    assert errors.layer.isna().all()
    assert sorted(values(table, "polarisation").layer.unique()) == [0, 1, 2]
    assert set(values(table, "samples").value) == {400.0}
    assert not len(values(table, "diverged_epoch"))


@pytest.mark.parametrize("algorithm", ["amp", "bp", "sgd"])
def test_a_seed_is_one_realisation_whatever_the_shard(images, algorithm):
    together = without_times(trained(images, seeds=[0, 1], algorithm=algorithm, subset_seed=None, samples=300))
    alone = [trained(images, seeds=[s], algorithm=algorithm, subset_seed=None, samples=300) for s in (0, 1)]
    apart = without_times(pd.concat(alone))
    pd.testing.assert_frame_equal(together, apart, check_categorical=False, rtol=1e-4, atol=1e-4)
    first, second = (values(table, "test_error").value.to_numpy() for table in alone)
    assert not np.allclose(first, second)


def test_cases_are_runs_of_their_own(images):
    cases = {"weak": {"rho": 0.95, "epsilon": 0.5}, "damped": {"psi": 0.95, "rho": [0.99, 0.98, 0.97]}}
    together = trained(images, seeds=[0, 1], cases=cases)
    assert set(together.case) == set(cases)
    for name, case in cases.items():
        alone = trained(images, seeds=[0, 1], **case)
        assert alone.case.isna().all()
        pd.testing.assert_frame_equal(
            without_times(together[together.case == name]).drop(columns="case"),
            without_times(alone).drop(columns="case"),
            rtol=1e-4,
            atol=1e-4,
        )


def test_without_initial_fields_training_is_frozen(images):
    table = trained(images, epsilon=0.0)
    assert (values(table, "polarisation").value == 0).all()
    assert values(table, "test_error").value.nunique() == 1


def test_forgetting_depolarises(images):
    """ρ = 0.5 leaves H ≈ 2 H_in; ρ = 1 accumulates."""
    q = {rho: values(trained(images, rho=rho, epochs=10), "polarisation").value.iloc[-3] for rho in (0.5, 1.0)}
    assert q[0.5] < 0.5 * q[1.0]


@pytest.mark.parametrize("cause", [{"rho": 1.1}, {"reinforcement": 0.9, "max_sweeps": 5}])
def test_divergence_is_recorded_with_its_epoch(images, cause):
    """The first epoch in which |H| reached the limit; training goes on with clamped fields and finite errors."""
    table = trained(images, epochs=6, **{"rho": 1.0, **cause})
    largest = values(table, "largest_field").groupby("epoch").value.max()
    diverged = values(table, "diverged_epoch")
    assert diverged.value.tolist() == [largest.index[largest == 2.0**24][0]]
    assert diverged.epoch.isna().all()
    assert np.isfinite(table.value).all()
    assert largest.max() == 2.0**24


def test_a_replica_that_ceases_to_be_finite_becomes_null_and_spares_the_others(images, monkeypatch):
    """One NaN put into the first replica in the second epoch."""
    plain = trained(images, seeds=[0, 1], epochs=4)
    original, calls = Learner.learn_batch, []

    def with_fault(learner, inputs, labels):
        original(learner, inputs, labels)
        calls.append(1)
        if len(calls) == 30:
            learner.network.layers[0].weights.mean[0, 0, 0] = torch.nan

    monkeypatch.setattr(Learner, "learn_batch", with_fault)
    table = trained(images, seeds=[0, 1], epochs=4)
    diverged = values(table, "diverged_epoch")
    assert (diverged.seed.tolist(), diverged.value.tolist()) == ([0], [2.0])
    broken = table[(table.seed == 0) & (table.epoch >= 2) & (table.quantity != "seconds_per_epoch")]
    assert len(broken)
    assert broken.value.isna().all()
    assert table[(table.seed == 0) & (table.epoch < 2)].value.notna().all()
    spared, expected = (without_times(t[t.seed == 1]) for t in (table, plain))
    pd.testing.assert_frame_equal(spared, expected, rtol=1e-4, atol=1e-4)


def test_the_exact_kernel_is_recorded(images):
    soft = trained(images, algorithm="bpi", switch_ratio=0.0)
    hard = trained(images, algorithm="bpi", switch_ratio=100.0)
    assert (values(soft, "exact_kernel").value == 0).all()
    used = values(hard, "exact_kernel")
    assert (used[used.epoch > 0].value == 1).all()
    exact = trained(images, algorithm="bpi", series_order=None)
    ours, reference = (values(t, "polarisation").value.to_numpy() for t in (hard, exact))
    np.testing.assert_allclose(ours, reference, atol=2e-2)


def test_a_batch_larger_than_the_data_is_refused_before_work_starts(images):
    with pytest.raises(ValueError, match="batch_size: 500 is larger than the 400 training images of prototypes"):
        trained(images, batch_size=500)
    with pytest.raises(ValueError, match="training needs a data set"):
        trained(None)


def record_of_two():
    return training.Record(replicas_of(Training(), [3, 5]))


def test_the_record_keeps_the_first_divergence_and_nothing_of_a_lost_replica():
    record = record_of_two()
    record.add("test_error", [10.0, 20.0], epoch=1)
    record.note_divergence(1, [False, True], [False, False])
    record.note_divergence(2, [True, True], [True, False])
    record.add("test_error", [float("nan"), 30.0], epoch=2)
    table = record.table().to_pandas()
    assert values(table, "diverged_epoch")[["seed", "value"]].to_numpy().tolist() == [[5, 1.0], [3, 2.0]]
    assert values(table, "test_error").value.isna().tolist() == [False, False, True, False]
    assert record.latest("test_error") == "test_error diverged"


def test_the_record_refuses_what_is_not_finite_and_not_lost():
    with pytest.raises(RuntimeError, match="test_error of seed 5 at epoch 2 is not finite"):
        record_of_two().add("test_error", [1.0, float("inf")], epoch=2)


# --- going on after a kill -------------------------------------------------------------------------


class Killed(BaseException):
    """Ends a training as a signal would."""


class DeadlyCheckpoint(ShardCheckpoint):
    """Keeps every state, and ends the training after the second epoch."""

    def offer(self, state):
        if Path(self.path).exists():
            raise Killed
        super().offer(state)


@pytest.mark.parametrize(
    "parameters",
    [
        {"algorithm": "bp"},
        {"algorithm": "bpi", "series_order": None},
        {"algorithm": "amp", "reset_messages": False, "max_sweeps": 2},
        {"algorithm": "amp", "cases": {"a": {"rho": 1.0}, "b": {"rho": 1.01}}, "density": 0.7, "evaluate_every": 2},
        {"algorithm": "mf", "labels": "ten_classes", "reinforcement": 0.3},
        {"algorithm": "bpi", "weights": "continuous"},
        {"algorithm": "mf", "field_limit": 3.0},
        {"algorithm": "sgd"},
        {"algorithm": "adam_sgd"},
    ],
)
def test_a_training_that_was_killed_goes_on_with_the_same_numbers(images, tmp_path, parameters):
    """Bit for bit, whatever has to be remembered."""
    given = {"epochs": 4, "seeds": (0, 1)} | parameters
    undisturbed = trained(images, **given)
    identity = {"params": parameters}
    with pytest.raises(Killed):
        trained(images, given={"checkpoint": DeadlyCheckpoint(tmp_path / "shard-000.parquet", identity, 0.0)}, **given)
    kept = ShardCheckpoint(tmp_path / "shard-000.parquet", identity, 0.0)
    assert kept.load().epoch == 1
    continued = trained(images, given={"checkpoint": kept}, **given)
    assert kept.load().epoch == 4
    pd.testing.assert_frame_equal(without_times(continued), without_times(undisturbed), check_exact=True)
    assert len(values(continued, "seconds_per_epoch")) == len(values(undisturbed, "seconds_per_epoch"))


KILLED = """
import os, signal, sys, torch
sys.path[:0] = [{tests!r}, {packages!r}]
from message_passing import tables
from nnstatmech.message_passing.params import Training
from nnstatmech.message_passing.tasks import training
from nnstatmech.storage.checkpoints import ShardCheckpoint

class Deadly(ShardCheckpoint):
    def offer(self, state):
        super().offer(state)
        if state().epoch == 3:
            os.kill(os.getpid(), signal.SIGKILL)

params = Training(hidden=[11, 9], batch_size=20, epochs=5)
training.run(params, [0], tables.images(), torch.device("cpu"), checkpoint=Deadly({shard!r}, {{}}, 0.0))
"""


def test_a_process_that_was_killed_is_followed_by_one_that_goes_on(images, tmp_path):
    shard = str(tmp_path / "shard-000.parquet")
    tests = Path(__file__).resolve().parents[1]
    code = KILLED.format(tests=str(tests), packages=str(tests.parent / "workflow"), shard=shard)
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    kept = ShardCheckpoint(shard, {}, 0.0)
    assert kept.load().epoch == 3
    given = {"epochs": 5, "rho": Training().rho, "bayes": False}
    continued, undisturbed = trained(images, given={"checkpoint": kept}, **given), trained(images, **given)
    pd.testing.assert_frame_equal(without_times(continued), without_times(undisturbed), check_exact=True)
