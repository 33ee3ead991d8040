"""Learning curves of the linear classifier, and its preactivations beside their law before training."""

import numpy as np
import pandas as pd

from ...readings import by_seed, parameters_of, select
from ..prior import log_prior
from .rows import exact_number, profiles


def by_epoch(table: pd.DataFrame, quantity: str, split: str | None = None) -> pd.DataFrame:
    """A number of each network, realisations times epochs; no split: one that belongs to none."""
    return by_seed(select(table, quantity=quantity, split=split), "epoch")


def input_norm(table: pd.DataFrame) -> float:
    """Length of the image that is shown."""
    return exact_number(select(table, quantity="input_norm"))


def exact_marginal(table: pd.DataFrame, h: np.ndarray) -> np.ndarray:
    """Density of one preactivation of the untrained network: two layers of Gaussian weights of variance 1/width."""
    width = parameters_of(table)["width"]
    return np.exp(log_prior(np.abs(h), [width], 1, input_norm(table) / width))


def exact_deviation(table: pd.DataFrame) -> float:
    """Standard deviation of a preactivation of the untrained network: |x|/√n."""
    return input_norm(table) / float(np.sqrt(parameters_of(table)["width"]))


def kept_epochs(table: pd.DataFrame) -> list[int]:
    """The epochs whose preactivations were kept."""
    return sorted(select(table, quantity="preactivations")["epoch"].unique())


def components(table: pd.DataFrame, epoch: int, quantity: str = "preactivations", seed: int | None = None):
    """Preactivations of all networks, or of one, after an epoch; ``transposed``: of the transposed matrices."""
    where = {"quantity": quantity, "epoch": epoch} | ({} if seed is None else {"seed": seed})
    return profiles(select(table, **where)).ravel()
