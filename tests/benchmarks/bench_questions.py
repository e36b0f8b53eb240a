"""How quickly scenes and questions are drawn: ``python tests/benchmarks/bench_questions.py``. One core."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from helpers.question_draws import draw_questions
from helpers.question_scenes import draw_scenes

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


if __name__ == "__main__":
    main()
