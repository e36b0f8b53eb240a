"""Thin shells around plain functions: sliders and menus that redraw a figure, a progress bar, a pen, an upload button.

Nothing is computed here. Beside every widget a notebook calls the same function plainly, so that it can be read and
used where widgets do not work.
"""

import itertools
from collections.abc import Callable, Sequence

import ipywidgets
import numpy as np
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from helpers.course.figures import described, show
from helpers.course.networks import Progress


def explore(draw: Callable[..., Figure], alt: str, **controls: ipywidgets.Widget) -> None:
    """Redraw a figure whenever a control is let go.

    Parameters
    ----------
    draw
        Function of the controls' values that returns a figure.
    alt
        Description of the figure or its name, as for ``show``; ``{name}`` is replaced by the value of that control.
    controls
        One widget for each argument of ``draw``. One without a description is labelled by its argument.
    """
    for name, control in controls.items():
        control.description = control.description or name.replace("_", " ")
        if hasattr(control, "continuous_update"):
            control.continuous_update = False  # redraw when the slider is let go, not on its way

    def update(**values):
        show(draw(**values), alt=described(alt, **values))

    figure = ipywidgets.interactive_output(update, controls)
    show_controls(ipywidgets.HBox(list(controls.values())), figure)


# what a page does when the picture, which is none, cannot be shown: name the parts now, and again when one changes
_NAMES = """<style>.widget-dropdown > select { background-image: none !important; appearance: auto; }</style>
<img alt="" src="data:," onerror="
const box = this.closest('.widget-container');
const name = () => {
  for (const canvas of box.querySelectorAll('canvas')) {
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', 'canvas, to draw on with the mouse or one finger');
  }
  for (const slider of box.querySelectorAll('.widget-slider'))
    for (const part of slider.querySelectorAll('[role=slider], .widget-readout')) {
      part.setAttribute('aria-label', slider.querySelector('.widget-label').textContent);
      if (part.matches('.widget-readout')) part.setAttribute('role', 'textbox');
      else part.setAttribute('aria-valuetext', slider.querySelector('.widget-readout').textContent);
    }
};
new MutationObserver(name).observe(box, {childList: true, subtree: true});
name();
this.remove()">"""


def show_controls(*rows: ipywidgets.Widget) -> None:
    """Display rows of controls and of what they draw, one below the other, so that everybody can use them.

    ipywidgets names neither a slider's handle nor a canvas for screen readers, says the place of a chosen value instead of
    the value, draws the arrow of a menu in black on a dark page, and JupyterLab shows the word "null" for a tooltip that
    is missing. No trait changes the first three, so an element that is not seen tells the page itself.
    """
    names = ipywidgets.HTML(_NAMES, layout={"display": "none"})
    display(_with_tooltips(ipywidgets.VBox([*rows, names])))


def _with_tooltips(widget: ipywidgets.Widget) -> ipywidgets.Widget:
    """The widget; it and every one inside it have their description as a tooltip, where they have none."""
    if getattr(widget, "description", ""):
        widget.tooltip = widget.tooltip or widget.description
    for child in getattr(widget, "children", ()):
        _with_tooltips(child)
    return widget


def upload_button(description: str, multiple: bool) -> ipywidgets.FileUpload:
    """A button that takes pictures, as wide as its text with the number of files behind it.

    The limit stands on it: JupyterLab's connection drops a larger file without a word, before anything here could see it.
    """
    text = f"{description} (10 MB at most)"
    return ipywidgets.FileUpload(accept="image/*", multiple=multiple, description=text, layout={"width": "max-content"})


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


SIZE, PEN = 280, 22  # pixels: side of the canvas, and width of a stroke, in MNIST's proportion to a digit that fills it

Stroke = Sequence[tuple[float, float]]


def draw_strokes(strokes: Sequence[Stroke], size: int = SIZE, pen: int = PEN) -> np.ndarray:
    """Strokes as a grey picture (size, size), uint8, black 0 on white 255.

    A stroke is a list of points (x, y) in pixels, x to the right and y down from the top left corner; its points are
    joined by lines ``pen`` pixels wide with round ends, and a single point makes a dot. Points outside are cut off.
    """
    picture = Image.new("L", (size, size), 255)
    brush, radius = ImageDraw.Draw(picture), pen / 2
    for stroke in strokes:
        for start, end in itertools.pairwise(stroke):
            brush.line([tuple(start), tuple(end)], fill=0, width=pen)
        for x, y in stroke:
            brush.ellipse([x - radius, y - radius, x + radius, y + radius], fill=0)
    return np.array(picture)


def progress_bar(text: str = "training") -> Progress:
    """Display a progress bar; pass the returned function as ``progress`` to a training, as often as wanted."""
    bar = ipywidgets.IntProgress(0, 0, 1, description=text, style={"description_width": "initial"})
    note = ipywidgets.Label()

    def report(done: int, total: int, message: str) -> None:
        bar.max = total
        bar.value = done
        bar.bar_style = "success" if done == total else ""
        note.value = message

    display(_with_tooltips(ipywidgets.HBox([bar, note])))
    return report
