"""What every script does first: find the package, and send messages to the rule's log."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))


def log_to(snakemake):
    """Send this process's stderr, tracebacks included, to the rule's log, line by line."""
    Path(snakemake.log[0]).parent.mkdir(parents=True, exist_ok=True)
    sys.stderr = open(snakemake.log[0], "w", buffering=1, encoding="utf-8")  # noqa: SIM115 (open to the end)
    return sys.stderr
