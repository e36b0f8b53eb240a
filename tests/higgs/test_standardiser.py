import numpy as np
import pytest

from helpers.higgs.events import fit_standardiser

X = -999.0


def test_defined_values_get_mean_zero_and_width_one():
    generator = np.random.default_rng(0)
    inputs = generator.normal([5, -2, 100], [2, 0.1, 30], size=(1000, 3))
    inputs[generator.uniform(size=inputs.shape) < 0.3] = X
    scaled = fit_standardiser(inputs)(inputs)
    assert scaled.dtype == np.float32
    for column in range(3):
        defined = inputs[:, column] != X
        np.testing.assert_allclose(scaled[defined, column].mean(), 0, atol=1e-6)
        np.testing.assert_allclose(scaled[defined, column].std(), 1, atol=1e-6)
        np.testing.assert_array_equal(scaled[~defined, column], 0)


def test_the_test_part_is_scaled_by_the_training_part():
    standardise = fit_standardiser(np.array([[0.0], [2.0], [X]]))
    np.testing.assert_allclose(standardise(np.array([[1.0], [3.0], [X]]))[:, 0], [0, 2, 0])


def test_constant_and_undefined_inputs_become_zero():
    inputs = np.array([[7.0, X, 1e6], [7.0, X, 1e6]])
    np.testing.assert_array_equal(fit_standardiser(inputs)(inputs), 0)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros(3), r"shape \(events, inputs\)"),
        (np.zeros((0, 3)), "at least one event"),
        (np.full((2, 2), np.nan), "not finite"),
    ],
)
def test_wrong_inputs_are_explained(inputs, message):
    with pytest.raises(ValueError, match=message):
        fit_standardiser(inputs)
    with pytest.raises(ValueError, match="2 inputs|not finite"):
        fit_standardiser(np.ones((3, 2)))(inputs if inputs.ndim == 2 and inputs.shape[1] == 2 else np.zeros((2, 3)))
