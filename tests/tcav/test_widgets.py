"""The canvas and the upload button for a concept of one's own."""

import datetime
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from helpers.tcav import widgets
from helpers.tcav.own_concepts import TILE, texture_set
from helpers.tcav.widgets import BRUSHES, WIDTH, Stroke, draw_tile, pattern_strokes


def test_strokes_lie_on_white_paper_the_later_ones_on_top():
    across = Stroke([(40, 140), (240, 140)], "red", 20)
    tile = draw_tile([across, Stroke([(140, 40), (140, 240)], "blue", 30), Stroke([(20, 20)], "green", 16)])
    assert tile.shape == (TILE, TILE, 3)
    assert tile.dtype == np.uint8
    named = {name: tuple(bytes.fromhex(value[1:])) for name, value in BRUSHES.items()}
    assert tuple(tile[140, 60]) == named["red"]
    assert tuple(tile[140, 140]) == named["blue"]
    assert tuple(tile[20, 20]) == named["green"]
    assert tuple(tile[100, 60]) == named["white"]
    assert abs(int((tile[:, 80] == named["red"]).all(axis=-1).sum()) - 20) <= 1
    assert np.all(draw_tile([]) == 255)
    rubbed_out = draw_tile([across, Stroke(across.points, "white", 24)])
    assert np.all(rubbed_out == 255)


@pytest.mark.parametrize(
    ("stroke", "message"), [(Stroke([(1, 1)], "pink"), "'pink'"), (Stroke([(1, 1)], width=0), "0")]
)
def test_bad_brushes_are_explained(stroke, message):
    with pytest.raises(ValueError, match=message):
        draw_tile([stroke])


