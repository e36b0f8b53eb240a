"""A fault that does not hold is told, and ends nothing."""

import client
import faults


def test_a_fault_that_does_not_hold_is_a_failure(monkeypatch):
    for error in (AssertionError("gone"), client.HubError("refused"), OSError("full")):

        def broken(scene, error=error):
            raise error

        monkeypatch.setitem(faults.FAULTS, "x", broken)
        held, seen = faults.check(None, "x")
        assert not held
        assert str(error) in seen
    monkeypatch.setitem(faults.FAULTS, "x", lambda scene: "fine")
    assert faults.check(None, "x") == (True, "fine")
