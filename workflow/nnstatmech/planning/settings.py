"""The models of the settings, and how one scale is read out of them.

Everything that is wrong is reported at once, one line each: where, what it is, what is allowed and,
for names, the nearest known one. Nothing here imports torch, so that building the DAG stays fast.
"""

import difflib
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ..datasets.sources import Source
from .mistakes import ConfigError, Mistake, Path, dotted

SCALES = ("laptop", "paper")
MOST_VALUES = 100_000  # of a range: more are a mistake in the step
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
LowerName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Count = Annotated[int, Field(ge=1, strict=True)]
Folder = Annotated[str, AfterValidator(lambda text: str(FilePath(text).expanduser()))]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Experiment(Section):
    """A named set of runs of one family, at one scale."""

    family: str = Field(description="family whose task runs it")
    task: str | None = Field(None, description="task of the family; may be left out where there is only one")
    dataset: Name | None = Field(None, description="a data set of every mapping under data_sources")
    seeds: Count = Field(1, description="number of realisations: seeds 0, 1, ...")
    seeds_per_shard: Count | None = Field(
        None, description="realisations in one job; left out: so many that a job is about as long as it should be"
    )
    batched: list[Name] | None = Field(
        None,
        description="axes of the sweep whose runs one job computes; left out: those that make a job about as long as "
        "it should be",
    )
    params: dict[str, Any] = Field(default_factory=dict, description="parameters that all runs share")
    sweep: dict[Name, list[Any] | dict[Name, dict[str, Any]]] = Field(
        default_factory=dict,
        description="axes whose cartesian product gives the runs: a list of a parameter's values, or named cases",
    )


def flat(roles: dict[str, str | list[str]]) -> list[str]:
    """Names of the experiments that roles name, each once, in order."""
    names = [name for given in roles.values() for name in ([given] if isinstance(given, str) else given)]
    return list(dict.fromkeys(names))


class Figure(Section):
    """One figure: which tables it reads and which function draws it."""

    family: str = Field(description="family, which gives the heading")
    draw: str = Field(
        pattern=r"^([a-z_0-9]+\.[a-z_0-9]+|[^:]+\.py:[A-Za-z_0-9]+)$",
        description="module.function below the family's figures, or file.py:function",
    )
    experiments: dict[Name, str | Annotated[list[str], Field(min_length=1)]] = Field(
        min_length=1, description="role, a positional parameter of the drawing function, to an experiment or several"
    )
    title: str = Field(description="short title")
    caption: str = Field(description="full caption: what the picture shows")
    options: dict[str, Any] = Field(default_factory=dict, description="keyword arguments of the drawing function")

    @property
    def tables(self) -> list[str]:
        """The experiments in the order of the roles."""
        return flat(self.experiments)


class Settings(Section):
    """All settings, with one scale's numbers filled in."""

    scale: Literal["laptop", "paper"] = Field("laptop", description="sizes of all experiments")
    data: Name = Field("bundled", description="a mapping under data_sources")
    data_dir: Folder = Field("data", description="folder that is looked in before anything is downloaded")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where engines compute")
    overlay_published: bool | None = Field(
        None, description="draw published curves behind ours; left out: at paper scale only"
    )
    seeds: Count | dict[LowerName, Count] | None = Field(
        None, description="largest number of seeds of every experiment, or of those that are named"
    )
    claims: Literal["all", "at_hand"] = Field(
        "all", description="claims that the scorecard judges: all, or those whose tables are there, computing nothing"
    )
    families: list[str] = Field(default_factory=list, description="folders of families of your own")
    data_sources: dict[Name, dict[Name, Source]] = Field(description="mappings: data set to where it comes from")
    experiments: dict[LowerName, Experiment] = Field(default_factory=dict, description="what is run")
    figures: dict[Name, Figure] = Field(default_factory=dict, description="what is drawn")


