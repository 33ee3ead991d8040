"""The README's section on extending the project, followed to the letter in a copy of it."""

import re
import textwrap

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from small_project import CONFIG, ROOT, copy_project

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`([\w./]+\.(?:py|yaml|smk))`")


def section(title, level="###"):
    """Text below a heading of the README, up to the next one of its level or above."""
    text = (ROOT / "README.md").read_text()
    body = text.split(f"\n{level} {title}\n", 1)[1]
    return re.split(rf"^#{{1,{len(level)}}} ", body, maxsplit=1, flags=re.MULTILINE)[0]


def blocks(text):
    """Each fenced block with the file that was named last before it: (file, language, content)."""
    for match in BLOCK.finditer(text):
        files = FILE.findall(text[: match.start()])
        yield (files[-1] if files else None), match[1], match[2]


def configured(config, content):
    """The configuration with what a block adds to the section that it belongs to."""
    entries = yaml.safe_load(textwrap.dedent(content))
    if "data_sources" in entries:
        return config | {"data_sources": config["data_sources"] | entries["data_sources"]}
    part = "figures" if "draw" in next(iter(entries.values())) else "experiments"
    return config | {part: config[part] | entries}


def follow(project, config, text):
    """Do what a section says; the configuration that it leads to."""
    for file, language, content in blocks(text):
        if language == "bash":
            continue
        path = project.folder / file
        if file == "config.yaml":
            config = configured(config, content)
        elif file.endswith("families.py"):
            families = path.read_text()
            last = families.rindex("    )\n}")
            path.write_text(families[:last] + textwrap.indent(content, " " * 8) + families[last:])
        elif path.exists():
            path.write_text(path.read_text() + "\n\n" + content)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
    project.configure(config)
    return config


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("readme") / "project")


@pytest.fixture(scope="module")
def with_figure(project):
    """After the section on an experiment and a figure of an existing family."""
    return follow(project, CONFIG, section("An experiment and a figure of an existing family"))


def test_an_experiment_and_a_figure(project, with_figure):
    project.make("figures/Fig_4_narrow.png", "--cores", "2")
    assert (project.folder / "figures/Fig_4_narrow.pdf").exists()
    table = pq.read_table(project.folder / "results/laptop-bundled/moments/narrow_bn_ff.parquet").to_pandas()
    assert set(table.epsilon) == {0.001, 0.1}


def test_images_of_your_own(project, with_figure):
    follow(project, with_figure, section("Images of your own"))
    rng = np.random.default_rng(0)
    for index in range(48):
        path = project.folder / "data/my_images" / f"class{index % 2}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(path)
    project.make("figures/Fig_4_narrow.png", "--config", "data=mine", "--cores", "2")
    assert (project.folder / "results/laptop-mine/moments/narrow_bn_ff.parquet").exists()


def test_a_family(project, with_figure):
    follow(project, with_figure, section("A family"))
    project.make("figures/Hopfield.png", "scorecard", "--cores", "2")
    table = pq.read_table(project.folder / "results/laptop-bundled/hopfield/hopfield.parquet").to_pandas()
    # Below capacity the fraction of flipped units is (1 - m) / 2 < 1e-5 in theory; above it the pattern is lost.
    last = table[table.sweep == 10].groupby("load").value.mean()
    assert last[0.05] > 0.999
    assert last[0.2] < 0.9
    claims = pq.read_table(project.folder / "results/laptop-bundled/scorecard.parquet").to_pandas().set_index("id")
    assert claims.verdict["hopfield_retrieval"] == "reproduced"


def test_an_engine_in_a_notebook():
    names = {}
    for _, language, content in blocks(section("An engine in a notebook")):
        if language == "python":
            exec(content, names)
    assert set(names["table"].seed) == set(range(4))
