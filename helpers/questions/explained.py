"""A question about a scene: what the network answers, how sure it is, and which pixels and words speak for it.

    explained = explain_question(network, scene, "What colour is the large cow?")
    explained.answer, explained.pixels, explained.words

The methods are those of :mod:`helpers.questions.relevance`; what is right, and which things the answer hangs on, is
known from the scene (:mod:`helpers.questions.language`).

**Is a right answer right for the right reason?** :func:`least_on_visited` says where to look: at right answers with the
least relevance where they should come from. :func:`removals` takes a thing out of the scene and asks again. A scene
drawn without things (``draw_scenes(..., things=False)``) has the same background under the same light, so a thing can
be taken out without a trace, and it is known what is right in the scene that is left. Two signs of a wrong reason:

* the answer **stays** though the things that are needed for it are gone, and something else would now be right;
* the answer **changes** though only a thing is gone that the question has nothing to do with.

A network must answer something. That an answer stays where the question has lost its sense ("... left of the red cow"
without a red cow) may be a guess, and is a sign only if it is as sure as before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import softmax

from helpers.course.arguments import choice
from helpers.photos.scores import mass_inside
from helpers.questions.asked import AskedQuestions, explained_questions, given_logits, right_answers
from helpers.questions.draws import PATTERNS
from helpers.questions.language import FORMS, Answered, Description, Question, ask
from helpers.questions.network import QuestionNetwork
from helpers.questions.relevance import METHODS
from helpers.questions.scenes import Scene


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


@dataclass(frozen=True)
class Removal:
    """What becomes of an answer when things are taken out of the scene.

    Attributes
    ----------
    things : their numbers
    answer, probability : of the network, about the scene that is left
    right : the right answer there; None if the question has none there ("In this scene there is no ...")
    fall : logit of the answer given before, minus its logit now
    """

    things: tuple[int, ...]
    answer: str
    probability: float
    right: str | None
    fall: float


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
        In English, or as ``helpers.questions.draws.draw_questions`` gives it.
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
    choice("method", method, methods)
    asked = question if isinstance(question, Answered) else ask(scene, question)
    inputs, words = network.preprocess(scene.picture[np.newaxis]), network.encode([asked.question])
    given, probability = network.answer(scene.picture, asked.question)
    explained = given if answer is None else answer
    found = methods[method](network, inputs, words, network.class_index(explained))
    relevance = None if found.words is None else np.asarray(found.words)[0, : len(asked.question.words)]
    return ExplainedQuestion(
        scene, asked, given, probability, explained, method, np.asarray(found.pixels)[0], relevance
    )


def least_on_visited(
    network: QuestionNetwork,
    asked: AskedQuestions,
    method: str = "LRP",
    count: int = 5,
    methods: Mapping[str, Callable] = METHODS,
) -> list[tuple[int, ExplainedQuestion]]:
    """Right answers to look at: those with the smallest share of positive relevance on the things that the question
    visits, the smallest first. Each with the number of its scene. About 25 questions a second by LRP."""
    choice("method", method, methods)
    given, right = given_logits(network, asked).argmax(axis=1), right_answers(network, asked)
    asked, right = asked[given == right], right[given == right]
    pixels, _ = explained_questions(network, methods[method], asked, right)
    shares = [mass_inside(*pair) for pair in zip(pixels, asked.visited, strict=True)]
    scenes = {number: asked.scenes[number] for number in set(asked.numbers.tolist())}
    return [
        (number, explain_question(network, scenes[number], asked.answered[row], method, methods=methods))
        for row in np.argsort(shares)[:count]
        for number in [int(asked.numbers[row])]
    ]


def removals(
    network: QuestionNetwork, scene: Scene, empty: np.ndarray, asked: Answered, groups: Sequence[Sequence[int]] = ()
) -> list[Removal]:
    """Take out each thing in turn, or each of some groups of things, and ask again.

    Parameters
    ----------
    empty : as in :func:`without`
    groups : numbers of the things to take out together; by default every thing alone
    """
    groups = [tuple(group) for group in groups] or [(n,) for n in range(len(scene))]
    left = [without(scene, empty, group) for group in groups]
    pictures = np.stack([scene.picture, *(each.picture for each in left)])
    words = np.repeat(network.encode([asked.question]), len(pictures), axis=0)
    logits = network.logits(network.preprocess(pictures), words).astype(float)
    chances = softmax(logits, axis=1)
    before = logits[0].argmax()
    return [
        Removal(
            group,
            network.labels[after.argmax()],
            float(chance.max()),
            right_answer(part, asked),
            float(logits[0, before] - after[before]),
        )
        for group, part, after, chance in zip(groups, left, logits[1:], chances[1:], strict=True)
    ]


def right_answer(scene: Scene, asked: Answered) -> str | None:
    """The right answer to a question in another scene, or None if it has none there."""
    try:
        return ask(scene, asked.question).answer
    except ValueError:
        return None


def without(scene: Scene, empty: np.ndarray, things: Sequence[int]) -> Scene:
    """The scene without some of its things.

    Parameters
    ----------
    empty : (96, 96, 3) the same scene's picture without any thing
    things : numbers of those that are taken out

    Raises
    ------
    ValueError
        If ``empty`` is not the background of this scene, or there is no thing of such a number.
    """
    background = ~scene.masks.any(axis=0)
    if np.shape(empty) != scene.picture.shape or (scene.picture[background] != empty[background]).any():
        raise ValueError(
            "Beside the things, the picture without things must be the same: draw it with the same count and seed, "
            "draw_scenes(count, seed, things=False)."
        )
    if not set(things) <= set(range(len(scene))):
        raise ValueError(f"The things of this scene have the numbers 0 to {len(scene) - 1}; got {tuple(things)}.")
    gone = things_mask(scene, things)[..., np.newaxis]
    left = [n for n in range(len(scene)) if n not in things]
    kinds, colours, sizes = (tuple(own[n] for n in left) for own in (scene.kinds, scene.colours, scene.sizes))
    return replace(
        scene,
        picture=np.where(gone, empty, scene.picture),
        kinds=kinds,
        colours=colours,
        sizes=sizes,
        boxes=scene.boxes[left],
        masks=scene.masks[left],
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
