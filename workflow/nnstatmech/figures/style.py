"""The look that all figures share."""

from matplotlib.axes import Axes


def panel_letter(ax: Axes, letter: str) -> None:
    """Write a panel's letter in italics at the top left, just outside the frame."""
    ax.set_title(f"({letter})", loc="left", style="italic", fontsize=11)
