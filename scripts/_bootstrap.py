"""What every script does first: find the package, and send messages to the rule's log."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))
os.environ.setdefault("MPLBACKEND", "Agg")  # jobs draw without a display


def add_folder(folder):
    """Find modules of the user's own, if there are any."""
    if folder:
        sys.path.append(folder)


def report(kind, error, traceback):
    """Write an uncaught error to the log: one line if its message explains it whole, else the traceback."""
    from nnstatmech.errors import NamedProblem

    if isinstance(error, NamedProblem):
        print(error, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


def log_to(snakemake):
    """Send this process's messages and uncaught errors to the rule's log, line by line."""
    Path(snakemake.log[0]).parent.mkdir(parents=True, exist_ok=True)
    sys.stderr = open(snakemake.log[0], "w", buffering=1, encoding="utf-8")  # noqa: SIM115 (open to the end)
    sys.excepthook = report
    return sys.stderr
