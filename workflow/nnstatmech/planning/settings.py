"""The settings of config.yaml: reading, checking, resolving a scale.

Everything that is wrong is reported at once, one line each: where, what it is, what is allowed and,
for names, the nearest known one. Nothing here imports torch, so that building the DAG stays fast.
"""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ..datasets.sources import Source

SCALES = ("laptop", "paper")
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class ConfigError(ValueError):
    """Settings that cannot be used; one line per mistake."""

    def __init__(self, *lines: str):
        self.lines = lines
        super().__init__("\n".join(lines))


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Experiment(Section):
    """A named set of runs of one family, at one scale."""

    family: str = Field(description="Which engine runs it: a sub-package of nnstatmech.")
    task: str | None = Field(None, description="Which task of the family; may be left out where there is only one.")
    dataset: Name | None = Field(None, description="A data set of every mapping under data_sources.")
    seeds: int = Field(1, ge=1, description="Number of realisations: seeds 0, 1, ...")
    seeds_per_shard: int | None = Field(None, ge=1, description="Realisations in one job; all of them if left out.")
    params: dict[str, Any] = Field(default_factory=dict, description="Parameters that all runs share.")
    sweep: dict[Name, list[Any] | dict[Name, dict[str, Any]]] = Field(
        default_factory=dict,
        description="Axes whose cartesian product gives the runs: a parameter's values, or named cases.",
    )


def flat(roles: dict[str, str | list[str]]) -> list[str]:
    """Names of the experiments that roles name, each once, in order."""
    names = [name for given in roles.values() for name in ([given] if isinstance(given, str) else given)]
    return list(dict.fromkeys(names))


class Figure(Section):
    """One figure: which tables it reads and which function draws it."""

    family: str = Field(description="The family, which gives the heading in the report.")
    draw: str = Field(pattern=r"^[a-z_0-9]+\.[a-z_0-9]+$", description="module.function below nnstatmech.figures.")
    experiments: dict[Name, str | list[str]] = Field(
        min_length=1, description="Role, a positional parameter of the drawing function, to an experiment or several."
    )
    title: str = Field(description="Short title, for the report.")
    caption: str = Field(description="Full caption.")
    options: dict[str, Any] = Field(default_factory=dict, description="Keyword arguments of the drawing function.")

    @property
    def tables(self) -> list[str]:
        """The experiments in the order of the roles."""
        return flat(self.experiments)


class Settings(Section):
    """config.yaml, with one scale's numbers filled in."""

    scale: Literal["laptop", "paper"] = Field("laptop", description="Sizes of all experiments.")
    data: Name = Field("bundled", description="A mapping under data_sources.")
    data_dir: str = Field("data", description="Folder that is looked in before anything is downloaded.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where engines compute.")
    overlay_published: bool | None = Field(
        None, description="Draw published curves behind ours; left out: at paper scale only."
    )
    data_sources: dict[Name, dict[Name, Source]] = Field(description="Mappings: data set name to where it comes from.")
    experiments: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], Experiment]
    figures: dict[Name, Figure]


class StrictLoader(yaml.SafeLoader):
    """A YAML loader that refuses a key given twice, which YAML itself lets the last one win."""

    def construct_mapping(self, node, deep=False):
        seen = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is given twice, first in line {seen[key]}", key_node.start_mark
                )
            seen[key] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep)


