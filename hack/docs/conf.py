"""The documentation as a site: `make docs` builds it into site/, without a network, with warnings as errors.

Sphinx, MyST and the PyData theme, as all three are kept (looked up in November 2026: the theme had releases every few
weeks). MkDocs 1 has had no release since August 2024, and MkDocs 2 drops plugins and themes; Material for MkDocs is in
maintenance mode; Zensical, its successor, is at 0.1; Furo had no release this year. Nothing that a page loads is from
elsewhere: tests/docs/test_site.py.

The pages are the Markdown files of the repository, where they are, so that their links lead to the same places here and
on a forge. A link to a file that is no page becomes a download, a link to a folder plain text.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

ROOT = Path(__file__).resolve().parents[2]

project = "napsim"
author = "the authors of napsim"
project_copyright = "the authors of napsim; Apache-2.0"
extensions = ["myst_parser"]

# Pages are looked for from the root of the repository on: `sphinx-build -c hack/docs .`
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/**.md",
    "operator/napsim/core/README.md",
    "tests/scenarios/*/README.md",
]
exclude_patterns = [".*", "dist", "site"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
highlight_language = "text"
nitpicky = True
suppress_warnings = ["toc.not_included"]  # the pages of the rules of `napsim lint` are listed by docs/rules/README.md

html_theme = "pydata_sphinx_theme"
html_title = "napsim"
templates_path = ["templates"]
html_sidebars = {"**": ["navigation.html"]}
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_extra_path = ["index.html"]  # leads from the root of the site to its first page
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "footer_start": ["copyright"],
    "footer_end": [],
    "navbar_center": [],
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
}


class FolderLinks(SphinxPostTransform):
    """Makes a link to a folder of the repository its text, before MyST misses a page of that name."""

    default_priority = 5

    def run(self, **_: object) -> None:
        """Called by Sphinx for each page."""
        page = ROOT / self.env.doc2path(self.env.docname)
        for link in list(self.document.findall(pending_xref)):
            if link["reftype"] == "myst" and (page.parent / link["reftarget"]).is_dir():
                link.replace_self(link.children)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_post_transform(FolderLinks)
