"""``python -m nnstatmech.atlas.make_reference TABLE [FOLDER]``: what scores and conventions are compared with.

TABLE is ``results/<scale>-<data>/atlas/atlas.parquet`` of any scale; FOLDER is by default the package's own.
"""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..probe.sentences import CONVENTIONS
from ..storage.shards import read_frame
from ..storage.whole_files import whole_file
from .curves import AMONG, BESIDE, networks_of, seconds_of_scores, table_of_scores
from .findings import rates_of

DIGITS = "%.5g"


def write_reference(table: Path, folder: Path) -> dict:
    """Write all files from a finished table of the atlas; what they say of its making."""
    frame = read_frame(str(table))
    networks = networks_of(frame)
    said = described(frame, networks, table)
    with whole_file(folder / "networks.csv") as part:
        networks.to_csv(part, index=False, float_format=DIGITS, lineterminator="\n")
    # Of the numbers as they are kept, so that anybody can count again.
    planes = tuple(networks["plane"].unique())
    scores = table_of_scores(pd.read_csv(folder / "networks.csv"), (*AMONG, *BESIDE, *planes))
    scores["seconds"] = scores["score"].map(seconds_of_scores(frame))
    with whole_file(folder / "scores.csv") as part:
        scores.to_csv(part, index=False, float_format="%.3g", lineterminator="\n")
    with whole_file(folder / "contest.csv") as part:
        for_readers(scores).to_csv(part, index=False, lineterminator="\n")
    with whole_file(folder / "planes.csv") as part:
        with_intervals(scores, planes).reset_index().to_csv(part, index=False, lineterminator="\n")
    with whole_file(folder / "conventions.csv") as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["convention", "hit_rate", "false_alarm_rate", "failing", "training"])
        for name, rates in rates_of(frame, list(CONVENTIONS)).items():
            writer.writerow([name, *("" if rate is None else f"{rate:.3g}" for rate in rates[:2]), *rates[2:]])
    with whole_file(folder / "provenance.json") as part:
        part.write_text(json.dumps(said, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return said


def for_readers(scores: pd.DataFrame) -> pd.DataFrame:
    """A row a score: areas under the curve and what stands beside them, and CPU seconds."""
    seconds = scores.groupby("score")["seconds"].first().map(lambda value: "" if pd.isna(value) else f"{value:.2g}")
    shown = with_intervals(scores, (*AMONG, *BESIDE)).assign(**{"CPU seconds": seconds})
    return shown.rename(columns={"transfer": "left-out kind", "kendall": "Kendall's τ"}).reset_index()


def with_intervals(scores: pd.DataFrame, among: Sequence[str]) -> pd.DataFrame:
    """Values with their intervals as text, (scores, ``among``), the best score among all networks first."""
    best = scores[scores["among"] == "all"].set_index("score")["value"].sort_values(ascending=False)
    text = scores.apply(lambda row: f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]", axis=1)
    text = text.where(scores["value"].notna(), "")
    shown = scores.assign(text=text).pivot(index="score", columns="among", values="text")
    return shown.loc[best.index, list(among)]


def described(frame: pd.DataFrame, networks: pd.DataFrame, path: Path) -> dict:
    """What the files are made from."""
    scale, _, data = path.resolve().parents[1].name.partition("-")
    shards = frame.attrs["shards"]
    return {
        "scale": scale,
        "data": data,
        "dataset": sorted({shard["dataset_description"] for shard in shards}),
        "commit": sorted({shard["commit"] for shard in shards if shard["commit"]}),
        "steps": sorted({shard["params"]["steps"][-1] for shard in shards}),
        "seeds": int(networks["seed"].nunique()),
        "networks": len(networks),
        "training": int(networks["trains"].sum()),
        "held_out": int(networks["held_out"].sum()),
        "core_hours": round(sum(shard["seconds"] * shard["threads"] for shard in shards) / 3600, 2),
    }


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    place = Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).parent / "committed"
    place.mkdir(parents=True, exist_ok=True)
    print(json.dumps(write_reference(Path(sys.argv[1]), place), indent=1))
