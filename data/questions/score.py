"""Score the explanations of the network that answers questions; write ``scores.json`` beside this file.

    python data/questions/score.py             # compute the table and write it
    python data/questions/score.py --check     # compute it and compare it with the stored one; nothing is written

The questions are fresh: their scenes were used neither in the training nor for the figures of the network. Seeds are fixed.
"""

import argparse
import platform
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tables import draw_samples, question_table, removal_figures

from helpers.course.backend import keras, tf
from helpers.questions.asked import part_of
from helpers.questions.network import question_network
from helpers.questions.relevance import METHODS
from helpers.sanity.tables import Table, format_table, read_table, write_table

SETTINGS = {"per_type": 170, "wrong": 150, "pairs": 100, "pool": 600, "seed": 5000}
CLOSE = 0.01  # another processor rounds otherwise, and an answer or two may change


def say(done: int, count: int, text: str) -> None:
    print(f"\r{text}: {done} of {count} ".ljust(70), end="", file=sys.stderr, flush=True)


def made_table() -> Table:
    network = question_network()
    samples = draw_samples(network, **SETTINGS)
    made = {
        "network": "questions/film.npz",
        **SETTINGS,
        "answers_that_change": removal_figures(network, samples["all"]),
        "command": "python data/questions/score.py",
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
        },
    }
    return question_table(network, METHODS, samples, made, say)


def differences(table: Table, stored: Table) -> list[str]:
    """What differs by more than ``CLOSE``, in words."""
    if (set(table.rows), set(table.columns)) != (set(stored.rows), set(stored.columns)):
        return ["other methods or other scores"]
    pairs = {
        f"{method}, {column}": (table.column(column)[method][0], stored.column(column)[method][0])
        for column in table.columns
        for method in table.rows
    }
    apart = {
        name: pair for name, pair in pairs.items() if not np.isclose(*pair, rtol=CLOSE, atol=CLOSE, equal_nan=True)
    }
    return [f"{name}: {new:.4f} instead of {old:.4f}" for name, (new, old) in apart.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare the stored table with a new one")
    arguments = parser.parse_args()
    begin, path = time.perf_counter(), HERE / "scores.json"
    stored = read_table(path) if arguments.check else None
    table = made_table()
    print(f"\n{time.perf_counter() - begin:.0f} s", file=sys.stderr)
    if stored is not None:
        differ = differences(table, stored)
        print("\n".join(differ) or "as stored")
        sys.exit(1 if differ else 0)
    write_table(table, path)
    for score in ("mass on needed", "points at needed", "finds what counts"):
        print(f"\n{score}\n{format_table(part_of(table, score=score), sort='all')}")


if __name__ == "__main__":
    tf.config.experimental.enable_op_determinism()
    main()
