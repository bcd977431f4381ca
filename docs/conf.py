"""Settings of the site, which `ci/docs` builds."""

from __future__ import annotations

import sys
from pathlib import Path

import gclust

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

project = "gclust"
author = "The gclust developers"
project_copyright = author
version = release = gclust.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "mathml",
    "numpydoc",
    "sphinx_click",
    "sphinx_gallery.gen_gallery",
    "gallery_listings",
    "gclust_reference",
]
exclude_patterns = [
    "changes",
    "sg_execution_times.rst",
    "_ext",
    "_static",
    "_templates",
    "**/README.md",
]
templates_path = ["_templates"]
nitpicky = True
# Types of parameters are words for people: numpydoc does not resolve them.
nitpick_ignore_regex = [("py:.*", ".*")]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline"]
myst_heading_anchors = 4
# Of a plain address in the text nobody could tell where it leads.
myst_linkify_fuzzy_links = False

autosummary_generate = ["reference/python.rst"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "ignore_pattern": r"(towns|__init__)\.py",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "capture_repr": (),
    "image_scrapers": ("matplotlib",),
    "doc_module": ("gclust",),
    "backreferences_dir": None,
}

html_math_renderer = "mathml"
# A summary would be fetched, which browsers do not do from files.
html_show_search_summary = False
html_theme = "pydata_sphinx_theme"
html_title = "gclust"
html_static_path = ["_static"]
html_css_files = ["gclust.css"]
html_copy_source = html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# Addresses of the source come with the first publication.
html_context = {"default_mode": "auto"}
