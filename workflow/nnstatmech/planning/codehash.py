"""Content hashes of code, so that an edit re-runs exactly what it can change.

Snakemake sees the modification time of a script, not the modules behind it. A rule that carries
``params: code=module_hash("nnstatmech.moments.tasks.propagation")`` is run again when that module, or a project
module that it imports, directly or not, changes in content. The hash is taken over syntax trees without
docstrings: comments, layout and documentation cost no GPU time.

:func:`symbol_hash` is finer: it follows the names that one function uses, so that editing a figure
redraws that figure and not its neighbours in the same module.
"""

import ast
import builtins
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ROOT / "workflow"
RUN_SCRIPT = str(ROOT / "scripts/run_shard.py")
# Packages outside that folder, name to the folder of the package: those of the user's own, and this one where it is
# installed, among others that are no part of the project.
added_packages: dict[str, Path] = {} if PACKAGES.is_dir() else {"nnstatmech": Path(__file__).resolve().parents[1]}
# Edits to these change no number: reports of progress, provenance, what takes up again what was computed before, and
# declarations of parameters (whose resolved values are compared instead).
NEUTRAL = {
    "nnstatmech",
    "nnstatmech.parameters",
    "nnstatmech.storage.at_hand",
    "nnstatmech.storage.cancelled",
    "nnstatmech.storage.checkpoints",
    "nnstatmech.storage.progress",
    "nnstatmech.storage.provenance",
}


def is_neutral(module: str) -> bool:
    """Whether ``module`` is declared unable to change a number."""
    return module in NEUTRAL or module.endswith(".params")


def add_package(name: str, folder: Path) -> None:
    """Follow imports into a package of the user's own, too."""
    added_packages[name] = folder
    module_file.cache_clear()


@cache
def module_file(name: str) -> Path | None:
    """The file of a project module, or of one of a package of the user's; None for anything installed."""
    first, *rest = name.split(".")
    base = added_packages[first].joinpath(*rest) if first in added_packages else PACKAGES.joinpath(first, *rest)
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def module_name(path: Path) -> str | None:
    """Dotted name of a file of a package; None for a script."""
    roots = [PACKAGES, *(folder.parent for folder in added_packages.values() if path.is_relative_to(folder))]
    root = next((root for root in reversed(roots) if path.is_relative_to(root)), None)
    if root is None:
        return None
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def syntax_tree(path: Path) -> ast.Module:
    """The file's syntax tree without docstrings."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def absolute_module(node: ast.ImportFrom, path: Path) -> str | None:
    """The module that a ``from ... import`` statement of the file ``path`` names."""
    if not node.level:
        return node.module
    package = module_name(path)
    if package is None:
        return None
    parts = package.split(".")
    up = node.level - (path.name == "__init__.py")
    base = ".".join(parts[: len(parts) - up])
    return f"{base}.{node.module}" if node.module else base


@cache
def imported_names(path: Path) -> frozenset[str]:
    """Dotted names that a file imports; they may be modules or members of modules."""
    names = set()
    for node in ast.walk(syntax_tree(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (module := absolute_module(node, path)):
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def files_run_by_import(name: str) -> set[Path]:
    """Project files that ``import name`` runs: importing a.b.c runs a, a.b and a.b.c."""
    parts = name.split(".")
    prefixes = (".".join(parts[: i + 1]) for i in range(len(parts)))
    return {file for prefix in prefixes if not is_neutral(prefix) and (file := module_file(prefix))}


@cache
def import_closure(start: str) -> frozenset[Path]:
    """Every project file that ``start`` (a dotted module or the path of a script) runs, itself included.

    Raises
    ------
    ModuleNotFoundError
        If ``start`` is no file of the project.
    """
    path = Path(start) if start.endswith(".py") else module_file(start)
    if path is None or not path.is_file():
        raise ModuleNotFoundError(f"no project module {start!r} under {PACKAGES}")
    todo, seen = [path.resolve()], set()
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            for name in imported_names(current):
                todo.extend(files_run_by_import(name))
    return frozenset(seen)


def digest(parts: set[tuple[str, str]]) -> str:
    """A short hash of named pieces of code, whatever their order."""
    result = hashlib.sha256()
    for name, code in sorted(parts):
        result.update(f"{name}\0{code}\0".encode())
    return result.hexdigest()[:16]


def canonical(tree) -> str:
    """What a syntax tree says, alike for all versions of Python: they differ in fields that are empty."""
    if isinstance(tree, ast.AST):
        fields = {name: getattr(tree, name, None) for name in sorted(tree._fields)}
        inside = (f"{name}={canonical(value)}" for name, value in fields.items() if value not in (None, []))
        return f"{type(tree).__name__}({', '.join(inside)})"
    if isinstance(tree, list):
        return f"[{', '.join(map(canonical, tree))}]"
    return repr(tree)


@cache
def whole_file(path: Path) -> tuple[str, str]:
    """What a file is called whatever folder the project is in, and its code."""
    name = module_name(path) or path.name
    return name, canonical(syntax_tree(path))


def module_hashes(*starts: str) -> dict[str, str]:
    """The hash of each module that :func:`module_hash` is made from, to say which one of them differs."""
    files = {whole_file(path) for start in starts for path in import_closure(start)}
    return {name: digest({(name, code)}) for name, code in sorted(files)}


@cache
def module_hash(*starts: str) -> str:
    """Hash of the import closures of modules or scripts."""
    return digest({whole_file(path) for start in starts for path in import_closure(start)})


def engine_hash(engine: str) -> str:
    """Hash of what makes a shard: the module of a task and the script that runs it.

    Raises
    ------
    ModuleNotFoundError
        If the module, or outside a checkout the script, is not here.
    """
    return module_hash(engine, RUN_SCRIPT)


def bound_names(node: ast.stmt) -> set[str]:
    """Names that a top-level statement binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)}


