"""Every Python example of the pages runs, page by page."""

import ast

import matplotlib
import pytest

from .pages import ROOT, blocks, pages

# The pages whose examples are parts of a project that another test puts together, or read results that are not there.
FOLLOWED_ELSEWHERE = {"docs/extend.md", "docs/tasks/own_figure.md", "docs/results.md"}
# Those that compute for more than a few seconds.
SLOW = {"README.md", "docs/notebooks/moments.md", "docs/notebooks/message_passing.md", "docs/notebooks/own_network.md"}


def named(page):
    return str(page.relative_to(ROOT))


def with_examples():
    for page in pages():
        name = named(page)
        if blocks(page, "python") and name not in FOLLOWED_ELSEWHERE:
            yield pytest.param(page, id=name, marks=[pytest.mark.recipes] if name in SLOW else [])


@pytest.mark.parametrize("page", list(with_examples()))
def test_examples_run(page, monkeypatch, tmp_path):
    if any("IPython" in content for content in blocks(page, "python")):
        pytest.importorskip("IPython", reason="needs pip install -e '.[docs]'")
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    names = {}
    for content in blocks(page, "python"):
        exec(compile(content, named(page), "exec"), names)


@pytest.mark.parametrize("name", sorted(FOLLOWED_ELSEWHERE))
def test_other_examples_are_python(name):
    for content in blocks(ROOT / name, "python"):
        ast.parse(content)
