"""
The documentation site: `nox -s docs` builds it, offline, into build/site.

The source is the whole checkout, so that relative links are the same here and on a code host:
README.md, docs/, examples/, benchmarks/README.md and CHANGELOG.md. What is special about this site
is in `_builder`.
"""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for _builder

project = "paraformer-async"
author = "the authors of paraformer-async"
project_copyright = author
release = version = version_of(project)

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "_builder",
]
root_doc = "docs/index"
source_suffix = {".md": "markdown", ".rst": "restructuredtext", ".py": "program"}
include_patterns = [
    "*.md",
    "benchmarks/README.md",
    "benchmarks/[!_]*.py",
    "docs/*.md",
    "docs/reference/*.rst",
    "examples/**.md",
    "examples/**.py",
]
exclude_patterns = [".*", "build", "dist", "htmlcov", "paraformer_async", "tests", "venv"]

myst_heading_anchors = 4
myst_enable_extensions = ["html_image"]
suppress_warnings = ["myst.xref_ambiguous"]

default_role = "literal"  # docstrings have Markdown's single backticks
highlight_language = "text"
nitpicky = False  # names in signatures that are not public remain text

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_attr_annotations = True
napoleon_numpy_docstring = False
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"{project} {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"

copybutton_exclude = ".linenos, .gp, .go"
