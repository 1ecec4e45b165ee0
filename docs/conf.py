"""How Sphinx builds these pages; `make docs` turns every warning into an error."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "rtml"
author = "the rtml authors"
release = installed_version("rtml")
version = ".".join(release.split(".")[:2])

extensions = ["myst_parser", "operator_reference", "pandas_methods", "formula_namespace"]
exclude_patterns = ["_build", "_ext", "examples"]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3  # so that a page can link to a heading of another one, and a wrong link is a warning

smartquotes = False  # texts quote JSON, which has to be copied as it is

html_theme = "furo"
html_title = f"rtml {release}"
html_copy_source = False
nitpicky = True
