"""A button for a photograph of one's own."""

from collections.abc import Callable
from types import SimpleNamespace

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from helpers.course.figures import show
from helpers.course.widgets import show_controls, upload_button
from helpers.photos.images import load_image


def explain_upload(
    explain: Callable[[np.ndarray], Figure], size: int, alt: str, picture: np.ndarray | None = None
) -> SimpleNamespace:
    """A button that takes a photograph from the reader's computer and shows what ``explain`` makes of it.

    Parameters
    ----------
    explain
        Function of an 8-bit RGB picture (size, size, 3) that returns a figure.
    size
        Side of the square to which the photograph is cut.
    picture
        What stands for the photograph until one is uploaded.

    Returns
    -------
    SimpleNamespace
        Its ``picture`` is always the last photograph that could be read, for the cells that follow.

    A file that cannot be read, or is too large, is answered with a message in words; the figure of the file before it goes
    as soon as a new one comes. The photograph stays in the memory of this notebook and is stored nowhere.
    """
    button, output = upload_button("Your photograph", multiple=False), ipywidgets.Output()
    last = SimpleNamespace(picture=picture)

    def react(change):
        if not change["new"]:
            return
        file = change["new"][0]
        output.clear_output()
        with output:
            print(f"{file['name']} ...")
        try:
            last.picture = load_image(bytes(file["content"]), size)
        except ValueError as error:
            said = str(error).replace("The uploaded file", file["name"], 1)
            output.clear_output(wait=True)
            with output:
                print(said)
            return
        with output:
            figure = explain(last.picture)
            output.clear_output(wait=True)
            show(figure, alt=alt)

    button.observe(react, names="value")
    show_controls(button, output)
    return last
