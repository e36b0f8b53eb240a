"""The course's own widgets by themselves, with figures that take no time: keyboard, messages, names, contrast."""

from pathlib import Path

import access
import controls
import nbformat
import pytest
from uploads import BAD, NEVER_ARRIVES, write_uploads

ROOT = Path(__file__).parents[2]
KERNEL = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
CELLS = [
    """
import matplotlib.pyplot as plt
from ipywidgets import Checkbox, Dropdown, FloatSlider, SelectionSlider
from helpers.course import explore, progress_bar, use_course_style
from helpers.digits import draw_digit
from helpers.taylor import playground
from helpers.tcav import own_concept
from helpers.vgg16 import explain_upload
from helpers.words import type_a_sentence
use_course_style()

def caption(**values):
    figure, axes = plt.subplots(figsize=(5, 1))
    axes.set_title(str(values))
    return figure

def picture(pictures):
    figure, axes = plt.subplots(figsize=(3, 2))
    axes.imshow(pictures if pictures.ndim < 4 else pictures[0])
    return figure
""",
    """
explore(
    caption, alt="The values {size}, {name}, {block} and {full}", size=FloatSlider(1.0, min=0, max=2, description="size"),
    name=Dropdown(options=["cat", "coffee", "rocket"], description="photo"),
    block=SelectionSlider(options=["one", "two", "three"], description="block"),
    full=Checkbox(description="whole picture"),
)
""",
    'draw_digit(picture, alt="The digit that was drawn")',
    'own_concept(picture, alt="The first picture of the concept", count=20)',
    'explain_upload(picture, 64, alt="The photograph that was uploaded")',
    """
from helpers.words.sentiment import SentimentNetwork, build_sentiment_model
from helpers.words.text import Vocabulary
words = Vocabulary(("good", "bad", "film", "never", "fails", "engage", "it", "to", "us"))
type_a_sentence(SentimentNetwork(build_sentiment_model(len(words), embedding=4, units=3), words))
""",
    f"""
import sys
sys.path.append({str(ROOT / "tests")!r})
from question_fakes import FakeNetwork, always, left_half, wordless
from helpers.questions.widgets import ask_about_a_picture
METHODS = {{"LRP": left_half, "Grad-CAM": wordless}}

ask_about_a_picture(FakeNetwork(always("yes")), methods=METHODS)
""",
    "playground()",
    'progress_bar("a long computation")(1, 3, "the first of three")',
]
EXPLORE, DIGIT, CONCEPT, UPLOAD, SENTENCE, QUESTION, PLAYGROUND = range(1, 8)  # cells


@pytest.fixture(scope="module")
def lab(open_page, server, pictures):
    book = nbformat.v4.new_notebook(metadata=KERNEL, cells=[nbformat.v4.new_code_cell(c.strip()) for c in CELLS])
    nbformat.write(book, server.notebooks / "widgets.ipynb")
    lab = open_page("widgets.ipynb")
    lab.pictures = pictures / "widgets"
    lab.run_all()
    assert lab.failures() == []
    lab.groups = controls.find_groups(lab)
    return lab


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_uploads(tmp_path_factory.mktemp("uploads"))


def group_of(lab, cell):
    return next(group for group in lab.groups if group.cell == cell)


def control(group, kind, label=""):
    return next(c for c in group.of_kind(kind) if label in c.label)


def test_every_widget_of_the_course_is_here():
    missing = [name for name in controls.widget_functions() if not any(f"{name}(" in cell for cell in CELLS[1:])]
    assert missing == []


def test_the_whole_page_looks_right(lab):
    for theme in ("Dark", "Light"):
        lab.theme(f"JupyterLab {theme}")
        for group in lab.groups:
            lab.screenshot(lab.pictures / f"cell_{group.cell}_{theme.lower()}.png", group.area)


def test_arrow_keys_move_sliders_and_menus_and_space_ticks_the_box(lab):
    group = group_of(lab, EXPLORE)
    for kind in ("slider", "menu", "box"):
        for one in group.of_kind(kind):
            controls.use_value(group, one)


def test_several_values_in_a_row_end_with_the_last(lab):
    """Keys faster than the kernel: the figure is that of the last value, and only one figure is left."""
    group = group_of(lab, EXPLORE)
    slider = control(group, "slider", "size")
    keys = ["Home", *["ArrowRight"] * 5]
    for key in keys:
        group.use(slider, key, lambda key=key: controls.press_keys(group, slider, key))
    wanted = group.state()["picture"]
    group.use(slider, "End", lambda: controls.press_keys(group, slider, "End"))
    controls.press_keys(group, slider, *keys)
    group.wait_until("picture", wanted)
    lab.settle()
    assert group.state()["picture"] == wanted
    assert group.area.locator("img").count() == 1


