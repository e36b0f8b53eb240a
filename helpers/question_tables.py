"""The scores of all methods on questions about scenes, put into one table; ``data/questions/score.py`` stores it.

Columns are named "<group>: <score>". Groups are the types of questions and "all"; "wrong, answer given", "wrong, right
answer" and "right, same forms" for questions that are answered wrongly and as many of the same forms that are not; and
"other question", "other words" for pairs of questions about one scene. :func:`part_of` takes a part of the table.
"""

from collections.abc import Callable, Mapping

import numpy as np

from helpers.files import locate
from helpers.question_grammar import TYPES
from helpers.question_networks import QuestionNetwork
from helpers.question_samples import (
    PAIRS,
    WRONG,
    AskedQuestions,
    Sample,
    explained_questions,
    given_logits,
    removal_falls,
)
from helpers.question_scores import (
    SCORES,
    WORDS,
    chance_scores,
    correlations,
    map_scores,
    thing_relevance,
    word_classes,
    word_shares,
)
from helpers.scores import mass_inside
from helpers.training import Progress
from helpers.truth import clustered
from helpers.truth_tables import Table, Value, read_table

STORED = "questions/scores.json"
BASELINES = ("any thing", "random map")
MOVES = {
    "before": "share of the positive relevance on what the first question needs, under the first",
    "after": "the same things' share under the second question",
    "correlation": "correlation of the two maps",
}
REMOVAL = "finds what counts"


def question_table(
    network: QuestionNetwork,
    methods: Mapping[str, Callable],
    samples: Mapping[str, Sample],
    made: dict | None = None,
    progress: Progress | None = None,
) -> Table:
    """Score methods (``helpers.question_relevance.METHODS``) on what :func:`draw_samples` gave, beside two baselines:

    * **random map**: uniform random numbers;
    * **any thing**: the same on the things of the scene and zero elsewhere, as a map that sees things and knows nothing
      of the question.

    Means run over scenes, with their standard errors (:func:`helpers.truth.clustered`).
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


def baseline_maps(asked: AskedQuestions, things_only: bool, seed: int = 0) -> np.ndarray:
    """Uniform random numbers (N, 96, 96), everywhere or on the things only."""
    owners = asked.scenes.owners[asked.numbers]
    values = np.random.default_rng(seed).random(owners.shape, np.float32)
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


def stored_question_table() -> Table:
    """The table that comes with the course.

    Raises
    ------
    FileNotFoundError, ValueError
        If it is missing or damaged.
    """
    path = locate(STORED)
    if path is None:
        raise FileNotFoundError(f"data/{STORED} is missing. python data/questions/score.py makes it.")
    return read_table(path)


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
