"""The authors' own learning curves, beside which ours are drawn."""

import pandas as pd

THEIR_NAMES = {"bp": "bpi", "bpi": "bpi", "amp": "amp", "mf": "mf", "sgd": "binarynet"}


def published_curve(published: pd.DataFrame, figure: str, algorithm: str, split: str) -> pd.DataFrame:
    """Epoch, value, low and high of one rule of one of the authors' figures; of AMP the right equations only.

    Parameters
    ----------
    published
        The table ``learning_curves`` of published numbers.
    algorithm
        In our names. At one sweep a mini-batch BP and BPI are the same.
    split
        ``train`` or ``test``.
    """
    rows = published[(published["figure"] == figure) & (published["panel"] == "error") & (published["split"] == split)]
    rows = rows[(rows["algorithm"] == THEIR_NAMES[algorithm]) & (rows["amp_variant"] != "old")]
    return rows.sort_values("epoch")[["epoch", "value", "low", "high"]].astype(float)
