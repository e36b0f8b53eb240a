"""Is an answer right for the right reason? Take a thing out of the scene and ask again.

A scene drawn without things (``draw_scenes(..., things=False)``) has the same background under the same light, so a thing
can be taken out without a trace, and it is known what is right in the scene that is left. Two signs of a wrong reason:

* the answer **stays** though the things that are needed for it are gone, and something else would now be right;
* the answer **changes** though only a thing is gone that the question has nothing to do with.

A network must answer something. That an answer stays where the question has lost its sense ("... left of the red cow"
without a red cow) may be a guess, and is a sign only if it is as sure as before.

Where to look: :func:`least_on_visited` lists the right answers with the least relevance where they should come from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from helpers.explained_questions import ExplainedQuestion, explain_question, things_mask
from helpers.question_networks import QuestionNetwork
from helpers.question_relevance import METHODS
from helpers.question_samples import AskedQuestions, explained_questions, given_logits, right_answers
from helpers.question_scenes import Scene
from helpers.questions import Answered, ask
from helpers.scores import mass_inside


def least_on_visited(
    network: QuestionNetwork,
    asked: AskedQuestions,
    method: str = "LRP",
    count: int = 5,
    methods: Mapping[str, Callable] = METHODS,
) -> list[tuple[int, ExplainedQuestion]]:
    """Right answers to look at: those with the smallest share of positive relevance on the things that the question
    visits, the smallest first. Each with the number of its scene. About 25 questions a second by LRP."""
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
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
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


def signs_of_a_wrong_reason(answer: str, asked: Answered, found: Sequence[Removal]) -> list[Removal]:
    """Those of the removals that speak against a right answer: it stays although it is no longer right, or it changes
    although it still is."""
    touched = set(asked.visited)
    return [
        removal
        for removal in found
        if (removal.answer == answer and removal.right != answer and touched & set(removal.things))
        or (removal.answer != answer and removal.right == answer and not touched & set(removal.things))
    ]
