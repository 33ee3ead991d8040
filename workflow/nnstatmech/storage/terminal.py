"""What running jobs report, below the log that Snakemake writes to the terminal.

On a terminal the last lines are one bar for each running shard, drawn again every second: log lines are written above
them. Elsewhere the bars are printed now and then as plain lines.
"""

import atexit
import logging
import os
import shutil
import threading
import time
from pathlib import Path
from typing import TextIO

from .progress import beats

SECONDS_BETWEEN_FRAMES = 1.0
SECONDS_BETWEEN_PRINTS = 60.0
MOST_BARS = 16
CLOCK_STEP = 1.0  # seconds by which the clock that dates reports may fall back, as clocks that are set do
UP = "\x1b[A"
CLEAR = "\r\x1b[K"


def log_handler(logger: logging.Logger) -> logging.StreamHandler | None:
    """The handler that writes Snakemake's log to the terminal; None where a plugin does that in its own way."""
    named = (handler for handler in logger.handlers if handler.name == "DefaultStreamHandler")
    return next((handler for handler in named if isinstance(handler, logging.StreamHandler)), None)


class AboveBars:
    """A stream that keeps some lines below whatever is written to it."""

    def __init__(self, stream: TextIO):
        self.stream = stream
        self.bars: list[str] = []
        self.drawn = 0
        self.at_line_start = True
        self.lock = threading.RLock()

    def write(self, text: str) -> int:
        with self.lock:
            self.clear()
            self.stream.write(text)
            if text:
                self.at_line_start = text.endswith("\n")
            self.draw()
            self.stream.flush()
        return len(text)

    def show(self, bars: list[str]) -> None:
        """Replace the lines below."""
        with self.lock:
            self.clear()
            self.bars = bars
            self.draw()
            self.stream.flush()

    def clear(self) -> None:
        if self.drawn:
            self.stream.write(CLEAR + (UP + CLEAR) * (self.drawn - 1))
            self.drawn = 0

    def draw(self) -> None:
        if self.at_line_start and self.bars:
            self.stream.write("\n".join(self.bars))
            self.drawn = len(self.bars)

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()


class Display:
    """Bars of the jobs of this call, from :meth:`start` to :meth:`end`.

    Parameters
    ----------
    handler
        What writes the log, see :func:`log_handler`.
    results
        The folder whose jobs are shown; reports from before the start are of jobs that were killed.
    """

    def __init__(self, handler: logging.StreamHandler, results: Path):
        self.handler = handler
        self.stream = handler.stream
        self.results = results
        self.since = time.time() - CLOCK_STEP
        self.ended = threading.Event()
        self.on_terminal = self.stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.screen = AboveBars(self.stream)
        self.thread = threading.Thread(target=self.work, daemon=True, name="progress")

    def start(self) -> None:
        if self.on_terminal:
            self.handler.setStream(self.screen)
        atexit.register(self.end)
        self.thread.start()

    def work(self) -> None:
        while not self.ended.wait(SECONDS_BETWEEN_FRAMES if self.on_terminal else SECONDS_BETWEEN_PRINTS):
            bars = self.bars()
            if self.on_terminal:
                self.screen.show(bars)
            elif bars:
                self.stream.write("\n".join(bars) + "\n")
                self.stream.flush()

    def bars(self) -> list[str]:
        """One line for each running job, no wider than the terminal."""
        width = shutil.get_terminal_size().columns - 1 if self.on_terminal else 120
        found = beats(self.results, self.since)
        lines = [beat.bar(width)[:width] for beat in found[:MOST_BARS]]
        return lines + ([f"... and {len(found) - MOST_BARS} more"] if len(found) > MOST_BARS else [])

    def end(self) -> None:
        """Take the bars away and give the log its stream back."""
        if not self.ended.is_set():
            self.ended.set()
            self.thread.join(timeout=5)
            if self.on_terminal:
                self.screen.show([])
                self.handler.setStream(self.stream)
