"""The figures show the maps on their scales, the needed things, the words and the answer; the alt texts say it."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.course.figures import COLOURS, LARGEST_WIDTH
from helpers.questions.asked import BASELINES
from helpers.questions.draws import draw_questions
from helpers.questions.explained import ExplainedQuestion
from helpers.questions.figures import answer_line, explained_scene, explained_scene_alt, score_chart, score_chart_alt
from helpers.questions.language import TYPES
from helpers.questions.scenes import draw_scenes
from helpers.sanity.tables import Table


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def explained():
    """Two questions about one scene, the second by one relation; relevance only on what is needed, some of it negative."""
    scenes = draw_scenes(20, 55)
    drawn = draw_questions(scenes, 12, 55)
    forms = ("counting", "relation, kind")
    number = next(
        n for n, own in enumerate(drawn) if all(any(a.question.form == f and a.needed for a in own) for f in forms)
    )
    found = []
    for scale, form in enumerate(forms, start=1):
        asked = next(a for a in drawn[number] if a.question.form == form and a.needed)
        scene = scenes[number] if not found else found[0].scene
        pixels = np.where(scene.masks[asked.needed[0]], float(scale), 0.0)
        words = np.linspace(-1, 1, len(asked.question.words))
        found.append(ExplainedQuestion(scene, asked, asked.answer, 0.98, asked.answer, "LRP", pixels, words))
    return found


def panels(figure):
    """Titles and images of the pictures in the figure."""
    return {axis.get_title(): axis for axis in figure.axes if axis.get_title()}


def test_one_question_shows_scene_map_and_words(explained):
    one = explained[0]
    figure = explained_scene(one)
    assert figure.get_figwidth() <= LARGEST_WIDTH
    found = panels(figure)
    assert list(found) == ["scene", f'"{one.explained}" by LRP']
    assert (found["scene"].images[0].get_array() == one.scene.picture).all()
    image = found[f'"{one.explained}" by LRP'].images[0]
    assert (image.get_array() == one.pixels).all()
    assert image.get_clim() == (-1, 1)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert set(one.asked.question.words) <= set(texts)
    assert f"LRP: {one.answer}, 98%, right" in texts


def test_two_questions_share_their_scale_unless_told_otherwise(explained):
    for one_scale, limits in ((True, [2, 2]), (False, [1, 2])):
        figure = explained_scene(explained, titles=["first", "second"], one_scale=one_scale)
        found = panels(figure)
        assert list(found) == ["scene", "first", "second"]
        assert [found[name].images[0].get_clim()[1] for name in ("first", "second")] == limits
    words = [text.get_text() for text in figure.axes[0].texts]
    assert sum(text.startswith("LRP: ") for text in words) == 2
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    assert all(text.get_window_extent(renderer).x1 <= figure.bbox.x1 for text in figure.axes[0].texts)


def test_needed_things_are_outlined_in_black_and_named_ones_dashed(explained):
    one = explained[1]
    axis = panels(explained_scene(one))[f'"{one.explained}" by LRP']
    assert len(axis.collections) == len(one.scene)
    for number, contour in enumerate(axis.collections):
        black = plt.matplotlib.colors.to_hex(contour.get_edgecolor()[0]) == COLOURS["black"]
        assert black == (number in one.asked.visited)
        dashed = contour.get_linestyle()[0][1] is not None
        assert dashed == (number in set(one.asked.visited) - set(one.asked.needed))


def test_many_methods_go_into_rows_and_may_say_nothing_of_words(explained):
    every = [replace(explained[0], method=f"method {n}") for n in range(4)]
    every.append(replace(explained[0], method="Grad-CAM", words=None, pixels=np.zeros((96, 96))))
    figure = explained_scene(every)
    assert figure.get_figwidth() <= LARGEST_WIDTH
    found = panels(figure)
    assert len(found) == 6
    tops = [round(axis.get_position().y1, 4) for axis in found.values()]
    assert tops[0] == tops[2] > tops[3] == tops[5]
    assert any("no scores of words" in text.get_text() for text in figure.axes[0].texts)


def test_the_line_says_what_is_wrong_and_what_is_explained(explained):
    one = replace(explained[0], answer="0" if explained[0].answer != "0" else "1")
    assert answer_line(replace(one, explained=one.answer)) == f"{one.answer}, 98%, wrong: {one.asked.answer}"
    assert answer_line(one).endswith(f"; explained: {one.explained}")


def test_what_does_not_belong_together_is_refused(explained):
    with pytest.raises(ValueError, match="same scene"):
        explained_scene([])
    again = replace(explained[1].scene)  # scenes[3] is made anew each time
    assert explained_scene([explained[0], replace(explained[1], scene=again)])
    other = replace(explained[1], scene=draw_scenes(1, 3)[0])
    with pytest.raises(ValueError, match="same scene"):
        explained_scene([explained[0], other])
    with pytest.raises(ValueError, match="2 maps need as many titles"):
        explained_scene(explained, titles=["one"])


def test_the_alt_text_names_things_answers_shares_and_words(explained):
    alt = explained_scene_alt(explained)
    scene = explained[0].scene
    assert all(scene.name(n) in alt for n in range(len(scene)))
    for one in explained:
        assert one.asked.question.text in alt
        assert f"{one.asked.question.words[0]} -1.00" in alt
    assert "100% of the positive relevance lies on what is needed" in alt
    nothing = replace(explained[0], words=None, pixels=np.zeros((96, 96)))
    assert "nan" not in explained_scene_alt(nothing)


def test_the_chart_of_scores_has_a_panel_for_every_type():
    columns = [*TYPES, "all"]
    rows = {
        name: {f"{kind}: mass on needed": (value, 0.01) for kind in columns}
        for name, value in {"LRP": 0.7, "gradient": 0.4, BASELINES[0]: 0.2, BASELINES[1]: 0.05}.items()
    }
    chance = {f"{kind}: mass on needed": 0.05 for kind in columns}
    table = Table("planted", {f"{kind}: mass on needed": "share" for kind in columns}, rows, chance)
    figure = score_chart(table)
    assert figure.get_figwidth() <= LARGEST_WIDTH
    assert [axis.get_title() for axis in figure.axes] == list(TYPES)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(rows)
    assert all(axis.get_xlim() == (0, 1) for axis in figure.axes)
    alt = score_chart_alt(table)
    assert "LRP attribute 0.70" in alt
    assert "by chance attribute 0.05" in alt
