"""Progress of long computations: a bar on a terminal, a line every few seconds in a log.

Engines take any factory with tqdm's signature. :class:`ShardProgress` is the workflow's: it writes lines
to the log of a job and a small heartbeat file beside it, which ``python -m nnstatmech.storage.progress`` draws as
one bar for each running job, over a shared file system too.
"""

import argparse
import json
import math
import os
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

no_progress = partial(tqdm, disable=True)

SECONDS_BETWEEN_LINES = 2.0
HEARTBEAT_SUFFIX = ".progress"
SECONDS_UNTIL_SILENT = 60.0


class ShardProgress(tqdm):
    """A progress bar that reports in lines to ``file`` and as a heartbeat at ``heartbeat``.

    ``part`` says which part of a job it is of, as ``run 3 of 12``; empty where it is of the whole job.
    """

    format_dict: Any  # tqdm's own property: a dict of arguments of `format_meter`, which its stub does not say

    def __init__(self, *args, heartbeat: Path, part: str = "", **kwargs):
        self.heartbeat, self.part = Path(heartbeat), part
        kwargs.setdefault("mininterval", SECONDS_BETWEEN_LINES)
        super().__init__(*args, ascii=True, **kwargs)

    def display(self, msg=None, pos=None):
        """One line per refresh, and the same facts as JSON for the monitor."""
        facts = dict(self.format_dict)
        facts["ncols"] = 100
        facts["prefix"] = ", ".join(filter(None, [self.part, facts["prefix"]]))
        print(msg or self.format_meter(**facts), file=self.fp, flush=True)
        beat = {key: facts[key] for key in ("n", "total", "elapsed", "rate", "prefix")}
        beat |= {"pid": os.getpid(), "part": self.part}
        part = self.heartbeat.with_name(f".{self.heartbeat.name}.part")  # of a killed job: written over by the next
        try:
            part.write_text(json.dumps(beat, default=float))
            part.replace(self.heartbeat)
        except OSError:  # a disk that is full must not end a computation that only reports its progress
            part.unlink(missing_ok=True)

    def close(self):
        if not self.disable:
            super().close()
            self.heartbeat.unlink(missing_ok=True)


@dataclass(frozen=True)
class Beat:
    """The last report of a job.

    Attributes
    ----------
    shard
        Path of its shard below the results, without suffix.
    n, total
        Steps done and to do; nobody may know how many there are.
    part
        Which part of the job they are of, as ``run 3 of 12``; empty where they are of the whole job.
    elapsed
        Seconds since the job's first report.
    silent
        Seconds since its last one.
    """

    shard: str
    n: float
    total: float | None
    elapsed: float
    silent: float
    part: str = ""

    @property
    def news(self) -> str:
        """For how long there has been no report, if that is long."""
        return f"no news for {tqdm.format_interval(self.silent)}" if self.silent > SECONDS_UNTIL_SILENT else ""

    def bar(self, width: int = 120) -> str:
        """The report as one line of at most ``width`` characters."""
        total = math.inf if self.total is None else self.total
        prefix = f"{self.shard}, {self.part}" if self.part else self.shard
        return tqdm.format_meter(
            self.n, total, self.elapsed, prefix=prefix, ncols=width, ascii=True, postfix=self.news or None
        )


def beats(results: Path, since: float = 0.0) -> list[Beat]:
    """The last report of each job that has not ended, by path.

    A job that was killed leaves its last report behind: those from before ``since``, in seconds since the epoch, are
    left out.
    """
    found = []
    for path in sorted(results.rglob(f"*{HEARTBEAT_SUFFIX}")):
        try:
            beat = json.loads(path.read_text())
            last = path.stat().st_mtime
        except (OSError, ValueError):
            continue  # ended or renamed between the listing and the reading
        silent = max(time.time() - last, 0.0)
        shard = str(path.relative_to(results).with_suffix(""))
        if last >= since:
            found.append(Beat(shard, beat["n"], beat["total"], beat["elapsed"] + silent, silent, beat.get("part", "")))
    return found


def running(results: Path) -> list[str]:
    """One bar for each job that has reported and not ended, by path; it says for how long there has been no news."""
    return [beat.bar() for beat in beats(results)]


def watch(results: Path) -> None:
    """Redraw the bars of all running jobs every second until interrupted."""
    while True:
        lines = running(results) or ["no job has reported progress"]
        sys.stdout.write("\x1b[2J\x1b[H" + "\n".join(lines) + "\n")
        sys.stdout.flush()
        time.sleep(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Bars of all running jobs, redrawn every second until interrupted.")
    parser.add_argument("results", nargs="?", default="results", type=Path, help="the folder of results")
    try:
        watch(parser.parse_args().results)
    except KeyboardInterrupt:
        sys.exit(0)
