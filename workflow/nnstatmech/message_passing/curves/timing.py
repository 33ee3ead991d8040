"""Times of an epoch, of the task ``timing``."""

import pandas as pd

from ...readings import by_seed, select


def seconds_by_batch(table: pd.DataFrame, algorithm: str, quantity: str = "epoch_seconds") -> pd.DataFrame:
    """Seconds an epoch: repetitions times batch sizes."""
    return by_seed(select(table, algorithm=algorithm, quantity=quantity), "batch_size")
