"""What a diagnosis says of the networks of the atlas at initialisation, and how often that foretells their training."""

import pandas as pd

from ..probe.sentences import diagnose
from ..readings import runs_of
from .curves import networks_of
from .reference import Rates

NETWORK = ["initial_value", "depth", "seed"]  # of one plane
# They speak of the images, or tell two forms of one finding apart.
NOT_OF_NETWORKS = {"few_rows", "too_few_images", "exponential"}


def findings_of(table: pd.DataFrame) -> pd.DataFrame:
    """Kinds of findings of each network that was probed: ``plane``, ``initial_value``, ``depth``, ``seed``, ``kinds``.

    Parameters
    ----------
    table
        Of the task ``cells``.
    """
    found = []
    for params, rows in runs_of(table):
        along = rows[rows["block"].notna()]
        for network, blocks in along.groupby(NETWORK, sort=False, observed=True):
            kinds = frozenset(finding.kind for finding in diagnose(as_probe(blocks)))
            found.append({"plane": params["plane"], **dict(zip(NETWORK, network, strict=True)), "kinds": kinds})
    return pd.DataFrame(found, columns=["plane", *NETWORK, "kinds"])


def as_probe(blocks: pd.DataFrame) -> pd.DataFrame:
    """The rows of one network as the table of a probe."""
    sizes = blocks[blocks["quantity"] == "multiply_adds"].set_index("block")["value"]
    rows = blocks[blocks["quantity"] != "multiply_adds"]
    return pd.DataFrame(
        {
            "state": 0,
            "seed": rows["seed"],
            "block": rows["block"].astype(int),
            "name": "",
            "parameters": 0,
            "multiply_adds": rows["block"].map(sizes),
            "quantity": rows["quantity"].astype(str),
            "value": rows["value"].astype(float),
        }
    )


def rates_of(table: pd.DataFrame, conventions: list[str], step: int | None = None) -> dict[str, Rates]:
    """How often each convention is reported of held-out networks that fail to train, and of those that train.

    Networks that cannot be probed, because their numbers overflow, are left out.

    Parameters
    ----------
    table
        Of the task ``cells``.
    conventions
        Keys of :data:`nnstatmech.probe.sentences.CONVENTIONS`; those that speak of the images are passed over.
    step
        Minibatches after which the accuracy counts; the last by default.
    """
    keys = ["plane", *NETWORK]
    outcome = networks_of(table, step).set_index(keys)[["trains", "held_out"]]
    told = findings_of(table).set_index(keys).join(outcome)
    held = told[told["held_out"].astype(bool)]
    trains = held["trains"].astype(bool)
    failing, training = int((~trains).sum()), int(trains.sum())
    found = {}
    for name in conventions:
        if name in NOT_OF_NETWORKS:
            continue
        said = held["kinds"].map(lambda kinds, name=name: name in kinds).astype(bool)
        found[name] = Rates(
            float(said[~trains].mean()) if failing else None,
            float(said[trains].mean()) if training else None,
            failing,
            training,
        )
    return found
