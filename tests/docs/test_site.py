"""The site is built without a warning, without a connection where the system can take it away."""

import shutil
import subprocess
import sys

import pytest
from small_project import ROOT

pytest.importorskip("myst_nb", reason="needs pip install -e '.[docs]'")


@pytest.mark.long
def test_the_site_is_built(tmp_path):
    docs = shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for part in ("workflow", "data"):
        (tmp_path / part).symlink_to(ROOT / part)
    for part in ("CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / part, tmp_path / part)
    # The kernels of notebooks are reached over this machine's own address, which such a namespace has to bring up.
    offline = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if subprocess.run([*offline, "true"], capture_output=True).returncode:
        offline = []
    command = [*offline, sys.executable, "-m", "sphinx", "-nW", "--keep-going", docs.name, "site"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    for page in ("index", "tasks/figure", "families/moments", "notebooks/cascades", "api", "configuration"):
        assert (tmp_path / f"site/{page}.html").exists()
    assert "image/png" in (tmp_path / "site/notebooks/cascades.html").read_text() or list(
        (tmp_path / "site/_images").glob("*.png")
    )
