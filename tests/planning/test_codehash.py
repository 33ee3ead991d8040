"""The hash changes with what can change a number, and with nothing else."""

import ast
import sys

import pytest

from nnstatmech.planning import codehash
from nnstatmech.planning.codehash import canonical


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A little package; returns a function that writes a file and forgets what was cached."""
    monkeypatch.setattr(codehash, "ROOT", tmp_path)
    monkeypatch.setattr(codehash, "PACKAGES", tmp_path / "workflow")

    def write(name, text):
        path = tmp_path / "workflow" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for function in vars(codehash).values():
            if hasattr(function, "cache_clear"):
                function.cache_clear()

    write("p/__init__.py", "")
    write("p/deep/__init__.py", "")
    write("p/deep/leaf.py", "def leaf():\n    return 1\n\n\ndef other():\n    return 2\n")
    write("p/middle.py", "from .deep import leaf\nfrom p.deep.leaf import other as renamed\nimport numpy as np\n")
    write(
        "p/figures.py",
        "from p.deep.leaf import leaf\nfrom p.middle import renamed\nimport p.middle as middle\n\nSIZE = 3\n\n\n"
        "def helper():\n    return leaf()\n\n\ndef first():\n    return helper() + SIZE\n\n\n"
        "def second():\n    return renamed()\n\n\ndef third():\n    return middle.leaf.leaf()\n",
    )
    write("p/alone.py", "A = 1\n")
    write("p/params.py", "B = 1\n")
    write("p/engine.py", "from .params import B\nfrom .middle import leaf\n")
    yield write
    write("p/alone.py", "")


def closure(start):
    return {path.name for path in codehash.import_closure(start)} - {"__init__.py"}


def test_the_closure_follows_relative_and_absolute_imports(project):
    assert closure("p.middle") == {"middle.py", "leaf.py"}
    assert closure("p.engine") == {"engine.py", "middle.py", "leaf.py"}
    assert closure("p.alone") == {"alone.py"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p/deep/leaf.py", "def leaf():\n    return 10\n\n\ndef other():\n    return 2\n"),
        ("p/__init__.py", "X = 1\n"),
        ("p/middle.py", "from .deep import leaf\n"),
    ],
)
def test_edits_of_imported_modules_change_the_hash(project, name, text):
    before = codehash.module_hash("p.engine")
    project(name, text)
    assert codehash.module_hash("p.engine") != before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p/deep/leaf.py", '"""Doc."""\ndef leaf():\n    "Doc."\n    # why\n    return (1)\ndef other(): return 2\n'),
        ("p/alone.py", "A = 2\n"),
        ("p/params.py", "B = 2\n"),
    ],
)
def test_comments_docstrings_layout_strangers_and_declarations_do_not(project, name, text):
    before = codehash.module_hash("p.engine")
    project(name, text)
    assert codehash.module_hash("p.engine") == before


FIGURES = ("first", "second", "third")


def hashes():
    return {name: codehash.symbol_hash("p.figures", name) for name in FIGURES}


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("p/figures.py", "return helper() + SIZE", "return helper() - SIZE", {"first"}),
        ("p/figures.py", "SIZE = 3", "SIZE = 4", {"first"}),
        ("p/figures.py", "return renamed()", "return -renamed()", {"second"}),
        ("p/deep/leaf.py", "return 1", "return 5", {"first", "third"}),
        ("p/deep/leaf.py", "return 2", "return 5", {"second", "third"}),
        ("p/middle.py", "import numpy as np", "import numpy", {"third"}),
    ],
)
def test_a_symbol_hash_follows_the_names_that_are_used(project, name, old, new, changed):
    before = hashes()
    text = (codehash.PACKAGES / name).read_text()
    assert old in text
    project(name, text.replace(old, new))
    after = hashes()
    assert {figure for figure in FIGURES if before[figure] != after[figure]} == changed


def test_statements_that_bind_nothing_count_for_every_symbol(project):
    before = hashes()
    project("p/figures.py", (codehash.PACKAGES / "p/figures.py").read_text() + "\nprint('at import')\n")
    assert all(before[name] != after for name, after in hashes().items())


def test_unknown_modules_and_symbols_are_named(project):
    with pytest.raises(ModuleNotFoundError, match=r"p\.nowhere"):
        codehash.module_hash("p.nowhere")
    with pytest.raises(AttributeError, match="defines no function 'fourth'"):
        codehash.symbol_hash("p.figures", "fourth")


def test_fields_that_another_python_adds_do_not_count():
    """3.12 gave functions and classes ``type_params``, empty lists in code that has none."""
    source = "def f(x, *, y=None):\n    return [x, None, f'{y!r:>3}', '']\n"
    tree, newer = ast.parse(source), ast.parse(source)
    (function,) = newer.body
    function._fields = (*function._fields, "type_params")
    function.type_params = []
    assert ast.dump(newer) != ast.dump(tree) or sys.version_info >= (3, 12)
    assert canonical(newer) == canonical(tree)
    for edited in ("y=0", "y=''", "return None", "return"):
        changed = source.replace("y=None", edited) if "=" in edited else f"def f(x, *, y=None):\n    {edited}\n"
        assert canonical(ast.parse(changed)) != canonical(tree)
    assert canonical(ast.parse("return_none = None")) != canonical(ast.parse("return_none = []"))
    assert canonical(ast.parse("def f():\n    return\n")) != canonical(ast.parse("def f():\n    return None\n"))
