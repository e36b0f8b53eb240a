"""Fresh questions about scenes to try explanations on: rightly answered, wrongly answered, and pairs about one scene."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from helpers.question_draws import draw_questions
from helpers.question_grammar import FORMS, TYPES
from helpers.question_networks import QuestionNetwork
from helpers.question_scenes import SceneSet, draw_scenes
from helpers.questions import Answered
from helpers.targets import batches

WRONG = {
    "wrong, answer given": "questions answered wrongly, the answer given explained",
    "wrong, right answer": "the same questions, the right answer explained",
    "right, same forms": "questions of the same forms that are answered rightly",
}
PAIRS = {
    "other question": "pairs of questions of one form about other things of the same scene",
    "other words": "pairs of questions that say the same in other words",
}


@dataclass(frozen=True, eq=False)
class AskedQuestions:
    """Questions, each about one of the scenes; ``asked[rows]`` are some of them.

    Attributes
    ----------
    scenes : the scenes
    numbers : (N,) number of the scene of each question
    answered : the N questions with their right answers
    empty : pictures of the scenes without any thing, 8-bit
    """

    scenes: SceneSet
    numbers: np.ndarray
    answered: tuple[Answered, ...]
    empty: np.ndarray

    def __len__(self) -> int:
        return len(self.answered)

    def __getitem__(self, rows) -> "AskedQuestions":
        rows = np.arange(len(self))[rows]
        return AskedQuestions(self.scenes, self.numbers[rows], tuple(self.answered[n] for n in rows), self.empty)

    @property
    def types(self) -> np.ndarray:
        """(N,) type of each question."""
        return np.array([one.question.type for one in self.answered])

    @property
    def needed(self) -> np.ndarray:
        """(N, 96, 96) bool, the pixels of the things needed for each answer."""
        return masks_of(self.scenes.owners[self.numbers], [one.needed for one in self.answered])

    @property
    def visited(self) -> np.ndarray:
        """(N, 96, 96) bool, the pixels of all things that each question's program visits."""
        return masks_of(self.scenes.owners[self.numbers], [one.visited for one in self.answered])


def ask_scenes(count: int, per_scene: int, seed: int, forms: Sequence[str] = tuple(FORMS)) -> AskedQuestions:
    """Scenes of a series and questions about them, those only for whose answer some thing is needed."""
    scenes = draw_scenes(count, seed)
    drawn = draw_questions(scenes, per_scene, seed, forms)
    flat = [(number, one) for number, own in enumerate(drawn) for one in own if one.needed]
    empty = draw_scenes(count, seed, things=False).pictures
    return AskedQuestions(scenes, np.array([number for number, _ in flat], int), tuple(one for _, one in flat), empty)


def given_logits(network: QuestionNetwork, asked: AskedQuestions, gone=None, batch_size: int = 100) -> np.ndarray:
    """Logits (N, answers) of the network; where ``gone`` (N, 96, 96) is True, things are taken out of the picture."""
    words, parts = network.encode([one.question for one in asked.answered]), []
    for rows in batches(len(asked), batch_size):
        pictures = asked.scenes.pictures[asked.numbers[rows]]
        if gone is not None:
            pictures = np.where(gone[rows, ..., np.newaxis], asked.empty[asked.numbers[rows]], pictures)
        parts.append(network.logits(network.preprocess(pictures), words[rows]))
    return np.concatenate(parts)


def removal_falls(network: QuestionNetwork, asked: AskedQuestions, targets) -> np.ndarray:
    """How far the logit of each answer (N,) falls when a thing is taken out: (N, 6), NaN where there is no such thing."""
    owners, every = asked.scenes.owners[asked.numbers], np.arange(len(asked))
    full = given_logits(network, asked)[every, targets]
    falls = np.full((len(asked), asked.scenes.kinds.shape[1]), np.nan)
    for thing in range(falls.shape[1]):
        rows = np.flatnonzero(asked.scenes.counts[asked.numbers] > thing)
        if len(rows):
            left = given_logits(network, asked[rows], owners[rows] == thing)
            falls[rows, thing] = full[rows] - left[np.arange(len(rows)), np.asarray(targets)[rows]]
    return falls


def right_answers(network: QuestionNetwork, asked: AskedQuestions) -> np.ndarray:
    """Numbers (N,) of the right answers."""
    return np.array([network.class_index(one.answer) for one in asked.answered], int)


