"""Who made a table: commit, versions, device, host, job."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "numpy", "scipy", "pandas", "pyarrow", "snakemake")


def git(root: Path, *arguments: str) -> str:
    """Output of a git command in ``root``; empty where git cannot answer."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def installed_versions() -> dict[str, str]:
    """Versions of the packages that can change a number."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def collect(root: Path, device: str) -> dict:
    """What a table remembers of the machine and the code that made it."""
    return {
        "commit": git(root, "rev-parse", "HEAD") or None,
        "modified": bool(git(root, "status", "--porcelain", "--untracked-files=no")),
        "python": platform.python_version(),
        "versions": installed_versions(),
        "device": device,
        "host": platform.node(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
