"""Where settings come from, from the bottom up: the families' own files, config.yaml, further files, the command line.

Mappings merge key by key; a ``sweep``, a set of ``cases`` and a data source replace what was there, and so does any
value that is not a mapping. ``{laptop: ..., paper: ...}`` counts as one value, of which an override may give one scale.
A figure whose name holds a ``*`` is drawn for every experiment of its family. Every entry remembers where it was
written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeVar

from .families import Families, families_of
from .mistakes import ConfigError, Path
from .settings import SCALES, Settings, is_per_scale, nearest
from .yaml_files import read_yaml

REPLACED = ("sweep", "cases")
ANY = "*"  # stands for the name of an experiment in a figure's entry
COMMAND_LINE = "--config"
SOURCES = FilePath(__file__).resolve().parents[1] / "datasets/sources.yaml"
ROOT = FilePath(__file__).resolve().parents[3]

T = TypeVar("T")


@dataclass
class Layers:
    """Merged settings of all scales, with their origins.

    Attributes
    ----------
    config
        The settings, scales not resolved.
    origins
        Path of an entry to where it was written.
    folders
        Path of an entry to the folder of the file that it was written in; paths inside it are relative to that folder.
    families
        All families: those of the package and those that ``families`` names.
    """

    families: Families
    config: dict = field(default_factory=dict)
    origins: dict[Path, str] = field(default_factory=dict)
    folders: dict[Path, FilePath] = field(default_factory=dict)

    def put(self, config: Mapping, origins: Mapping[Path, str], folder: FilePath) -> None:
        """Lay ``config`` over what is there."""
        self.config = overlaid(self.config, dict(config), ())
        self.origins.update(origins)
        self.folders.update(dict.fromkeys(origins, folder))

    def name_figures(self) -> None:
        """Put a figure for each experiment in place of one whose name holds a ``*``; what is written of it counts."""
        figures, experiments = (self.config.get(section) or {} for section in ("figures", "experiments"))
        if not isinstance(figures, dict) or not isinstance(experiments, dict):
            return
        patterns = {name: entry for name, entry in figures.items() if ANY in str(name) and isinstance(entry, dict)}
        named = {name: entry for name, entry in figures.items() if name not in patterns}
        for pattern, entry in patterns.items():
            for experiment, given in experiments.items():
                if not isinstance(given, dict) or given.get("family") != entry.get("family"):
                    continue
                name = pattern.replace(ANY, experiment)
                own = named.get(name) or {}
                if isinstance(own, dict):
                    named[name] = filled(entry, experiment) | own
                    self.take_origins(("figures", pattern), ("figures", name))
        self.config = self.config | {"figures": named}

    def take_origins(self, of: Path, to: Path) -> None:
        """Let an entry that was made from another one be written where that one was, if nowhere else."""
        inherit(self.origins, of, to)
        inherit(self.folders, of, to)

    def folder_of(self, path: Path) -> FilePath:
        """The folder of the file that wrote the entry at ``path``."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.folders:
                return self.folders[path[:length]]
        return FilePath.cwd()


def read_layers(
    files: Iterable[FilePath], overrides: Mapping[str, Any] | None = None, overrides_from: str = COMMAND_LINE
) -> Layers:
    """Everything that is set, merged.

    Parameters
    ----------
    files
        Configuration files, each over the one before.
    overrides
        What lies over the files: top-level scalars of the command line, or the ``config`` of a module statement.
    overrides_from
        What messages call the overrides.

    Raises
    ------
    ConfigError
        If a file is no YAML mapping, an experiment is ``like`` one that is not there, or the command line gives more
        than a scalar.
    """
    overrides = overrides or {}
    own = [(path, *mapping_of(path)) for path in files]
    folders = [
        (FilePath(entry).expanduser(), path.parent)
        for path, config, _ in own
        for entry in named_families(config, path.name)
    ]
    layers = Layers(families_of(tuple((base / folder).resolve() for folder, base in folders)))
    layers.put(*mapping_of(SOURCES), SOURCES.parent)
    for name, family in layers.families.items():
        for section in ("experiments", "figures"):
            layers.put(*entries_of(name, family.folder, section), family.folder)
    for path, config, origins in own:
        layers.put(config, origins, path.resolve().parent)
    if overrides_from == COMMAND_LINE:
        require_scalars(overrides)
    layers.put(overrides, dict.fromkeys(paths_of(overrides), overrides_from), FilePath.cwd())
    layers.name_figures()
    return layers


def merged(config: Mapping | None = None) -> dict:
    """``config`` over the families' files and, in a checkout, over the project's own config.yaml."""
    return of_package(config).config


def of_package(config: Mapping | None = None) -> Layers:
    """The layers of a call from Python: what the package brings, config.yaml in a checkout, and ``config``."""
    front_door = ROOT / "config.yaml"
    return read_layers([front_door] if front_door.is_file() else [], config or {}, "the caller")


