"""What a script imports: torch takes more than a second, drawing almost one, and not every job needs them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nnstatmech.planning.families import families_of

ROOT = Path(__file__).resolve().parents[1]
IMPORT = re.compile(r"^(from nnstatmech\S* import .+|import [a-z_.]+)$", re.MULTILINE)


def imports_of(script):
    """The import statements of a script, without those that need its job."""
    return IMPORT.findall((ROOT / f"scripts/{script}.py").read_text())


def modules(*patterns):
    """Import statements of the package's modules that match."""
    package = ROOT / "workflow/nnstatmech"
    paths = sorted(path for pattern in patterns for path in package.glob(pattern) if path.stem != "__init__")
    assert paths
    return ["import nnstatmech." + ".".join(path.relative_to(package).with_suffix("").parts) for path in paths]


def imported(statements):
    """Which of the heavy packages are there after some import statements."""
    heavy = {"torch", "matplotlib", "seaborn", "pandas", "scipy", "sklearn", "snakemake"}
    code = "; ".join([*statements, "import sys", f"print(*sorted({heavy} & set(sys.modules)))"])
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "workflow", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_a_join_needs_neither_torch_nor_pandas():
    assert imported(imports_of("join_shards")) == set()


def test_claims_are_judged_without_torch_and_without_drawing():
    patterns = ("measures.py", "curves.py", "curves/*.py")
    measures = modules(*(f"{family}/{pattern}" for family in families_of() for pattern in patterns))
    assert len(measures) > len(families_of())
    assert not imported([*imports_of("judge_claims"), *measures]) & {"torch", "matplotlib", "seaborn"}


@pytest.mark.parametrize("script", ["render_figure", "draw_scorecard"])
def test_figures_are_drawn_without_torch(script):
    drawings = modules("*/figures/*.py") if script == "render_figure" else []
    assert "torch" not in imported([*imports_of(script), *drawings])
