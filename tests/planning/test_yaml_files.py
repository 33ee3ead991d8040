"""YAML is read as people mean it, and what would surprise is refused with its place."""

import pytest

from nnstatmech.planning.mistakes import ConfigError
from nnstatmech.planning.yaml_files import read_yaml


def read(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return read_yaml(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("-1.5E3", -1500.0),
        (".5", 0.5),
        ("40", 40),
        ("-3", -3),
        ("0", 0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'040'", "040"),
        ('"yes"', "yes"),
        ("2026-11-27", "2026-11-27"),
        ("bn_ff", "bn_ff"),
        ("[1, 2.0, x]", [1, 2.0, "x"]),
        ("{2: 8}", {2: 8}),
    ],
)
def test_plain_values_are_what_they_look_like(tmp_path, text, value):
    found = read(tmp_path, f"a: {text}\n")[0]["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 040", "line 1, column 4: 040 is no plain decimal number"),
        ("a: 0x10", "line 1, column 4: 0x10 is no plain decimal number"),
        ("a: 0b11", "line 1, column 4: 0b11 is no plain decimal number"),
        ("a: 1_000", "line 1, column 4: 1_000 is no plain decimal number"),
        ("a: 1:30", "line 1, column 4: 1:30 is no plain decimal number"),
        ("a: yes", "line 1, column 4: yes is true or false in YAML; write true or false, or 'yes' in quotes"),
        ("a: Off", "line 1, column 4: Off is true or false in YAML"),
        ("a: .nan", "line 1, column 4: .nan is no finite number"),
        ("a: -.inf", "line 1, column 4: -.inf is no finite number"),
        ("a: 1e400", "line 1, column 4: 1e400 is no finite number"),
        ("a: 1\na: 2", "line 2, column 1: key 'a' is given twice, first in line 1"),
        ("b:\n  a: {}\n  a: {}", "line 3, column 3: key 'a' is given twice, first in line 2"),
        ("? [1, 2]\n: 3", "line 1, column 3: a key must be a name, not a list or a mapping"),
        ("null: 3", "line 1, column 1: a key must be a name, not 'null'"),
        ("1.5: 3", "line 1, column 1: a key must be a name, not '1.5'"),
        ("a: &x\n  b: *x", "line 1, column 4: an anchor that contains itself"),
        ("a: &x [*x]", "line 1, column 4: an anchor that contains itself"),
        ("a: {<<: 3}", "line 1, column 9: << takes a mapping"),
        (
            "a: laptop\n\tb: x",
            "line 2, column 1: found character '\\t' that cannot start any token; YAML is indented",
        ),
        ("a: [laptop\nb: x", "line 2, column 2:"),
        ("a: 'laptop", "line 2, column 1:"),
        ("a: *nowhere", "line 1, column 4: found undefined alias"),
    ],
)
def test_what_would_surprise_is_refused_with_its_place(tmp_path, text, line):
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text + "\n")
    assert str(error.value).startswith(f"config.yaml, {line}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"a: \x00\n", b"a: \xff\n"])
def test_what_is_no_text_is_refused(tmp_path, content):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"^config.yaml: no readable YAML text"):
        read_yaml(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"^mine.yaml: cannot be read \(No such file"):
        read_yaml(tmp_path / "mine.yaml")


def test_merge_keys_give_what_is_not_given(tmp_path):
    text = "base: &b {width: 1, depth: 2}\nmore: &m {depth: 3, size: 4}\none: {<<: *b, width: 5}\ntwo: {<<: [*b, *m]}\n"
    value, origins = read(tmp_path, text)
    assert value["one"] == {"width": 5, "depth": 2}
    assert value["two"] == {"width": 1, "depth": 2, "size": 4}
    assert origins["one", "depth"] == "config.yaml, line 1"
    assert origins["one", "width"] == "config.yaml, line 3"


def test_every_entry_knows_its_line(tmp_path):
    value, origins = read(tmp_path, "a:\n  b:\n  - 1\n  - c: 2\n")
    assert value == {"a": {"b": [1, {"c": 2}]}}
    lines = {("a",): 1, ("a", "b"): 2, ("a", "b", 0): 3, ("a", "b", 1): 4, ("a", "b", 1, "c"): 4}
    assert origins == {path: f"config.yaml, line {line}" for path, line in lines.items()}
