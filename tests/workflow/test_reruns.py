"""Each edit re-runs exactly what depends on it: the exact set of jobs of a dry run, layer by layer."""

import re

import yaml

from nnstatmech.storage.tables import read_table

HERE = "(laptop-bundled)"
DRAW = "(laptop scale, bundled data)"
WIDE_RUNS = [f"Run wide / batch_size={size}, shard {shard} {HERE}" for size in (4, 6) for shard in ("000", "001")]
DEEP_RUN = [f"Run deep / single, shard 000 {HERE}"]
UNTRAINED_RUN = [f"Run untrained / single, shard 000 {HERE}"]
JOIN_WIDE, JOIN_DEEP, JOIN_UNTRAINED = ([f"Join the shards of {name} {HERE}"] for name in ("wide", "deep", "untrained"))
SHOW_WIDE, SHOW_DEEP, SHOW_SCORECARD = ([f"Show {name} {DRAW}"] for name in ("Wide", "Deep", "scorecard"))
DRAW_WIDE, DRAW_DEEP = ([f"Draw {name} {DRAW}", f"Show {name} {DRAW}"] for name in ("Wide", "Deep"))
DRAW_SCORECARD = [f"Draw the scorecard {HERE}", *SHOW_SCORECARD]
SCORECARD = [f"Judge the papers' claims {DRAW}", *DRAW_SCORECARD]
DEEP = DEEP_RUN + JOIN_DEEP + DRAW_DEEP
MOMENTS = WIDE_RUNS + JOIN_WIDE + DRAW_WIDE + DEEP + SCORECARD


def edit(project, path, old, new):
    file = project.folder / path
    text = file.read_text()
    assert old in text, f"{path} has no {old!r}"
    file.write_text(text.replace(old, new, 1))


def configure(project, change):
    config = yaml.safe_load((project.folder / "config.yaml").read_text())
    change(config)
    project.configure(config)


def test_nothing_is_left_to_do(built):
    assert built.plan() == []


def test_a_parameter_reruns_its_experiment(project):
    configure(project, lambda config: config["experiments"]["deep"]["params"].update(width=9))
    assert project.plan() == sorted(DEEP)


def test_swapped_values_are_seen(project):
    configure(project, lambda config: config["experiments"]["deep"]["params"].update(width=6, depth=8))
    assert project.plan() == sorted(DEEP)


def test_an_engine_module_reruns_its_family(project):
    edit(project, "workflow/nnstatmech/moments/statistics.py", "\nimport ", "\nADDED = 1\nimport ")
    assert project.plan() == sorted(MOMENTS)


def test_a_default_reruns_the_runs_that_used_it(project):
    edit(project, "workflow/nnstatmech/moments/params.py", "epsilon: float = Field(1e-3", "epsilon: float = Field(2e-3")
    assert project.plan() == sorted(MOMENTS)


def test_a_default_that_every_run_overrides_reruns_nothing(project):
    configure(
        project,
        lambda config: [
            e["params"].update(epsilon=1e-3) for e in config["experiments"].values() if e["family"] == "moments"
        ],
    )
    assert project.plan() == []
    edit(project, "workflow/nnstatmech/moments/params.py", "epsilon: float = Field(1e-3", "epsilon: float = Field(2e-3")
    assert project.plan() == []


def test_a_shared_module_reruns_every_family_that_uses_it(project):
    edit(project, "workflow/nnstatmech/seeding.py", "import hashlib", "import hashlib\n\nADDED = 1")
    assert project.plan() == sorted(MOMENTS + UNTRAINED_RUN + JOIN_UNTRAINED)


def test_comments_docstrings_and_neutral_modules_rerun_nothing(project):
    """All at once: what the plan says names the one that is not neutral."""
    for path, old, new in (
        ("workflow/nnstatmech/moments/statistics.py", "\nimport ", "\n# A comment.\nimport "),
        ("workflow/nnstatmech/linear_bnn/untrained.py", '"""', '"""More words. '),
        ("workflow/nnstatmech/storage/progress.py", "import json", "import json\n\nADDED = 1"),
        ("workflow/nnstatmech/storage/provenance.py", "import os", "import os\n\nADDED = 1"),
        ("scripts/run_shard.py", '"""', '"""More words. '),
        ("rules/runs.smk", "# One rule", "# Only one rule"),
    ):
        edit(project, path, old, new)
    for path in (*project.folder.glob("workflow/nnstatmech/**/*.py"), *project.folder.glob("scripts/*.py")):
        path.touch()
    assert project.plan() == []


def test_a_figure_function_redraws_that_figure(project):
    edit(project, "workflow/nnstatmech/moments/figures/tiny.py", '"C0"', '"C3"')
    assert project.plan() == DRAW_WIDE


