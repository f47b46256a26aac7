"""Sphinx's settings for the course's site. `python -m course site` writes what it reads, and starts it."""

project = "Large language models, put to the test"
html_title = "LLMs, put to the test"
author = ""
copyright = "code: MIT; prose and figures: CC BY 4.0"  # noqa: A001  Sphinx's name
html_show_copyright = html_show_sphinx = False

extensions = ["myst_nb", "sphinx_copybutton", "course.site.parts"]
exclude_patterns = ["_extra"]
nitpicky = True
smartquotes = False  # “ ” only where somebody wrote them

nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 4
myst_heading_slug_func = "course.site.parts.jupyter_slug"
copybutton_exclude = ".linenos, .gp, .go"
copybutton_selector = ".cell_input pre, div.highlight-sh pre, div.highlight-python pre"

html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_theme = "sphinx_book_theme"
html_theme_options = {
    "use_download_button": False,  # the notebook itself is linked below each title
    "use_fullscreen_button": False,
    "navbar_persistent": [],  # one search field is enough, in the list at the left
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "toc_title": "On this page",
    # Pages that are one large table need the room.
    "secondary_sidebar_items": {
        "**": ["page-toc.html"],
        **dict.fromkeys(("index", "claims", "glossary"), []),
    },
    "search_bar_text": "Search",
    "back_to_top_button": False,
    "footer_content_items": [],
}
html_static_path = ["static"]
html_extra_path: list[str] = []  # set below: the notebooks to download
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # a page opened from disk may not read other pages
html_math_renderer = "mathml"
html_permalinks_icon = "#"


def setup(app):  # type: ignore[no-untyped-def]
    """The notebooks lie beside the sources, wherever these are."""
    app.config.html_extra_path = [str(app.srcdir / "_extra")]
