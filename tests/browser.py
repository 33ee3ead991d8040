"""A headless browser for tests of pages."""

import contextlib
import shutil

import pytest

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 60  # seconds
WIDTHS = (400, 1400)
THEMES = ("light", "dark")

needs_browser = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="needs a browser: apt-get install chromium chromium-driver"
)


@contextlib.contextmanager
def opened(folder, width=1600, height=1200):
    """A browser whose profile and downloads are in ``folder``."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install -e '.[test]'")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--window-size={width},{height}", f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    (folder / "downloads").mkdir(exist_ok=True)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    allowed = {"behavior": "allow", "downloadPath": str(folder / "downloads")}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
    try:
        yield driver
    finally:
        driver.quit()


class Reader:
    """Somebody who reads pages in a browser."""

    def __init__(self, browser, folder):
        self.browser, self.downloads = browser, folder / "downloads"

    def open(self, path, width=1400, theme="light", query=""):
        """Open a file at a width of the window, as somebody whose system is light or dark."""
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        wish = [{"name": "prefers-color-scheme", "value": theme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wish})
        self.browser.get(path.as_uri() + query)

    def wait(self, condition):
        """The first true answer of a condition."""
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, PATIENCE, 0.1, ignored_exceptions=[WebDriverException]).until(
            lambda _: condition()
        )

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def one(self, selector):
        return self.wait(lambda: self.browser.find_element("css selector", selector))

    def shown(self, selector):
        """The texts of the elements that are visible."""
        return [element.text for element in self.all(selector) if element.is_displayed()]

    def sees_pictures(self, selector):
        """How many pictures there are: every one must arrive and be wide enough to be seen."""
        for image in self.all(selector):
            self.run("arguments[0].scrollIntoView()", image)
            self.wait(lambda image=image: image.get_property("naturalWidth") > 100)
            assert image.is_displayed()
            assert image.size["width"] > 100
        return len(self.all(selector))

    def fits(self):
        """Whether nothing makes the page wider than the window."""
        return self.run("return document.documentElement.scrollWidth <= window.innerWidth")

    def ground(self):
        """How light the page's background is, from 0 to 255."""
        colour = self.run("return getComputedStyle(document.body).backgroundColor")
        return sum(map(int, colour.partition("(")[2].rstrip(")").split(",")[:3])) / 3

    def fetched(self):
        """What was asked for over a network."""
        names = self.run("return performance.getEntriesByType('resource').map(entry => entry.name)")
        return [name for name in names if name.startswith("http")]

    def press(self, link):
        """Press a link, not the point of the window where it was: a list that still grows moves it."""
        self.run("arguments[0].click()", link)

    def receives(self, link, content):
        """Press a link to a file: the browser must save it, or show it if it is of a kind that it can show."""
        name = link.get_property("href").rpartition("/")[2]
        saved = self.downloads / name
        self.press(link)
        self.wait(lambda: self.browser.current_url.endswith(f"/{name}") or saved.is_file())
        if saved.is_file():
            self.wait(lambda: saved.read_bytes() == content)
        elif name.endswith(".png"):
            self.wait(lambda: self.one("img").get_property("naturalWidth") > 100)


@contextlib.contextmanager
def reading(folder):
    with opened(folder) as browser:
        yield Reader(browser, folder)
