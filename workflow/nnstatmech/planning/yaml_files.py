"""YAML as people mean it: plain values, each with the line that it stands in.

YAML 1.1, which PyYAML and Snakemake read, takes ``040`` for 32, ``yes`` for true, ``1:30`` for 90 and ``1e-5`` for a
text, and lets the last of two equal keys win. Here numbers are decimal numbers, and what would surprise is refused with
the plain spelling.
"""

import re
from pathlib import Path as FilePath
from typing import Any, NoReturn

import yaml

from .mistakes import ConfigError, Path

INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
SURPRISING_NUMBER = re.compile(
    r"[-+]?(0[0-9_]+|0x[0-9a-f_]+|0o[0-7_]+|0b[01_]+|[0-9][0-9_]*_[0-9_]*|[0-9]+(:[0-5]?[0-9])+)", re.I
)
SURPRISING_BOOLEAN = re.compile(r"yes|no|on|off", re.IGNORECASE)
MERGE = "tag:yaml.org,2002:merge"


def read_yaml(path: FilePath, name: str | None = None) -> tuple[Any, dict[Path, str]]:
    """The content of a file and the origin of every entry: ``config.yaml, line 12``.

    Parameters
    ----------
    path
        The file.
    name
        What the origins call it; by default its last component.

    Raises
    ------
    ConfigError
        With line and column of what is no YAML, or of what YAML would read in a surprising way.
    """
    name = name or path.name
    try:
        node = compose(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        hint = "; YAML is indented with spaces, not tabs" if "'\\t'" in str(error.problem) else ""
        raise ConfigError(f"{place(name, error.problem_mark)}: {error.problem}{hint}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: no readable YAML text ({' '.join(str(error).split())})") from error
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read ({error.strerror})") from error
    if node is None:
        return None, {}
    builder = Builder(name)
    return builder.value(node, ()), builder.origins


def compose(text: str) -> yaml.Node | None:
    """The tree of a text: by libyaml, ten times faster, where PyYAML has it; its mistakes in PyYAML's clearer words."""
    try:
        return yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return yaml.compose(text, Loader=yaml.SafeLoader)


def place(name: str, mark) -> str:
    return f"{name}, line {mark.line + 1}, column {mark.column + 1}"


class Builder:
    """Turns the nodes of one file into plain values and remembers their lines."""

    def __init__(self, name: str):
        self.name = name
        self.origins: dict[Path, str] = {}
        self.open: list[yaml.Node] = []

    def refuse(self, node: yaml.Node, text: str) -> NoReturn:
        raise ConfigError(f"{place(self.name, node.start_mark)}: {text}")

    def value(self, node: yaml.Node, path: Path) -> Any:
        if any(node is above for above in self.open):
            self.refuse(node, "an anchor that contains itself")
        if path:
            self.origins[path] = f"{self.name}, line {node.start_mark.line + 1}"
        self.open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
            if isinstance(node, yaml.ScalarNode):
                return self.scalar(node)
            self.refuse(node, "no mapping, list or value")
        finally:
            self.open.pop()

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict:
        merged: dict = {}
        own: dict = {}
        lines: dict = {}
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                for source in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                    if not isinstance(source, yaml.MappingNode):
                        self.refuse(value_node, "<< takes a mapping, or a list of mappings")
                    merged = self.value(source, path) | merged
                continue
            key = self.key(key_node)
            if key in own:
                self.refuse(key_node, f"key {key!r} is given twice, first in line {lines[key]}")
            lines[key] = key_node.start_mark.line + 1
            own[key] = self.value(value_node, (*path, key))
            self.origins[(*path, key)] = f"{self.name}, line {lines[key]}"
        return merged | own

    def key(self, node: yaml.Node) -> str | int:
        if not isinstance(node, yaml.ScalarNode):
            self.refuse(node, "a key must be a name, not a list or a mapping")
        key = self.scalar(node)
        if isinstance(key, bool) or not isinstance(key, str | int):
            self.refuse(node, f"a key must be a name, not {node.value!r}; put it in quotes if it is one")
        return key

    def scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        text = node.value
        if node.style:
            return text
        if text in ("", "~") or text.lower() == "null":
            return None
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        if INTEGER.fullmatch(text):
            return int(text)
        if SURPRISING_BOOLEAN.fullmatch(text):
            self.refuse(node, f"{text} is true or false in YAML; write true or false, or '{text}' in quotes for a text")
        if SURPRISING_NUMBER.fullmatch(text):
            self.refuse(node, f"{text} is no plain decimal number; write it without leading zeros, 0x, colons or _")
        if NOT_FINITE.fullmatch(text):
            self.refuse(node, f"{text} is no finite number")
        if DECIMAL.fullmatch(text):
            return self.finite(node, text)
        return text

    def finite(self, node: yaml.Node, text: str) -> float:
        number = float(text)
        if number in (float("inf"), float("-inf")):
            self.refuse(node, f"{text} is no finite number")
        return number
