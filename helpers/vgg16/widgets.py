"""A button for a photograph of one's own."""

from collections.abc import Callable

import ipywidgets
import numpy as np
from IPython.display import display
from matplotlib.figure import Figure

from helpers.course.figures import show
from helpers.course.widgets import upload_button
from helpers.photos.images import load_image


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
