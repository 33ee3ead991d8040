"""Copies of the project that are ready to be changed."""

import fcntl
import os
import shutil

import pytest
from small_project import Project, copy_project


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Project:
    """A copy in which everything has been made once, by the first process of the tests that asks for it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    made = shared / "built"
    with (shared / "built.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            project = copy_project(shared / "being_built")
            project.make("--cores", "2")
            assert project.plan() == []
            project.folder.rename(made)
    # This process's own: a call in one folder would disturb a copy that another takes of it.
    folder = tmp_path_factory.mktemp("project") / "copy"
    shutil.copytree(made, folder, symlinks=True)
    return Project(folder)


@pytest.fixture
def project(built, tmp_path) -> Project:
    """A copy of its own of what has been made, times and records included."""
    folder = tmp_path / "copy"
    shutil.copytree(built.folder, folder, symlinks=True)
    return Project(folder)
