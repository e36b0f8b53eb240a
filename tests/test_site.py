"""The site's pages: solutions behind a button, alt texts, links to the glossary; and the checks of what was built."""

import re
from pathlib import Path

import nbformat
import pytest

import build

ROOT = Path(__file__).parents[1]


def test_a_page_folds_its_solutions_and_keeps_its_alt_texts(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "SOURCE", tmp_path)
    path = ROOT / "notebooks" / "1_gradients_and_taylor.ipynb"
    stored, page = nbformat.read(path, as_version=4), build.page_of(path)
    solutions = [cell for cell in page.cells if "solution" in cell.metadata.get("tags", [])]
    assert solutions
    assert all("hide-cell" in cell.metadata["tags"] for cell in solutions)
    assert "<summary>What the solution prints" not in str(solutions)
    pictures = [o for cell in stored.cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    shown = re.findall(r'<img class="course-figure"[^>]* alt="([^"]{15,})" src="../_static/figures/([^"]+)"', str(page))
    assert len(shown) == len(pictures) > 5
    assert {file for _, file in shown} == {file.name for file in (tmp_path / "_static" / "figures").iterdir()}


def test_a_term_is_linked_where_a_page_first_uses_it_and_nowhere_that_it_would_hurt():
    left = {"logit": "logit", "CAM": "class activation map", "class activation map": "class activation map"}
    text = "# A logit\n\nThe `logit` and $logit$ of [a logit](x), then Logits and a CAM.\n\n"
    text += "A logit again, a class activation map."
    linked = build.with_glossary(text, left)
    assert "# A logit\n" in linked
    assert "`logit`" in linked
    assert linked.count("{term}") == 2
    assert "{term}`Logits <logit>`" in linked
    assert left == {}


def test_every_term_has_one_sentence_and_all_are_in_order():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    (entries,) = re.findall(r"^```\{glossary\}\n(.*?)^```", text, re.S | re.M)
    first = [entry.split("\n")[0].lower() for entry in entries.split("\n\n")]
    assert len(first) == len(set(first)) > 50
    for entry in entries.strip().split("\n\n"):
        sentences = [line.strip() for line in entry.split("\n") if line.startswith(" ")]
        assert sentences, entry
        assert sentences[-1].endswith("."), entry
    assert {"logit", "relevance", "composite", "CAV"} <= build.terms().keys()


def test_links_that_lead_nowhere_and_pictures_without_a_text_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">x</a><a href="https://else.where">x</a><h1 id="here"></h1>'
    )
    (tmp_path / "b.html").write_text(
        '<h1 id="there"></h1><a href="a.html#here">x</a><img src="a.html" alt="a picture">'
    )
    assert build.broken(tmp_path) == []
    (tmp_path / "b.html").write_text('<a href="a.html#gone">x</a><a href="c.html">x</a><img src="a.html">')
    assert build.broken(tmp_path) == [
        "a.html: b.html#there",
        "b.html: a.html#gone",
        "b.html: c.html",
        "b.html: no alt text: a.html",
    ]


@pytest.mark.parametrize("page", sorted(build.TEXTS))
def test_a_text_keeps_links_between_pages_and_loses_those_to_files(page):
    text = build.readable(ROOT / page)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        place = target.partition("#")[0]
        if place and not re.match(r"[a-z]+:", place):
            assert ((ROOT / page).parent / place).resolve().relative_to(ROOT).as_posix() in build.TEXTS


def test_buttons_come_from_the_links_of_the_readme(monkeypatch):
    link = "https://mybinder.org/v2/gh/a/b/v1?urlpath=lab%2Ftree%2Fnotebooks%2F2.ipynb"
    readme = f"On Binder, v1: [notebook 1](https://mybinder.org/x) · [notebook 2]({link}).\n<!-- links: end -->"
    monkeypatch.setattr(build.Path, "read_text", lambda *_, **__: readme)
    assert f"{{button-link}} {link}" in build.launch(Path("2_vgg16.ipynb"))
    assert build.launch(Path("your_own_network.ipynb")) == ""
