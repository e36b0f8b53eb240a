import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.course.widgets import PEN, SIZE, draw_strokes
from helpers.digits import widgets
from helpers.digits.pictures import centre_digit


@pytest.fixture
def page(monkeypatch):
    """The widget's parts, the digits that were explained, and functions that do what a browser would."""
    parts, digits, alts = [], [], []
    monkeypatch.setattr("helpers.course.widgets.display", parts.append)
    monkeypatch.setattr(widgets, "show", lambda figure, alt: (alts.append(alt), plt.close(figure)))
    widgets.draw_digit(lambda digit: (digits.append(digit), plt.figure())[1], alt="what the network sees in it")
    left, output = parts[0].children[0].children
    canvas, (undo, clear) = left.children[0], left.children[1].children

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

    page = Page()
    page.digits, page.alts, page.output, page.undo, page.clear, page.canvas = digits, alts, output, undo, clear, canvas
    return page


ONE, BAR = [(140, 40), (140, 150), (140, 240)], [(80, 140), (200, 140)]


def test_the_drawing_is_explained_when_the_pen_is_lifted(page):
    page.mouse("down", *ONE[0])
    page.mouse("move", *ONE[1])
    page.mouse("move", *ONE[2])
    assert page.digits == []
    page.mouse("up", *ONE[2])
    assert page.alts == ["what the network sees in it"]
    np.testing.assert_array_equal(page.digits[0], centre_digit(draw_strokes([ONE])))


def test_strokes_add_up_and_go_again(page):
    page.stroke(ONE)
    page.stroke(BAR)
    np.testing.assert_array_equal(page.digits[1], centre_digit(draw_strokes([ONE, BAR])))
    page.undo.click()
    np.testing.assert_array_equal(page.digits[2], page.digits[0])
    page.clear.click()
    page.undo.click()
    assert len(page.digits) == 3
    page.stroke(BAR)
    np.testing.assert_array_equal(page.digits[3], centre_digit(draw_strokes([BAR])))


def test_a_page_that_is_opened_again_shows_what_was_drawn(page, monkeypatch):
    page.stroke(ONE)
    page.stroke(BAR)
    lines = []
    monkeypatch.setattr(type(page.canvas), "stroke_line", lambda self, *ends: lines.append(ends))
    page.canvas._handle_frontend_event(page.canvas, {"event": "client_ready"}, [])
    assert lines == [(*ONE[0], *ONE[1]), (*ONE[1], *ONE[2]), (*BAR[0], *BAR[1])]


def test_moving_with_the_pen_up_draws_nothing(page):
    for event in ("move", "up", "out"):
        page.mouse(event, 100, 100)
    assert page.digits == []
    page.stroke(ONE)
    page.mouse("move", 10, 10)
    page.mouse("out", 0, 10)
    assert len(page.digits) == 1


def test_leaving_the_canvas_ends_the_stroke(page):
    page.mouse("down", *ONE[0])
    page.mouse("move", *ONE[2])
    page.mouse("out", 140, 281)
    page.mouse("move", 20, 20)
    assert len(page.digits) == 1
    np.testing.assert_array_equal(page.digits[0], centre_digit(draw_strokes([[ONE[0], ONE[2]]])))


@pytest.mark.parametrize("end", ["end", "cancel"])
def test_fingers_draw_as_the_mouse_does(page, end):
    page.touch("start", ONE[0], (5, 5))  # a second finger is ignored
    page.touch("move", ONE[1])
    page.touch("move", ONE[2])
    page.touch(end)
    np.testing.assert_array_equal(page.digits[0], centre_digit(draw_strokes([ONE])))


def test_what_is_outside_gets_words_not_a_traceback(page, capsys):
    page.stroke([(-300, -300), (-200, -300)])
    assert page.digits == []
    assert "Nothing is drawn" in capsys.readouterr().out


def test_strokes_become_ink_of_the_pens_width():
    drawing = draw_strokes([[(100, 50), (100, 200)]])
    assert drawing.shape == (SIZE, SIZE)
    assert set(np.unique(drawing)) == {0, 255}
    assert abs(int((drawing[120] == 0).sum()) - PEN) <= 1
    assert drawing[120, 100] == 0
    assert abs(np.flatnonzero((drawing == 0).any(axis=1))[0] - (50 - PEN / 2)) <= 1  # round ends
    dot = draw_strokes([[(140, 140)]])
    assert (dot == 0).sum() == pytest.approx(np.pi * (PEN + 1) ** 2 / 4, rel=0.1)  # both ends of a diameter are drawn
    assert np.all(draw_strokes([]) == 255)


def test_the_canvas_lets_the_tab_key_go(page, monkeypatch):
    """ipycanvas keeps every key; without this, Tab would never leave the canvas again."""
    sent = []
    monkeypatch.setattr(page.canvas, "blur", lambda: sent.append("blur"))
    for key in ("a", "Shift", "Tab"):
        event = {"event": "key_down", "key": key, "shift_key": False, "ctrl_key": False, "meta_key": False}
        page.canvas._handle_frontend_event(page.canvas, event, [])
    assert sent == ["blur"]
