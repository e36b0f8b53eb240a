"""How Sphinx makes pages of the course; ``build.py`` beside this puts everything into one folder first and calls it."""

import html
import json
import re
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

project = "Understanding what a neural network does"
author = "The authors of the course"
project_copyright = "CC BY 4.0 (text and figures), BSD-3-Clause (code)"
extensions = ["myst_nb", "sphinx_design", "sphinx_copybutton"]
html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "home_page_in_toc": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "navbar_persistent": [],  # the search field stands in the side bar already
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_baseurl = json.loads(Path(__file__).with_name("address.json").read_text())["site"]
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Show the solution"
nb_code_prompt_hide = "Hide the solution"
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
math_number_all = False
html_math_renderer = "mathml"
copybutton_exclude = ".linenos, .gp, .go"


def inline_math(self, node):
    self.body.append(_mathml(node.astext(), display=False))
    raise nodes.SkipNode


def displayed_math(self, node):
    self.body.append(f'<div class="math">{_mathml(node.astext(), display=True)}</div>')
    raise nodes.SkipNode


def _mathml(tex: str, display: bool) -> str:
    """What browsers draw by themselves and screen readers read: no program has to be fetched from elsewhere."""
    found = tex2mathml(re.sub(r"\\[Bb]ig(?![a-z])", "", tex), as_block=display)  # it knows neither
    if r"\Big" in tex:
        found = re.sub("<mo[^>]*>([|⟨⟩])</mo>", r'<mo stretchy="true" minsize="1.8em">\1</mo>', found)
    return found.replace("<math", f'<math alttext="{html.escape(tex)}"', 1)


def setup(app):
    app.add_html_math_renderer("mathml", (inline_math, None), (displayed_math, None))