@pytest.mark.parametrize("name", widgets.PATTERNS)
@pytest.mark.parametrize("width", [4, WIDTH, 40])
def test_patterns_fill_the_tile(name, width):
    ink = draw_tile(pattern_strokes(name, "red", width))[..., 1] < 255
    assert 0.15 < ink.mean() < 0.65
    quarters = ink.reshape(2, TILE // 2, 2, TILE // 2).mean(axis=(1, 3))
    assert np.ptp(quarters) < 0.2
    assert len(texture_set(draw_tile(pattern_strokes(name, "red", width)), 3)) == 3


def test_stripes_are_as_wide_and_as_far_apart_as_promised():
    row = draw_tile(pattern_strokes("stripes", width=10))[0, :, 0] == 0
    starts, ends = (np.flatnonzero(np.diff(row.astype(int)) == step) for step in (1, -1))
    assert set(np.diff(starts)) == {24}
    assert set(ends - starts[: len(ends)]) == {10 + 1}  # a stroke takes in both its edges


def test_bad_patterns_are_explained():
    with pytest.raises(ValueError, match="stripes, dots, grid.*'waves'"):
        pattern_strokes("waves")
    with pytest.raises(ValueError, match="2 to 70 pixels"):
        pattern_strokes("dots", width=100)


@pytest.fixture
def page(monkeypatch):
    """The widget's parts, the pictures that were explained, and functions that do what a browser would."""
    boxes, pictures, alts = [], [], []
    monkeypatch.setattr("helpers.course.widgets.display", boxes.append)
    monkeypatch.setattr(widgets, "show", lambda figure, alt: (alts.append(alt), plt.close(figure)))
    widgets.own_concept(lambda found: (pictures.append(found), plt.figure())[1], alt="scores", size=32, count=12)
    top, output, _ = boxes[0].children
    canvas, controls = top.children
    brush, width, fill, buttons, colours, test, upload = controls.children

    class Page:
        def mouse(self, event, x=0, y=0):
            canvas._handle_frontend_event(canvas, {"event": f"mouse_{event}", "x": x, "y": y}, [])

        def touch(self, event, *points):
            touches = [{"x": x, "y": y} for x, y in points]
            canvas._handle_frontend_event(canvas, {"event": f"touch_{event}", "touches": touches}, [])

        def stroke(self, points):
            self.mouse("down", *points[0])
            for point in points[1:]:
                self.mouse("move", *point)
            self.mouse("up", *points[-1])

        def upload(self, **contents):
            now = datetime.datetime(2026, 1, 1)
            upload.value = tuple(
                {"name": name, "type": "image/png", "size": len(content), "content": content, "last_modified": now}
                for name, content in contents.items()
            )

    page = Page()
    page.undo, page.clear = buttons.children
    page.brush, page.width, page.fill, page.colours, page.test = brush, width, fill, colours, test
    page.canvas, page.output, page.pictures, page.alts = canvas, output, pictures, alts
    return page


def lines(width=10, colour="black"):
    return [Stroke([(x, -10), (x, 140), (x, 290)], colour, width) for x in range(0, TILE, 24)]


def test_a_drawing_is_cut_up_and_explained_when_asked(page, capsys):
    for stroke in lines():
        page.stroke(stroke.points)
    assert page.pictures == []
    page.test.click()
    np.testing.assert_array_equal(page.pictures[0], texture_set(draw_tile(lines()), 12, size=32))
    assert page.alts == ["scores"]
    assert "12 pictures cut from the drawing" in capsys.readouterr().out


def test_brush_width_and_colours_are_obeyed(page):
    page.brush.value, page.width.value, page.colours.value = "red", 8, "kept"
    for stroke in lines():
        page.stroke(stroke.points)
    page.test.click()
    wanted = texture_set(draw_tile(lines(8, "red")), 12, size=32, colours="kept")
    np.testing.assert_array_equal(page.pictures[0], wanted)


def test_a_pattern_needs_no_mouse_and_can_be_undone_and_cleared(page, capsys):
    page.brush.value = "blue"
    page.fill.value = "stripes"
    page.test.click()
    wanted = pattern_strokes("stripes", "blue")
    np.testing.assert_array_equal(page.pictures[0], texture_set(draw_tile(wanted), 12, size=32))
    page.brush.value, page.width.value = "red", 40
    page.stroke([(140, 20), (140, 260)])
    page.undo.click()
    page.stroke([(20, 140), (260, 140)])
    page.test.click()
    wanted = [*wanted, Stroke([(20, 140), (260, 140)], "red", 40)]
    np.testing.assert_array_equal(page.pictures[1], texture_set(draw_tile(wanted), 12, size=32))
    page.clear.click()
    assert page.fill.value == "nothing"
    page.test.click()
    assert len(page.pictures) == 2
    assert "Draw a texture that fills the canvas" in capsys.readouterr().out
    page.brush.value, page.width.value = "blue", WIDTH
    page.fill.value = "stripes"  # once more, after it was cleared
    page.test.click()
    np.testing.assert_array_equal(page.pictures[2], page.pictures[0])


def test_fingers_draw_and_a_pen_in_the_air_does_not(page):
    page.fill.value = "stripes"
    page.mouse("move", 100, 100)
    page.mouse("out", 100, 100)
    page.brush.value, page.width.value = "red", 30
    page.touch("start", (20, 140), (5, 5))
    page.touch("move", (260, 140))
    page.touch("end")
    page.touch("move", (260, 20))
    page.test.click()
    wanted = [*pattern_strokes("stripes"), Stroke([(20, 140), (260, 140)], "red", 30)]
    np.testing.assert_array_equal(page.pictures[0], texture_set(draw_tile(wanted), 12, size=32))


def test_a_page_that_is_opened_again_shows_what_was_drawn(page, monkeypatch):
    page.stroke([(10, 10), (50, 60), (90, 10)])
    drawn = []
    monkeypatch.setattr(type(page.canvas), "stroke_line", lambda self, *ends: drawn.append(ends))
    page.canvas._handle_frontend_event(page.canvas, {"event": "client_ready"}, [])
    assert drawn == [(10, 10, 50, 60), (50, 60, 90, 10)]


def test_a_dot_in_the_corner_gets_words_not_a_traceback(page, capsys):
    page.stroke([(20, 20)])
    page.test.click()
    page.clear.click()
    page.stroke([(-50, -50)])
    page.test.click()
    assert page.pictures == []
    said = capsys.readouterr().out
    assert "of the tile is blank" in said
    assert "one colour all over" in said


def test_what_the_explanation_refuses_is_said_in_words(monkeypatch, capsys):
    boxes = []
    monkeypatch.setattr("helpers.course.widgets.display", boxes.append)

    def refuse(pictures):
        raise ValueError("These pictures are all the same.")

    widgets.own_concept(refuse, alt="scores", count=3)
    controls = boxes[0].children[0].children[1].children
    controls[2].value = "dots"
    controls[5].click()
    assert "all the same" in capsys.readouterr().out


def png(seed):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (90, 60, 3)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_uploads_are_explained_and_bad_files_named(page, capsys):
    page.upload(**{f"{n}.png": png(n) for n in range(11)}, torn=png(3)[:100])
    assert page.pictures[0].shape == (11, 32, 32, 3)
    said = capsys.readouterr().out
    assert "11 pictures, taken as they are" in said
    assert "torn" in said
    page.upload(one=png(1))
    assert page.pictures[1].shape == (12, 32, 32, 3)
    page.upload(a=png(1), b=png(1))
    assert len(page.pictures) == 2
    assert "at least 10 are needed" in capsys.readouterr().out


def test_controls_answer_when_they_are_let_go(page):
    assert page.width.continuous_update is False
