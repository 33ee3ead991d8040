"""docs/extend.md, followed to the letter in a copy of the project."""

import re

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from small_project import CONFIG, ROOT, copy_project

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`([\w./]+\.(?:py|yaml|smk))`")


def section(title, level="##"):
    """Text below a heading of the page, up to the next one of its level or above."""
    text = (ROOT / "docs/extend.md").read_text()
    body = text.split(f"\n{level} {title}\n", 1)[1]
    return re.split(rf"^#{{1,{len(level)}}} ", body, maxsplit=1, flags=re.MULTILINE)[0]


def blocks(text):
    """Each fenced block but commands, with the file that was named last before it: (file, language, content)."""
    for match in BLOCK.finditer(text):
        if match[1] == "bash":
            continue
        files = FILE.findall(text[: match.start()])
        yield (files[-1] if files else None), match[1], match[2]


def merged(config, content):
    """The configuration with what a block adds to its sections."""
    for key, entries in yaml.safe_load(content).items():
        config = config | {key: config.get(key, {}) | entries if isinstance(entries, dict) else entries}
    return config


def follow(project, config, text, skip=()):
    """Do what a section says; the configuration that it leads to. ``skip``: files that are not written."""
    for file, _, content in blocks(text):
        if file in skip:
            continue
        if file == "config.yaml":
            config = merged(config, content)
            continue
        path = project.folder / file
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(content)
    project.configure(config)
    return config


# The project of the tests without its experiments, for what makes everything.
EMPTY = CONFIG | {"experiments": {}, "figures": {}}


@pytest.fixture
def project(tmp_path):
    return copy_project(tmp_path / "project")


def with_figure(project):
    """After the section on an experiment and a figure of an existing family."""
    return follow(project, CONFIG, section("An experiment and a figure of an existing family"))


def test_an_experiment_and_a_figure_then_images_of_your_own(project):
    config = with_figure(project)
    project.make("figures/Fig_4_narrow.png", "--cores", "2")
    assert (project.folder / "figures/Fig_4_narrow.pdf").exists()
    table = pq.read_table(project.folder / "results/laptop-bundled/moments/narrow_bn_ff.parquet").to_pandas()
    assert set(table.epsilon) == {0.001, 0.1}

    drawing = project.folder / "my_figures.py"
    drawing.write_text(drawing.read_text().replace("log of the normalised", "logarithm of the normalised"))
    assert [job for job in project.plan("figures/Fig_4_narrow.png") if job.startswith("Draw")] != []

    follow(project, config, section("Images of your own"))
    rng = np.random.default_rng(0)
    for index in range(48):
        path = project.folder / "data/my_images" / f"class{index % 2}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(path)
    project.make("figures/Fig_4_narrow.png", "--config", "data=mine", "--cores", "2")
    assert (project.folder / "results/laptop-mine/moments/narrow_bn_ff.parquet").exists()


@pytest.mark.parametrize("inside", [False, True], ids=["beside config.yaml", "in the package"])
def test_a_family(project, inside):
    """The same folder beside config.yaml, which names it, and in the package, where it is found."""
    (project.folder / "workflow/nnstatmech/moments/claims.yaml").unlink()
    follow(project, EMPTY, section("A family"), skip=["config.yaml"] if inside else [])
    if inside:
        (project.folder / "hopfield").rename(project.folder / "workflow/nnstatmech/hopfield")
    project.make("figures/Hopfield.png", "scorecard", "--cores", "2")
    table = pq.read_table(project.folder / "results/laptop-bundled/hopfield/hopfield.parquet").to_pandas()
    # Below capacity the fraction of flipped units is (1 - m) / 2 < 1e-5 in theory; above it the pattern is lost.
    last = table[table.sweep == 10].groupby("load").value.mean()
    assert last[0.05] > 0.999
    assert last[0.2] < 0.9
    claims = pq.read_table(project.folder / "results/laptop-bundled/scorecard.parquet").to_pandas().set_index("id")
    assert claims.verdict["hopfield_retrieval"] == "reproduced"


def test_a_notebook():
    names = {}
    for _, language, content in blocks(section("A notebook")):
        if language == "python":
            exec(content, names)
    assert set(names["table"].seed) == set(range(4))
    assert len(names["figure"].axes) == 4


@pytest.mark.slow
@pytest.mark.parametrize("prefix", [None, "nn"])
def test_as_a_module_of_another_workflow(project, tmp_path, prefix):
    """A project with keys of its own on its command line makes a figure of this one."""
    outer = tmp_path / "outer"
    outer.mkdir()
    (statement,) = (
        c for _, language, c in blocks(section("As a module of another workflow")) if language == "snakemake"
    )
    statement = statement.replace("path/to/nnstatmech", str(project.folder))
    if prefix:
        statement = statement.replace("module nn:\n", f'module nn:\n    prefix: "{prefix}"\n')
    (outer / "Snakefile").write_text('configfile: "config.yaml"\n\n\n' + statement)
    changes = {"wide": {"params": {"width": 10}, "seeds": 2, "sweep": {"batch_size": [5]}}}
    (outer / "config.yaml").write_text(yaml.safe_dump({"mine": 0, "nn": {"experiments": changes}}))
    figure = f"{prefix}/figures/Wide.png" if prefix else "figures/Wide.png"
    called = type(project)(outer)
    called.make(figure, "--cores", "2", "--config", "mine=1")
    assert (outer / figure).exists()
    table = pq.read_table(outer / (prefix or "") / "results/laptop-bundled/moments/wide.parquet", partitioning=None)
    assert set(table.to_pandas()["seed"]) == {0, 1}
    assert called.plan(figure, "--config", "mine=1", "--rerun-triggers", "mtime", "params", "input") == []
