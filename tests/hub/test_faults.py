"""A fault that does not hold is told, and ends nothing; one that cannot be tried counts as neither."""

import client
import faults


def test_a_fault_that_does_not_hold_is_a_failure(monkeypatch):
    for error in (AssertionError("gone"), client.HubError("refused"), OSError("full")):

        def broken(scene, error=error):
            raise error

        monkeypatch.setitem(faults.FAULTS, "x", broken)
        held, seen = faults.check(None, "x")
        assert held is False
        assert str(error) in seen
    monkeypatch.setitem(faults.FAULTS, "x", lambda scene: "fine")
    assert faults.check(None, "x") == (True, "fine")


def test_what_a_hub_does_not_claim_is_no_failure():
    trial = faults.Scene(None, None, [], "notebooks/1.ipynb", restart=None, trial=True)
    for name in ("nobody is root, nobody sees others", "the hub restarted"):
        held, seen = faults.check(trial, name)
        assert held is None
        assert seen
