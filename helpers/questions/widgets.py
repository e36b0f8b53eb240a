"""A scene that can be asked about: a new one at a click, a question chosen or typed. Nothing is computed here.

The plain twin is ``explained_scene(explain_question(network, scene, "What colour is the large cow?"))``.
"""

from collections.abc import Callable, Mapping

import ipywidgets

from helpers.course.figures import show
from helpers.course.widgets import show_controls
from helpers.questions.draws import draw_questions
from helpers.questions.explained import explain_question, was_drawn
from helpers.questions.figures import explained_scene, explained_scene_alt
from helpers.questions.network import QuestionNetwork
from helpers.questions.relevance import METHODS
from helpers.questions.scenes import draw_scenes

OFFERED = 12  # questions about a scene
NEVER_DRAWN = (
    "Questions of this kind were never asked in the training, such as those that say what they ask for, or that count by "
    "colour and kind. The network may answer anything."
)


def ask_about_a_picture(network: QuestionNetwork, seed: int = 0, methods: Mapping[str, Callable] = METHODS) -> None:
    """A scene, a menu of questions about it, a field to type another, a menu of methods and a button for a new scene.

    Parameters
    ----------
    seed
        Of the first scene; every new one has the next.
    methods
        What the menu of methods offers; see :mod:`helpers.questions.relevance`.

    What cannot be asked is answered in words, which show what can be. Press Enter after typing; choosing from the menu,
    or a new scene, clears the field.
    """
    menu = ipywidgets.Dropdown(description="question", layout={"width": "62%"})
    method = ipywidgets.Dropdown(options=list(methods), description="method", layout={"width": "37%"})
    field = ipywidgets.Text(
        "", description="or type", continuous_update=False, layout={"width": "62%"}, placeholder="type, then Enter"
    )
    button = ipywidgets.Button(description="New scene")
    output = ipywidgets.Output(layout={"min_height": "420px"})  # so that the page does not jump
    now = {"seed": seed - 1, "busy": False}

    def answer(*_) -> None:
        if now["busy"]:
            return
        output.clear_output(wait=True)
        with output:
            try:
                question = field.value.strip() or menu.value
                explained = explain_question(network, now["scene"], question, method.value, methods=methods)
            except ValueError as error:
                print(error)
                return
            if not was_drawn(explained.asked):
                print(NEVER_DRAWN)
            show(explained_scene(explained), alt=explained_scene_alt(explained))

    def choose(*_) -> None:
        if not now["busy"]:
            now["busy"], field.value, now["busy"] = True, "", False
            answer()

    def new_scene(*_) -> None:
        now["seed"] += 1
        scenes = draw_scenes(1, now["seed"])
        questions = draw_questions(scenes, OFFERED, now["seed"])[0]
        now["scene"], now["busy"] = scenes[0], True  # the controls below do not answer one by one
        field.value = ""
        menu.options = [(one.question.text, one) for one in questions]
        menu.index = 0
        now["busy"] = False
        answer()

    menu.observe(choose, names="value")
    for control in (method, field):
        control.observe(answer, names="value")
    button.on_click(new_scene)
    new_scene()
    controls = [ipywidgets.HBox([menu, method]), ipywidgets.HBox([field, button])]
    show_controls(*controls, output)
