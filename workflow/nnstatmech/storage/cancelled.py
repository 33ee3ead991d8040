"""Whether a SLURM job that is being tried again was cancelled by somebody before: then it is not computed again.

A profile's ``retries`` cannot tell ``scancel`` from a crash. SLURM's own log can: it says who ended a job, and for a
limit of time, a preemption or a lost node it says that, too.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from ..errors import NamedProblem

CANCELLED = re.compile(r"\*\*\* (?:JOB|STEP) (\d+)\S* ON \S+ CANCELLED AT \S+(?P<cause> DUE TO .*)? \*\*\*")


# What a retry says that was refused, in its own log: the next one is refused, too.
REFUSED = re.compile(r"job (\d+), which computed this before, was cancelled")


class CancelledByHand(NamedProblem):
    """The attempt before this one was ended by ``scancel``."""


def check_retry(attempt: int) -> None:
    """What a job does first: nothing at a first attempt or outside of SLURM, else see :func:`refuse_if_cancelled`."""
    job = os.environ.get("SLURM_JOB_ID")
    if attempt > 1 and job and (log := log_of_job(job)):
        try:
            refuse_if_cancelled(log)
        except CancelledByHand as refusal:
            print(refusal, file=sys.__stderr__, flush=True)  # into SLURM's log, where the next retry looks
            raise


def log_of_job(job: str) -> Path | None:
    """Where SLURM writes what job number ``job`` prints; None where SLURM does not say."""
    try:
        said = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"^\s*StdOut=(.+)$", said.stdout, re.MULTILINE)
    return Path(found[1]) if found else None


def refuse_if_cancelled(own_log: Path) -> None:
    """End this attempt if the one before was cancelled.

    Parameters
    ----------
    own_log
        The log of this job; those of earlier attempts lie beside it.

    Raises
    ------
    CancelledByHand
        If the last lines of the newest other log say that its job was cancelled and name no cause.
    """
    others = [log for log in own_log.parent.glob("*.log") if log != own_log]
    if not others:
        return
    newest = max(others, key=lambda log: log.stat().st_mtime)
    said = newest.read_text(encoding="utf-8", errors="replace")
    notes = list(CANCELLED.finditer(said)) or list(REFUSED.finditer(said))
    if notes and all(note.groupdict().get("cause") is None for note in notes):
        raise CancelledByHand(
            f"job {notes[-1][1]}, which computed this before, was cancelled; the next call of snakemake computes it"
        )
