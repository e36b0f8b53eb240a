"""A question about a scene: what the network answers, how sure it is, and which pixels and words speak for it.

    explained = explain_question(network, scene, "What colour is the large cow?")
    explained.answer, explained.pixels, explained.words

The methods are those of :mod:`helpers.question_relevance`; what is right, and which things the answer hangs on, is
known from the scene (:mod:`helpers.questions`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from helpers.question_candidates import PATTERNS
from helpers.question_grammar import FORMS, Description, Question
from helpers.question_networks import QuestionNetwork
from helpers.question_relevance import METHODS
from helpers.question_scenes import Scene
from helpers.questions import Answered, ask
from helpers.scores import mass_inside, pointing_hit


@dataclass(frozen=True, eq=False)
class ExplainedQuestion:
    """An answer with its reasons.

    Attributes
    ----------
    scene : the scene asked about
    asked : the question with its right answer and the things needed for it
    answer, probability : the most probable answer of the network, and how probable it is
    explained : the answer that is explained
    method : name of the method
    pixels : (96, 96) relevance of every pixel
    words : (n,) relevance of each of the question's words; None if the method says nothing of words
    """

    scene: Scene
    asked: Answered
    answer: str
    probability: float
    explained: str
    method: str
    pixels: np.ndarray
    words: np.ndarray | None

    @property
    def is_right(self) -> bool:
        """Is the network's answer the right one?"""
        return self.answer == self.asked.answer

    @property
    def needed(self) -> np.ndarray:
        """(96, 96) bool, the pixels of the things that are needed for the right answer; none for a "no" or a 0."""
        return things_mask(self.scene, self.asked.needed)

    @property
    def on_needed(self) -> float:
        """Share of the positive relevance that lies on the needed things; NaN if nothing is needed."""
        return mass_inside(self.pixels, self.needed) if self.asked.needed else float("nan")

    @property
    def on_visited(self) -> float:
        """The same for all things that the question's program visits."""
        mask = things_mask(self.scene, self.asked.visited)
        return mass_inside(self.pixels, mask) if self.asked.visited else float("nan")

    @property
    def points_at_needed(self) -> bool:
        """Does the most relevant pixel lie on a needed thing?"""
        return pointing_hit(self.pixels, self.needed)

    @property
    def was_drawn(self) -> bool:
        """Could such a question have been drawn in the training? If not, any answer may come."""
        return was_drawn(self.asked)


def explain_question(
    network: QuestionNetwork,
    scene: Scene,
    question: str | Question | Answered,
    method: str = "LRP",
    answer: str | None = None,
    methods: Mapping[str, Callable] = METHODS,
) -> ExplainedQuestion:
    """Answer a question about a scene and explain the answer.

    Parameters
    ----------
    question
        In English, or as ``helpers.question_draws.draw_questions`` gives it.
    method
        A key of ``methods``, by default "LRP", "gradient x input", "integrated gradients", "gradient" or "Grad-CAM".
    answer
        The answer that is explained; by default the one that the network gives.

    Raises
    ------
    ValueError
        If the question cannot be read or the scene leaves open what is meant (the message says what can be asked), or
        there is no such method or answer.
    """
    if method not in methods:
        raise ValueError(f"There is no method {method!r}. Take one of: {', '.join(methods)}.")
    asked = question if isinstance(question, Answered) else ask(scene, question)
    inputs, words = network.preprocess(scene.picture[np.newaxis]), network.encode([asked.question])
    given, probability = network.answer(scene.picture, asked.question)
    explained = given if answer is None else answer
    found = methods[method](network, inputs, words, network.class_index(explained))
    relevance = None if found.words is None else np.asarray(found.words)[0, : len(asked.question.words)]
    return ExplainedQuestion(
        scene, asked, given, probability, explained, method, np.asarray(found.pixels)[0], relevance
    )


def was_drawn(asked: Answered) -> bool:
    """Are questions of this kind drawn, so that the network could learn to answer them?

    In the training a question never says what it asks for ("What colour is the red cow?"), and some descriptions belong
    to some forms only: things are counted by one or two words, never by colour and kind. Two relations never lead back.
    """
    question, form = asked.question, FORMS[asked.question.form]
    patterns = [_pattern(description) for description in question.descriptions]
    if form.directions:
        return 0 not in patterns and len(asked.visited) == 1 + form.directions
    alike = question.form != "more" or len(set(patterns)) == 1
    return alike and set(patterns) <= set(PATTERNS[question.form])


def _pattern(description: Description) -> int:
    """What is said, as a sum: size 1, colour 2, kind 4."""
    said = (description.size, description.colour, description.kind)
    return sum(2**bit for bit, value in enumerate(said) if value is not None)


def things_mask(scene: Scene, things: Sequence[int]) -> np.ndarray:
    """(96, 96) bool, every pixel of the things of these numbers."""
    return scene.masks[list(things)].any(axis=0)
