"""The built wheel in an environment of its own that finds everything else where the tests find it."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "workflow")
DRAWING = """
import nnstatmech as nsm
from pathlib import Path

assert Path(nsm.__file__).is_relative_to({environment!r}), nsm.__file__
params = dict(architecture="vanilla", depth=20, width=16, kernel_size=1)
table = nsm.run("moments", **params, seeds=2, dataset=nsm.images("cifar10"), progress=False)
nsm.draw("Fig_3", main=table, save="Fig_3.png")
print(len(nsm.list_figures()))
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The folder of an environment with the wheel installed and the packages of this one behind it."""
    folder = tmp_path_factory.mktemp("wheel")
    for part in BUILT_FROM:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    call(folder, *pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "wheels", ".")
    (wheel,) = folder.glob("wheels/*.whl")
    environment = folder / "environment"
    call(folder, sys.executable, "-m", "venv", "--without-pip", environment)
    # Before the other packages are in sight: of this one, which may be among them, nothing must be removed.
    python = environment / "bin/python"
    call(folder, *pip, "--python", python, "install", "-q", "--no-deps", "--no-index", wheel)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment


def call(folder, *command):
    """Run a command without what helps the tests to find the checkout; what it printed."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(list(map(str, command)), cwd=folder, env=given, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_command_lists_figures_outside_the_repository(environment, tmp_path):
    said = call(tmp_path, environment / "bin/nnstatmech", "figures")
    assert "Fig_4_zero_padding" in said
    assert "MP_Fig_1" in said
    said = call(tmp_path, environment / "bin/python", "-m", "nnstatmech", "cost", "Fig_4", "--scale", "paper")
    assert said.splitlines()[-1].startswith("Fig_4 ")


def test_experiments_run_and_figures_are_drawn_outside_the_repository(environment, tmp_path):
    said = call(tmp_path, environment / "bin/python", "-c", DRAWING.format(environment=str(environment)))
    assert int(said) > 50
    assert (tmp_path / "Fig_3.png").stat().st_size > 10_000
