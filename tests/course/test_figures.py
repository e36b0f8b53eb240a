import base64
import os
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from helpers.course import figures as plotting
from helpers.vgg16 import figures as plotting_photos
from helpers.vgg16 import literature
from helpers.vgg16.occlusion import HiddenSquares

FOLDER = Path(plotting.__file__).parent


def test_a_figure_is_displayed_with_its_description_and_closed(monkeypatch):
    seen = {}
    monkeypatch.setattr(plotting, "display", lambda data, raw: seen.update(data))
    figure = plt.figure(figsize=(4, 3))
    plotting.show(figure, alt='a curve that rises "steadily"')
    assert seen["text/plain"] == 'a curve that rises "steadily"'
    element = re.fullmatch(
        r'<img class="course-figure" alt="(.*?)" src="data:image/png;base64,(.*?)">', seen["text/html"]
    )
    assert element[1] == "a curve that rises &quot;steadily&quot;"
    assert base64.b64decode(element[2], validate=True).startswith(b"\x89PNG")
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize(
    "own", [{"text.usetex": True}, {"axes.facecolor": "black", "text.color": "white"}, {"image.origin": "lower"}]
)
def test_a_matplotlibrc_of_ones_own_changes_no_figure(own):
    plotting.use_course_style()
    wanted = dict(plt.rcParams)
    plt.rcParams.update(own)
    plotting.use_course_style()
    assert dict(plt.rcParams) == wanted


@pytest.mark.parametrize("backend", ["", "agg", "TkAgg"])
def test_figures_are_pictures_whatever_backend_the_environment_names(backend):
    """In a kernel, as a notebook has it, but without TensorFlow, which has no say in this and takes long to start."""
    code = (
        "import sys, types\nsys.modules['helpers.course'] = types.ModuleType('helpers.course')\n"
        f"sys.modules['helpers.course'].__path__ = [{str(FOLDER)!r}]\n"
        "from helpers.course.figures import show, use_course_style\nimport matplotlib.pyplot as plt\n"
        "use_course_style()\nshow(plt.subplots(figsize=(1, 1))[0], alt='two axes with nothing between them')"
    )
    book = new_notebook(cells=[new_code_cell(code)])
    NotebookClient(book, kernel_name="python3", timeout=120).execute(env={**os.environ, "MPLBACKEND": backend})
    (output,) = book.cells[0].outputs
    assert 'alt="two axes with nothing between them" src="data:image/png' in output.data["text/html"]


def test_descriptions_are_found_by_their_name(monkeypatch):
    monkeypatch.setitem(plotting.ALT_TEXTS, "curve of {task}", "A curve for task {task}, which rises")
    assert plotting.described("curve of {task}", task="b") == "A curve for task b, which rises"
    assert plotting.described("A sentence with {braces} stays as it is") == "A sentence with {braces} stays as it is"
    with pytest.raises(ValueError, match=r"got alt='curve of b'. They stand in helpers/course/alt_texts.py"):
        plotting.described("curve of b")


def test_descriptions_and_widths_are_checked():
    with pytest.raises(ValueError, match="Describe"):
        plotting.show(plt.figure(), alt="plot")
    with pytest.raises(ValueError, match="9 inches"):
        plotting.show(plt.figure(figsize=(9, 2)), alt="a curve that rises steadily")
    plt.close("all")


def test_limits_are_symmetric_and_never_zero():
    assert plotting.symmetric_limit(np.array([-3.0, 1]), np.array([2.0])) == 3
    assert plotting.symmetric_limit(np.zeros(3)) == 1


def test_an_overlay_leaves_the_photograph_where_the_map_is_zero():
    picture = np.full((8, 8, 3), 120, np.uint8)
    values = np.zeros((2, 2))
    assert np.allclose(plotting_photos.overlay(picture, values), 0.25 + 0.75 * 120 / 255)
    values[0, 0] = 5
    laid = plotting_photos.overlay(picture, values)
    assert laid.shape == (8, 8, 3)
    assert np.abs(laid[0, 0] - laid[7, 7]).max() > 0.1
    for signed in (False, True):
        shown = plotting_photos.overlay(picture, values, signed)
        assert shown.min() >= 0
        assert shown.max() <= 1
    # the sign decides the colour: red for, blue against
    red, blue = (plotting_photos.overlay(picture, s * values, signed=True)[0, 0] for s in (1, -1))
    assert red[0] > red[2]
    assert blue[2] > blue[0]


def test_maps_with_a_unit_share_a_scale():
    picture, heat = np.full((8, 8, 3), 128, np.uint8), np.ones((4, 4))
    alone = plotting_photos.maps_on_photographs([picture] * 2, [heat, heat / 4], "ab")
    common = plotting_photos.maps_on_photographs([picture] * 2, [heat, heat / 4], "ab", unit="logit")
    colours = [[axis.images[0].get_array() for axis in figure.axes[:2]] for figure in (alone, common)]
    assert np.allclose(colours[0][0], colours[0][1])
    assert not np.allclose(colours[1][0], colours[1][1], atol=0.1)
    assert np.allclose(colours[1][0], colours[0][0])
    assert common.axes[2].get_ylabel() == "logit"
    plt.close("all")


def test_every_figure_of_the_photograph_notebooks_is_drawn(small_cam_network):
    picture = np.zeros((8, 8, 3), np.uint8)
    heat = np.ones((4, 4))
    mask = np.zeros((8, 8), bool)
    mask[2:5, 2:5] = True

    hidden = HiddenSquares(np.arange(4.0), np.array([[0, 0], [0, 3], [3, 0], [3, 3]]), 5, (8, 8))

    class Guess:
        label, probability = "a cat", 0.5

    figures = [
        plotting_photos.photographs([picture], ["a"]),
        plotting_photos.maps_on_photographs([picture] * 3, [None, heat, 0 * heat], "abc", outlines=[None, mask, None]),
        plotting_photos.convolution_step(np.eye(4, dtype=int), np.eye(2, dtype=int), 5),
        plotting_photos.heat_maps([heat, 0 * heat], ["a", "b"], picture),
        plotting_photos.signed_maps([heat, -heat], ["a", "b"]),
        plotting_photos.top_classes([picture], [[Guess(), Guess()]]),
        plotting_photos.filter_grid(np.zeros((3, 3, 3, 20))),
        plotting_photos.feature_map_grid(np.random.default_rng(0).random((4, 4, 20)), "conv", picture),
        plotting_photos.architecture(small_cam_network),
        plotting_photos.closure_figure(picture, hidden, {"a": 1, "b": 2, "c": 1}),
        literature.challenge(),
        literature.field_map(),
    ]
    for figure in figures:
        figure.canvas.draw()
        assert figure.get_figwidth() <= plotting.LARGEST_WIDTH
    assert "zero everywhere" in figures[1].axes[2].get_title()
    assert [text.get_text() for text in figures[-3].axes[1].get_legend().get_texts()] == ["all squares", "a, c", "b"]
    with pytest.raises(ValueError, match="three colours"):
        plotting_photos.filter_grid(np.zeros((3, 3, 4, 2)))
    plt.close("all")
