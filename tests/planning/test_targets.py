"""Targets that are nearly figures are answered with what to type."""

import pytest

from nnstatmech.planning.mistakes import ConfigError
from nnstatmech.planning.targets import advice, check_report

FIGURES = {"Fig_4": 1, "Fig_4_fc": 1, "IF_map": 1}


@pytest.mark.parametrize("target", ["figures/Fig_4.png", "figures/Fig_4.pdf", "all", "scorecard", "results/x.parquet"])
def test_good_targets_pass(target):
    assert advice(target, FIGURES) is None


@pytest.mark.parametrize("target", ["figures/scorecard.png", "results/laptop-bundled/moments/bn_ff.parquet"])
def test_targets_that_are_no_figures_pass(target):
    assert advice(target, FIGURES) is None


@pytest.mark.parametrize(
    "target", ["Fig_4", "figures/Fig_4", "figures/Fig_4.svg", "Fig_4.png", "./figures/Fig_4.jpg", "figures/Fig4.png"]
)
def test_nearly_a_figure_is_answered(target):
    assert "type: snakemake figures/Fig_4.png" in advice(target, FIGURES)


def test_an_unknown_figure_is_answered_with_the_list():
    assert advice("figures/Growth.png", FIGURES).endswith("there are Fig_4, Fig_4_fc, IF_map")


A, B, C = "figures/A.png", "figures/B.png", "figures/C.png"


@pytest.mark.parametrize(
    ("words", "made"),
    [(["all"], []), (["--report", "x.html"], [A, B, C]), ([A, "--report", "x.html"], [A]), (["--report"], [A, B, C])],
)
def test_reports_on_what_is_there_pass(words, made):
    check_report(words, made, [A, B, C])


@pytest.mark.parametrize(
    ("words", "made", "message"),
    [
        (["--report", "x.html"], [A], f"{B}, {C}; report on what is there: snakemake {A} --report report.html"),
        ([A, B, "--report"], [A, C], f"{B}; report on what is there: snakemake {A} --report report.html"),
        (["--report"], [], f"{A}, {B}, {C}; make them first"),
    ],
)
def test_a_report_on_figures_that_are_not_made_names_the_command(words, made, message):
    with pytest.raises(ConfigError) as error:
        check_report(words, made, [A, B, C])
    assert str(error.value) == f"--report: not made yet: {message}"
