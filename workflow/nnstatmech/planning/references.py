"""Functions that settings name, and what they take: read from their source, without importing it."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath

from .codehash import absolute_module, module_file, module_hash, public_functions, symbol_hash, syntax_tree
from .mistakes import ConfigError, Path
from .settings import nearest

GIVEN = {"scale", "overlay_published"}  # keywords of drawing functions that the workflow gives


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function.

    Attributes
    ----------
    name, positional, required
        As in the function's definition.
    single, several
        Whether it takes one table, or a list of them.
    tasks
        Classes of the tasks whose tables it takes, ``Annotated[DataFrame, Training]``; any if empty.
    """

    name: str
    positional: bool
    required: bool
    single: bool = True
    several: bool = True
    tasks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Signature:
    """What a function takes."""

    name: str
    parameters: tuple[Parameter, ...]
    takes_any_keyword: bool

    @property
    def roles(self) -> dict[str, Parameter]:
        """The positional parameters."""
        return {parameter.name: parameter for parameter in self.parameters if parameter.positional}

    @property
    def options(self) -> dict[str, Parameter]:
        """The keyword-only parameters that settings may give."""
        return {p.name: p for p in self.parameters if not p.positional and p.name not in GIVEN}

    def mistakes(
        self, experiments: Mapping[str, str | list[str]], options: Mapping, tasks: Mapping[str, str | None]
    ) -> Iterator[tuple[Path, str]]:
        """What is wrong with the tables and options that a figure gives.

        Parameters
        ----------
        experiments
            Role to one experiment or several.
        options
            Keyword arguments.
        tasks
            Experiment to the class of its task's parameters.
        """
        yield from self.role_mistakes(experiments, tasks)
        for name in options:
            if name not in self.options:
                hint = nearest(name, self.options)
                yield ("options", name), f"{self.name} takes no such option; {hint}"
        for name, parameter in self.options.items():
            if parameter.required and name not in options:
                yield ("options",), f"{self.name} needs the option {name!r}"

    def role_mistakes(
        self, experiments: Mapping[str, str | list[str]], tasks: Mapping[str, str | None], others: bool = True
    ) -> Iterator[tuple[Path, str]]:
        """What is wrong with the tables that are given; ``others``: every positional parameter is a table."""
        for role, given in experiments.items():
            path = ("experiments", role)
            if role not in self.roles:
                yield path, f"{self.name} takes no such table; {nearest(role, self.roles)}"
                continue
            wanted = self.roles[role]
            if isinstance(given, str) and not wanted.single:
                yield path, f"{self.name} takes a list of experiments here: write [{given}]"
            if not isinstance(given, str) and not wanted.several:
                yield path, f"{self.name} takes a single experiment here, not {len(given)}"
            for experiment in [given] if isinstance(given, str) else given:
                task = tasks.get(experiment)
                if wanted.tasks and task is not None and task not in wanted.tasks:
                    allowed = " or ".join(sorted(wanted.tasks))
                    yield path, f"{experiment!r} is a table of {task}, and {self.name} reads one of {allowed}"
        misspelt = set(experiments) - set(self.roles)
        for role, wanted in self.roles.items():
            if others and not misspelt and wanted.required and role not in experiments:
                yield ("experiments",), f"{self.name} needs a table as {role!r}"


@dataclass(frozen=True)
class Reference:
    """A function by the module, or the file, that defines it.

    Attributes
    ----------
    module
        Dotted name of the module, or the path of a file.
    name
        The function.
    """

    module: str
    name: str

    @property
    def file(self) -> FilePath:
        """The file that defines the function.

        Raises
        ------
        ConfigError
            If there is none.
        """
        path = FilePath(self.module) if self.module.endswith(".py") else module_file(self.module)
        if path is None or not path.is_file():
            raise ConfigError(f"there is no module {self.module}")
        return path

    def signature(self) -> Signature:
        """What the function takes.

        Raises
        ------
        ConfigError
            If the module or the function is not there, or the file is no Python.
        """
        path = self.file
        try:
            tree = syntax_tree(path)
        except SyntaxError as error:
            raise ConfigError(f"{path.name}, line {error.lineno}: {error.msg}") from error
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == self.name:
                return signature_of(node, path)
        known = public_functions(path)
        raise ConfigError(f"{path.name} defines no {self.name!r}; {nearest(self.name, known)}")

    def code_hash(self) -> str:
        """Hash of the function and of the project's code that it uses; of the whole file, if it is the user's own."""
        if self.module.endswith(".py"):
            return module_hash(self.module)
        return symbol_hash(self.module, self.name)


