"""The report of a small project, made offline and read in a real browser."""

import subprocess
import sys

import pytest
from browser import PATIENCE, needs_browser, opened

MOMENTS = "Moments of signal and noise (Labatie 2019)"

pytestmark = needs_browser


@pytest.fixture(scope="module")
def report(built, tmp_path_factory):
    """The report of everything, made without any connection where the system can take it away."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    offline = ["unshare", "--net"]
    if subprocess.run([*offline, "true"], capture_output=True).returncode:
        offline = []
    command = [*offline, sys.executable, "-m", "snakemake", "--report", path]
    subprocess.run(command, cwd=built.folder, check=True, timeout=300)
    return path


@pytest.fixture
def browser(tmp_path):
    with opened(tmp_path) as driver:
        yield driver


@pytest.fixture
def page(browser, report):
    """The report in the browser."""
    browser.get(report.as_uri())
    return Page(browser)


class Page:
    """The report as a reader sees it."""

    def __init__(self, browser):
        self.browser = browser

    @property
    def text(self):
        return self.browser.find_element("tag name", "body").text

    def wait(self, condition):
        """The first true answer of a condition."""
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, PATIENCE, ignored_exceptions=[WebDriverException]).until(
            lambda _: condition()
        )

    def open(self, category):
        """Open a heading of the menu."""
        self.wait(lambda: self.browser.find_element("xpath", f"//*[text()='{category}']")).click()

    def press(self, row, button):
        """Press the eye (0) or the i (1) of a row of the result table."""
        path = f"//tbody/tr[td[contains(., '{row}')]]//a"
        self.wait(lambda: self.browser.find_elements("xpath", path)[button]).click()

    def wait_for(self, *texts):
        self.wait(lambda: all(text in self.text for text in texts))


def test_every_figure_stands_under_its_work(page):
    page.wait_for(MOMENTS, "Scorecard", "This report holds 2 figures at scale laptop with bundled data")
    page.open(MOMENTS)
    page.wait_for("Wide: Wide", "Deep: Deep")


def test_a_figure_is_shown(page):
    page.open(MOMENTS)
    page.press("Wide: Wide", 0)
    image = page.wait(lambda: page.browser.find_element("css selector", "img[src^='data:image/png']"))
    page.wait(lambda: image.get_property("naturalWidth") > 500)
    fetched = page.browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in fetched if name.startswith("http")] == []


def test_a_caption_says_where_the_figure_comes_from(page):
    page.open(MOMENTS)
    page.press("Deep: Deep", 1)
    page.wait_for(
        "A caption of the deep figure.",
        "nnstatmech.moments.figures.tiny.deep",
        "deep: 1 run with 2 realisations",
        "untrained: 1 run with 2 realisations",
        "architecture = bn_ff",
        "Commit:",
        "scikit-learn's photographs",
    )


def test_the_scorecard_is_a_table_and_a_figure(page):
    page.open("Scorecard")
    page.wait_for("Claims as a figure", "Claims as a table")
    page.press("Claims as a table", 0)
    frame = page.wait(lambda: page.browser.find_element("css selector", "iframe"))
    page.browser.switch_to.frame(frame)
    page.wait_for("1 claims: 1 reproduced", "the mean is near one", "the tests", MOMENTS)
