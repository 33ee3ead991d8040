"""The site: built without a warning, without a connection where the system can take it away; read in a browser."""

import os
import shutil
import subprocess
import sys

import pytest
from browser import THEMES, WIDTHS, needs_browser, reading
from links import broken, broken_in_markdown, external
from small_project import ROOT

from .pages import pages

FIGURES = ("Fig_4", "MP_perceptron", "IF_cutoff_law")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built by the command of the pages in a copy of what it reads."""
    pytest.importorskip("myst_nb", reason="needs pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    skipped = shutil.ignore_patterns("figures")
    docs = shutil.copytree(ROOT / "docs", folder / "docs", ignore=skipped)
    for part in ("workflow", "data"):
        (folder / part).symlink_to(ROOT / part)
    for part in ("CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / part, folder / part)
    # The kernels of notebooks are reached over this machine's own address, which such a namespace has to bring up.
    offline = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if subprocess.run([*offline, "true"], capture_output=True).returncode:
        offline = []
    command = [*offline, sys.executable, "-m", "sphinx", "-nW", "--keep-going", docs.name, "site"]
    # An installed package is another checkout's, perhaps.
    here = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=here, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    with reading(tmp_path_factory.mktemp("browser")) as reader:
        yield reader


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    made = {"figures/index.md", "../figures/index.md"}  # while the site is built
    assert set(broken_in_markdown(page)) - made == set()


@pytest.mark.site
def test_the_site_is_whole(site):
    for page in ("index", "tasks/figure", "families/moments", "notebooks/own_network", "api", "configuration"):
        assert (site / f"{page}.html").exists()
    assert {path.stem for path in (ROOT / "docs/gallery").glob("*.json")} <= {
        path.stem for path in (site / "figures").glob("*.html")
    }


@pytest.mark.site
def test_every_notebook_shows_a_picture(site):
    notebooks = [path for path in (site / "notebooks").glob("*.html") if path.stem != "index"]
    assert len(notebooks) == 5
    for notebook in notebooks:
        text = notebook.read_text()
        assert "cell_output" in text
        assert 'class="output text_plain' in text or "../_images/" in text
        assert "../_images/" in text, notebook.name
        assert "Warning" not in text, notebook.name


@pytest.mark.site
def test_no_link_is_broken(site):
    assert broken(site) == []
    outside = external(site)
    print(*outside, sep="\n")
    assert all(link.startswith("https://") or "creativecommons" in link for link in outside), outside


@needs_browser
@pytest.mark.site
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_pictures_are_seen(site, reader, width, theme):
    reader.open(site / "figures/index.html", width, theme)
    assert reader.sees_pictures(".sd-card img") == len(list((ROOT / "docs/gallery").glob("*.json")))
    assert reader.fits()
    for page in (*(f"figures/{name}" for name in FIGURES), "notebooks/moments", "notebooks/own_network"):
        reader.open(site / f"{page}.html", width, theme)
        assert reader.sees_pictures("article img") >= 1
        assert reader.fits()
        assert (reader.ground() > 128) == (theme == "light")
    assert reader.fetched() == []


@needs_browser
@pytest.mark.site
@pytest.mark.parametrize(
    ("word", "page"),
    [("exploding", "Fig_4.html"), ("spinodal", "MP_perceptron.html"), ("batch_size", "Fig_4.html")],
    ids=["title", "caption", "parameter"],
)
def test_search_finds(site, reader, word, page):
    reader.open(site / "search.html", query=f"?q={word}")
    found = "#search-results li a"
    links = reader.wait(lambda: [link for link in reader.all(found) if page in link.get_property("href")])
    reader.press(links[0])
    reader.wait(lambda: page in reader.browser.current_url)
    assert word in reader.one("article").text


@needs_browser
@pytest.mark.site
def test_a_picture_arrives(site, reader):
    reader.open(site / "figures/Fig_4.html")
    reader.receives(reader.one("a.download[href$='Fig_4.png']"), (ROOT / "docs/gallery/Fig_4.png").read_bytes())


@needs_browser
@pytest.mark.site
def test_light_and_dark_can_be_chosen(site, reader):
    reader.open(site / "index.html", theme="light")
    for mode, dark in (("dark", True), ("light", False)):
        reader.run(f"document.querySelector('.theme-change-button[data-mode={mode}]').click()")
        reader.wait(lambda dark=dark: (reader.ground() < 128) == dark)
