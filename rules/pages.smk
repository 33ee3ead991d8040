# What the gallery shows: the figures at hand, of all scales and data.
from dataclasses import asdict
from hashlib import sha256

PICTURES = "results/{setting}/figures/{name}.png"


def settings_at_hand():
    """The `<scale>-<data>` folders of results that these settings know, the active one first."""
    known = [
        f"{scale}-{data}" for scale in SCALES for data in PLAN.settings.data_sources
    ]
    others = [setting for setting in known if setting != SETTING]
    return [s for s in [SETTING, *others] if Path(f"results/{s}/figures").is_dir()]


@cache
def pages_of_gallery():
    """What the plan says of each figure whose picture is there, figures in the order of the settings."""
    from nnstatmech.gallery.planned import planned_page

    plans = {setting: plan_of(setting) for setting in settings_at_hand()}
    return [
        asdict(
            planned_page(
                plan,
                name,
                CLAIMS,
                [plan_of(f"{s}-{plan.settings.data}") for s in SCALES],
            )
        )
        for name in PLAN.settings.figures
        for setting, plan in plans.items()
        if name in plan.settings.figures
        and Path(PICTURES.format(setting=setting, name=name)).is_file()
    ]


def content_of_gallery(wildcards):
    """A digest of all that pages say or show, and of how: pictures, tables and scorecards by size and time."""
    shown = [
        path
        for setting in settings_at_hand()
        for pattern in ("figures/*.*", "*/*.parquet", "scorecard.parquet")
        for path in sorted(Path("results", setting).glob(pattern))
    ]
    written = [
        (str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in shown
    ]
    templates = (ROOT / "workflow/nnstatmech/gallery/templates").iterdir()
    looks = [path.read_text(encoding="utf-8") for path in sorted(templates)]
    content = repr((pages_of_gallery(), written, looks))
    return sha256(content.encode()).hexdigest()[:16]
