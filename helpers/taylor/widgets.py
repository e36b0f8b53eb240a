"""The playground of notebook 1 as a widget. Nothing is computed here."""

import asyncio
from collections.abc import Callable

import ipywidgets

from helpers.course.figures import figure_as_html
from helpers.course.widgets import progress_bar, show_controls
from helpers.taylor.experiments import TrainedTask, task_from_sliders, train_on_task
from helpers.taylor.figures import playground_figure, playground_settings

PLAYGROUND = {"events": 50_000, "epochs": 10, "batch": 500}  # small enough to be trained anew in one to a few seconds
_QUIET = 0.3  # seconds without a further move, before a network is trained for where the sliders stand


def playground() -> None:
    """Sliders for a toy task and the size of the network; a new one is trained for where they come to rest, and drawn."""
    wide = {"style": {"description_width": "140px"}, "layout": {"width": "380px"}, "continuous_update": False}
    controls = {
        "distance": ipywidgets.FloatSlider(1.0, min=0, max=3, step=0.25, description="distance of means", **wide),
        "signal_width": ipywidgets.FloatSlider(1.0, min=0.5, max=2, step=0.25, description="width, signal", **wide),
        "background_width": ipywidgets.FloatSlider(
            1.0, min=0.5, max=2, step=0.25, description="width, background", **wide
        ),
        "correlation": ipywidgets.FloatSlider(0.5, min=-0.9, max=0.9, step=0.1, description="correlation", **wide),
        "neurons": ipywidgets.SelectionSlider(
            value=100, options=[1, 2, 3, 4, 5, 20, 100, 300], description="neurons", **wide
        ),
    }
    report = progress_bar()

    # no Output: a page takes into one only what comes while the message that asked for it is answered, and no later figure
    figure = ipywidgets.HTML(layout={"min_height": "350px"})  # so that the page does not jump while one is trained

    def draw() -> None:
        settings = {name: control.value for name, control in controls.items()}
        trained = train_on_task(
            task_from_sliders(**{name: value for name, value in settings.items() if name != "neurons"}),
            settings["neurons"],
            progress=report,
            **PLAYGROUND,
        )
        figure.value = figure_as_html(playground_figure(trained), playground_alt(trained))

    moved = last_of_many(draw)
    for control in controls.values():
        control.observe(moved, "value")
    boxes = list(controls.values())
    columns = ipywidgets.HBox([ipywidgets.VBox(boxes[:3]), ipywidgets.VBox(boxes[3:])])
    show_controls(columns, figure)
    draw()


def last_of_many(action: Callable[[], None], quiet: float = _QUIET) -> Callable:
    """A function that can be called often in a row, and acts once, ``quiet`` seconds after the last call.

    While a network is trained the kernel reads no message; what the sliders sent meanwhile comes all at once afterwards.
    Where no event loop runs, outside a notebook, every call acts at once.
    """
    waiting = []

    def call(*_) -> None:
        while waiting:
            waiting.pop().cancel()
        try:
            waiting.append(asyncio.get_running_loop().call_later(quiet, action))
        except RuntimeError:
            action()

    return call


def playground_alt(trained: TrainedTask) -> str:
    """What the figure of the playground shows, in words and numbers."""
    pairs = zip(trained.coefficients.all(), trained.exact.all(), strict=True)
    values = ", ".join(f"{row.label} {row.value:.2f} ({exact.value:.2f})" for row, exact in pairs)
    return (
        f"Response of a network ({playground_settings(trained)}) with AUC {trained.auc:.3f} beside the best possible one "
        f"with {trained.best_auc:.3f}; coefficients of the network and, in brackets, the exact ones: {values}"
    )
