"""How flat the training error is around what was learned."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from ...figures.style import panel_letter
from ...readings import mean_over_seeds, runs_of, select
from ..curves.local_energy import by_fraction
from ..tables import LocalEnergyTable
from .panels import COLOURS, LABELS
from .published import published_table

PUBLISHED = {"bpi": ("C0", "published, BPI"), "binarynet": ("C3", "published, BinaryNet")}


def local_energy(main: LocalEnergyTable, *, scale: str, overlay_published: bool | None = None) -> Figure:
    """Rise of the training error against the probability of a flip, and the errors without any.

    Parameters
    ----------
    main
        One run a rule.
    overlay_published
        Draw the published points, too; by default at full size only.
    """
    figure, (rise, errors) = plt.subplots(1, 2, figsize=(9.6, 3.8), width_ratios=(1.6, 1))
    names = []
    for place, (params, rows) in enumerate(runs_of(main)):
        rule = params["algorithm"]
        names.append(LABELS[rule].removesuffix(" (BinaryNet)").replace("SGD", "BinaryNet"))
        curve = by_fraction(rows)
        rise.errorbar(curve.index, curve["mean"], curve["error"], fmt="o-", ms=4, color=COLOURS[rule], label=names[-1])
        for quantity, face in (("train_error", COLOURS[rule]), ("test_error", "none")):
            point = mean_over_seeds(select(rows, quantity=quantity)["value"])
            errors.errorbar(place, point.value, point.standard_error, fmt="o", color=COLOURS[rule], mfc=face)
    if overlay_published or (overlay_published is None and scale == "paper"):
        published = published_table("local_energy")
        for rule, (colour, text) in PUBLISHED.items():
            points = published[published["algorithm"] == rule]
            rise.plot(points["flipped"], points["local_energy"], "x", ms=5, color=colour, alpha=0.6, label=text)
    rise.set_xlabel("probability $p$ that a weight is flipped")
    rise.set_ylabel("rise of the training error (fraction)")
    rise.set_ylim(bottom=0)
    rise.legend(fontsize=7)
    errors.set_xticks(range(len(names)), names, fontsize=8)
    errors.set_ylabel("error (%): training (filled), test (open)")
    errors.set_ylim(bottom=0)
    errors.margins(x=0.2)
    for letter, ax in zip("ab", (rise, errors), strict=True):
        panel_letter(ax, letter)
    return figure
