"""Links of pages: which lead nowhere, and which lead out."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

MARKDOWN_LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


class Links(HTMLParser):
    """What a page refers to, and the places in it that can be referred to."""

    def __init__(self, path):
        super().__init__()
        self.refers: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        self.refers += [given[name] for name in ("href", "src", "action") if given.get(name)]


def pages_below(folder):
    """The pages of a folder, but for the templates that a theme leaves in its own."""
    found = (path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts)
    return {path.resolve(): Links(path) for path in found}


def broken(folder):
    """``page: link`` for every link inside a folder of pages that leads nowhere."""
    pages = pages_below(folder)
    wrong = []
    for page, links in pages.items():
        for link in links.refers:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.exists() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places
            ):
                wrong.append(f"{page.relative_to(folder.resolve())}: {link}")
    return wrong


def external(folder):
    """Every address outside that a folder of pages names."""
    found = {link for links in pages_below(folder).values() for link in links.refers}
    return sorted(link for link in found if urlsplit(link).scheme in ("http", "https"))


def broken_in_markdown(path: Path):
    """Links of a Markdown page to files of the repository that are not there."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    links = [link for link in MARKDOWN_LINK.findall(text) if not urlsplit(link).scheme]
    return [link for link in links if (name := link.partition("#")[0]) and not (path.parent / unquote(name)).exists()]
