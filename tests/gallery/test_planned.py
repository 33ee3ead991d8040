"""What the plan says of a figure."""

import subprocess
import sys

import pytest

from nnstatmech.gallery.model import as_json, by_work, from_json
from nnstatmech.gallery.planned import planned_page
from nnstatmech.planning import estimates

from .pages import plan, planned


def test_a_page_says_what_the_settings_say():
    page, figure = planned("Fig_4"), plan().figure("Fig_4")
    assert (page.title, page.caption, page.setting) == (figure.title, figure.caption, "laptop-bundled")
    (experiment,) = page.experiments
    (run,) = plan().runs["bn_ff"].values()
    assert (experiment.name, experiment.family, experiment.runs) == ("bn_ff", "moments", 1)
    assert experiment.realisations == str(plan().seed_count("bn_ff"))
    assert experiment.fixed["width"] == str(run.params["width"])
    assert experiment.fixed["dataset"] == "cifar10"


def test_what_a_sweep_varies_is_told_from_what_it_shares():
    experiment = planned("Fig_4_fc").experiments[0]
    assert set(experiment.varied) == {"batch_size"}
    assert "batch_size" not in experiment.fixed
    assert "width" in experiment.fixed


def test_every_claim_stands_on_one_page():
    from nnstatmech.planning.claims import read_claims

    claims, _ = read_claims(plan().families)
    on_pages = [claim.id for name in plan().settings.figures for claim in planned(name).claims]
    assert sorted(on_pages) == sorted(claim.id for claim in claims)
    assert planned("Fig_4").verdicts == {"not judged yet": len(planned("Fig_4").claims)}


def test_costs_are_those_of_the_estimates():
    for scale, text in planned("Fig_4").cost.items():
        estimate = estimates.of_experiments(plan(scale), ["bn_ff"])
        jobs = "1 job" if estimate.jobs == 1 else f"{estimate.jobs} jobs"
        assert text.startswith(f"{jobs}, {estimates.hours(estimate.core_hours)} core hours")


def test_the_code_is_the_drawing_function_alone():
    code = planned("Fig_4").code
    assert code.where == "nnstatmech.moments.figures.batch_norm.feedforward"
    assert code.text.startswith("def feedforward(")
    assert "\ndef " not in code.text
    compile(code.text, "code", "exec")


@pytest.mark.parametrize("word", ["exploding", "pre-activations", "batch_size 16", "bn_ff", "labatie"])
def test_search_looks_in_titles_captions_parameters_and_claims(word):
    assert word in planned("Fig_4").searched


def test_pages_survive_json():
    for name in plan().settings.figures:
        assert from_json(as_json(planned(name))) == planned(name)


def test_works_are_those_of_the_families():
    works = by_work([planned(name) for name in plan().settings.figures])
    assert [work.title for work in works] == list(dict.fromkeys(work.title for work in works))
    assert sum(len(work.pages) for work in works) == len(plan().settings.figures)
    for work in works:
        assert {page.family for page in work.pages} == {work.family}


def test_planning_pages_imports_nothing_heavy():
    code = "import sys; sys.path.insert(0, 'workflow'); import nnstatmech.gallery.planned; "
    code += "sys.exit(bool({'torch', 'pandas', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_figure_that_is_not_there_is_refused():
    from nnstatmech.planning.mistakes import ConfigError

    with pytest.raises(ConfigError, match="no figure 'Fig_44'"):
        planned_page(plan(), "Fig_44", [], [])
