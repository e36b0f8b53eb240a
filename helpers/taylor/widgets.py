"""The playground of notebook 1 as a widget. Nothing is computed here."""

import ipywidgets
from IPython.display import display

from helpers.course.figures import show
from helpers.course.widgets import progress_bar, say_what_they_are
from helpers.taylor.experiments import TrainedTask, task_from_sliders, train_on_task
from helpers.taylor.figures import playground_figure

PLAYGROUND = {"events": 50_000, "epochs": 10, "batch": 500}  # small enough to be trained anew in one to a few seconds


def playground() -> None:
    """Sliders for a toy task and the size of the network; each change trains a new one and redraws the comparison."""
    wide = {"style": {"description_width": "140px"}, "layout": {"width": "380px"}, "continuous_update": False}
    controls = {
        "distance": ipywidgets.FloatSlider(1.0, min=0, max=3, step=0.25, description="distance of means", **wide),
        "signal_width": ipywidgets.FloatSlider(1.0, min=0.5, max=2, step=0.25, description="width, signal", **wide),
        "background_width": ipywidgets.FloatSlider(
            1.0, min=0.5, max=2, step=0.25, description="width, background", **wide
        ),
        "correlation": ipywidgets.FloatSlider(0.5, min=-0.9, max=0.9, step=0.1, description="correlation", **wide),
        "neurons": ipywidgets.SelectionSlider(
            value=100, options=[1, 2, 5, 20, 100, 300], description="neurons", **wide
        ),
    }
    say_what_they_are(*controls.values())
    report = progress_bar()

    def draw(neurons: int, **sliders: float) -> None:
        trained = train_on_task(task_from_sliders(**sliders), neurons, progress=report, **PLAYGROUND)
        show(playground_figure(trained), alt=playground_alt(trained))

    figure = ipywidgets.interactive_output(draw, controls)
    figure.layout.min_height = "330px"  # so that the page does not jump while a new one is trained
    boxes = list(controls.values())
    columns = ipywidgets.HBox([ipywidgets.VBox(boxes[:3]), ipywidgets.VBox(boxes[3:])])
    display(ipywidgets.VBox([columns, figure]))


def playground_alt(trained: TrainedTask) -> str:
    """What the figure of the playground shows, in words and numbers."""
    neurons = trained.network.kernels[0].shape[1]
    pairs = zip(trained.coefficients.all(), trained.exact.all(), strict=True)
    values = ", ".join(f"{row.label} {row.value:.2f} ({exact.value:.2f})" for row, exact in pairs)
    return (
        f"Response of a network of {neurons} neurons with AUC {trained.auc:.3f} beside the best possible one with "
        f"{trained.best_auc:.3f}; coefficients of the network and, in brackets, the exact ones: {values}"
    )
