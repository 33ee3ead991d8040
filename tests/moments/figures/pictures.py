"""What tests read from a figure."""

from matplotlib.backends.backend_agg import FigureCanvasAgg


def legends(figure):
    boxes = [*(ax.get_legend() for ax in figure.axes), *figure.legends]
    return [text.get_text() for box in boxes if box for text in box.get_texts()]


def overlaps(figure):
    """Legends that reach into a panel, by panel."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    panels = [ax.get_window_extent(renderer).padded(-1) for ax in figure.axes]
    boxes = [box for box in [*(ax.get_legend() for ax in figure.axes), *figure.legends] if box]
    return [i for i, panel in enumerate(panels) for box in boxes if panel.overlaps(box.get_window_extent(renderer))]
