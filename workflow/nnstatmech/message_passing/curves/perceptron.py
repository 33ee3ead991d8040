"""Overlaps, thresholds and distances of the perceptrons of the task ``perceptron``."""

import numpy as np
import pandas as pd

from ...readings import NotMeasured, by_seed, over_seeds, select
from .. import state_evolution

RECOVERED = 0.99  # an overlap above this counts as the teacher itself
PROBLEM = ["run", "inputs", "load", "seed"]


def final_rows(table: pd.DataFrame, quantity: str, **where) -> pd.DataFrame:
    """The rows after the last sweep of every problem: realisations that have stopped keep their last value."""
    rows = select(table, quantity=quantity, **where).sort_values("sweep", kind="stable")
    return rows.groupby(PROBLEM, observed=True).tail(1)


def final_by_load(table: pd.DataFrame, quantity: str, **where) -> pd.DataFrame:
    """A quantity after the last sweep against the load, averaged over realisations."""
    return over_seeds(by_seed(final_rows(table, quantity, **where), "load"))


def trajectories(table: pd.DataFrame, algorithm: str, load: float, sweeps: int) -> pd.DataFrame:
    """The teacher overlap R after 0 to ``sweeps`` sweeps: realisations times sweeps."""
    rows = select(table, algorithm=algorithm, load=float(load), quantity="teacher_overlap")
    return by_seed(rows[rows["sweep"] <= sweeps], "sweep")


def predicted_trajectory(load: float, sweeps: int) -> np.ndarray:
    """R after 0 to ``sweeps`` sweeps by state evolution."""
    return np.array([state.teacher for state in state_evolution.trajectory(load, sweeps)])


def threshold_bracket(table: pd.DataFrame, algorithm: str) -> tuple[float, float]:
    """The largest load at which no instance finds the teacher, and the smallest at which every one does.

    Raises
    ------
    NotMeasured
        If the loads do not bracket a transition.
    """
    rows = final_rows(table, "teacher_overlap", algorithm=algorithm)
    fraction = (rows["value"] > RECOVERED).groupby(rows["load"]).mean()
    lost, found = fraction[fraction == 0].index, fraction[fraction == 1].index
    if lost.empty or found.empty or lost.max() > found.min():
        raise NotMeasured("the loads do not bracket a transition")
    return float(lost.max()), float(found.min())


def solved_by_load(table: pd.DataFrame, **where) -> pd.DataFrame:
    """Against the load: ``fraction`` of the instances without a wrong pattern at the end, and their ``count``."""
    rows = final_rows(table, "training_error", **where)
    return (rows["value"] == 0).groupby(rows["load"]).agg(fraction="mean", count="size")


def distances(table: pd.DataFrame, reference: str, sweep: int) -> pd.DataFrame:
    """Root mean square difference of the means from those of the reference: realisations times numbers of inputs."""
    return by_seed(select(table, reference=reference, sweep=sweep, quantity="distance_to_reference"), "inputs")
