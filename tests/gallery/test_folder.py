"""The folder of pages, with one figure and with all, as files and in a browser at two widths."""

import shutil

import pytest
from browser import THEMES, WIDTHS, needs_browser, reading
from links import broken, pages_below

from nnstatmech.errors import NamedProblem
from nnstatmech.gallery import folder
from nnstatmech.storage.tables import tidy, write_table

from .pages import plan, planned, put_pictures


def made(tmp_path, pages):
    results = tmp_path / "results"
    for page in pages:
        put_pictures(page, results)
    folder.build(pages, results, tmp_path / "gallery")
    return tmp_path / "gallery"


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The gallery of one figure, with its table and a scorecard's page."""
    path = tmp_path_factory.mktemp("one")
    table = tidy({"seed": "int32", "value": "float64"}, seed=[0], value=[1.0])
    place = path / "results/laptop-bundled/moments/bn_ff.parquet"
    place.parent.mkdir(parents=True)
    write_table(table, place, {"shards": []})
    (path / "results/laptop-bundled/scorecard.html").write_text("<!doctype html><p>All is well.</p>")
    return made(path, [planned("Fig_4")])


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """The gallery of all figures, and of one at paper scale, too."""
    pages = [planned(name) for name in plan().settings.figures]
    return made(tmp_path_factory.mktemp("all"), [*pages, planned("Fig_4", "paper")])


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    with reading(tmp_path_factory.mktemp("browser")) as reader:
        yield reader


@pytest.mark.parametrize("gallery", ["one", "every"])
def test_no_link_is_broken(gallery, request):
    gallery = request.getfixturevalue(gallery)
    assert broken(gallery) == []
    assert len(pages_below(gallery)) > 1


def test_a_page_has_all_that_is_known_of_its_figure(one):
    text = (one / "laptop-bundled/Fig_4.html").read_text()
    page = planned("Fig_4")
    for said in (page.title, page.work, page.cost["paper"], "batch_size", page.code.where, "not at hand"):
        assert said in text
    assert all(claim.id for claim in page.claims)
    assert text.count('class="claim"') == len(page.claims)
    for name in ("Fig_4.png", "Fig_4.pdf", "Fig_4.csv", "tables/bn_ff.parquet"):
        assert f'href="{name}"' in text
    assert 'href="laptop-bundled/scorecard.html"' in (one / "index.html").read_text()


def test_text_is_escaped(tmp_path):
    from dataclasses import replace

    gallery = made(tmp_path, [replace(planned("Fig_4"), caption="a < b & c <script>alert(1)</script>")])
    text = (gallery / "laptop-bundled/Fig_4.html").read_text()
    assert "a &lt; b &amp; c &lt;script&gt;" in text
    assert "data-searched" in (gallery / "index.html").read_text()
    assert "<script>alert" not in text + (gallery / "index.html").read_text()


def test_a_figure_at_two_scales_has_one_card_and_two_pages(every):
    text = (every / "index.html").read_text()
    assert text.count('class="card"') == len(plan().settings.figures)
    assert 'href="../paper-bundled/Fig_4.html"' in (every / "laptop-bundled/Fig_4.html").read_text()
    assert 'href="../laptop-bundled/Fig_4.html"' in (every / "paper-bundled/Fig_4.html").read_text()


def test_what_an_earlier_gallery_left_is_removed_and_nothing_else(tmp_path):
    gallery = made(tmp_path, [planned("Fig_4"), planned("Fig_5")])
    (gallery / "README.md").write_text("mine")
    (gallery / "notes").mkdir()
    folder.build([planned("Fig_5")], tmp_path / "results", gallery)
    assert not (gallery / "laptop-bundled/Fig_4.html").exists()
    assert (gallery / "laptop-bundled/Fig_5.html").exists()
    assert (gallery / "README.md").read_text() == "mine"
    assert (gallery / "notes").exists()


def test_without_a_figure_it_says_what_to_do(tmp_path):
    with pytest.raises(NamedProblem, match=r"no figure is in .*; make some first"):
        folder.build([], tmp_path, tmp_path / "gallery")


@needs_browser
@pytest.mark.site
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("gallery", ["one", "every"])
def test_pictures_are_seen_offline(gallery, width, theme, reader, request):
    gallery = request.getfixturevalue(gallery)
    reader.open(gallery / "index.html", width, theme)
    assert reader.sees_pictures(".card img") == len(reader.all(".card")) > 0
    assert reader.fits()
    assert (reader.ground() > 128) == (theme == "light")
    assert reader.fetched() == []
    reader.open(gallery / "laptop-bundled/Fig_4.html", width, theme)
    assert reader.sees_pictures("figure img") == 1
    assert reader.fits()
    assert (reader.ground() > 128) == (theme == "light")


@needs_browser
@pytest.mark.site
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("exploding sensitivity", "Fig_4"),
        ("pre-activations", "Fig_4"),
        ("switch_ratio", "MP_"),
        ("PERMUTATION", "MP_"),
    ],
)
def test_search_finds_titles_captions_and_parameters(every, reader, words, found):
    reader.open(every / "index.html")
    reader.one("#search").send_keys(words)
    cards = reader.wait(lambda: len(texts := reader.shown(".card")) < len(plan().settings.figures) and texts)
    assert any(found in text for text in cards)
    shown = reader.one("#found").text
    assert shown == f"{len(cards)} of {len(plan().settings.figures)} figures"


@needs_browser
@pytest.mark.site
def test_search_from_a_page_leads_to_the_overview(every, reader):
    reader.open(every / "laptop-bundled/Fig_5.html")
    reader.one("#search").send_keys("exploding\n")
    reader.wait(lambda: "index.html?q=exploding" in reader.browser.current_url)
    assert any("Fig_4" in text for text in reader.shown(".card"))
    assert not any("Fig_5" in text for text in reader.shown(".card code"))
    reader.open(every / "index.html", query="?q=nosuchword")
    assert reader.shown("#nothing") == ["No figure has all these words."]


@needs_browser
@pytest.mark.site
def test_the_button_changes_light_and_dark_and_it_stays(every, reader):
    reader.open(every / "index.html", theme="light")
    reader.one("#theme").click()
    assert reader.ground() < 128

    def dark_again():  # what is kept is written a moment later
        reader.open(every / "laptop-bundled/Fig_4.html", theme="light")
        return reader.ground() < 128

    reader.wait(dark_again)
    reader.one("#theme").click()
    assert reader.ground() > 128


@needs_browser
@pytest.mark.site
@pytest.mark.parametrize("name", ["Fig_4.png", "Fig_4.pdf", "Fig_4.csv", "bn_ff.parquet"])
def test_files_arrive(one, reader, name):
    reader.open(one / "laptop-bundled/Fig_4.html")
    (source,) = one.rglob(name)
    reader.receives(reader.one(f'.downloads a[href$="{name}"]'), source.read_bytes())


def test_it_works_elsewhere(one, tmp_path):
    moved = shutil.copytree(one, tmp_path / "moved")
    assert broken(moved) == []
