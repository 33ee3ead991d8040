"""What jobs cost: what they ask the scheduler for, and what they were measured to take.

``python -m nnstatmech.planning.costs results`` prints the measured costs of everything that was run.
"""

import sys
from pathlib import Path

import pandas as pd
import yaml
from pydantic import Field, TypeAdapter, ValidationError

from .settings import SCALES, ConfigError, Section, validation_lines

COSTS_FILE = Path(__file__).resolve().parents[2] / "costs.yaml"


class Cost(Section):
    """What one job asks for."""

    mem_mb: int = Field(ge=100, description="Memory in MB.")
    runtime: int = Field(ge=1, description="Wall time in minutes.")


def read_costs(path: Path = COSTS_FILE) -> dict[str, dict[str, Cost]]:
    """Family, then scale, to the cost of one job.

    Raises
    ------
    ConfigError
        If an entry is missing or is no number.
    """
    form = dict[str, dict[str, Cost]]
    try:
        costs = TypeAdapter(form).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ConfigError(*validation_lines(error, form, path.name)) from error
    lines = [
        f"{path.name}: {family}: gives no cost for scale {scale!r}"
        for family, of_scale in costs.items()
        for scale in SCALES
        if scale not in of_scale
    ]
    if lines:
        raise ConfigError(*lines)
    return costs


def measured(results: Path) -> pd.DataFrame:
    """One row per experiment: jobs, seconds (wall) and CPU seconds of the longest one, total CPU seconds, peak memory.

    Read from the ``.tsv`` files that Snakemake writes beside each shard.
    """
    rows = []
    for path in sorted(results.glob("*/*/*/*/shard-*.tsv")):
        setting, family, experiment = path.relative_to(results).parts[:3]
        job = pd.read_csv(path, sep="\t", na_values="-").iloc[-1]
        rows.append(
            {
                "setting": setting,
                "family": family,
                "experiment": experiment,
                "seconds": job["s"],
                "cpu_seconds": job["cpu_time"],
                "memory_mb": job["max_rss"],
            }
        )
    if not rows:
        return pd.DataFrame(columns=["setting", "family", "experiment", "jobs", "seconds", "memory_mb"])
    groups = pd.DataFrame(rows).groupby(["setting", "family", "experiment"])
    return groups.agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "max"),
        cpu_seconds=("cpu_seconds", "max"),
        total_cpu_seconds=("cpu_seconds", "sum"),
        memory_mb=("memory_mb", "max"),
    ).reset_index()


if __name__ == "__main__":
    with pd.option_context("display.width", 140, "display.max_rows", None, "display.float_format", "{:.0f}".format):
        print(measured(Path(sys.argv[1] if len(sys.argv) > 1 else "results")).to_string(index=False))