def check_syntax(path: Path) -> None:
    """Refuse a file that is no YAML mapping or gives a key twice.

    Raises
    ------
    ConfigError
        With the line and column of the mistake.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        hint = "; YAML is indented with spaces, not tabs" if "'\\t'" in str(error.problem) else ""
        raise ConfigError(
            f"{path.name}, line {mark.line + 1}, column {mark.column + 1}: {error.problem}{hint}"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: no readable YAML text ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path.name}: must hold a mapping with {', '.join(Settings.model_fields)}")


def nearest(name: object, known) -> str:
    """A hint for a name that is not known: the nearest one, or all of them."""
    known = sorted(map(str, known))
    close = difflib.get_close_matches(str(name), known, 1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"


def is_per_scale(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and set(value) <= set(SCALES)


def number_range(value: dict) -> list[int | float]:
    """The numbers ``from``, ``from + step``, ... up to and including ``to``."""
    start, stop, step = value["from"], value["to"], value["step"]
    count = round((stop - start) / step)
    # Decimal literals such as 0.1 are not exact in binary: round the sums to the digits of the step.
    return [round(start + i * step, 12) if isinstance(step, float) else start + i * step for i in range(count + 1)]


def resolve(value: Any, scale: str, path: str, errors: list[str]) -> Any:
    """Replace ``{laptop: a, paper: b}`` by one scale's value and ``{from, to, step}`` by the list of numbers."""
    if isinstance(value, list):
        return [resolve(item, scale, f"{path}[{i}]", errors) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if is_per_scale(value):
        if scale not in value:
            errors.append(f"{path}: gives no value for scale {scale!r}; it has {', '.join(value)}")
            return None
        return resolve(value[scale], scale, path, errors)
    if set(value) == {"from", "to", "step"}:
        if not all(isinstance(n, int | float) for n in value.values()) or value["step"] <= 0:
            errors.append(f"{path} = {value}: from, to and step must be numbers and step positive")
            return None
        if value["to"] < value["from"]:
            errors.append(f"{path} = {value}: 'to' must not be below 'from'")
            return None
        return number_range(value)
    return {key: resolve(item, scale, f"{path}.{key}", errors) for key, item in value.items()}


def step_into(annotation: Any, step: str | int) -> Any:
    """The type found below ``annotation`` at one step of an error's location."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.model_fields[step].annotation
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return step_into(arguments[0], step)
    if get_origin(annotation) in (dict, list):
        return arguments[-1]
    # A union of sources: the step is the tag, the value of the member's `kind`.
    return next(member for member in arguments if step in get_args(member.model_fields["kind"].annotation))


def known_keys(model: Any, location: tuple) -> list[str]:
    """Keys that the model at ``location`` inside ``model`` accepts."""
    for step in location:
        model = step_into(model, step)
    return list(model.model_fields)


def describe(error: dict, model: Any, where: str) -> str:
    """One line for one pydantic error: path, value, what is allowed."""
    location = [str(step) for step in error["loc"]]
    path = ".".join(filter(None, [where, *location]))
    if error["type"] == "extra_forbidden":
        hint = nearest(location[-1], known_keys(model, error["loc"][:-1]))
        return f"{'.'.join(filter(None, [where, *location[:-1]])) or 'top level'}: unknown key {location[-1]!r}; {hint}"
    if error["type"] == "missing":
        return f"{path}: is missing"
    message = error["msg"].removeprefix("Value error, ").replace("Input should", "should")
    if not location and where:
        return f"{where}: {message}"
    return f"{path} = {shorten(error['input'])}: {message}"


def shorten(value: Any, width: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def validation_lines(error: ValidationError, model: Any, where: str = "") -> list[str]:
    """All mistakes of one validation, one line each."""
    return [describe(item, model, where) for item in error.errors()]


def read_settings(config: dict, scale: str | None = None) -> Settings:
    """The settings at one scale (by default, at the scale that the settings name).

    Raises
    ------
    ConfigError
        With one line per mistake in the structure of the settings. What is inside the parameters of an
        experiment is checked by :class:`nnstatmech.planning.plan.Plan`.
    """
    scale = scale or config.get("scale", "laptop")
    errors: list[str] = []
    config = {key: value if value is not None else {} for key, value in config.items()}
    if scale not in SCALES:
        raise ConfigError(f"scale = {scale!r}: is not a scale; {nearest(scale, SCALES)}; allowed: {', '.join(SCALES)}")
    if "experiments" in config:
        config["experiments"] = resolve(config["experiments"], scale, "experiments", errors)
    config["scale"] = scale
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        reported = tuple(line.split(":")[0].split(" = ")[0] for line in errors)
        others = [line for line in validation_lines(error, Settings) if not reported or not line.startswith(reported)]
        raise ConfigError(*errors, *others) from error
    if errors:
        raise ConfigError(*errors)
    return settings
