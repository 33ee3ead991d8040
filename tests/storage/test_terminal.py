"""Bars below the log: on a terminal, as a small emulator of one shows them, and as plain lines elsewhere."""

import io
import json
import logging
import os
import re
import time

import pytest

from nnstatmech.storage import terminal

SHARD = "laptop-bundled/moments/bn_ff/single/shard-000"


class Screen(io.StringIO):
    """A terminal that knows line feeds, carriage returns, one line up, and clearing to the end of a line."""

    def isatty(self):
        return True

    def lines(self):
        """What it shows."""
        rows, row, column = [""], 0, 0
        for part in re.findall(r"\x1b\[A|\x1b\[K|\r|\n|[^\x1b\r\n]+", self.getvalue()):
            if part == "\x1b[A":
                row -= 1
                assert row >= 0
            elif part == "\x1b[K":
                rows[row] = rows[row][:column]
            elif part == "\r":
                column = 0
            elif part == "\n":
                row, column = row + 1, 0
                rows += [""] * (row + 1 - len(rows))
            else:
                rows[row] = rows[row][:column].ljust(column) + part + rows[row][column + len(part) :]
                column += len(part)
        return rows


def report(results, n=3, shard=SHARD):
    path = results / f"{shard}.progress"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"n": n, "total": 10, "elapsed": 5, "rate": 1, "prefix": "", "pid": 1}))
    return path


def test_log_lines_scroll_past_above_the_bars():
    screen = Screen()
    above = terminal.AboveBars(screen)
    above.write("first\n")
    above.show(["bar 1", "bar 2"])
    assert screen.lines() == ["first", "bar 1", "bar 2"]
    above.write("second, which is longer\n")
    assert screen.lines() == ["first", "second, which is longer", "bar 1", "bar 2"]
    above.show(["bar 2"])
    assert screen.lines() == ["first", "second, which is longer", "bar 2", ""]
    above.write("half ")
    above.show(["bar 3"])
    assert screen.lines()[2] == "half "  # bars wait for the rest of a line
    above.write("whole\n")
    assert screen.lines()[2:4] == ["half whole", "bar 3"]
    above.show([])
    assert "".join(screen.lines()) == "firstsecond, which is longerhalf whole"


@pytest.fixture
def display(monkeypatch, tmp_path):
    """``display(stream)``: a display of a log that goes there, started."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_FRAMES", 0.01)
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_PRINTS", 0.01)
    started = []

    def start(stream):
        handler = logging.StreamHandler(stream)
        started.append(terminal.Display(handler, tmp_path))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.end()


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_running_job_is_a_bar_on_the_terminal_until_it_ends(display, tmp_path):
    screen = Screen()
    shown = display(screen)
    path = report(tmp_path)
    wait_for(lambda: "3/10" in screen.lines()[0])
    shown.handler.emit(logging.makeLogRecord({"msg": "a line of the log"}))
    report(tmp_path, n=4)
    wait_for(lambda: "4/10" in screen.lines()[1])
    assert screen.lines()[0] == "a line of the log"
    path.unlink()
    wait_for(lambda: screen.lines() == ["a line of the log", ""])
    report(tmp_path)
    wait_for(lambda: "3/10" in screen.lines()[1])
    shown.end()
    assert [line for line in screen.lines() if line] == ["a line of the log"]
    assert shown.handler.stream is screen
    assert not shown.thread.is_alive()


def test_reports_of_killed_jobs_are_no_bars(display, tmp_path):
    before = time.time() - 10
    os.utime(report(tmp_path, shard="old"), (before, before))
    shown = display(Screen())
    report(tmp_path)
    (line,) = shown.bars()
    assert SHARD.startswith(line[:20])


def test_lines_are_no_wider_than_the_terminal_and_not_too_many(display, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    shown = display(Screen())
    for number in range(20):
        report(tmp_path, shard=f"{SHARD}{number:03d}")
    lines = shown.bars()
    assert len(lines) == terminal.MOST_BARS + 1
    assert lines[-1] == "... and 4 more"
    assert max(map(len, lines)) <= 39


def test_without_a_terminal_bars_are_plain_lines(display, tmp_path):
    stream = io.StringIO()
    shown = display(stream)
    report(tmp_path)
    wait_for(lambda: stream.getvalue().count("\n") >= 2)
    shown.end()
    lines = stream.getvalue().splitlines()
    assert all(line.startswith(SHARD) and "3/10" in line for line in lines)
    assert "\x1b" not in stream.getvalue()


def test_only_snakemakes_own_handler_is_taken():
    logger = logging.Logger("test")
    logger.addHandler(logging.StreamHandler(io.StringIO()))
    assert terminal.log_handler(logger) is None
    own = logging.StreamHandler(io.StringIO())
    own.name = "DefaultStreamHandler"
    logger.addHandler(own)
    assert terminal.log_handler(logger) is own


def test_a_report_counts_though_the_clock_was_set_back_a_little(tmp_path):
    shown = terminal.Display(logging.StreamHandler(io.StringIO()), tmp_path)
    before = time.time() - terminal.CLOCK_STEP / 2
    os.utime(report(tmp_path), (before, before))
    assert len(shown.bars()) == 1
