"""Train the network that answers questions, write its weights and its figures.

    python data/questions/train.py                      # train, or go on where a training was broken off
    python data/questions/train.py --figures            # write the figures again, from the stored weights
    python data/questions/train.py --check              # compare them with the stored ones; nothing is written

Three stages. First the eyes alone learn to say, for each of the 12 x 12 places of the map, whether the middle of a thing
lies there and of what kind, colour and size it is; the layer that says it is thrown away. Then the rest learns to answer
questions from the map. Last everything learns together, more slowly. A round has scenes and questions that were never
seen before. A last network, which sees no picture, learns what can be guessed from the question alone.

After every round all that is needed to go on is put into ``unfinished_<stage>.npz``, which is removed at the end. Weights go
into ``film.npz`` in half precision, figures into ``figures.json`` and ``MODEL_CARD.md``. Seeds are fixed and TensorFlow
computes in a fixed order: on the same machine a second run writes the same bytes, broken off or not.
"""

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from helpers.course.backend import keras, tf
from helpers.course.networks import fold_normalisation, named_weights
from helpers.questions.draws import draw_questions
from helpers.questions.language import ANSWERS, EXAMPLES, FORMS, LONGEST, TYPES, encode_questions
from helpers.questions.network import (
    PLACES,
    QuestionNetwork,
    joined,
    new_eyes,
    new_reasoning,
    question_network,
)
from helpers.questions.scenes import COLOURS, KINDS, SIDE, SIZES, draw_scenes
from helpers.toyworld.network import preprocess

SCENES, PER_SCENE = 1000, 12  # scenes in a round, and questions about each
ROUNDS = {"eyes": 40, "reasoning": 70, "together": 50, "blind": 30}
BATCH = {"eyes": 50, "reasoning": 100, "together": 10, "blind": 200}  # scenes for the eyes and together, else questions
LESSONS = {  # the reasoning begins with some forms: up to which round, and which
    8: ("colour", "size", "kind", "existence", "counting"),
    16: tuple(form for form in FORMS if FORMS[form].type != "two relations"),
    26: ("colour", "relation, kind", "relation, colour"),
    34: ("more", "larger", "same colour", "two relations, kind", "two relations, colour"),
    47: tuple(FORMS),
    61: ("more", "same colour"),
}
SEED = {"eyes": 1000, "reasoning": 2000, "together": 3000, "blind": 4000}  # of the first round
BEGIN, END = "<!-- written by train.py -->", "<!-- end of what train.py writes -->"
FRESH, FRESH_SEED = 2000, 900  # scenes for the figures


def trained(stage: str, take_steps: Callable, variables: list, make: Callable[[int], tuple]) -> None:
    """Go through the rounds of a stage, beginning after the last one that was stored.

    ``make`` draws what round number n learns from (while the round before is computed), ``take_steps`` learns from it and
    returns numbers to show, ``variables`` are all that it changes.
    """
    path, first = HERE / f"unfinished_{stage}.npz", 0
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            first = int(file["rounds"])
            for number, variable in enumerate(variables):
                variable.assign(file[f"v{number}"])
    begin = time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(make, first)
        for n in range(first, ROUNDS[stage]):
            arrays, ahead = ahead.result(), pool.submit(make, n + 1)
            shown = np.round(np.asarray(take_steps(*map(tf.constant, arrays))), 3)
            replace_file(path, packed({f"v{i}": v.numpy() for i, v in enumerate(variables)} | {"rounds": n + 1}))
            seconds = time.perf_counter() - begin
            print(f"{stage}: round {n + 1:3} of {ROUNDS[stage]}, {shown.tolist()}, {seconds:.0f} s", flush=True)


