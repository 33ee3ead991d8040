"""What a page of the gallery says: plain values, filled from the plan, from results, or from committed files."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter

NOT_JUDGED = "not judged yet"


@dataclass(frozen=True)
class ClaimRow:
    """A claim of a work about a figure, as people read it."""

    id: str
    source: str
    statement: str
    expected: str
    rival: str
    measured: str = ""
    verdict: str = NOT_JUDGED
    remark: str = ""


@dataclass(frozen=True)
class ExperimentFacts:
    """An experiment that a figure reads: parameters that all runs share, and the values of those that differ."""

    name: str
    family: str
    task: str
    runs: int
    realisations: str
    fixed: dict[str, str] = field(default_factory=dict)
    varied: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Code:
    """The function that draws a figure: its dotted name, or file and name, and its source."""

    where: str
    text: str


@dataclass(frozen=True)
class FigurePage:
    """A figure at one scale with one mapping of data sets.

    Attributes
    ----------
    cost
        Scale to what the figure takes there, by the formulas that size the jobs.
    provenance
        Name to text; empty where no table is at hand.
    files
        What can be downloaded: label to path, relative to the page's folder. ``png`` is the picture itself.
    """

    name: str
    family: str
    work: str
    scale: str
    data: str
    title: str
    caption: str
    code: Code
    claims: list[ClaimRow] = field(default_factory=list)
    experiments: list[ExperimentFacts] = field(default_factory=list)
    cost: dict[str, str] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def setting(self) -> str:
        """Name of the folder of its results."""
        return f"{self.scale}-{self.data}"

    @property
    def verdicts(self) -> dict[str, int]:
        """Verdict to the number of claims that got it."""
        return dict(Counter(claim.verdict for claim in self.claims))

    @property
    def searched(self) -> str:
        """What a search looks in: name, title, caption, claims and parameters, in lower case."""
        parts = [self.name, self.title, self.caption, self.work, self.setting]
        parts += [text for claim in self.claims for text in (claim.statement, claim.source, claim.verdict)]
        for experiment in self.experiments:
            parts += [experiment.name, experiment.family, experiment.task]
            parts += [f"{name} {value}" for name, value in (experiment.fixed | experiment.varied).items()]
        return " ".join(parts).lower()

    def with_files(self, folder: Path, suffixes: tuple[str, ...]) -> "FigurePage":
        """The page with the files of its name that ``folder`` holds."""
        found = {suffix: f"{self.name}.{suffix}" for suffix in suffixes if (folder / f"{self.name}.{suffix}").is_file()}
        return replace(self, files=found)


@dataclass(frozen=True)
class Work:
    """The figures of one family."""

    family: str
    title: str
    pages: list[FigurePage]


def by_work(pages: list[FigurePage]) -> list[Work]:
    """The pages under the works that they reproduce, in the order in which these first appear."""
    works: dict[str, Work] = {}
    for page in pages:
        works.setdefault(page.family, Work(page.family, page.work, [])).pages.append(page)
    return list(works.values())


PAGES = TypeAdapter(FigurePage)


def as_json(page: FigurePage) -> str:
    """The page as a JSON text, which :func:`from_json` reads."""
    return PAGES.dump_json(page, indent=1).decode() + "\n"


def from_json(text: str) -> FigurePage:
    return PAGES.validate_json(text)


def from_plain(values: dict) -> FigurePage:
    """The page that :func:`dataclasses.asdict` took apart."""
    return PAGES.validate_python(values)
