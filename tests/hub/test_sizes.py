"""How many students a machine holds."""

import pytest
import sizes

GIB = 2**30


def test_the_smaller_of_memory_and_processors_counts():
    measured = sizes.Measured(memory=1.5 * GIB, longest=100.0)
    assumed = sizes.Assumptions(system=2.0 * GIB, reserve=0.0, notebooks_open=1, patience=500.0)
    assert sizes.capacity(17 * GIB, 4, measured, assumed) == sizes.Capacity(by_memory=10, by_processors=20)
    assert sizes.capacity(17 * GIB, 1, measured, assumed).students == 5
    twice = sizes.Assumptions(system=2.0 * GIB, reserve=0.0, notebooks_open=2, patience=500.0)
    assert sizes.capacity(17 * GIB, 4, measured, twice).students == 5
    assert sizes.capacity(1 * GIB, 4, measured, assumed).students == 0
    assert sizes.explained(17 * GIB, 4, measured, assumed).startswith("17 GiB and 4 processors hold 10 students\n")
    with pytest.raises(ValueError, match="nothing was measured"):
        sizes.capacity(GIB, 1, sizes.Measured(0.0, 0.0))


def test_a_machine_is_two_numbers():
    assert sizes.machine("64GiB,16") == (64 * GIB, 16)
    for text in ("64GiB", "64GiB,", "64GiB,0", "x,4"):
        with pytest.raises(ValueError, match="write"):
            sizes.machine(text)