def train_eyes() -> keras.Model:
    """The eyes, normalisation folded in, the map scaled to a mean square of 1."""
    eyes = new_eyes(normalised=True)
    says = keras.layers.Conv2D(
        1 + len(KINDS) + len(COLOURS) + len(SIZES), 1, kernel_initializer=keras.initializers.GlorotUniform(1)
    )
    model = keras.Model(eyes.input, says(eyes.output))
    optimiser = keras.optimizers.Adam(cosine(0.004, "eyes", SCENES // BATCH["eyes"]))
    optimiser.build(model.trainable_variables)

    @tf.function
    def take_steps(pictures, places, labels):
        """Loss; share of places wrongly called empty or not, per thing; shares of right kinds, colours, sizes."""
        shown, size = tf.zeros(5), BATCH["eyes"]
        for start in tf.range(0, SCENES, size):
            inputs = tf.cast(pictures[start : start + size], tf.float32) / 127.5 - 1
            place, label = places[start : start + size], labels[start : start + size]
            present = tf.cast(label[..., 0] >= 0, tf.float32)
            things = tf.reduce_sum(present)
            with tf.GradientTape() as tape:
                said = model(tf.ensure_shape(inputs, (size, SIDE, SIDE, 3)), training=True)
                said = tf.reshape(said, (size, PLACES**2, -1))
                there = tf.reduce_max(tf.one_hot(place, PLACES**2) * present[..., None], axis=1)
                loss = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(there, said[..., 0])) / things
                here = tf.gather(said, place, batch_dims=1)[..., 1:]
                right = []
                for n, logits in enumerate(tf.split(here, [len(KINDS), len(COLOURS), len(SIZES)], axis=-1)):
                    wanted = tf.maximum(label[..., n], 0)
                    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits)
                    loss += tf.reduce_sum(entropy * present) / things
                    right.append(tf.reduce_sum(hits(logits, wanted) * present) / things)
            optimiser.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
            wrong = tf.reduce_sum(tf.abs(tf.cast(said[..., 0] > 0, tf.float32) - there)) / things
            shown += tf.stack([loss, wrong, *right])
        return shown * size / SCENES

    def make(n: int) -> tuple:
        scenes = draw_scenes(SCENES, SEED["eyes"] + n)
        across, down = np.moveaxis(np.minimum(scenes.middles * PLACES // SIDE, PLACES - 1).astype(np.int32), -1, 0)
        labels = np.stack([scenes.kinds, scenes.colours, scenes.sizes], axis=-1).astype(np.int32)
        return scenes.pictures, down * PLACES + across, labels

    trained("eyes", take_steps, [*model.variables, *optimiser.variables], make)
    eyes = fold_normalisation(eyes, new_eyes())
    seen = np.asarray(eyes(preprocess(draw_scenes(200, SEED["eyes"]).pictures, SIDE)))
    last = eyes.get_layer("conv5")
    last.set_weights([weight / np.sqrt((seen**2).mean()) for weight in last.get_weights()])
    return eyes


def train_reasoning(eyes: keras.Model) -> keras.Model:
    """The rest of the network, eyes held fixed."""
    model, size = new_reasoning(), BATCH["reasoning"]
    optimiser = keras.optimizers.Adam(0.0015)
    optimiser.build(model.trainable_variables)

    @tf.function
    def take_steps(pictures, numbers, words, answers, types):
        steps = len(numbers) // size
        parts = tf.split(pictures, SCENES // 100)
        seen = tf.concat([eyes(tf.cast(part, tf.float32) / 127.5 - 1) for part in parts], axis=0)
        shown = tf.zeros(1 + 2 * len(TYPES))
        for start in tf.range(0, steps * size, size):
            rows = tf.range(start, start + size)
            here = tf.ensure_shape(tf.gather(seen, tf.gather(numbers, rows)), (size, *seen.shape[1:]))
            read = tf.ensure_shape(tf.gather(words, rows), (size, LONGEST))
            shown += learn(model, optimiser, [here, read], tf.gather(answers, rows), tf.gather(types, rows))
        return summary(shown, steps * size)

    def make(n: int) -> tuple:
        forms = next((forms for end, forms in LESSONS.items() if n < end), tuple(FORMS))
        return questions(SEED["reasoning"] + n, forms)

    trained("reasoning", take_steps, [*model.variables, *optimiser.variables], make)
    return model


def train_together(eyes: keras.Model, reasoning: keras.Model) -> None:
    """Everything, from what the two stages before have learned."""
    model, size = joined(eyes, reasoning), BATCH["together"]
    optimiser = keras.optimizers.Adam(cosine(0.001, "together", SCENES // size))
    optimiser.build(model.trainable_variables)

    @tf.function
    def take_steps(pictures, numbers, words, answers, types):
        shown = tf.zeros(1 + 2 * len(TYPES))
        for start in tf.range(0, SCENES, size):
            inputs = tf.cast(pictures[start : start + size], tf.float32) / 127.5 - 1
            rows = slice(start * PER_SCENE, (start + size) * PER_SCENE)
            shown += learn(
                lambda parts, training: reasoning([tf.repeat(eyes(parts[0]), PER_SCENE, axis=0), parts[1]]),
                optimiser,
                [
                    tf.ensure_shape(inputs, (size, SIDE, SIDE, 3)),
                    tf.ensure_shape(words[rows], (size * PER_SCENE, LONGEST)),
                ],
                answers[rows],
                types[rows],
                model.trainable_variables,
            )
        return summary(shown, SCENES * PER_SCENE)

    def make(n: int) -> tuple:
        return questions(SEED["together"] + n, shuffled=False)

    trained("together", take_steps, [*model.variables, *optimiser.variables], make)


def train_blind() -> keras.Model:
    """A network that is given the question and no picture: an LSTM as in the other network, and two dense layers."""
    reasoning, size = new_reasoning(), BATCH["blind"]
    read = reasoning.get_layer("bidirectional").output
    hidden = keras.layers.Dense(96, "relu", kernel_initializer=keras.initializers.GlorotUniform(2))(read)
    scores = keras.layers.Dense(len(ANSWERS), kernel_initializer=keras.initializers.GlorotUniform(3))(hidden)
    model = keras.Model(reasoning.inputs[1], scores)
    optimiser = keras.optimizers.Adam(cosine(0.003, "blind", SCENES * PER_SCENE // size))
    optimiser.build(model.trainable_variables)

    @tf.function
    def take_steps(words, answers, types):
        shown = tf.zeros(1 + 2 * len(TYPES))
        for start in tf.range(0, SCENES * PER_SCENE, size):
            rows = tf.range(start, start + size)
            read = tf.ensure_shape(tf.gather(words, rows), (size, LONGEST))
            shown += learn(model, optimiser, read, tf.gather(answers, rows), tf.gather(types, rows))
        return summary(shown, SCENES * PER_SCENE)

    trained("blind", take_steps, [*model.variables, *optimiser.variables], lambda n: questions(SEED["blind"] + n)[2:])
    return model


def questions(seed: int, forms: tuple[str, ...] = tuple(FORMS), shuffled: bool = True) -> tuple:
    """A round: pictures, and for every question the number of its picture, words, answer and type; ``PER_SCENE`` for
    each picture (again from the first, where a scene has no more of them), in random order or scene by scene."""
    scenes = draw_scenes(SCENES, seed)
    asked = draw_questions(scenes, PER_SCENE, seed, forms)
    flat = [(n, own[k % len(own)]) for n, own in enumerate(asked) if own for k in range(PER_SCENE)]
    flat += flat[: SCENES * PER_SCENE - len(flat)]  # for scenes that have no question of these forms
    if shuffled:
        flat = [flat[i] for i in np.random.default_rng(seed).permutation(len(flat))]
    numbers = np.array([n for n, _ in flat], np.int32)
    answers = np.array([ANSWERS.index(answered.answer) for _, answered in flat], np.int32)
    types = np.array([TYPES.index(answered.question.type) for _, answered in flat], np.int32)
    return scenes.pictures, numbers, encode_questions([answered.question for _, answered in flat]), answers, types


def learn(model, optimiser, inputs: list, answers, types, variables=None):
    """One step; the loss, and for every type how many answers were right and how many there were."""
    variables = model.trainable_variables if variables is None else variables
    with tf.GradientTape() as tape:
        logits = model(inputs, training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(answers, logits))
    slopes, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), 2.0)
    optimiser.apply(slopes, variables)
    is_type = tf.one_hot(types, len(TYPES))
    right = tf.reduce_sum(is_type * hits(logits, answers)[:, None], axis=0)
    return tf.concat([[loss * tf.cast(len(answers), tf.float32)], right, tf.reduce_sum(is_type, axis=0)], axis=0)


def summary(shown, count: int):
    """Mean loss, and the share of right answers of every type."""
    loss, right, asked = tf.split(shown, [1, len(TYPES), len(TYPES)])
    return tf.concat([loss / count, tf.math.divide_no_nan(right, asked)], axis=0)


def hits(logits, wanted):
    return tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32) == wanted, tf.float32)


def cosine(rate: float, stage: str, steps: int):
    return keras.optimizers.schedules.CosineDecay(rate, ROUNDS[stage] * steps, alpha=0.01)


def packed(arrays: dict) -> bytes:
    """The content of an .npz file. The time in it is fixed by NumPy, so equal arrays give equal bytes."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def replace_file(path: Path, content: bytes) -> None:
    """Write beside the file, then put the new one in its place."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.chmod(0o644)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def figures(network: QuestionNetwork, blind: keras.Model | None) -> dict:
    """By form and by type of the question: how many fresh ones, the share answered rightly, the share of the most
    frequent answer, and what a network answers rightly that sees no picture."""
    scenes = draw_scenes(FRESH, FRESH_SEED)
    asked = [(n, one) for n, own in enumerate(draw_questions(scenes, PER_SCENE, FRESH_SEED)) for one in own]
    words = encode_questions([one.question for _, one in asked])
    wanted = np.array([ANSWERS.index(one.answer) for _, one in asked])
    inputs = preprocess(scenes.pictures, SIDE)
    maps = np.concatenate([np.asarray(network.eyes(inputs[i : i + 100])) for i in range(0, FRESH, 100)])
    numbers = np.array([n for n, _ in asked])
    starts = range(0, len(words), 250)
    said = [network.reasoning([maps[numbers[i : i + 250]], words[i : i + 250]]) for i in starts]
    said = np.concatenate(said).argmax(axis=1)
    guessed = None if blind is None else np.asarray(blind(words)).argmax(axis=1)
    groups = {"forms": [one.question.form for _, one in asked], "types": [one.question.type for _, one in asked]}
    found = {}
    for group, names in groups.items():
        found[group] = {}
        for name in FORMS if group == "forms" else TYPES:
            rows = np.array(names) == name
            shares = {
                "accuracy": (said == wanted)[rows].mean(),
                "most_frequent": np.bincount(wanted[rows]).max() / rows.sum(),
            }
            shares |= {} if guessed is None else {"blind": (guessed == wanted)[rows].mean()}
            found[group][name] = {"questions": int(rows.sum())} | {k: round(float(v), 4) for k, v in shares.items()}
    return found


def table(found: dict) -> str:
    """The figures as a Markdown table."""
    lines = ["| type | form | questions | right | without the picture | most frequent answer |", "| --- " * 6 + "|"]
    for kind in TYPES:
        rows = {name: found["forms"][name] for name, form in FORMS.items() if form.type == kind}
        rows = {f"{EXAMPLES[name].text}": shares for name, shares in rows.items()} | {"**all**": found["types"][kind]}
        for name, shares in rows.items():
            cells = [f"{100 * shares[key]:.1f}" for key in ("accuracy", "blind", "most_frequent")]
            lines.append(f"| {kind} | {name} | {shares['questions']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_figures(found: dict) -> None:
    """Into ``figures.json``, and as a table between the two marks in ``MODEL_CARD.md``."""
    replace_file(HERE / "figures.json", (json.dumps(found, indent=1) + "\n").encode())
    path = HERE / "MODEL_CARD.md"
    before, rest = path.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    replace_file(path, f"{before}{BEGIN}\n{table(found)}\n{END}{after}".encode())


def with_blind(found: dict, known: dict) -> dict:
    """Figures of the network, with what is known of the one that sees no picture."""
    return {
        group: {name: shares | {"blind": known[group][name]["blind"]} for name, shares in names.items()}
        for group, names in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--figures", action="store_true", help="write the figures of the stored weights; no training")
    parser.add_argument("--check", action="store_true", help="compare the stored figures with those of the weights")
    arguments = parser.parse_args()
    path = HERE / "figures.json"
    if arguments.figures or arguments.check:
        known = json.loads(path.read_text(encoding="utf-8"))
        found = with_blind(figures(question_network(), None), known)
        if arguments.figures:
            write_figures(found)
            return
        differ = [
            f"{name}: {shares['accuracy']} instead of {known[group][name]['accuracy']}"
            for group, names in found.items()
            for name, shares in names.items()
            if abs(shares["accuracy"] - known[group][name]["accuracy"]) > 0.002
        ]
        print("\n".join(differ) or "as stored")
        sys.exit(1 if differ else 0)
    eyes = train_eyes()
    reasoning = train_reasoning(eyes)
    train_together(eyes, reasoning)
    weights = {key: weight.numpy().astype(np.float16) for key, weight in named_weights(eyes, reasoning).items()}
    replace_file(HERE / "film.npz", packed(weights))
    write_figures(figures(question_network(), train_blind()))
    for stage in ROUNDS:
        (HERE / f"unfinished_{stage}.npz").unlink()


if __name__ == "__main__":
    tf.config.experimental.enable_op_determinism()
    main()
