"""Slopes, likelihoods and reliability, of the tasks ``calibration`` and ``repetition``."""

import numpy as np
import pandas as pd

from ...readings import by_seed, over_seeds, runs_of, select
from .training import GRADIENT_RULES

RULE_NAMES = {"amp": "AMP", "mf": "MF", "ebp": "EBP", "sgd": "BinaryNet"}


def rule_name(params: dict) -> str:
    """The rule of a run as a legend has it."""
    shallow = ", one hidden layer" if len(params["hidden"]) == 1 else ""
    return RULE_NAMES[params["algorithm"]] + shallow


def main_prediction(params: dict) -> str:
    """Which probabilities of a run are its own."""
    return "sigmoid" if params["algorithm"] in GRADIENT_RULES else "analytic"


def by_epoch(rows: pd.DataFrame, quantity: str, prediction: str) -> pd.DataFrame:
    """A quantity against passes, averaged over realisations."""
    return over_seeds(by_seed(select(rows, quantity=quantity, prediction=prediction), "epoch"))


def reliability(rows: pd.DataFrame, prediction: str, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean confidence and accuracy of the bins, averaged over realisations."""
    chosen = select(rows, quantity="reliability", prediction=prediction, epoch=epoch)
    return tuple(
        np.mean([np.asarray(row) for row in chosen[name]], axis=0) for name in ("probabilities", "frequencies")
    )


def run_of(table: pd.DataFrame, **wanted) -> tuple[dict, pd.DataFrame]:
    """Parameters and rows of the first run with these parameters."""
    rows = select(table, **wanted)
    return next(runs_of(rows))
