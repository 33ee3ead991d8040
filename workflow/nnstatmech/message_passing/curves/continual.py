"""What a network still knows of earlier tasks, of the task ``continual``."""

from collections.abc import Sequence

import pandas as pd

from ...readings import Measurement, by_seed, mean_over_seeds, over_seeds, select
from .training import Setting

ACCURACY = "test_accuracy"


def accuracies(rows: pd.DataFrame, learned: int, quantity: str = ACCURACY) -> pd.DataFrame:
    """Accuracy on every task after ``learned`` tasks: realisations times tasks."""
    return by_seed(select(rows, quantity=quantity, learned=learned), "task")


def tasks_of(rows: pd.DataFrame) -> int:
    """How many tasks were learned in all."""
    return int(rows["learned"].max())


def memory(rows: pd.DataFrame, quantity: str = ACCURACY) -> dict[str, pd.Series]:
    """Statistics of one number a realisation.

    ``mean`` over all tasks at the end, ``new``, when each was just learned, ``first``, the first task's at the end, and
    ``transfer``, the change on earlier tasks since they were learned.
    """
    last = tasks_of(rows)
    final = accuracies(rows, last, quantity)
    new = pd.DataFrame({task: accuracies(rows, task, quantity)[task] for task in range(1, last + 1)})
    earlier = list(range(1, last))
    return {
        "mean": final.mean(axis=1),
        "new": new.mean(axis=1),
        "first": final[1],
        "transfer": (final[earlier] - new[earlier]).mean(axis=1),
    }


def remembered(rows: pd.DataFrame, statistic: str, quantity: str = ACCURACY) -> Measurement:
    """A statistic of :func:`memory`, averaged over realisations."""
    return mean_over_seeds(memory(rows, quantity)[statistic])


def by_tasks_learned(rows: pd.DataFrame, quantity: str = ACCURACY) -> pd.DataFrame:
    """Mean accuracy over the tasks so far, after each task."""
    means = {learned: accuracies(rows, learned, quantity).mean(axis=1) for learned in range(1, tasks_of(rows) + 1)}
    return over_seeds(pd.DataFrame(means))


def baseline(settings: Sequence[Setting], at: str) -> Setting:
    """The best learning rate once the first task is learned (``first``), or on all tasks at the end (``all``)."""

    def value(setting: Setting) -> float:
        if at == "first":
            return mean_over_seeds(accuracies(setting.rows, 1)[1]).value
        return remembered(setting.rows, "mean").value

    return max(settings, key=value)