def test_the_style_redraws_the_figures_and_the_scorecard(project):
    edit(project, "workflow/nnstatmech/figures/style.py", "DPI = 200", "DPI = 150")
    assert project.plan() == sorted(DRAW_DEEP + DRAW_WIDE + DRAW_SCORECARD)


def test_a_caption_redraws_its_figure(project):
    configure(project, lambda config: config["figures"]["Deep"].update(caption="Other words."))
    assert project.plan() == DRAW_DEEP


def test_a_claim_reruns_the_scorecard(project):
    edit(project, "workflow/nnstatmech/moments/claims.yaml", "expected: 1.0", "expected: 2.0")
    assert project.plan() == sorted(SCORECARD)


def test_claims_at_hand_start_nothing(project):
    at_hand = ("scorecard", "--config", "claims=at_hand")
    judging = ("results/laptop-bundled/scorecard.parquet", *at_hand[1:])
    judge = f"Judge the papers' claims {DRAW}"
    assert judge in planned(project, *judging)
    edit(project, "workflow/nnstatmech/moments/statistics.py", "\nimport ", "\nADDED = 1\nimport ")
    assert planned(project, *at_hand) == sorted(SCORECARD)
    project.make(*judging, "--cores", "1")
    assert verdicts(project) == [("reproduced", "")]
    assert planned(project, *judging) == []
    configure(project, lambda config: config["experiments"]["wide"]["params"].update(width=9))
    project.make(*judging, "--cores", "1")
    ((verdict, reason),) = verdicts(project)
    assert verdict == "not tested here"
    assert reason.startswith("its table was made with other parameters (width: 8, the plan says 9); about ")
    (project.folder / "results/laptop-bundled/moments/wide.parquet").unlink()
    assert planned(project, *judging) == [judge]
    project.make(*judging, "--cores", "1")
    assert verdicts(project)[0][1].startswith("its table is not there; about ")
    assert not (project.folder / "results/laptop-bundled/moments/wide.parquet").exists()


def planned(project, *arguments):
    """What a dry run of some targets would do; targets come before options."""
    said = project.make(*arguments, "--dry-run", "--quiet", "host")
    return sorted(set(re.findall(r"^Job \d+: (.+)$", said, re.MULTILINE)))


def verdicts(project):
    rows, _ = read_table(project.folder / "results/laptop-bundled/scorecard.parquet")
    return [(row["verdict"], row["reason"]) for row in rows.to_pylist()]


def test_more_seeds_run_only_the_new_shards(project):
    configure(project, lambda config: config["experiments"]["wide"].update(seeds=6))
    new = [f"Run wide / batch_size={size}, shard 002 {HERE}" for size in (4, 6)]
    assert project.plan() == sorted(new + JOIN_WIDE + DRAW_WIDE + SCORECARD)


def test_a_new_point_of_a_sweep_runs_only_that_point(project):
    configure(project, lambda config: config["experiments"]["wide"]["sweep"].update(batch_size=[4, 6, 8]))
    new = [f"Run wide / batch_size=8, shard {shard} {HERE}" for shard in ("000", "001")]
    assert project.plan() == sorted(new + JOIN_WIDE + DRAW_WIDE + SCORECARD)


def test_switching_the_scale_and_back_only_shows_the_pictures_that_are_there(project):
    paper = project.plan("--config", "scale=paper")
    assert sum(job.startswith("Run wide") for job in paper) == 6
    project.make("figures/Wide.png", "--cores", "2", "--config", "scale=paper", "seeds=2")
    assert project.plan() == SHOW_WIDE
    shown, here, there = (
        (project.folder / path / "figures/Wide.png").read_bytes()
        for path in (".", "results/laptop-bundled", "results/paper-bundled")
    )
    assert shown == there != here


def test_a_picture_that_was_removed_is_only_shown_again(project):
    (project.folder / "figures/Deep.png").unlink()
    assert project.plan() == SHOW_DEEP


def test_the_picture_of_another_scale_is_made_where_it_belongs(project):
    figure = "results/paper-bundled/figures/Deep.png"
    said = project.make(figure, "--dry-run", "--quiet", "host")
    assert "Draw Deep (paper scale, bundled data)" in said
    assert "Show" not in said


def test_a_cap_on_seeds_plans_fewer_shards(project):
    capped = ("--config", "seeds=2", "scale=paper")
    said = project.plan(*capped)
    assert sum(job.startswith("Run wide") for job in said) == 2


def test_touch_accepts_an_edit_that_changes_nothing(project):
    edit(project, "workflow/nnstatmech/moments/statistics.py", "\nimport ", "\nADDED = 1\nimport ")
    project.make("--touch", "--cores", "1")
    assert project.plan() == []
    edit(project, "workflow/nnstatmech/moments/statistics.py", "ADDED = 1", "ADDED = 2")
    assert project.plan() == sorted(MOMENTS)
