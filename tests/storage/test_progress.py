"""Progress of running jobs, as another process reads it."""

import io
import os
import time

from nnstatmech.storage.progress import ShardProgress, running


def test_a_running_job_is_a_bar_until_it_ends(tmp_path):
    heartbeat = tmp_path / "laptop-bundled/moments/bn/shard-000.progress"
    heartbeat.parent.mkdir(parents=True)
    log = io.StringIO()
    with ShardProgress(total=10, desc="layers", file=log, heartbeat=heartbeat, mininterval=0) as bar:
        bar.update(3)
        (line,) = running(tmp_path)
        assert line.startswith("laptop-bundled/moments/bn/shard-000:")
        assert " 30%" in line
        assert "3/10" in line
        assert "no news" not in line
    assert running(tmp_path) == []
    assert "layers" in log.getvalue()


def test_a_bar_says_which_part_of_its_job_it_is_of(tmp_path):
    log = io.StringIO()
    given = {"file": log, "heartbeat": tmp_path / "shard-000.progress", "mininterval": 0, "part": "part 2 of 3"}
    with ShardProgress(total=10, desc="layers", **given) as bar:
        bar.update(3)
        assert running(tmp_path)[0].startswith("shard-000, part 2 of 3:  30%")
    assert "part 2 of 3, layers:  30%" in log.getvalue()


def test_a_silent_job_says_for_how_long(tmp_path):
    bar = ShardProgress(total=10, file=io.StringIO(), heartbeat=tmp_path / "shard-000.progress", mininterval=0)
    bar.update(1)
    earlier = time.time() - 125
    os.utime(bar.heartbeat, (earlier, earlier))
    (line,) = running(tmp_path)
    assert "no news for 02:05" in line
    bar.close()


def test_what_is_no_report_is_left_out(tmp_path):
    (tmp_path / "shard-000.progress").write_text("{")
    assert running(tmp_path) == []
