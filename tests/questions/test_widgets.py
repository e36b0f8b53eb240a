"""The widget asks what is chosen or typed, about the scene that is shown, and answers in words what it cannot ask."""

import matplotlib.pyplot as plt
import pytest
from question_fakes import FakeNetwork, always, left_half, wordless

from helpers.questions import widgets
from helpers.questions.draws import draw_questions
from helpers.questions.explained import explain_question
from helpers.questions.scenes import draw_scenes

METHODS = {"LRP": left_half, "Grad-CAM": wordless}


class Page:
    """The widget as a reader sees it, with what was explained and what was shown."""

    def __init__(self, monkeypatch, **options):
        self.asked, self.alts, boxes = [], [], []
        monkeypatch.setattr("helpers.course.widgets.display", boxes.append)
        monkeypatch.setattr(widgets, "show", lambda figure, alt: (self.alts.append(alt), plt.close(figure)))

        def explain(*arguments, **options):
            self.asked.append(explain_question(*arguments, **options))
            return self.asked[-1]

        monkeypatch.setattr(widgets, "explain_question", explain)
        widgets.ask_about_a_picture(FakeNetwork(always("yes")), methods=METHODS, **options)
        (self.box,) = boxes
        (self.menu, self.method), (self.field, self.button) = (row.children for row in self.box.children[:2])


@pytest.fixture
def page(monkeypatch):
    return Page(monkeypatch, seed=4)


def test_the_first_question_about_the_first_scene_is_answered_at_once(page):
    scenes = draw_scenes(1, 4)
    drawn = draw_questions(scenes, widgets.OFFERED, 4)[0]
    assert [text for text, _ in page.menu.options] == [one.question.text for one in drawn]
    assert len(page.asked) == len(page.alts) == 1
    assert page.asked[0].asked == drawn[0]
    assert (page.asked[0].scene.picture == scenes[0].picture).all()
    assert drawn[0].question.text in page.alts[0]
    assert page.field.continuous_update is False


def test_a_question_is_chosen_and_a_method(page):
    page.menu.index = 3
    page.method.value = "Grad-CAM"
    assert [one.method for one in page.asked] == ["LRP", "LRP", "Grad-CAM"]
    assert page.asked[1].asked == page.asked[2].asked == page.menu.options[3][1]


def test_a_question_is_typed_until_another_is_chosen(page):
    kind = page.asked[0].scene.kinds[0]
    page.field.value = f"is there a {kind}"
    page.method.value = "Grad-CAM"
    assert [one.asked.question.text for one in page.asked[1:]] == [f"Is there a {kind}?"] * 2
    page.menu.index = 2
    assert page.field.value == ""
    assert len(page.asked) == 4  # one answer for the choice, none for the field that is cleared
    assert page.asked[-1].asked == page.menu.options[2][1]


def test_what_cannot_be_asked_is_answered_in_words(page, capsys):
    capsys.readouterr()
    page.field.value = "Is there a zebra?"
    printed = capsys.readouterr().out
    assert "'zebra'" in printed
    assert "You can ask: What colour is the large cow?" in printed
    page.field.value = "Where is everybody?"
    assert "You can ask" in capsys.readouterr().out
    assert len(page.alts) == 1
    page.field.value = ""
    assert len(page.alts) == 2  # back to the menu's question


def test_kinds_that_were_never_drawn_are_said_to_be_so(page, capsys):
    scene = page.asked[0].scene
    capsys.readouterr()
    page.field.value = f"How many {scene.colours[0]} {scene.kinds[0]}s are there?"
    assert widgets.NEVER_DRAWN in capsys.readouterr().out
    page.menu.index = 1
    assert widgets.NEVER_DRAWN not in capsys.readouterr().out


def test_a_new_scene_has_new_questions_and_one_answer(page):
    page.menu.index = 3
    page.field.value = "Is there a cow?"
    before = len(page.asked)
    page.button.click()
    assert page.field.value == ""
    assert len(page.asked) == before + 1
    assert (page.asked[-1].scene.picture == draw_scenes(1, 5)[0].picture).all()
    assert page.asked[-1].asked == page.menu.options[0][1]
    page.menu.index = 1
    assert (page.asked[-1].scene.picture == draw_scenes(1, 5)[0].picture).all()
