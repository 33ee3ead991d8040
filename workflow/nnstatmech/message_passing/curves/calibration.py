"""Slopes, likelihoods and reliability, of the tasks ``calibration`` and ``repetition``."""

import numpy as np
import pandas as pd

from ...readings import by_seed, over_seeds, select
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
    return over_seeds(by_seed_and_epoch(rows, quantity, prediction))


def by_seed_and_epoch(rows: pd.DataFrame, quantity: str, prediction: str) -> pd.DataFrame:
    """A quantity of one run: realisations times passes."""
    return by_seed(select(rows, quantity=quantity, prediction=prediction), "epoch")


def repetition_slopes(table: pd.DataFrame, rule: str, patterns: int) -> pd.DataFrame:
    """Slopes of small perceptrons: realisations times passes over the patterns."""
    return by_seed(select(table, rule=rule, patterns=patterns, quantity="slope"), "passes")


def reliability(rows: pd.DataFrame, prediction: str, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean confidence and accuracy of the bins, averaged over realisations."""
    chosen = select(rows, quantity="reliability", prediction=prediction, epoch=epoch)
    return tuple(
        np.mean([np.asarray(row) for row in chosen[name]], axis=0) for name in ("probabilities", "frequencies")
    )
