"""Does the relevance lie where the answer comes from? All methods on questions about scenes, scored in one table.

The scene says which things an answer hangs on (Arras, Osman and Samek 2022, CLEVR-XAI, arXiv:2003.07258), in two ways:
the things **needed** for the answer, and all things that the question's program **visits**. They differ for relations:
"What stands left of the red cow?" needs what stands there and visits the cow too. Scored are mass and pointing of
:mod:`helpers.photos.scores`, with the area of the things as the chance level; how a map moves when only the question
changes; and which kinds of words the relevance lies on.

Columns of the table are named "<group>: <score>". Groups are the types of questions and "all"; "wrong, answer given",
"wrong, right answer" and "right, same forms" for questions that are answered wrongly and as many of the same forms that
are not; and "other question", "other words" for pairs of questions about one scene. ``score.py`` stores the table,
:func:`helpers.questions.asked.part_of` takes a part of it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from helpers.course.networks import Progress
from helpers.photos.scores import area_share, mass_inside, pointing_hit
from helpers.questions.asked import (
    BASELINES,
    AskedQuestions,
    ask_scenes,
    explained_questions,
    given_logits,
    right_answers,
)
from helpers.questions.language import FORMS, TYPES, Answered, Question
from helpers.questions.network import QuestionNetwork
from helpers.questions.scenes import MOST
from helpers.sanity.tables import Table, Value
from helpers.sanity.truth import clustered

WRONG = {
    "wrong, answer given": "questions answered wrongly, the answer given explained",
    "wrong, right answer": "the same questions, the right answer explained",
    "right, same forms": "questions of the same forms that are answered rightly",
}
PAIRS = {
    "other question": "pairs of questions of one form about other things of the same scene",
    "other words": "pairs of questions that say the same in other words",
}
SCORES = {
    "mass on needed": "share of the positive relevance on the things needed for the answer",
    "mass on visited": "share of the positive relevance on all things that the question's program visits",
    "points at needed": "share of maps whose largest value lies on a needed thing",
    "points at visited": "share of maps whose largest value lies on a visited thing",
}
WORDS = {
    "names": "sizes, colours and kinds that describe a thing",
    "directions": "left of, right of, above, below",
    "task": "what is asked: what, colour, large or small, how many, more, larger, same",
    "filling": "is, the, a, there, than and such",
}
_FILLING = {"is", "are", "the", "a", "an", "there", "than", "of", "as", "or", "thing", "stands"}
MOVES = {
    "before": "share of the positive relevance on what the first question needs, under the first",
    "after": "the same things' share under the second question",
    "correlation": "correlation of the two maps",
}
REMOVAL = "finds what counts"


@dataclass(frozen=True, eq=False)
class Sample:
    """Questions that are scored, and the numbers (N,) of the answers that are explained."""

    asked: AskedQuestions
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.asked)


def draw_samples(
    network: QuestionNetwork, *, per_type: int, wrong: int, pairs: int, pool: int, seed: int
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
    found = []
    for rows in groups.values():
        found += [pair for pair in combinations(rows, 2) if fits(*(asked.answered[n] for n in pair))][:1]
    return np.array(found, int).reshape(-1, 2)


def _one_a_scene(numbers: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The first of the chosen rows from each scene."""
    rows = np.flatnonzero(chosen)
    return rows[np.unique(numbers[rows], return_index=True)[1]]


def question_table(
    network: QuestionNetwork,
    methods: Mapping[str, Callable],
    samples: Mapping[str, Sample],
    made: dict | None = None,
    progress: Progress | None = None,
) -> Table:
    """Score methods (``helpers.questions.relevance.METHODS``) on what :func:`draw_samples` gave, beside two baselines:

    * **random map**: uniform random numbers;
    * **any thing**: the same on the things of the scene and zero elsewhere, as a map that sees things and knows nothing
      of the question.

    Means run over scenes, with their standard errors (:func:`helpers.sanity.truth.clustered`).
    """
    falls = removal_falls(network, samples["all"].asked, samples["all"].targets)
    rows = {}
    for name in (*methods, *BASELINES):
        row: dict[str, Value] = {}
        for group, sample in samples.items():

            def tell(done: int, count: int, name=name, group=group) -> None:
                if progress is not None:
                    progress(done, count, f"{name}, {group}")

            if name in BASELINES:
                pixels, words = baseline_maps(sample.asked, things_only=name == "any thing"), None
            else:
                pixels, words = explained_questions(network, methods[name], sample.asked, sample.targets, progress=tell)
            if group in PAIRS:
                row |= _moves(group, sample.asked, pixels)
            elif group in WRONG:
                row |= _scores(group, sample.asked, pixels)
            else:
                row |= _by_type(sample.asked, pixels, words, falls)
        rows[name] = row
    return Table("relevance for questions about scenes", _columns(samples), rows, _chance(samples), made or {})


