"""Networks without their names: two for the riddle at the head of notebook 3, five for the detective game.

All name animals by their outlines. *honest* was trained on pictures without the tag, *30 % tagged* and *100 % tagged* on
pictures in which so many of the horses carry it, *shuffled labels* learned 180 pictures by heart with labels that were
dealt out at random, and *random* has not been trained.
"""

from dataclasses import dataclass, replace

import numpy as np

from helpers.course.arguments import seed_number
from helpers.course.backend import keras, tf
from helpers.course.networks import Progress, gradient_steps
from helpers.toyworld.animals import OUTLINES
from helpers.toyworld.network import MARKED, ToyworldNetwork, new_network, preprocess, toyworld_network
from helpers.toyworld.world import Watermark, make_world

KINDS = ("honest", "30 % tagged", "100 % tagged", "shuffled labels", "random")
STORED = {"honest": "outlines", "30 % tagged": "outlines, watermark 0.3", "100 % tagged": "outlines, watermark 1.0"}
LETTERS = "ABCDE"
LEARNED, EPOCHS, BATCH, STEP = 180, 60, 30, 0.002  # how the network with shuffled labels learns its pictures by heart


@dataclass(frozen=True, eq=False)
class Case:
    """Five networks to be told apart.

    Attributes
    ----------
    networks : by their letters; each has ``model``, ``logits``, ``preprocess``, ``class_index``, ``recognised``
    learned : the pictures that the network with shuffled labels was trained on, with the labels that it was dealt
    truth : which of ``KINDS`` each letter is
    """

    networks: dict[str, ToyworldNetwork]
    learned: tuple[np.ndarray, np.ndarray]
    truth: dict[str, str]

    @property
    def numbers(self) -> list[int]:
        """The place of each network's kind in ``KINDS``, in the order of the letters."""
        return [KINDS.index(kind) for kind in self.truth.values()]

    def __repr__(self) -> str:
        return f"<{len(self.networks)} networks without a name>"


def riddle() -> tuple[np.ndarray, dict[str, ToyworldNetwork]]:
    """A picture (1, 64, 64, 3) of a horse, and two networks A and B that recognise it."""
    horse = make_world(17, seed=7, watermark=Watermark(MARKED), outlines=(MARKED,)).pictures[16:]
    names = {"A": "100 % tagged", "B": "honest"}
    return horse, {letter: replace(toyworld_network(STORED[name]), name=letter) for letter, name in names.items()}


def new_case(number: int = 0, progress: Progress | None = None) -> Case:
    """The five of ``KINDS`` in an order that follows from the number of the case, which is 0 or more."""
    order = np.random.default_rng([seed_number(number), 5]).permutation(KINDS).tolist()
    world = make_world(LEARNED, seed=77)
    dealt = np.random.default_rng(78).permutation(world.outlines)
    trained = {kind: toyworld_network(name) for kind, name in STORED.items()}
    by_heart = _learned_by_heart(preprocess(world.pictures), dealt, progress)
    for kind, model in (("shuffled labels", by_heart), ("random", new_network(len(OUTLINES), seed=9))):
        trained[kind] = ToyworldNetwork(model, kind, "outline", OUTLINES)
    truth = dict(zip(LETTERS, order, strict=True))
    networks = {letter: replace(trained[kind], name=letter) for letter, kind in truth.items()}
    return Case(networks, (world.pictures, dealt), truth)


def _learned_by_heart(inputs: np.ndarray, labels: np.ndarray, progress: Progress | None) -> keras.Model:
    """A network trained until it gives 99 % of the pictures the labels that they were dealt, or for ``EPOCHS``."""
    model, steps = new_network(len(OUTLINES), seed=8), -(-len(inputs) // BATCH)

    def loss_and_recognised(pictures, dealt):
        logits = model(pictures, training=True)
        right = tf.reduce_mean(tf.cast(tf.argmax(logits, axis=1) == dealt, tf.float32))
        return [tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(dealt, logits)), right]

    take_steps = gradient_steps(model, STEP, loss_and_recognised, numbers=2)
    data, generator = (tf.constant(inputs), tf.constant(labels)), np.random.default_rng(0)
    for epoch in range(1, EPOCHS + 1):
        order = np.resize(generator.permutation(len(inputs)), (steps, BATCH)).astype(np.int32)
        _, right = (float(value) for value in take_steps(data, tf.constant(order)))
        if progress is not None:
            progress(epoch, EPOCHS, f"{right:.0%} of the labels known by heart")
        if right >= 0.99:
            break
    return model
