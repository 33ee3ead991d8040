"""A job that somebody cancelled is not started again by the retries; one that ran out of time is."""

import os

import pytest

from nnstatmech.storage.cancelled import CancelledByHand, check_retry, log_of_job, refuse_if_cancelled

BY_HAND = "slurmstepd: error: *** JOB 12 ON node7 CANCELLED AT 2026-03-04T05:06:07 ***\n"
STEP = "slurmstepd: error: *** STEP 12.0 ON node7 CANCELLED AT 2026-03-04T05:06:07 ***\n"
TIME = "slurmstepd: error: *** JOB 12 ON node7 CANCELLED AT 2026-03-04T05:06:07 DUE TO TIME LIMIT ***\n"
PREEMPTED = "slurmstepd: error: *** JOB 12 ON node7 CANCELLED AT 2026-03-04T05:06:07 DUE TO PREEMPTION ***\n"


def logs(folder, **texts):
    """Logs of jobs, the oldest first, and the path of a job that has just begun."""
    for age, (job, text) in enumerate(texts.items()):
        log = folder / f"{job[1:]}.log"
        log.write_text(text)
        os.utime(log, (age, age))
    own = folder / "99.log"
    own.write_text("")
    return own


@pytest.mark.parametrize("text", [BY_HAND, "bar 10 %\n" + STEP + BY_HAND])
def test_what_was_cancelled_stays_cancelled(tmp_path, text):
    with pytest.raises(CancelledByHand, match="job 12, which computed this before, was cancelled"):
        refuse_if_cancelled(logs(tmp_path, j11=TIME, j12=text))


def test_the_retry_behind_a_refused_one_is_refused(tmp_path):
    own = logs(tmp_path, j12=BY_HAND)
    with pytest.raises(CancelledByHand) as refused:
        refuse_if_cancelled(own)
    with pytest.raises(CancelledByHand, match="job 12, which"):
        refuse_if_cancelled(logs(tmp_path, j12=BY_HAND, j13=f"Error in rule:\n{refused.value}\n"))


@pytest.mark.parametrize("text", [TIME, PREEMPTED, STEP + TIME, "MemoryError\n", ""])
def test_what_failed_is_tried_again(tmp_path, text):
    refuse_if_cancelled(logs(tmp_path, j11=BY_HAND, j12=text))


def test_a_first_attempt_has_no_log_beside_its_own(tmp_path):
    refuse_if_cancelled(logs(tmp_path))


def test_slurm_says_where_the_log_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert log_of_job("12") is None
    command = tmp_path / "scontrol"
    command.write_text("#!/bin/sh\necho '   JobId=12'\necho '   StdErr=/logs/12.log'\necho '   StdOut=/logs/12.log'\n")
    command.chmod(0o755)
    assert str(log_of_job("12")) == "/logs/12.log"


def test_only_retries_under_slurm_look(tmp_path, monkeypatch):
    own = logs(tmp_path, j12=BY_HAND)
    command = tmp_path / "scontrol"
    command.write_text(f"#!/bin/sh\necho '   StdOut={own}'\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    check_retry(2)
    monkeypatch.setenv("SLURM_JOB_ID", "99")
    check_retry(1)
    with pytest.raises(CancelledByHand):
        check_retry(2)