def baseline_maps(asked: AskedQuestions, things_only: bool) -> np.ndarray:
    """Uniform random numbers (N, 96, 96), everywhere or on the things only."""
    owners = asked.scenes.owners[asked.numbers]
    values = np.random.default_rng(0).random(owners.shape, np.float32)
    return np.where(owners >= 0, values, 0) if things_only else values


def removal_figures(network: QuestionNetwork, sample: Sample) -> dict[str, dict[str, float]]:
    """By type: the share of right answers that become another one when things are taken out of the picture: those that
    are needed, those that are only named on the way to them, or all that the question has nothing to do with."""
    asked, found = sample.asked, {}
    needed, visited = asked.needed, asked.visited
    named = visited & ~needed
    gone = {"needed": needed, "named": named, "others": (asked.scenes.owners[asked.numbers] >= 0) & ~visited}
    changed = {name: given_logits(network, asked, mask).argmax(axis=1) != sample.targets for name, mask in gone.items()}
    for group, rows in _groups(asked).items():
        shares = {
            f"without the {name}": round(float(changed[name][rows[there]].mean()), 4)
            for name, mask in gone.items()
            if (there := mask[rows].any(axis=(1, 2))).any()
        }
        found[group] = shares
    return found


def removal_falls(network: QuestionNetwork, asked: AskedQuestions, targets) -> np.ndarray:
    """How far the logit of each answer (N,) falls when a thing is taken out: (N, 6), NaN where there is no such thing."""
    owners, every = asked.scenes.owners[asked.numbers], np.arange(len(asked))
    full = given_logits(network, asked)[every, targets]
    falls = np.full((len(asked), MOST), np.nan)
    for thing in range(MOST):
        rows = np.flatnonzero(asked.scenes.counts[asked.numbers] > thing)
        if len(rows):
            left = given_logits(network, asked[rows], owners[rows] == thing)
            falls[rows, thing] = full[rows] - left[np.arange(len(rows)), targets[rows]]
    return falls


def thing_relevance(maps, owners) -> np.ndarray:
    """Relevance (N, 6) of each thing, the sum of the map (N, height, width) over its pixels."""
    return np.stack([np.where(owners == n, maps, 0).sum(axis=(1, 2)) for n in range(MOST)], axis=1)


def map_scores(maps, needed, visited) -> dict[str, np.ndarray]:
    """The ``SCORES`` of each of the maps (N, height, width), with its masks bool of the same shape.

    A map without any positive value has no mass: NaN. It points nowhere.
    """
    return {
        "mass on needed": np.array([mass_inside(*pair) for pair in zip(maps, needed, strict=True)]),
        "mass on visited": np.array([mass_inside(*pair) for pair in zip(maps, visited, strict=True)]),
        "points at needed": np.array([pointing_hit(*pair) for pair in zip(maps, needed, strict=True)], float),
        "points at visited": np.array([pointing_hit(*pair) for pair in zip(maps, visited, strict=True)], float),
    }


def chance_scores(needed, visited) -> dict[str, float]:
    """What a map gets on average that is the same everywhere: the mean area of the masks (N, height, width)."""
    areas = {"needed": np.mean([area_share(m) for m in needed]), "visited": np.mean([area_share(m) for m in visited])}
    return {name: float(areas[name.split()[-1]]) for name in SCORES}


def correlations(maps, others) -> np.ndarray:
    """Pearson correlation (N,) of each of the maps (N, height, width) with its partner; NaN where one is flat."""
    first, second = (np.reshape(values, (len(values), -1)).astype(float) for values in (maps, others))
    first, second = (values - values.mean(axis=1, keepdims=True) for values in (first, second))
    scale = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return np.divide((first * second).sum(axis=1), scale, out=np.full(len(first), np.nan), where=scale > 0)


def word_classes(question: Question) -> tuple[str, ...]:
    """For every word of the question which of ``WORDS`` it is."""
    classes = []
    for part in FORMS[question.form].pattern.lower().rstrip("?").split():
        hole = re.fullmatch(r"{([ad]?)(\d)s?}", part)
        if hole is None:
            classes.append("filling" if part in _FILLING else "task")
        elif hole[1] == "d":
            classes += ["directions"] * len(question.directions[int(hole[2])].split())
        else:
            words = str(question.descriptions[int(hole[2])]).split()
            classes += ["filling"] * (hole[1] == "a") + ["filling" if w == "thing" else "names" for w in words]
    return tuple(classes)


