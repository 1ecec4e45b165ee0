"""How Sphinx builds these pages; `make docs` turns every warning into an error."""

from importlib.metadata import version as installed_version

project = "rtml"
author = "the rtml authors"
release = installed_version("rtml")
version = ".".join(release.split(".")[:2])

extensions = ["myst_parser"]
exclude_patterns = ["_build", "examples"]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3  # so that a page can link to a heading of another one, and a wrong link is a warning

html_theme = "furo"
html_title = f"rtml {release}"
html_copy_source = False
nitpicky = True
