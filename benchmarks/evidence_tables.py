"""Tables behind what docs/evidence says, from a folder of results, as Markdown.

    python benchmarks/evidence_tables.py results/laptop-copies results/paper-copies >docs/evidence/tables.md

Which scores at initialisation foretell training (``IF_prediction``), whether probabilities are frequencies
(``MP_calibration``), and, at the authors' sizes, how far learning curves are from their own (``MP_authors``): as far as
the tables are there.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from scipy import stats

import nnstatmech as nsm
from nnstatmech.cascades.curves.prediction import pairs, table_of_scores
from nnstatmech.cascades.figures.prediction import ARCHITECTURES, NAMES, label_of, steps_of
from nnstatmech.message_passing.curves.authors import published_curve
from nnstatmech.message_passing.curves.calibration import by_seed_and_epoch, main_prediction, rule_name
from nnstatmech.message_passing.figures.panels import DATASETS, LABELS
from nnstatmech.message_passing.figures.published import published_table
from nnstatmech.readings import runs_of, select
from nnstatmech.scorecard import markdown_table
from nnstatmech.storage.shards import read_frame

HEAD = """# Tables of numbers

Made by `python benchmarks/evidence_tables.py FOLDER ...`; intervals of scores are of 95 %, over resampled points of the
grid. Empty: no network of the kind trains, or a rule has no such statistic."""
COLUMNS = ("AUC", "Spearman", "overlap")
EPOCHS = (1, 2, 5, 10, 20, 50, 100)
AGREEMENT = 3.0  # combined standard errors
FIGURES = {
    "mp_authors_narrow": "101-101.fashion.multiclass",
    "mp_authors_wide": "501-501.fashion.multiclass",
    "mp_authors_parity": "501-501.mnist.2class",
}


def markdown(table: pd.DataFrame) -> str:
    """A table with its index as first column."""
    return markdown_table(table.rename_axis("").reset_index())


def with_interval(value: float, low: float, high: float) -> str:
    return "" if pd.isna(value) else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def predictions(folder: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """A statistic at a time: scores against kinds of networks, with 95 % intervals over points of the grid."""
    read = {
        role: read_frame(folder / f"cascades/if_prediction_{role}.parquet")
        for role in ("training", "scores", "convolutions", "convolution_scores")
    }
    found = {
        label_of(learnt, params, step): table_of_scores(own, rows, step)
        for learnt, params, own, rows in pairs(read["training"], read["scores"])
        for step in steps_of(own)
    }
    found |= {
        ARCHITECTURES[params["architecture"]]: table_of_scores(own, rows, learnt["steps"])
        for learnt, params, own, rows in pairs(read["convolutions"], read["convolution_scores"])
    }
    for statistic in COLUMNS:
        columns = {
            kind: table[statistic.lower()].apply(lambda row: with_interval(*row[["value", "low", "high"]]), axis=1)
            for kind, table in found.items()
        }
        yield statistic, pd.DataFrame(columns).fillna("")


def interval(values: pd.Series) -> str:
    """The mean with its 95 % interval by Student's t."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.sem()
    return f"{values.mean():.3f} ± {half:.3f}"


def calibrations(folder: Path) -> pd.DataFrame:
    """Slope, error and floor of every rule and number of passes, analytic and sampled."""
    rows = {}
    for params, own in runs_of(read_frame(folder / "message_passing/mp_calibration.parquet")):
        for prediction in (main_prediction(params), "sampled") if params["algorithm"] != "sgd" else ("sigmoid",):
            for epoch in params["checkpoints"]:
                rows[f"{rule_name(params)}, {prediction}, passes: {epoch}"] = {
                    quantity.replace("_", " "): interval(by_seed_and_epoch(own, quantity, prediction)[epoch])
                    for quantity in ("slope", "calibration_error", "error_floor")
                }
    return pd.DataFrame(rows).T


def agreements(folder: Path) -> pd.DataFrame:
    """Differences from the authors' curves in combined standard errors, at the epochs that both have."""
    published, rows = published_table("learning_curves"), {}
    for experiment, figure in FIGURES.items():
        path = folder / f"message_passing/{experiment}.parquet"
        if not path.exists():
            continue
        for params, own in runs_of(read_frame(path)):
            for split in ("train", "test"):
                theirs = published_curve(published, figure, params["algorithm"], split).set_index("epoch")
                ours = nsm.by_seed(select(own, quantity=f"{split}_error"), "epoch")
                widths = "-".join(map(str, params["hidden"]))
                name = f"{DATASETS[params['dataset']]}, {widths}, {LABELS[params['algorithm']]}, {split}"
                rows[name] = dict(distances(ours, theirs))
    return pd.DataFrame(rows).T.fillna("")


def distances(ours: pd.DataFrame, theirs: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Each epoch's difference over the error of both means; the authors drew the deviation of three realisations."""
    for epoch in EPOCHS:
        if epoch in ours.columns and epoch in theirs.index:
            point = theirs.loc[epoch]
            error = ((point["high"] - point["low"]) ** 2 / 4 / 3 + ours[epoch].sem() ** 2) ** 0.5
            distance = (ours[epoch].mean() - point["value"]) / error
            mark = "" if abs(distance) <= AGREEMENT else " (apart)"
            yield f"epoch {epoch}", f"{ours[epoch].mean():.2f} / {point['value']:.2f}: {distance:+.1f}{mark}"


def page(folder: Path) -> Iterator[str]:
    """What the tables of a folder say, by sections."""
    if (folder / "cascades/if_prediction_scores.parquet").exists():
        for statistic, table in predictions(folder):
            yield f"### Scores that foretell training: {statistic}"
            yield markdown(table.rename(index=lambda name: NAMES.get(name, name)))
    if (folder / "message_passing/mp_calibration.parquet").exists():
        yield "### Calibration: mean and 95 % interval by Student's t"
        yield markdown(calibrations(folder))
    if folder.name.startswith("paper-") and not (compared := agreements(folder)).empty:
        yield "### Errors beside the authors' (%): ours / theirs, and the difference in combined standard errors"
        yield markdown(compared)


def main() -> None:
    print(HEAD)
    for folder in map(Path, sys.argv[1:]):
        print(f"\n## {folder.name}")
        for part in page(folder):
            print(f"\n{part}")


if __name__ == "__main__":
    main()
