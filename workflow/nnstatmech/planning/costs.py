"""What jobs were measured to take.

``python -m nnstatmech.planning.costs results`` prints the measured costs of everything that was run.
"""

import sys
from pathlib import Path

import pandas as pd


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