def explained_questions(
    network: QuestionNetwork,
    method: Callable,
    asked: AskedQuestions,
    targets,
    batch_size: int = 25,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Relevance of the pixels (N, 96, 96) and of the words (N, T), for the answers of these numbers (N,).

    ``method`` is one of ``helpers.question_relevance.METHODS``; no words if it says nothing of them.
    """
    inputs = network.preprocess(asked.scenes.pictures)
    words = network.encode([one.question for one in asked.answered])
    pixels, scores = [], []
    for rows in batches(len(asked), batch_size):
        found = method(network, inputs[asked.numbers[rows]], words[rows], np.asarray(targets)[rows])
        pixels.append(np.asarray(found.pixels, np.float32))
        scores.append(found.words)
        if progress is not None:
            progress(min(rows.stop, len(asked)), len(asked))
    return np.concatenate(pixels), None if scores[0] is None else np.concatenate(scores)


@dataclass(frozen=True, eq=False)
class Sample:
    """The questions that are scored, and for which answers (N,) they are explained."""

    asked: AskedQuestions
    targets: np.ndarray

    def __getitem__(self, rows) -> "Sample":
        return Sample(self.asked[rows], self.targets[rows])

    def __len__(self) -> int:
        return len(self.asked)


def draw_samples(
    network: QuestionNetwork,
    per_type: int = 170,
    wrong: int = 150,
    pairs: int = 100,
    pool: int = 600,
    seed: int = 5000,
) -> dict[str, Sample]:
    """Fresh questions to score, by group: "all" (``per_type`` of each type, answered rightly, one of a type from a
    scene), the groups of ``WRONG`` and of ``PAIRS``, in which the second half are the partners of the first.

    ``pool`` scenes with twelve questions each are drawn; there may be fewer of a group than asked for, and one that has
    none is left out.
    """
    asked = ask_scenes(pool, 12, seed)
    given, right = given_logits(network, asked).argmax(axis=1), right_answers(network, asked)
    is_right, types, forms = given == right, asked.types, np.array([one.question.form for one in asked.answered])
    rows = np.concatenate([_one_a_scene(asked.numbers, is_right & (types == kind))[:per_type] for kind in TYPES])
    missed = np.flatnonzero(~is_right)[:wrong]
    alike = np.concatenate(
        [np.flatnonzero(is_right & (forms == form))[: (forms[missed] == form).sum()] for form in FORMS]
    )
    samples = {"all": Sample(asked[rows], right[rows])}
    samples |= {
        "wrong, answer given": Sample(asked[missed], given[missed]),
        "wrong, right answer": Sample(asked[missed], right[missed]),
        "right, same forms": Sample(asked[alike], right[alike]),
    }
    sure = asked[is_right]
    for name in PAIRS:
        found = question_pairs(sure, same_things=name == "other words")
        rows = found[:: max(1, len(found) // pairs)][:pairs].T.reshape(-1)
        samples[name] = Sample(sure[rows], right[is_right][rows])
    return {name: sample for name, sample in samples.items() if len(sample)}


def masks_of(owners, things: Sequence[Sequence[int]]) -> np.ndarray:
    """Pixels (N, height, width) bool of some things of each scene, from the numbers of their owners and of the things."""
    owners = np.asarray(owners)
    if owners.ndim != 3 or len(owners) != len(things):
        raise ValueError(f"Give the things of each of {len(owners)} scenes; got {len(things)}, owners {owners.shape}.")
    chosen = np.zeros((len(owners), 1 + max(0, owners.max(initial=0))), bool)
    for row, numbers in zip(chosen, things, strict=True):
        row[list(numbers)] = True
    return (owners >= 0) & chosen[np.arange(len(owners))[:, None, None], np.maximum(owners, 0)]


def question_pairs(asked: AskedQuestions, same_things: bool) -> np.ndarray:
    """Pairs (P, 2) of questions of one form about one scene; from each scene and form the first that there is.

    ``same_things`` takes pairs whose programs visit the same things and get the same answer, said in other words ("the
    large cow", "the yellow thing"); otherwise no thing needed for the one is needed for the other.
    """

    def fits(one: Answered, other: Answered) -> bool:
        if same_things:
            return (one.needed, one.visited, one.answer) == (other.needed, other.visited, other.answer)
        return not set(one.needed) & set(other.needed)

    groups: dict = {}
    for row, (number, one) in enumerate(zip(asked.numbers, asked.answered, strict=True)):
        groups.setdefault((number, one.question.form), []).append(row)
    found: Iterator = (
        next((pair for pair in combinations(rows, 2) if fits(*(asked.answered[n] for n in pair))), None)
        for rows in groups.values()
    )
    return np.array([pair for pair in found if pair], int).reshape(-1, 2)


def _one_a_scene(numbers: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The first of the chosen rows from each scene."""
    rows = np.flatnonzero(chosen)
    return rows[np.unique(numbers[rows], return_index=True)[1]]
