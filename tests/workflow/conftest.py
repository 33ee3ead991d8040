"""Copies of the project that are ready to be changed."""

import shutil

import pytest
from small_project import Project, copy_project


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Project:
    """A copy in which everything has been made once."""
    project = copy_project(tmp_path_factory.mktemp("project") / "copy")
    project.make("--cores", "2")
    assert project.plan() == []
    return project


@pytest.fixture
def project(built, tmp_path) -> Project:
    """A copy of its own of what has been made, times and records included."""
    folder = tmp_path / "copy"
    shutil.copytree(built.folder, folder, symlinks=True)
    return Project(folder)
