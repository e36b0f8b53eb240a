"""The checks that all functions share."""

import numpy as np
import pytest

from helpers.course import arguments


@pytest.mark.parametrize("value", [3, 3.0, np.int8(3), np.float16(3), np.array(3)])
def test_whole_numbers_come_in_several_types(value):
    found = arguments.whole_number("count", value)
    assert found == 3
    assert type(found) is int


@pytest.mark.parametrize(
    "value", [2.5, True, "3", None, np.nan, np.inf, [3], 1j, -1, 10**400, np.zeros(3), np.array("3")]
)
def test_what_is_no_whole_number_is_refused_by_name(value):
    with pytest.raises(ValueError, match="count is a whole number from 0"):
        arguments.whole_number("count", value)


def test_bounds_are_included():
    assert [arguments.whole_number("n", n, 1, 3) for n in (1, 3)] == [1, 3]
    assert [arguments.real_number("x", x, 0, 0.5) for x in (0, 0.5)] == [0, 0.5]
    for n in (0, 4):
        with pytest.raises(ValueError, match=f"from 1 to 3; got n={n}"):
            arguments.whole_number("n", n, 1, 3)
    with pytest.raises(ValueError, match=r"x is a finite number from 0 to 0.5; got 0.6"):
        arguments.real_number("x", 0.6, 0, 0.5)


@pytest.mark.parametrize("values", ["text", None, [[1, 2], [3]], {}, 1j, np.array(["1"]), np.array([None]), object()])
def test_what_is_no_array_of_numbers_is_refused(values):
    with pytest.raises(ValueError, match="weights must be an array of numbers"):
        arguments.finite_array("weights", values)


def test_shape_is_looked_at_before_the_values_are():
    endless = np.broadcast_to(0.0, (2, 10**15))
    with pytest.raises(ValueError, match=r"shape \(any, 3\); got \(2, 1000000000000000\)"):
        arguments.finite_array("weights", endless, (None, 3))
    with pytest.raises(ValueError, match="finite"):
        arguments.finite_array("weights", [1e300], dtype=np.float32)


def test_positions_are_a_mask_a_slice_or_numbers():
    assert arguments.positions([True, False, True], 3).tolist() == [0, 2]
    assert arguments.positions(slice(1, None), 3).tolist() == [1, 2]
    assert arguments.positions([2, -1], 3).tolist() == [2, -1]
    for wrong in ([True], [3], [0.5], 1, [[0]]):
        with pytest.raises(ValueError, match="Choose|Say|Positions"):
            arguments.positions(wrong, 3)


def test_names_are_one_or_a_list():
    assert arguments.name_list("layers", "a") == ["a"]
    assert arguments.name_list("layers", ("a", "b")) == ["a", "b"]
    for wrong in ([], None, [1], {"a": 1}):
        with pytest.raises(ValueError, match="layers is a name or a list of names"):
            arguments.name_list("layers", wrong)