def nearest(name: object, known) -> str:
    """A hint for a name that is not known: the nearest one, or all of them."""
    known = sorted(map(str, known))
    close = difflib.get_close_matches(str(name), known, 1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"


def is_per_scale(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and set(value) <= set(SCALES)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def number_range(value: dict) -> list[int | float]:
    """The numbers ``from``, ``from + step``, ... up to and including ``to``."""
    start, stop, step = value["from"], value["to"], value["step"]
    count = round((stop - start) / step)
    # Decimal literals such as 0.1 are not exact in binary: round the sums to the digits of the step.
    return [round(start + i * step, 12) if isinstance(step, float) else start + i * step for i in range(count + 1)]


def range_mistake(value: dict) -> str | None:
    """What is wrong with ``{from, to, step}``, if anything is."""
    if not all(is_number(n) for n in value.values()) or value["step"] <= 0:
        return "from, to and step must be numbers and step positive"
    if value["to"] < value["from"]:
        return "'to' must not be below 'from'"
    if (value["to"] - value["from"]) / value["step"] > MOST_VALUES:
        return f"gives more than {MOST_VALUES} values"
    return None


def resolve(value: Any, scale: str, path: Path, mistakes: list[Mistake]) -> Any:
    """Replace ``{laptop: a, paper: b}`` by one scale's value and ``{from, to, step}`` by the list of numbers."""
    if isinstance(value, list):
        return [resolve(item, scale, (*path, i), mistakes) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if is_per_scale(value):
        if scale not in value:
            text = f"{dotted(path)}: gives no value for scale {scale!r}; it has {', '.join(value)}"
            mistakes.append(Mistake(path, text))
            return None
        return resolve(value[scale], scale, path, mistakes)
    if set(value) == {"from", "to", "step"}:
        if wrong := range_mistake(value):
            mistakes.append(Mistake(path, f"{dotted(path)} = {value}: {wrong}"))
            return None
        return number_range(value)
    return {key: resolve(item, scale, (*path, key), mistakes) for key, item in value.items()}


def step_into(annotation: Any, step: str | int) -> Any:
    """The type found below ``annotation`` at one step of an error's location."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.model_fields[str(step)].annotation
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


def describe(error: Any, model: Any, where: Path = ()) -> Mistake:
    """One line for one pydantic error: path, value, what is allowed."""
    location = tuple(error["loc"])
    path = (*where, *location)
    if error["type"] == "extra_forbidden":
        hint = nearest(location[-1], known_keys(model, location[:-1]))
        return Mistake(path, f"{dotted(path[:-1]) or 'top level'}: unknown key {location[-1]!r}; {hint}")
    if error["type"] == "missing":
        return Mistake(path, f"{dotted(path)}: is missing")
    message = error["msg"].removeprefix("Value error, ").replace("Input should", "should")
    if not location and where:
        return Mistake(path, f"{dotted(where)}: {message}")
    return Mistake(path, f"{dotted(path)} = {shorten(error['input'])}: {message}")


def shorten(value: Any, width: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def mistakes_of(error: ValidationError, model: Any, where: Path = ()) -> list[Mistake]:
    """All mistakes of one validation; of alternatives that all fail, the first."""
    described = [describe(item, model, where) for item in error.errors()]
    seen: dict[Path, Mistake] = {}
    for mistake in described:
        # The branches of a union end in a type's name: one complaint about the entry is enough.
        key = tuple(step for step in mistake.path if not is_branch(step))
        seen.setdefault(key, Mistake(key, mistake.text.replace(dotted(mistake.path), dotted(key), 1)))
    return list(seen.values())


def is_branch(step: str | int) -> bool:
    """Whether a step of an error's location names the member of a union and no entry."""
    return isinstance(step, str) and ("[" in step or step in ("int", "str", "float", "constrained-int"))


def read_settings(config: dict, scale: str | None = None) -> Settings:
    """The settings at one scale (by default, at the scale that the settings name).

    Raises
    ------
    ConfigError
        With one line per mistake in the structure of the settings. What is inside the parameters of an
        experiment is checked by :class:`nnstatmech.planning.plan.Plan`.
    """
    scale = scale or config.get("scale", "laptop")
    if scale not in SCALES:
        text = f"scale = {scale!r}: is not a scale; {nearest(scale, SCALES)}; allowed: {', '.join(SCALES)}"
        raise ConfigError(Mistake(("scale",), text))
    mistakes: list[Mistake] = []
    config = {key: value if value is not None else {} for key, value in config.items()}
    if "experiments" in config:
        config["experiments"] = resolve(config["experiments"], scale, ("experiments",), mistakes)
    config["scale"] = scale
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        reported = [mistake.path for mistake in mistakes]
        others = [
            mistake
            for mistake in mistakes_of(error, Settings)
            if not any(mistake.path[: len(path)] == path for path in reported)
        ]
        raise ConfigError(*mistakes, *others) from error
    if mistakes:
        raise ConfigError(*mistakes)
    return settings
