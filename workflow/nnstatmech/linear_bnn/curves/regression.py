"""Scores of networks that read digits by regression, and what they put out."""

import numpy as np
import pandas as pd

from ...readings import by_seed, over_seeds, parameters_of, runs_of, select
from .rows import averaged, profiles


def nearest_coupling(table: pd.DataFrame, coupling: float) -> float:
    """The coupling of the table nearest to the one asked for."""
    couplings = np.array(sorted(table["coupling"].dropna().unique()))
    return float(couplings[np.abs(couplings - coupling).argmin()])


def score_by_epoch(table: pd.DataFrame, quantity: str, split: str, coupling: float) -> pd.DataFrame:
    """A score of one coupling, realisations times epochs; NaN where a network has diverged."""
    return by_seed(select(table, quantity=quantity, split=split, coupling=coupling), "epoch")


def learning_curve(table: pd.DataFrame, quantity: str, split: str, coupling: float) -> pd.DataFrame:
    """The same over realisations: ``mean`` and ``error`` by epoch."""
    return over_seeds(score_by_epoch(table, quantity, split, coupling))


def relative_to_start(curve: pd.DataFrame) -> pd.DataFrame:
    """A learning curve in units of its mean before training."""
    return curve[["mean", "error"]] / curve["mean"].iloc[0]


def accuracy_by_coupling(table: pd.DataFrame, decoder: str) -> pd.DataFrame:
    """Test accuracy by coupling, for one way to read a label."""
    return averaged(select(table, quantity=decoder, split="test"), "coupling")


def diverged_couplings(table: pd.DataFrame) -> np.ndarray:
    """The coupling of every network that diverged."""
    return table.loc[table["quantity"] == "diverged_epoch", "coupling"].to_numpy(float)


def accuracy_by_target(table: pd.DataFrame, decoder: str) -> pd.DataFrame:
    """Test accuracy of each run: ``mean``, ``error``, and the run's ``target_scale`` and ``target_deviation``."""
    lines = []
    for settings, rows in runs_of(table):
        accuracy = averaged(select(rows, quantity=decoder, split="test"), "run").iloc[0]
        lines.append(accuracy.to_dict() | {key: settings[key] for key in ("target_scale", "target_deviation")})
    return pd.DataFrame(lines).sort_values(["target_scale", "target_deviation"], ignore_index=True)


def targets_by_label(table: pd.DataFrame) -> dict[int, np.ndarray]:
    """The target of each label."""
    rows = select(table, quantity="target").drop_duplicates("label").sort_values("label")
    return dict(zip(rows["label"].astype(int), profiles(rows), strict=True))


def learned_peaks(table: pd.DataFrame, label: int) -> dict[float, np.ndarray]:
    """Mean output of the first realisation over the test images of a label, by the width of peaks of height 1."""
    learned = {}
    for settings, rows in runs_of(table):
        if settings["target_scale"] == "peak":
            rows = select(rows, quantity="mean_prediction", seed=rows["seed"].min(), label=label)
            learned[settings["target_deviation"]] = profiles(rows)[0]
    return dict(sorted(learned.items()))


def outputs_at_digits(table: pd.DataFrame, coupling: float) -> np.ndarray:
    """Mean output at the digits' positions by label, first realisation: shape (labels, 10)."""
    rows = select(table, coupling=coupling, seed=table["seed"].min(), quantity="mean_prediction")
    outputs = profiles(rows.sort_values("label"))
    return outputs[:, np.linspace(0, outputs.shape[1] - 1, 10).round().astype(int)]


def is_summed(table: pd.DataFrame) -> bool:
    """Whether the loss is summed, not averaged, over the outputs."""
    return parameters_of(table)["loss"] == "sum"
