"""A concept of the reader's own, drawn on a canvas or uploaded, and tested at once.

Nothing is computed here: strokes are kept as points, :func:`draw_tile` turns them into a picture,
:func:`helpers.tcav.own_concepts.texture_set` cuts concept pictures from it, and ``explain`` does the rest. The plain
twin is ``explain(texture_set(draw_tile(strokes), count))``, or ``explain(image_folder(path, size).pictures)`` for a
folder.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import ipywidgets
import numpy as np
from ipycanvas import Canvas, hold_canvas
from matplotlib.figure import Figure

from helpers.course.figures import show
from helpers.course.widgets import connect_pen, draw_strokes, show_controls, upload_button
from helpers.tcav.own_concepts import COLOURS, TILE, concept_from_uploads, texture_set

PAPER = "#ffffff"
BRUSHES = {
    "black": "#000000",
    "white": "#ffffff",
    "brown": "#8a5a2b",
    "red": "#d01c1c",
    "orange": "#f08c1e",
    "yellow": "#f5dc28",
    "green": "#2e9e3f",
    "blue": "#2a5fc4",
}
WIDTH = 10  # pixels of the canvas: see ``WINDOWS`` in helpers/tcav/own_concepts.py
NOTHING = "nothing"


@dataclass(frozen=True)
class Stroke:
    """A line through points (x, y), in pixels from the top left corner, in a colour of ``BRUSHES``, ``width`` wide.

    Its ends are round; a single point makes a dot.
    """

    points: Sequence[tuple[float, float]]
    colour: str = "black"
    width: int = WIDTH


def draw_tile(strokes: Sequence[Stroke], size: int = TILE) -> np.ndarray:
    """Strokes on white paper, the later ones on top: (size, size, 3) 8-bit RGB.

    Raises
    ------
    ValueError
        If a colour is unknown or a width is not positive.
    """
    tile = np.full((size, size, 3), 255, np.uint8)
    for stroke in strokes:
        if stroke.colour not in BRUSHES or stroke.width < 1:
            raise ValueError(
                f"Brushes are {', '.join(BRUSHES)}, 1 pixel wide or more; got {stroke.colour!r}, {stroke.width}."
            )
        tile[draw_strokes([stroke.points], size, stroke.width) == 0] = list(bytes.fromhex(BRUSHES[stroke.colour][1:]))
    return tile


def _stripes(size: int, period: int, colour: str, width: int) -> list[Stroke]:
    return [Stroke([(x, 0), (x + size / 5, size)], colour, width) for x in range(-size // 5, size + period, period)]


def _dots(size: int, period: int, colour: str, width: int) -> list[Stroke]:
    rows = range(0, size + period, period)
    return [
        Stroke([(x + (period // 2) * (i % 2), y)], colour, width)
        for i, y in enumerate(rows)
        for x in range(-period, size + period, period)
    ]


def _grid(size: int, period: int, colour: str, width: int) -> list[Stroke]:
    lines = range(period // 2, size + period, period)
    return [Stroke([(x, 0), (x, size)], colour, width) for x in lines] + [
        Stroke([(0, y), (size, y)], colour, width) for y in lines
    ]


PATTERNS = {"stripes": (_stripes, 1.0), "dots": (_dots, 1.5), "grid": (_grid, 0.6)}  # and width of the lines


def pattern_strokes(name: str, colour: str = "black", width: int = WIDTH, size: int = TILE) -> list[Stroke]:
    """Strokes that fill a tile with a pattern: "stripes", "dots" or "grid", repeated every 2.4 widths.

    Raises
    ------
    ValueError
        If there is no such pattern, or the width is not 2 to ``size`` / 4.
    """
    if name not in PATTERNS or not 2 <= width <= size / 4:
        raise ValueError(
            f"Patterns are {', '.join(PATTERNS)}, in lines 2 to {size // 4} pixels wide; got {name!r}, {width}."
        )
    fill, thickness = PATTERNS[name]
    return fill(size, round(2.4 * width), colour, max(1, round(thickness * width)))


@dataclass
class _Drawing:
    """What is on the canvas, the first strokes below the others; ``down`` while the pen is on it."""

    strokes: list[Stroke] = field(default_factory=list)
    down: bool = False


def own_concept(
    explain: Callable[[np.ndarray], Figure],
    alt: str,
    size: int = 64,
    count: int = 250,
    seed: int = 0,
) -> None:
    """A canvas and an upload button; what is drawn or uploaded is turned into concept pictures and explained.

    Parameters
    ----------
    explain
        Function of pictures (n, size, size, 3), 8-bit RGB, that returns a figure. A ``ValueError`` is answered in
        words.
    alt
        Description of the figure.
    size, count, seed
        Of the pictures that are cut from a drawing: see :func:`helpers.tcav.own_concepts.texture_set`.

    "Test the drawing" cuts ``count`` pictures from the canvas. One uploaded picture is cut up in the same way; several are
    taken whole, and at least 10 are needed. Files that cannot be read are named and left out. All controls but the
    canvas itself work from the keyboard, and "fill with" puts a pattern on the canvas without a mouse. What is drawn or
    uploaded stays in the memory of this notebook.
    """
    canvas = Canvas(width=TILE, height=TILE, layout=ipywidgets.Layout(border="1px solid #808080"))
    brush = ipywidgets.Dropdown(options=list(BRUSHES), value="black", description="brush")
    width = ipywidgets.IntSlider(WIDTH, 4, 40, 2, description="width", continuous_update=False)
    fill = ipywidgets.Dropdown(options=[NOTHING, *PATTERNS], value=NOTHING, description="fill with")
    colours = ipywidgets.Dropdown(options=list(COLOURS), value=COLOURS[0], description="colours")
    undo, clear = ipywidgets.Button(description="Undo"), ipywidgets.Button(description="Clear")
    test = ipywidgets.Button(description="Test the drawing", button_style="primary")
    upload = upload_button("Your pictures", multiple=True)
    output = ipywidgets.Output(layout={"min_height": "300px"})
    drawing = _Drawing()

    def line(stroke: Stroke, start: int = 0) -> None:
        """Paint a stroke from its point number ``start`` on."""
        canvas.fill_style = canvas.stroke_style = BRUSHES[stroke.colour]
        canvas.line_width, canvas.line_cap = stroke.width, "round"
        if start == 0:
            canvas.fill_circle(*stroke.points[0], stroke.width / 2)
        for before, after in itertools.pairwise(stroke.points[start:]):
            canvas.stroke_line(*before, *after)

    def paint() -> None:
        with hold_canvas():
            canvas.fill_style = PAPER
            canvas.fill_rect(0, 0, TILE, TILE)
            for stroke in drawing.strokes:
                line(stroke)

    def start(x: float, y: float) -> None:
        drawing.down = True
        drawing.strokes.append(Stroke([(x, y)], brush.value, width.value))
        line(drawing.strokes[-1])

    def move(x: float, y: float) -> None:
        if drawing.down:
            drawing.strokes[-1].points.append((x, y))
            line(drawing.strokes[-1], len(drawing.strokes[-1].points) - 2)

    def lift(*_) -> None:
        drawing.down = False

    def keep(strokes: list[Stroke]) -> None:
        drawing.down, drawing.strokes[:] = False, strokes
        paint()

    def put_pattern(change) -> None:
        if change["new"] != NOTHING:
            keep(pattern_strokes(change["new"], brush.value, width.value))

    def empty(_) -> None:
        fill.value = NOTHING
        keep([])

    def answer(pictures_and_words: Callable[[], tuple[np.ndarray, list[str]]]) -> None:
        output.clear_output(wait=True)
        with output:
            try:
                pictures, words = pictures_and_words()
                print("\n".join(words))
                show(explain(pictures), alt=alt)
            except ValueError as error:
                print(error)

    def drawn() -> tuple[np.ndarray, list[str]]:
        if not drawing.strokes:
            raise ValueError("Draw a texture that fills the canvas, or fill it with a pattern.")
        tile = draw_tile(drawing.strokes)
        return texture_set(tile, count, seed, size, colours=colours.value), [f"{count} pictures cut from the drawing."]

    def react(change) -> None:
        if change["new"]:
            answer(lambda: concept_from_uploads(change["new"], count, seed, size, colours.value))

    canvas.on_client_ready(paint)  # a page that is opened again shows what was drawn
    connect_pen(canvas, start, move, lift)
    undo.on_click(lambda _: keep(drawing.strokes[:-1]))
    clear.on_click(empty)
    fill.observe(put_pattern, names="value")
    test.on_click(lambda _: answer(drawn))
    upload.observe(react, names="value")
    paint()
    controls = [brush, width, fill, ipywidgets.HBox([undo, clear]), colours, test, upload]
    show_controls(ipywidgets.HBox([canvas, ipywidgets.VBox(controls)]), output)
