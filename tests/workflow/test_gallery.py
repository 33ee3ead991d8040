"""``snakemake gallery`` in a small project: from what is there, of all scales, starting nothing."""

from links import broken


def cards(project):
    return (project.folder / "gallery/index.html").read_text().count('class="card"')


def test_it_shows_what_is_there_and_computes_nothing(project):
    said = project.make("gallery")
    assert "run_moments" not in said
    assert cards(project) == 2
    assert broken(project.folder / "gallery") == []
    page = (project.folder / "gallery/laptop-bundled/Wide.html").read_text()
    assert "A caption of the wide figure." in page
    assert "the mean is near one" in page
    assert 'class="chip reproduced"' in page
    assert "def wide(main, *, scale)" not in page  # coloured, word by word
    assert "wide.parquet" in page
    assert project.plan("gallery") == []


def test_it_is_made_again_when_what_it_shows_has_changed(project):
    project.make("gallery")
    (project.folder / "results/laptop-bundled/figures/Deep.png").unlink()
    assert project.plan("gallery") == ["Make the gallery"]
    project.make("gallery")
    assert cards(project) == 1
    assert not (project.folder / "gallery/laptop-bundled/Deep.html").exists()


def test_results_of_another_scale_stand_beside(project):
    project.make("figures/Wide.png", "--config", "scale=paper", "seeds=2")
    project.make("gallery")
    assert cards(project) == 2
    page = (project.folder / "gallery/paper-bundled/Wide.html").read_text()
    assert "with 2 realisations" in page
    assert 'href="../laptop-bundled/Wide.html"' in page


def test_without_figures_it_says_in_one_line_what_to_do(project):
    for path in (project.folder / "results/laptop-bundled/figures").glob("*.png"):
        path.unlink()
    said = project.fail("gallery")
    assert "make some first, as: snakemake figures/Fig_4.png" in said
    assert "Traceback" not in said