def front_door() -> list[FilePath]:
    """The config.yaml that Snakemake would read in the working folder, else that of the checkout; empty without any."""
    folders = [FilePath.cwd()] if FilePath("Snakefile").is_file() else []
    return [path for folder in [*folders, ROOT] if (path := folder / "config.yaml").is_file()][:1]


def mapping_of(path: FilePath) -> tuple[dict, dict[Path, str]]:
    """The content of a file that must hold a mapping."""
    content, origins = read_yaml(path)
    if content is not None and not isinstance(content, dict):
        raise ConfigError(f"{path.name}: must hold a mapping with {', '.join(Settings.model_fields)}")
    return content or {}, origins


def named_families(config: Mapping, name: str) -> list[str]:
    found = config.get("families") or []
    if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
        raise ConfigError(f"{name}: families = {found!r}: must be a list of folders")
    return found


def require_scalars(overrides: Mapping) -> None:
    for key, value in overrides.items():
        text = value.strip() if isinstance(value, str) else ""
        if isinstance(value, dict | list) or text.startswith(("{", "[")):
            raise ConfigError(
                f"{COMMAND_LINE}: {key} = {value!r}: the command line takes single values only; "
                "write it into a file and give that with --configfile"
            )


def paths_of(config: Mapping, above: Path = ()) -> list[Path]:
    """The paths of all entries of nested mappings."""
    paths = []
    for key, value in config.items():
        paths.append((*above, key))
        if isinstance(value, Mapping):
            paths += paths_of(value, (*above, key))
    return paths


def overlaid(below: Any, above: Any, path: Path) -> Any:
    """``above`` laid over ``below``."""
    if is_per_scale(above) and set(above) < set(SCALES) and below is not None:
        lower = below if is_per_scale(below) else dict.fromkeys(SCALES, below)
        return {**lower, **above}
    if not isinstance(above, dict) or not isinstance(below, dict):
        return above
    if holds_mappings(below) or holds_mappings(above):
        return {scale: overlaid(at_scale(below, scale), at_scale(above, scale), path) for scale in SCALES}
    if is_per_scale(above) or is_per_scale(below) or replaces(path):
        return above
    return below | {
        key: overlaid(below[key], value, (*path, key)) if key in below else value for key, value in above.items()
    }


def inherit(known: dict[Path, T], of: Path, to: Path) -> None:
    """Say of what is below ``to`` what is known of ``of``, where nothing is known."""
    for path in [path for path in known if path[: len(of)] == of]:
        known.setdefault((*to, *path[len(of) :]), known[path])


def filled(entry: Any, experiment: str) -> Any:
    """An entry with the name of an experiment in place of every ``*``."""
    if isinstance(entry, Mapping):
        return {key: filled(value, experiment) for key, value in entry.items()}
    return entry.replace(ANY, experiment) if isinstance(entry, str) else entry


def holds_mappings(value: Any) -> bool:
    """Whether a value gives a mapping for each scale."""
    return is_per_scale(value) and all(isinstance(item, dict) for item in value.values())


def at_scale(value: Any, scale: str) -> Any:
    return value.get(scale) if is_per_scale(value) else value


def replaces(path: Path) -> bool:
    """Whether the entry at ``path`` replaces what was there: a sweep, a set of cases, a data source."""
    return bool(path) and (path[-1] in REPLACED or (path[0] == "data_sources" and len(path) == 3))


def entries_of(family: str, folder: FilePath, section: str) -> tuple[dict, dict[Path, str]]:
    """The entries of a family's ``<section>.yaml``, complete: with their family and what they are ``like``."""
    path = folder / f"{section}.yaml"
    if not path.exists():
        return {}, {}
    name = f"{folder.name}/{path.name}"
    content, origins = read_yaml(path, name)
    if content is not None and not isinstance(content, dict):
        raise ConfigError(f"{name}: must hold a mapping of {section}")
    content = content or {}
    complete: dict[str, dict] = {}
    found: dict[Path, str] = {}
    for entry in content:
        value, chain = with_siblings(entry, content, name)
        complete[entry] = {"family": family} | value if isinstance(value, dict) else value
        for sibling in chain:
            found |= {
                (section, entry, *path[1:]): origin for path, origin in origins.items() if path and path[0] == sibling
            }
    return {section: complete}, found


def with_siblings(entry: str, entries: Mapping, name: str, seen: tuple[str, ...] = ()) -> tuple[Any, list[str]]:
    """An entry with what it takes from the one that it is ``like``, and whom it takes from, furthest first."""
    own = entries[entry]
    if not isinstance(own, dict) or "like" not in own:
        return own, [entry]
    sibling = own["like"]
    if sibling not in entries:
        known = [other for other in entries if other != entry]
        raise ConfigError(f"{name}: {entry}.like = {sibling!r}: no such entry of this file; {nearest(sibling, known)}")
    if sibling in (*seen, entry):
        raise ConfigError(f"{name}: {entry}.like = {sibling!r}: the entries are like each other")
    below, chain = with_siblings(sibling, entries, name, (*seen, entry))
    rest = {key: value for key, value in own.items() if key != "like"}
    return overlaid(below, rest, ("entries", entry)), [*chain, entry]