def reference_of(text: str, package: str, folder: FilePath | None = None) -> Reference:
    """The function that ``module.function`` below ``package``, or ``file.py:function`` in ``folder``, names."""
    if ":" in text:
        path, _, name = text.rpartition(":")
        file = (folder or FilePath.cwd()) / FilePath(path).expanduser()
        return Reference(str(file), name)
    module, _, name = text.rpartition(".")
    return Reference(f"{package}.{module}", name)


@cache
def signature_of(node: ast.FunctionDef, path: FilePath) -> Signature:
    """The signature of a function's definition."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaulted = len(positional) - len(arguments.defaults)
    parameters = [
        parameter(argument, path, positional=True, required=i < defaulted) for i, argument in enumerate(positional)
    ]
    parameters += [
        parameter(argument, path, positional=False, required=default is None)
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    return Signature(node.name, tuple(parameters), arguments.kwarg is not None)


def parameter(argument: ast.arg, path: FilePath, positional: bool, required: bool) -> Parameter:
    kinds = table_kinds(argument.annotation, path)
    tasks = frozenset(task_names(argument.annotation, path))
    if not kinds:
        return Parameter(argument.arg, positional, required, tasks=tasks)
    return Parameter(argument.arg, positional, required, "single" in kinds, "several" in kinds, tasks)


def expanded(annotation: ast.expr | None, path: FilePath) -> ast.expr | None:
    """An annotation, or what the alias that it is stands for."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return ast.parse(annotation.value, mode="eval").body
    if isinstance(annotation, ast.Name) and (found := alias(annotation.id, path)):
        return found
    return annotation


def alias(name: str, path: FilePath) -> ast.expr | None:
    """What a top-level ``name = ...``, annotated or not, of a file says, or of a project module it imports it from."""
    for node in syntax_tree(path).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            return node.value
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            return node.value
        if isinstance(node, ast.ImportFrom):
            for imported in node.names:
                if name == (imported.asname or imported.name):
                    source = module_file(absolute_module(node, path) or "")
                    return alias(imported.name, source) if source else None
    return None


def parts_of(annotation: ast.Subscript) -> tuple[str, list[ast.expr]]:
    """``Annotated`` and what stands in its brackets."""
    inner = annotation.slice
    return ast.unparse(annotation.value).rpartition(".")[2], inner.elts if isinstance(inner, ast.Tuple) else [inner]


def table_kinds(annotation: ast.expr | None, path: FilePath) -> set[str]:
    """``single`` and ``several``, as far as an annotation says that it takes a table, or tables."""
    annotation = expanded(annotation, path)
    if isinstance(annotation, ast.BinOp):
        return table_kinds(annotation.left, path) | table_kinds(annotation.right, path)
    if isinstance(annotation, ast.Subscript):
        name, inner = parts_of(annotation)
        if name == "Annotated":
            return table_kinds(inner[0], path)
        return {"several"} if name in ("list", "Sequence") and table_kinds(inner[0], path) else set()
    text = ast.unparse(annotation) if annotation is not None else ""
    return {"single"} if text.rpartition(".")[2] == "DataFrame" else set()


def task_names(annotation: ast.expr | None, path: FilePath) -> set[str]:
    """The classes behind the table in ``Annotated[DataFrame, Training, Timing]``."""
    annotation = expanded(annotation, path)
    if isinstance(annotation, ast.BinOp):
        return task_names(annotation.left, path) | task_names(annotation.right, path)
    if isinstance(annotation, ast.Subscript):
        name, inner = parts_of(annotation)
        if name == "Annotated":
            return {ast.unparse(item).rpartition(".")[2] for item in inner[1:]}
        return set().union(*(task_names(item, path) for item in inner))
    return set()
