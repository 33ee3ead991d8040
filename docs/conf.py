"""The site: sphinx-build -nW docs site."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from pygments.lexers.special import TextLexer

import nnstatmech
from nnstatmech.gallery import docs as gallery

project = "nnstatmech"
author = "The nnstatmech maintainers"
release = nnstatmech.__version__

extensions = [
    "myst_nb",
    "sphinx_design",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
# gallery.md is for readers of the repository: figures/, made here, says the same and more.
exclude_patterns = ["site", "gallery.md", "**/.ipynb_checkpoints"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# Notebooks are run while the site is built, in files of the build.
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove"  # remarks of libraries about missing widgets

autodoc_typehints = "none"  # docstrings say what is meant; signatures keep the annotations' names out of -n
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_rtype = False
# Types in docstrings are words, as "seeds x depths", and not names to be found.
napoleon_preprocess_types = False
nitpick_ignore_regex = [("py:class", r"(?!nnstatmech\.).*"), ("py:exc", r".*"), ("py:obj", r".*")]

html_theme = "pydata_sphinx_theme"
html_title = "nnstatmech"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
# Pages without others below them have nothing to show beside them.
html_sidebars = {page.stem: [] for page in Path(__file__).parent.glob("*.md") if page.stem != "reproduction"}
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
}


def write_figures(app):
    source = Path(app.srcdir)
    gallery.write_site(source / "gallery", source / "figures")


def setup(app):
    app.connect("builder-inited", write_figures)
    # Pygments has no lexer of its own for Snakefiles, whose statements are no Python.
    app.add_lexer("snakemake", TextLexer)
