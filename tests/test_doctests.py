"""The examples in docstrings do what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import nnstatmech
from nnstatmech.figures import style

PACKAGE = Path(nnstatmech.__file__).parent
MODULES = sorted(
    ".".join(("nnstatmech", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with style.look():
        done = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert done.attempted > 0
    assert done.failed == 0


def test_public_functions_have_examples():
    """Those that a reader meets first: the engine's round trip, theory, readings."""
    assert {"nnstatmech", "nnstatmech.face", "nnstatmech.readings", "nnstatmech.theory.mean_field"} <= set(MODULES)
