"""A canvas on which the reader draws a digit, by mouse or finger, and sees at once what the network makes of it.

Nothing is computed here: every stroke is kept as a list of points, :func:`draw_strokes` turns them into an array, and
``explain`` does the rest. The plain twin is ``explain(centre_digit(drawing))`` for a drawing that is stored.
"""

import itertools
from collections.abc import Callable

import ipywidgets
import numpy as np
from ipycanvas import Canvas
from matplotlib.figure import Figure

from helpers.course.figures import show
from helpers.course.widgets import PEN, SIZE, connect_pen, draw_strokes, show_controls
from helpers.digits.pictures import centre_digit

INK, PAPER = "#000000", "#ffffff"


def draw_digit(explain: Callable[[np.ndarray], Figure], alt: str) -> None:
    """Show a canvas; whenever the pen is lifted, show the figure that ``explain`` makes of the drawing.

    Parameters
    ----------
    explain
        Function of an array (28, 28), ink 1 on paper 0 as ``centre_digit`` returns it, that returns a figure.
    alt
        Description of the figure.

    "Undo" takes back the last stroke, "Clear" all of them. What is drawn stays in the memory of this notebook.
    """
    canvas = Canvas(width=SIZE, height=SIZE, layout=ipywidgets.Layout(border="1px solid #808080"))
    undo, clear = ipywidgets.Button(description="Undo"), ipywidgets.Button(description="Clear")
    output = ipywidgets.Output()
    strokes: list[list[tuple[float, float]]] = []
    pen = {"down": False}

    def blank() -> None:
        canvas.fill_style = PAPER
        canvas.fill_rect(0, 0, SIZE, SIZE)
        canvas.fill_style = canvas.stroke_style = INK
        canvas.line_width, canvas.line_cap = PEN, "round"

    def dot(x: float, y: float) -> None:
        canvas.fill_circle(x, y, PEN / 2)

    def start(x: float, y: float) -> None:
        pen["down"] = True
        strokes.append([(x, y)])
        dot(x, y)

    def move(x: float, y: float) -> None:
        if pen["down"]:
            canvas.stroke_line(*strokes[-1][-1], x, y)
            strokes[-1].append((x, y))

    def lift(*_) -> None:
        if pen["down"]:  # leaving the canvas with the pen up is no event
            pen["down"] = False
            react()

    def react() -> None:
        output.clear_output(wait=True)
        with output:
            if not strokes:
                print("Draw a digit, as large as the canvas allows.")
                return
            try:
                digit = centre_digit(draw_strokes(strokes))
            except ValueError as error:
                print(error)
                return
            show(explain(digit), alt=alt)

    def paint() -> None:
        blank()
        for stroke in strokes:
            dot(*stroke[0])
            for before, after in itertools.pairwise(stroke):
                canvas.stroke_line(*before, *after)

    def keep(kept: list) -> None:
        pen["down"], strokes[:] = False, kept
        paint()
        react()

    canvas.on_client_ready(paint)  # a page that is opened again shows what was drawn
    connect_pen(canvas, start, move, lift)
    undo.on_click(lambda _: keep(strokes[:-1]))
    clear.on_click(lambda _: keep([]))
    keep([])
    show_controls(ipywidgets.HBox([ipywidgets.VBox([canvas, ipywidgets.HBox([undo, clear])]), output]))
