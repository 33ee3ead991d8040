"""Every mutant is caught: three of each family with ``-m slow``, all of them with ``-m mutants``."""

import subprocess
import sys
from functools import cache

import pytest
import yaml
from mutants import calibration
from mutants.calibration import expected_of
from mutants.judging import Judged, claims_of, judge_apart
from mutants.matrix import MUTANT_SET, OTHER_SETS, compute
from mutants.mutation import FAMILIES, HERE, mutants_of
from mutants.page import section, write_section
from mutants.severity import LEAST_CAUGHT, LEAST_SLIGHT, MOST_IDLE, Matrix
from small_project import ROOT

# Cheap ones, each caught by its headline claim alone.
ALWAYS = yaml.safe_load((HERE / "always.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_mutant_fits_its_module(family):
    """The piece of source that a mutant replaces is still there, once, and what replaces it is Python."""
    mutants = mutants_of(family)
    assert len(mutants) >= 10
    claims = {claim.id for claim in claims_of(family, calibrated=False)}
    for mutant in mutants.values():
        compile(mutant.source(), mutant.module, "exec")
        assert mutant.replace != mutant.by
        assert mutant.headline in claims, f"{mutant.id}: {mutant.headline} has no twin"


def test_a_mutant_whose_module_was_rewritten_is_named():
    mutant = next(iter(mutants_of("moments").values()))
    stale = type(mutant)(**{**vars(mutant), "replace": "what is nowhere"})
    with pytest.raises(ValueError, match=rf"moments/{mutant.id}: 'what is nowhere' occurs 0 times in networks.py"):
        stale.source()


def test_the_package_is_imported_with_the_mistake_and_no_file_is_changed():
    code = (
        "import sys; sys.path[:0] = ['workflow', 'tests']; from mutants.mutation import install, mutants_of; "
        "from nnstatmech.moments.networks import hidden_std; right = hidden_std(2, 2); "
        "install(mutants_of('moments')['weights_smaller']); from nnstatmech.moments.networks import hidden_std; "
        "print(right, hidden_std(2, 2))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    right, wrong = map(float, done.stdout.split())
    assert right == 1
    assert wrong == pytest.approx(0.98**0.5)


def small_matrix():
    """Two mutants of moments and three claims: one catches, one does not hold on all sets, one is idle."""
    holds, doubted = Judged("holds", "reproduced", 2.0, 0.1), Judged("doubted", "inconclusive", 2.0, 0.1)
    caught, agreed = Judged("holds", "refuted", 1.0, 0.1), Judged("doubted", "refuted", 1.0, 0.1)
    baseline = {"holds": [holds] * 3, "doubted": [holds, holds, doubted], "idle": [holds] * 3}
    mutants = {
        "weights_smaller": {"holds": caught, "doubted": agreed, "idle": holds},
        "leaky_signal": {"doubted": agreed},
    }
    return Matrix("moments", baseline, mutants)


def test_only_claims_that_hold_on_all_sets_catch_and_all_others_are_idle():
    matrix = small_matrix()
    assert matrix.catchers("weights_smaller") == ["holds"]
    assert matrix.catchers("leaky_signal") == []
    assert matrix.idle_claims == ["doubted", "idle"]
    assert matrix.unsteady_claims == ["doubted"]


def test_claims_that_are_not_calibrated_keep_their_entries(tmp_path, monkeypatch):
    (tmp_path / "twins").mkdir()
    judged = []

    def judge(family, one, only, calibrated):
        judged.append(only)
        return [Judged(name, "reproduced", 2.0 + one / 100, 0.1) for name in only]

    monkeypatch.setattr(calibration, "HERE", tmp_path)
    monkeypatch.setattr(calibration, "judge", judge)
    monkeypatch.setattr(calibration, "read", lambda name: {"kept": {"expected": 1.0}})
    chosen = "mp_mean_field_overlap"
    monkeypatch.setattr(sys, "argv", ["calibration", "message_passing", "--sets", "3", "--claim", chosen])
    calibration.main()
    written = yaml.safe_load((tmp_path / "twins/message_passing_expected.yaml").read_text(encoding="utf-8"))
    assert judged == [[chosen]] * 3
    assert written["kept"] == {"expected": 1.0}
    assert written[chosen]["expected"] == pytest.approx(2.12)


def test_the_page_has_one_section_a_family(tmp_path):
    page, mutants = tmp_path / "mutants.md", mutants_of("moments")
    write_section(page, "cascades", "## Cascades of decoders\n\nlater\n")
    for minutes in (1, 2):
        write_section(page, "moments", section(small_matrix(), mutants, minutes))
    text = page.read_text(encoding="utf-8")
    assert text.index("## Signal and noise") < text.index("## Cascades")
    assert text.count("* caught: 1 of 2 mutants (50 %);") == 1
    assert "* 2 CPU minutes." in text
    assert "* 1 CPU minutes." not in text
    assert "| `weights_smaller` |" in text
    assert "X X" not in text
    assert "**not caught**" in text


@pytest.mark.parametrize(
    ("values", "error"), [((1.0, 1.0, 1.0, 1.0), 0.05), ((0.0, 2.0, 0.0, 2.0), (4 / 3 / 4) ** 0.5)]
)
def test_calibration_takes_the_larger_of_the_errors(values, error):
    """That of the sets' spread, or that which they state: 0.1 each, a mean of four."""
    claim = claims_of("moments", calibrated=False)[0]
    changes = expected_of(claim, [Judged(claim.id, "reproduced", value, 0.1) for value in values])
    assert changes is not None
    assert changes["expected"] == 1
    assert changes["expected_error"] == pytest.approx(error, rel=1e-5)
    assert abs(changes["rival"] - 1) >= 15 * 0.1 - 1e-9


@cache
def verdict(family, seed_set, mutant, headline):
    """A headline claim's verdict; that on the engine without a mistake is asked for by several mutants."""
    (judged,) = next(judge_apart([(family, seed_set, mutant, [headline])], processes=1))
    return judged.verdict


@pytest.mark.slow
@pytest.mark.parametrize(("family", "name"), [(family, name) for family, names in ALWAYS.items() for name in names])
def test_some_mutants_are_caught(family, name):
    mutant = mutants_of(family)[name]
    assert verdict(family, OTHER_SETS[0], None, mutant.headline) == "reproduced"
    assert verdict(family, MUTANT_SET, mutant, mutant.headline) in ("refuted", "error")


@pytest.mark.mutants
@pytest.mark.parametrize("family", FAMILIES)
def test_all_mutants_are_caught_by_claims_that_hold(family):
    mutants = mutants_of(family)
    matrix = compute(family, list(mutants.values()), processes=2)
    uncaught = [name for name in mutants if not matrix.catchers(name)]
    assert len(uncaught) <= (1 - LEAST_CAUGHT) * len(mutants), uncaught
    assert len(matrix.idle_claims) <= MOST_IDLE * len(matrix.baseline), matrix.idle_claims
    assert len(matrix.slight(mutants)) >= LEAST_SLIGHT * len(mutants)
