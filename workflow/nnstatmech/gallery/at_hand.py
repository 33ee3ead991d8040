"""What results say of figures: pictures, verdicts, and the parameters and provenance of the tables behind a picture."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from .. import scorecard
from ..figures import origin
from ..storage.tables import METADATA_KEY, read_table
from ..verdicts import NOT_TESTED
from .model import NOT_JUDGED, ClaimRow, ExperimentFacts, FigurePage
from .planned import with_runs

PICTURES = ("png", "pdf", "csv")


def page_at_hand(page: FigurePage, results: Path) -> FigurePage:
    """A planned page with what the folder of results knows of it.

    Tables that are not at hand leave the plan's account of their experiments; without any there is no provenance.
    """
    folder = results / page.setting
    shards = {entry.name: shards_of(table_of(entry, folder)) for entry in page.experiments}
    found = [shard for one in shards.values() for shard in one]
    judged = verdicts(folder / "scorecard.parquet")
    page = page.with_files(folder / "figures", PICTURES)
    return replace(
        page,
        claims=sorted((judged_row(claim, judged) for claim in page.claims), key=is_open),
        experiments=[made_experiment(entry, shards[entry.name]) for entry in page.experiments],
        provenance=provenance_of(found, page) if found else {},
    )


def table_of(experiment: ExperimentFacts, folder: Path) -> Path:
    """Where the table of an experiment is, below the folder of a setting."""
    return folder / experiment.family / f"{experiment.name}.parquet"


def shards_of(table: Path) -> list[dict]:
    """The provenance of every shard of a table, without reading its values; empty where there is no table."""
    if not table.is_file():
        return []
    metadata = pq.read_schema(table).metadata or {}
    return json.loads(metadata[METADATA_KEY])["shards"] if METADATA_KEY in metadata else []


def made_experiment(planned: ExperimentFacts, shards: Sequence[Mapping]) -> ExperimentFacts:
    """An experiment as its table says that it was run."""
    if not shards:
        return planned
    runs: dict[str, dict] = {}
    seeds: dict[str, int] = {}
    for shard in shards:
        runs[shard["run"]] = shard["params"] | {"dataset": shard["dataset"]}
        seeds[shard["run"]] = seeds.get(shard["run"], 0) + len(shard["seeds"])
    counts = " or ".join(map(str, sorted(set(seeds.values()))))
    return with_runs(planned, list(runs.values()), counts)


def provenance_of(shards: Sequence[dict], page: FigurePage) -> dict[str, str]:
    """Scale, data, commit, machine and software of the tables behind a picture."""
    stand_ins = origin.distinct(shard["dataset_description"] for shard in shards if shard["stand_in"])
    return {
        "Scale": page.scale,
        "Data": page.data + (f" (stand-in: {'; '.join(stand_ins)})" if stand_ins else ""),
        "Commit": origin.listed(origin.commit(shard) for shard in shards),
        "Computed": origin.computed(list(shards)),
        "Software": origin.listed(origin.software(shard) for shard in shards),
    }


def verdicts(path: Path) -> dict[str, dict]:
    """Id of a claim to its row of the scorecard as people read it; empty where there is no scorecard."""
    if not path.is_file():
        return {}
    frame = read_table(path)[0].to_pandas()
    rows = scorecard.display_frame(frame).to_dict("records")
    return dict(zip(frame["id"], rows, strict=True))


def is_open(claim: ClaimRow) -> bool:
    """Whether a claim has no verdict here."""
    return claim.verdict in (NOT_JUDGED, NOT_TESTED)


def judged_row(claim: ClaimRow, judged: Mapping[str, Mapping]) -> ClaimRow:
    """A claim with its verdict, unless the scorecard has not judged this statement of it."""
    row = judged.get(claim.id)
    if row is None or (row["Claim"], row["Expected"]) != (claim.statement, claim.expected):
        return claim
    return replace(claim, measured=row["Ours"], verdict=row["Verdict"], remark=row["Remark"])