@cache
def statements(path: Path) -> tuple[tuple[ast.stmt, frozenset[str]], ...]:
    """The statements at the top level of a file, with the names that each binds."""
    return tuple((node, frozenset(bound_names(node))) for node in syntax_tree(path).body)


@cache
def code_of_statement(node: ast.stmt) -> str:
    """What a statement of a cached tree says."""
    return canonical(node)


@cache
def used_names(node: ast.stmt) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)} - set(dir(builtins))


def symbol_parts(module: str, symbol: str, parts: set[tuple[str, str]], seen: set[tuple[str, str]]) -> None:
    """Collect the code that ``module.symbol`` uses, name by name, through the project's modules."""
    if (module, symbol) in seen or is_neutral(module):
        return
    seen.add((module, symbol))
    path = module_file(module)
    if path is None:
        return
    for node, binds in statements(path):
        if binds and symbol not in binds:
            continue
        if isinstance(node, ast.ImportFrom):
            follow_import(node, path, symbol, parts, seen)
        elif isinstance(node, ast.Import):
            targets = [a.name for a in node.names if symbol in (a.asname, a.name.split(".")[0])]
            parts.update(whole_file(f) for target in targets if module_file(target) for f in import_closure(target))
        else:
            parts.add((f"{module}:{symbol}" if binds else module, code_of_statement(node)))
            for name in used_names(node):
                symbol_parts(module, name, parts, seen)


def follow_import(node: ast.ImportFrom, path: Path, symbol: str, parts: set, seen: set) -> None:
    """Go on in the module that ``symbol`` was imported from."""
    source = absolute_module(node, path) or ""
    original = next(alias.name for alias in node.names if symbol == (alias.asname or alias.name))
    if module_file(f"{source}.{original}"):
        if not is_neutral(f"{source}.{original}"):
            parts.update(whole_file(file) for file in import_closure(f"{source}.{original}"))
    elif module_file(source):
        symbol_parts(source, original, parts, seen)


@cache
def symbol_hash(module: str, symbol: str) -> str:
    """Hash of one function of a module and of all the project's code that it uses.

    Raises
    ------
    ModuleNotFoundError, AttributeError
        If there is no such module, or it does not define ``symbol``.
    """
    path = module_file(module)
    if path is None:
        raise ModuleNotFoundError(f"no project module {module!r} under {PACKAGES}")
    if symbol not in public_functions(path):
        raise AttributeError(f"{module} defines no function {symbol!r}")
    parts: set[tuple[str, str]] = set()
    symbol_parts(module, symbol, parts, set())
    return digest(parts)


@cache
def public_functions(path: Path) -> tuple[str, ...]:
    """Public functions at the top level of a file, read without importing it."""
    functions = (node.name for node in syntax_tree(path).body if isinstance(node, ast.FunctionDef))
    return tuple(name for name in functions if not name.startswith("_"))
