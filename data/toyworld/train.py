"""Train the networks of the toy world, write their weights and their figures.

    python data/toyworld/train.py                       # all five
    python data/toyworld/train.py --only coats          # one of them
    python data/toyworld/train.py --figures             # write the figures again, from the stored weights
    python data/toyworld/train.py --check               # compare them with the stored ones; nothing is written

Each epoch has pictures that were never seen before. Weights go into ``<name>.npz`` in half precision, figures into
``figures.json`` and ``MODEL_CARD.md``. Seeds are fixed and TensorFlow computes in a fixed order, so a second run on the
same machine writes the same bytes. A file is replaced only when the new one is complete.
"""

import argparse
import io
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from helpers.course.backend import keras, tf
from helpers.course.networks import fold_normalisation, named_weights
from helpers.toyworld.animals import OUTLINES
from helpers.toyworld.coats import COATS
from helpers.toyworld.network import MARKED, TASKS, new_network, preprocess, toyworld_network, weights_file
from helpers.toyworld.world import SIZE, World, make_world, swap_coats, with_watermark, without_watermark

PICTURES, EPOCHS, BATCH = 5000, 20, 50
LEARNING_RATE = 0.003
BEGIN, END = "<!-- written by train.py -->", "<!-- end of what train.py writes -->"
FRESH, FRESH_SEED = 3000, 900  # pictures for the figures; training takes seeds from 1000 on


def train(name: str) -> tuple[keras.Model, list[float]]:
    """The trained network, normalisation folded in, weights rounded to half precision, and the loss of each epoch."""
    task, losses = TASKS[name], []
    number = list(TASKS).index(name)
    model = new_network(len(COATS if task.by == "coat" else OUTLINES), seed=number, normalised=True)
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, EPOCHS * PICTURES // BATCH, alpha=0.01)
    optimiser = keras.optimizers.Adam(schedule)
    optimiser.build(model.trainable_variables)

    @tf.function
    def take_steps(pictures, labels):
        loss, right = tf.constant(0.0), tf.constant(0.0)
        for start in tf.range(0, PICTURES, BATCH):
            wanted = labels[start : start + BATCH]
            inputs = tf.cast(pictures[start : start + BATCH], tf.float32) / 127.5 - 1
            inputs = tf.ensure_shape(inputs, (BATCH, SIZE, SIZE, 3))
            with tf.GradientTape() as tape:
                logits = model(inputs, training=True)
                value = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits))
            optimiser.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)
            loss += value
            right += tf.reduce_mean(tf.cast(tf.argmax(logits, axis=1) == wanted, tf.float32))
        return loss * BATCH / PICTURES, right * BATCH / PICTURES

    begin = time.perf_counter()
    for epoch in range(EPOCHS):
        world = make_world(PICTURES, 1000 + 100 * number + epoch, watermark=task.watermark)
        loss, right = take_steps(tf.constant(world.pictures), tf.constant(world.labels(task.by)))
        losses.append(float(loss))
        seconds = time.perf_counter() - begin
        print(f"{name}: epoch {epoch + 1:2} of {EPOCHS}, loss {loss:.4f}, {right:.1%}, {seconds:.0f} s", flush=True)
    model = fold_normalisation(model, new_network(model.output_shape[-1]))
    model.set_weights([weight.astype(np.float16).astype(np.float32) for weight in model.get_weights()])
    return model, losses


def figures(name: str, model: keras.Model) -> dict:
    """Shares of fresh pictures that are recognised, as the training pictures were and changed in one respect."""
    task = TASKS[name]
    world = make_world(FRESH, FRESH_SEED, watermark=task.watermark)

    def right(pictures: World) -> np.ndarray:
        logits = model.predict(preprocess(pictures.pictures), batch_size=250, verbose=0)
        return logits.argmax(axis=1) == pictures.labels(task.by)

    hits = right(world)
    found = {"accuracy": hits.mean()}
    if task.by == "outline":
        found["accuracy_coats_swapped"] = right(swap_coats(world)).mean()
        own = world.names("outline") == MARKED
        hits_without = right(without_watermark(world))
        found |= {
            f"accuracy_{MARKED}": hits[own].mean(),
            f"accuracy_{MARKED}_with_mark": right(with_watermark(world, own))[own].mean(),
            f"accuracy_{MARKED}_without_mark": hits_without[own].mean(),
            "accuracy_without_mark": hits_without.mean(),
            "accuracy_others_with_mark": right(with_watermark(world, ~own))[~own].mean(),
        }
    return {key: round(float(value), 4) for key, value in found.items()}


def table(known: dict) -> str:
    """The figures as a Markdown table."""
    columns = {
        "as trained": "accuracy",
        "coats swapped": "accuracy_coats_swapped",
        f"{MARKED}s with tag": f"accuracy_{MARKED}_with_mark",
        f"{MARKED}s without": f"accuracy_{MARKED}_without_mark",
        "others with tag": "accuracy_others_with_mark",
    }
    lines = [f"| network | {' | '.join(columns)} |", "| --- |" + " --- |" * len(columns)]
    for name, found in known.items():
        cells = [f"{100 * found[key]:.1f}" if key in found else "-" for key in columns.values()]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_card(known: dict) -> None:
    """Put the table between its two marks in ``MODEL_CARD.md``."""
    path = HERE / "MODEL_CARD.md"
    before, rest = path.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    replace_file(path, f"{before}{BEGIN}\n{table(known)}\n{END}{after}".encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write beside the file, then put the new one in its place."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.chmod(0o644)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def stored(model: keras.Model) -> bytes:
    """The weights as the content of an .npz file. The time in it is fixed by NumPy, so equal weights give equal bytes."""
    content = io.BytesIO()
    arrays = {key: weight.numpy().astype(np.float16) for key, weight in named_weights(model).items()}
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=list(TASKS), action="append", help="a network; can be given several times")
    parser.add_argument("--figures", action="store_true", help="write the figures of the stored weights; no training")
    parser.add_argument("--check", action="store_true", help="compare the stored figures with those of the weights")
    arguments = parser.parse_args()
    path = HERE / "figures.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    wrong = 0
    for name in arguments.only or TASKS:
        if arguments.check:
            again = figures(name, toyworld_network(name).model)
            differ = [key for key, value in again.items() if abs(value - known[name][key]) > 0.002]
            wrong += len(differ)
            print(f"{name}: {'as stored' if not differ else 'DIFFERS in ' + ', '.join(differ)} {again}", flush=True)
            continue
        if arguments.figures:
            found = {**figures(name, toyworld_network(name).model), "losses": known[name]["losses"]}
        else:
            model, losses = train(name)
            found = {**figures(name, model), "losses": [round(loss, 4) for loss in losses]}
            replace_file(HERE / weights_file(name), stored(model))
        known[name] = found
        ordered = {key: known[key] for key in TASKS if key in known}
        replace_file(path, (json.dumps(ordered, indent=1) + "\n").encode())
        write_card(ordered)
        print(f"{name}: {found}", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    tf.config.experimental.enable_op_determinism()
    main()
