import asyncio

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.course import widgets as course_widgets
from helpers.taylor import widgets as taylor_widgets
from helpers.taylor.experiments import task_from_sliders, train_on_task
from helpers.taylor.figures import playground_settings
from helpers.taylor.gaussians import toy_task

SMALL = {"events": 4000, "epochs": 2, "batch": 200}


def test_sliders_reach_the_four_tasks():
    for name, sliders in {
        "a": {"distance": 1, "correlation": 0},
        "b": {"distance": 0, "correlation": 0.5},
        "c": {"distance": 1, "correlation": 0.5},
        "d": {"distance": 0, "signal_width": 0.5**0.5, "background_width": 3**0.5, "correlation": 0},
    }.items():
        found, wanted = task_from_sliders(**sliders), toy_task(name)
        for part in ("signal_mean", "signal_covariance", "background_mean", "background_covariance"):
            np.testing.assert_allclose(getattr(found, part), getattr(wanted, part), atol=1e-12)


def test_a_trained_task_holds_network_and_truth():
    seen = []
    some = {"events": 20_000, "epochs": 5, "batch": 200}
    trained = train_on_task(toy_task("a"), neurons=7, progress=lambda *report: seen.append(report), **some)
    assert trained.network.kernels[0].shape == (2, 7)
    assert trained.coefficients.names == trained.exact.names == ("x1", "x2")
    assert 0.8 < trained.auc < trained.best_auc + 0.01
    np.testing.assert_allclose(trained.coefficients.first, trained.exact.first, rtol=0.3)
    assert len(seen) == 6
    again = train_on_task(toy_task("a"), neurons=7, **some)
    np.testing.assert_array_equal(trained.network.kernels[0], again.network.kernels[0])
    other = train_on_task(toy_task("a"), neurons=7, seed=1, **some)
    assert not np.array_equal(trained.network.kernels[0], other.network.kernels[0])


@pytest.fixture
def shown(monkeypatch):
    record = {"widgets": [], "alt": []}
    monkeypatch.setattr(course_widgets, "display", record["widgets"].append)

    def figure_as_html(figure, alt):
        plt.close(figure)
        record["alt"].append(alt)
        return alt

    monkeypatch.setattr(taylor_widgets, "figure_as_html", figure_as_html)
    monkeypatch.setattr(taylor_widgets, "PLAYGROUND", SMALL)
    return record


def test_every_slider_of_the_playground_trains_and_redraws(shown):
    taylor_widgets.playground()
    progress, box = shown["widgets"]
    sliders = [slider for column in box.children[0].children for slider in column.children]
    assert len(sliders) == 5
    assert all(slider.continuous_update is False for slider in sliders)
    for slider in sliders:
        slider.value = 2 if isinstance(slider, ipywidgets.SelectionSlider) else slider.max
    assert len(shown["alt"]) == 6  # once at the start, then once for each slider
    assert len(set(shown["alt"])) == 6
    assert "correlation 0.9, 2 neurons" in shown["alt"][-1]
    assert "t(x1, x2)" in shown["alt"][0]
    assert box.children[1].value == shown["alt"][-1]
    assert progress.children[0].bar_style == "success"


def test_of_many_quick_moves_only_the_last_is_drawn(shown, monkeypatch):
    async def moved():
        taylor_widgets.playground()
        _, box = shown["widgets"]
        distance, neurons = box.children[0].children[0].children[0], box.children[0].children[1].children[1]
        for value in (0.5, 1.5, 2.0):
            distance.value = value
            await asyncio.sleep(0)
        neurons.value = 3
        await asyncio.sleep(10 * taylor_widgets._QUIET)

    asyncio.run(moved())
    assert len(shown["alt"]) == 2  # at the start, and where the sliders came to rest
    assert "distance 2.00, widths 1.00 and 1.00, correlation 0.5, 3 neurons" in shown["alt"][-1]


def test_settings_of_the_playground_are_those_of_its_task():
    task = task_from_sliders(distance=0, signal_width=2, background_width=0.5, correlation=-0.3)
    trained = train_on_task(task, 1, events=2000, epochs=1, batch=100)
    assert playground_settings(trained) == "distance 0.00, widths 2.00 and 0.50, correlation -0.3, 1 neuron"