def word_shares(words, questions: Sequence[Question]) -> dict[str, np.ndarray]:
    """Share (N,) of the absolute relevance of the words (N, T) that lies on each kind of ``WORDS``; NaN if all is 0."""
    sizes = np.abs(np.asarray(words, float))
    kinds = np.full(sizes.shape, "", dtype="U12")
    for row, question in zip(kinds, questions, strict=True):
        classes = word_classes(question)
        row[: len(classes)] = classes
    total = np.where(kinds != "", sizes, 0).sum(axis=1)
    return {
        kind: np.divide((sizes * (kinds == kind)).sum(axis=1), total, out=np.full(len(sizes), np.nan), where=total > 0)
        for kind in WORDS
    }


def _groups(asked: AskedQuestions) -> dict[str, np.ndarray]:
    return {kind: np.flatnonzero(asked.types == kind) for kind in TYPES} | {"all": np.arange(len(asked))}


def _scores(group: str, asked: AskedQuestions, pixels: np.ndarray) -> dict[str, Value]:
    scores = map_scores(pixels, asked.needed, asked.visited)
    row = {f"{group}: {name}": clustered(values, asked.numbers) for name, values in scores.items()}
    return row | {f"{group}: questions": (float(len(asked)), float("nan"))}


def _by_type(asked: AskedQuestions, pixels, words, falls) -> dict[str, Value]:
    things = np.where(np.isnan(falls), -np.inf, thing_relevance(pixels, asked.scenes.owners[asked.numbers]))
    finds = things.argmax(axis=1) == np.nanargmax(falls, axis=1)
    row = {}
    for group, rows in _groups(asked).items():
        some = asked[rows]
        row |= _scores(group, some, pixels[rows])
        row[f"{group}: {REMOVAL}"] = clustered(finds[rows], some.numbers)
        if words is not None:
            shares = word_shares(words[rows], [one.question for one in some.answered])
            row |= {f"{group}: words, {kind}": clustered(share, some.numbers) for kind, share in shares.items()}
    return row


def _moves(group: str, asked: AskedQuestions, pixels: np.ndarray) -> dict[str, Value]:
    half = len(asked) // 2
    needed, numbers = asked[:half].needed, asked.numbers[:half]
    before, after = (
        [mass_inside(*pair) for pair in zip(maps, needed, strict=True)] for maps in (pixels[:half], pixels[half:])
    )
    values = {"before": before, "after": after, "correlation": correlations(pixels[:half], pixels[half:])}
    row = {f"{group}: {name}": clustered(values[name], numbers) for name in MOVES}
    return row | {f"{group}: pairs": (float(half), float("nan"))}


def _columns(samples: Mapping[str, Sample]) -> dict[str, str]:
    columns = {}
    for group, sample in samples.items():
        if group in PAIRS:
            columns |= {f"{group}: {name}": f"{PAIRS[group]}: {text}" for name, text in MOVES.items()}
            columns[f"{group}: pairs"] = "number of pairs"
            continue
        for part in [group] if group in WRONG else _groups(sample.asked):
            told = f"{WRONG[group]}: " if group in WRONG else ""
            columns |= {f"{part}: {name}": told + text for name, text in SCORES.items()}
            columns[f"{part}: questions"] = "number of questions"
            if group not in WRONG:
                columns[f"{part}: {REMOVAL}"] = (
                    "share of maps that have most on the thing without which the answer's logit falls furthest"
                )
                columns |= {
                    f"{part}: words, {kind}": f"share of the words' absolute relevance on words of this kind: {text}"
                    for kind, text in WORDS.items()
                }
    return columns


def _chance(samples: Mapping[str, Sample]) -> dict[str, float]:
    """Areas of the things; one of the things at random; the share of words that are of a kind."""
    chance = {}
    for group, sample in samples.items():
        if group in PAIRS:
            half = len(sample) // 2
            area = float(sample.asked[:half].needed.mean())
            chance |= {f"{group}: before": area, f"{group}: after": area, f"{group}: correlation": 0.0}
            continue
        parts = {group: np.arange(len(sample))} if group in WRONG else _groups(sample.asked)
        for part, rows in parts.items():
            some = sample.asked[rows]
            chance |= {f"{part}: {name}": v for name, v in chance_scores(some.needed, some.visited).items()}
            if group not in WRONG:
                chance[f"{part}: {REMOVAL}"] = float(np.mean(1 / some.scenes.counts[some.numbers]))
                classes = [word_classes(one.question) for one in some.answered]
                for kind in WORDS:
                    shares = [own.count(kind) / len(own) for own in classes]
                    chance[f"{part}: words, {kind}"] = float(np.mean(shares))
    return chance
