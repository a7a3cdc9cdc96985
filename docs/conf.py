"""Settings of Sphinx; the reference is written anew from the code before each build."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402

generate.write_all(HERE / "reference" / "generated")

project = "stoker"
author = "the stoker authors"
copyright = "2026, the stoker authors"
release = generate.version()
version = release
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"stoker {release}"
html_show_sphinx = False
html_copy_source = False
myst_heading_anchors = 3
myst_enable_extensions = ["deflist", "colon_fence"]
nitpicky = True