@pytest.mark.parametrize("key", ["Space", "Enter"])
def test_keys_press_buttons(lab, key):
    group = group_of(lab, DIGIT)
    group.use(group.controls[0], "draw", lambda: controls.draw(group, group.of_kind("canvas")[0], controls.FOUR))
    for label in ("Undo", "Clear"):
        button = control(group, "button", label)
        group.use(button, key, lambda button=button: controls.press_keys(group, button, key), ["picture", "words"])
        assert group.area.locator("img").count() == (label == "Undo")
    assert "Draw a digit" in group.state()["words"]


def test_a_concept_can_be_made_without_a_mouse(lab):
    group = group_of(lab, CONCEPT)
    fill, test = control(group, "menu", "fill"), control(group, "button", "Test")
    group.use(fill, "arrow key", lambda: controls.step(group, fill), ["canvas"])
    group.use(test, "Space", lambda: controls.press_keys(group, test, "Space"))


def test_every_control_of_the_concept_counts(lab):
    group = group_of(lab, CONCEPT)
    controls.use_canvas(group, group.of_kind("canvas")[0])
    for one in group.of_kind("slider", "menu"):
        controls.use_value(group, one)
    for one in group.of_kind("button"):
        controls.use_button(group, one)


def test_the_empty_canvas_is_answered_in_words(lab):
    group = group_of(lab, CONCEPT)
    group.element(control(group, "button", "Clear")).click()
    group.use(
        control(group, "button", "Test"), "click", group.element(control(group, "button", "Test")).click, ["words"]
    )
    assert "Draw a texture" in group.state()["words"]


@pytest.mark.parametrize("cell", [UPLOAD, CONCEPT])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_upload_is_answered_in_words(lab, files, cell, name):
    group = group_of(lab, cell)
    upload = group.of_kind("upload")[0]
    group.use(upload, "good", lambda: controls.choose_files(group, upload, [files["good 0"]]))
    group.use(upload, name, lambda: controls.choose_files(group, upload, [files[name]]), ["words"])
    shown = group.state()
    assert BAD[name] in shown["words"]
    assert shown["picture"] == ""


@pytest.mark.xfail(
    reason="the server closes the connection on more than 10 MiB; nothing is said, and later uploads are lost"
)
def test_a_file_that_is_too_large_for_the_server_does_no_harm(lab, files):
    group = group_of(lab, UPLOAD)
    upload = group.of_kind("upload")[0]
    controls.choose_files(group, upload, [files[NEVER_ARRIVES]])
    lab.page.wait_for_timeout(3000)
    group.use(upload, "good", lambda: controls.choose_files(group, upload, [files["good 3"]]), seconds=30)


def test_words_nobody_knows_are_answered_in_words(lab):
    group = group_of(lab, SENTENCE)
    controls.use_text(group, group.of_kind("text")[0], ["Never a bad film"])


def test_every_control_of_the_question_counts(lab):
    group = group_of(lab, QUESTION)
    for one in group.of_kind("menu"):
        controls.use_value(group, one)
    controls.use_text(group, group.of_kind("text")[0])
    for one in group.of_kind("button"):
        controls.use_button(group, one)


def test_every_slider_of_the_playground_trains_a_network(lab):
    group = group_of(lab, PLAYGROUND)
    for one in group.of_kind("slider"):
        controls.use_value(group, one)


def test_labels_are_whole_and_every_control_has_a_name(lab):
    assert [label for group in lab.groups for label in access.labels_cut_off(group)] == []
    assert [name for group in lab.groups for name in access.without_name(group)] == []


def test_a_screen_reader_hears_the_chosen_value_and_not_its_place(lab):
    group = group_of(lab, EXPLORE)
    slider = group.area.get_by_role("slider", name="block")
    controls.press_keys(group, control(group, "slider", "block"), "Home", "ArrowRight")
    lab.page.wait_for_function("e => e.getAttribute('aria-valuetext') === 'two'", arg=slider.element_handle())


def test_tab_reaches_every_control(lab):
    assert [missed for group in lab.groups for missed in access.missed_by_tab(group)] == []


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_texts_are_readable_in(lab, theme):
    lab.theme(theme)
    assert [text for group in lab.groups for text in access.low_contrast(group)] == []


def test_the_check_of_contrast_sees_grey_on_grey(lab):
    group = group_of(lab, DIGIT)
    message = group.area.locator("pre").first
    message.evaluate("e => { e.style.color = '#777'; e.style.background = '#999'; }")
    assert len(access.low_contrast(group)) == 1
    message.evaluate("e => { e.style.color = e.style.background = ''; }")


def test_the_browser_has_nothing_to_complain_of(lab):
    assert lab.console == []
    assert lab.foreign == []
