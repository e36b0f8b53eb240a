"""Thin shells around plain functions: sliders and menus that redraw a figure, and an upload button.

Nothing is computed here. Beside every widget a notebook calls the same function plainly, so that it can be read and
used where widgets do not work.
"""

from collections.abc import Callable

import ipywidgets
import numpy as np
from IPython.display import display
from matplotlib.figure import Figure

from helpers.images import load_image
from helpers.plotting import show


def explore(draw: Callable[..., Figure], alt: str, **controls: ipywidgets.Widget) -> None:
    """Redraw a figure whenever a control is let go.

    Parameters
    ----------
    draw
        Function of the controls' values that returns a figure.
    alt
        Description of the figure; ``{name}`` is replaced by the value of that control.
    controls
        One widget for each argument of ``draw``. One without a description is labelled by its argument.
    """
    for name, control in controls.items():
        control.description = control.description or name.replace("_", " ")
        if hasattr(control, "continuous_update"):
            control.continuous_update = False  # redraw when the slider is let go, not on its way

    def update(**values):
        show(draw(**values), alt=alt.format(**values))

    say_what_they_are(*controls.values())
    figure = ipywidgets.interactive_output(update, controls)
    display(ipywidgets.VBox([ipywidgets.HBox(list(controls.values())), figure]))


def say_what_they_are(*controls: ipywidgets.Widget) -> None:
    """Give each control its description as a tooltip, where it has none: JupyterLab would show the word "null"."""
    for control in controls:
        control.tooltip = control.tooltip or control.description


def explain_upload(explain: Callable[[np.ndarray], Figure], size: int, alt: str) -> None:
    """A button that takes a photograph from the reader's computer and shows what ``explain`` makes of it.

    Parameters
    ----------
    explain
        Function of an 8-bit RGB picture (size, size, 3) that returns a figure.
    size
        Side of the square to which the photograph is cut.

    A file that cannot be read, or is too large, is answered with a message in words. The photograph stays in the memory
    of this notebook and is stored nowhere.
    """
    button = upload_button("Your photograph", multiple=False)
    output = ipywidgets.Output()

    def react(change):
        if not change["new"]:
            return
        output.clear_output(wait=True)
        with output:
            try:
                picture = load_image(bytes(change["new"][0]["content"]), size)
            except ValueError as error:
                print(error)
                return
            show(explain(picture), alt=alt)

    button.observe(react, names="value")
    display(ipywidgets.VBox([button, output]))


def upload_button(description: str, multiple: bool) -> ipywidgets.FileUpload:
    """A button that takes pictures, as wide as its text with the number of files behind it."""
    button = ipywidgets.FileUpload(
        accept="image/*", multiple=multiple, description=description, layout={"width": "max-content"}
    )
    say_what_they_are(button)
    return button


def connect_pen(canvas, start: Callable, move: Callable, lift: Callable) -> None:
    """Draw on an ipycanvas with the mouse or with one finger: ``start(x, y)``, ``move(x, y)``, ``lift(...)``.

    A canvas keeps every key to itself. Tab, and Shift with Tab, make it let go, so that the next one leads on.
    """
    canvas.on_mouse_down(start)
    canvas.on_mouse_move(move)
    canvas.on_mouse_up(lift)
    canvas.on_mouse_out(lift)
    canvas.on_touch_start(lambda touches: start(*touches[0]) if touches else None)
    canvas.on_touch_move(lambda touches: move(*touches[0]) if touches else None)
    canvas.on_touch_end(lift)
    canvas.on_touch_cancel(lift)
    canvas.on_key_down(lambda key, *_: canvas.blur() if key == "Tab" else None)
