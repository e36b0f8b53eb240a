"""Widgets of notebook 1: a progress bar for trainings, and the playground. Nothing is computed here."""

import ipywidgets
from IPython.display import display

from helpers.playground import task_from_sliders, train_on_task
from helpers.plotting_taylor import playground_figure
from helpers.training import Progress
from helpers.widgets import explore

PLAYGROUND = {"events": 50_000, "epochs": 10, "batch": 500}  # small enough to be trained anew within two seconds


def progress_bar(text: str = "training") -> Progress:
    """Display a progress bar; pass the returned function as ``progress`` to a training, as often as wanted."""
    bar = ipywidgets.IntProgress(0, 0, 1, description=text, style={"description_width": "initial"})
    note = ipywidgets.Label()

    def report(done: int, total: int, message: str) -> None:
        bar.max = total
        bar.value = done
        bar.bar_style = "success" if done == total else ""
        note.value = message

    display(ipywidgets.HBox([bar, note]))
    return report


def playground() -> None:
    """Sliders for a toy task and the size of the network; each change trains a new one and redraws the comparison."""
    report = progress_bar()

    def draw(distance, signal_width, background_width, correlation, neurons):
        task = task_from_sliders(distance, signal_width, background_width, correlation)
        return playground_figure(train_on_task(task, neurons, progress=report, **PLAYGROUND))

    long = {"description_width": "initial"}
    explore(
        draw,
        alt="Response of a network of {neurons} neurons beside the best possible one, and their coefficients, for means "
        "at a distance of {distance}, widths {signal_width} and {background_width}, correlation {correlation}",
        distance=ipywidgets.FloatSlider(1.0, min=0, max=3, step=0.25, description="distance of means", style=long),
        signal_width=ipywidgets.FloatSlider(1.0, min=0.5, max=2, step=0.25, description="width, signal", style=long),
        background_width=ipywidgets.FloatSlider(
            1.0, min=0.5, max=2, step=0.25, description="width, background", style=long
        ),
        correlation=ipywidgets.FloatSlider(0.5, min=-0.9, max=0.9, step=0.1, description="correlation", style=long),
        neurons=ipywidgets.SelectionSlider(
            value=100, options=[1, 2, 5, 20, 100, 300], description="neurons", style=long
        ),
    )
