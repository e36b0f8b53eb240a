"""How quickly scenes and questions are drawn, and answers explained: ``python tests/benchmarks/bench_questions.py``."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import matplotlib.pyplot as plt
import numpy as np

from helpers.questions.draws import draw_questions
from helpers.questions.explained import explain_question
from helpers.questions.figures import explained_scene
from helpers.questions.network import question_network
from helpers.questions.relevance import METHODS
from helpers.questions.scenes import draw_scenes

SCENES, PER_SCENE = 2000, 5


def main() -> None:
    draw_scenes(1)  # the outlines are prepared once
    start = time.process_time()
    scenes = draw_scenes(SCENES, seed=1)
    drawn = time.process_time()
    questions = draw_questions(scenes, PER_SCENE, seed=1)
    end = time.process_time()
    print(f"{SCENES} scenes: {drawn - start:.1f} s, {sum(map(len, questions)):,} questions: {end - drawn:.1f} s")
    print(f"20,000 scenes with {PER_SCENE} questions each: {(end - start) * 20_000 / SCENES:.0f} s (wanted: below 60)")
    network = question_network()
    for method in METHODS:
        seconds = [_seconds(network, scenes[n], questions[n][0], method) for n in range(12)][
            2:
        ]  # the first ones compile
        print(f"answer, {method} and figure: {np.median(seconds):.2f} s (wanted: below 0.5)")


def _seconds(network, scene, asked, method: str) -> float:
    start = time.perf_counter()
    figure = explained_scene(explain_question(network, scene, asked, method))
    figure.canvas.draw()
    plt.close(figure)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
