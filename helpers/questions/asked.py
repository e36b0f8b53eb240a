"""Fresh questions about scenes to try explanations on, and the table of scores that comes with the course."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from helpers.course.arguments import seed_number, whole_number
from helpers.course.targets import batches
from helpers.files import fetch
from helpers.questions.draws import draw_questions
from helpers.questions.language import Answered
from helpers.questions.network import QuestionNetwork
from helpers.questions.scenes import SceneSet, draw_scenes
from helpers.sanity.tables import Table, read_table

STORED = "questions/scores.json"
BASELINES = ("any thing", "random map")


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


def ask_scenes(count: int, per_scene: int, seed: int) -> AskedQuestions:
    """Scenes of a series and questions about them, those only for whose answer some thing is needed."""
    scenes = draw_scenes(count, seed)
    drawn = draw_questions(scenes, whole_number("per_scene", per_scene, 1), seed_number(seed))
    flat = [(number, one) for number, own in enumerate(drawn) for one in own if one.needed]
    empty = draw_scenes(count, seed, things=False).pictures
    return AskedQuestions(scenes, np.array([number for number, _ in flat], int), tuple(one for _, one in flat), empty)


def stored_question_table() -> Table:
    """The table that comes with the course.

    Raises
    ------
    FileNotFoundError, ValueError
        If it is missing or damaged.
    """
    return read_table(fetch(STORED))


def part_of(table: Table, group: str | None = None, score: str | None = None) -> Table:
    """All scores of a group ("relation", "other words"), or one score ("mass on needed") for all groups that have it.

    Raises
    ------
    ValueError
        If not one of the two is given, or the table has no such group or score.
    """
    if (group is None) == (score is None):
        raise ValueError("Choose a group or a score.")
    names = {}
    for name in table.columns:
        own, _, rest = name.partition(": ")
        if group in (own, None) and score in (rest, None):
            names[name] = own if group is None else rest
    if not names:
        groups, scores = (dict.fromkeys(name.split(": ")[part] for name in table.columns) for part in (0, 1))
        raise ValueError(
            f"There is no {group or score!r}. Groups are: {', '.join(groups)}. Scores are: {', '.join(scores)}."
        )
    rows = {m: {names[name]: value for name, value in row.items() if name in names} for m, row in table.rows.items()}
    return Table(
        group or score,
        {short: table.columns[name] for name, short in names.items()},
        {method: row for method, row in rows.items() if row},
        {short: table.chance[name] for name, short in names.items() if name in table.chance},
        table.made,
    )


def given_logits(network: QuestionNetwork, asked: AskedQuestions, gone=None) -> np.ndarray:
    """Logits (N, answers) of the network; where ``gone`` (N, 96, 96) is True, things are taken out of the picture."""
    words, parts = network.encode([one.question for one in asked.answered]), []
    for rows in batches(len(asked), 100):
        pictures = asked.scenes.pictures[asked.numbers[rows]]
        if gone is not None:
            pictures = np.where(gone[rows, ..., np.newaxis], asked.empty[asked.numbers[rows]], pictures)
        parts.append(network.logits(network.preprocess(pictures), words[rows]))
    return np.concatenate(parts)


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

    ``method`` is one of ``helpers.questions.relevance.METHODS``; no words if it says nothing of them.
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


def masks_of(owners: np.ndarray, things: Sequence[Sequence[int]]) -> np.ndarray:
    """Pixels (N, height, width) bool of some things of each scene, from the numbers of their owners and of the things."""
    chosen = np.zeros((len(owners), 1 + max(0, owners.max(initial=0))), bool)
    for row, numbers in zip(chosen, things, strict=True):
        row[list(numbers)] = True
    return (owners >= 0) & chosen[np.arange(len(owners))[:, None, None], np.maximum(owners, 0)]
