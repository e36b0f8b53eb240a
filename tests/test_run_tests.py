"""``make test`` runs all of it whatever fails, says so at the end, and remembers how long it took."""

import types

import pytest
import run_tests

IDS = [f"tests/test_a.py::test_{n}" for n in range(8)] + [f"notebooks/1_a.ipynb::ipynb::Cell {n}" for n in range(2)]


@pytest.fixture
def course(monkeypatch, tmp_path):
    """``course(style, failing)`` runs the script with a pytest whose tests end so; says how pytest was called."""
    monkeypatch.setattr(run_tests, "LAST", tmp_path / "build" / "last_test.json")
    monkeypatch.setattr(run_tests.os, "environ", dict(run_tests.os.environ))
    monkeypatch.chdir(tmp_path)  # taken back afterwards
    called = []

    def run(style: bool, failing: tuple[str, ...] = (), status: int | None = None) -> int:
        def pytest_main(arguments, plugins):
            called.append(arguments)
            (progress,) = plugins
            lines = types.SimpleNamespace(ensure_newline=lambda: None, write_line=print)
            manager = types.SimpleNamespace(get_plugin={"terminalreporter": lines}.get)
            progress.pytest_configure(types.SimpleNamespace(pluginmanager=manager))
            progress.pytest_xdist_node_collection_finished(None, IDS)
            for nodeid in IDS:
                for when in ("setup", "call", "teardown"):
                    report = types.SimpleNamespace(nodeid=nodeid, when=when, duration=len(nodeid))
                    report.failed = when == "call" and nodeid in failing
                    progress.pytest_runtest_logreport(report)
            return bool(failing) if status is None else status

        monkeypatch.setattr(run_tests.pytest, "main", pytest_main)
        monkeypatch.setattr(run_tests, "style", lambda: style)
        return run_tests.main([])

    run.called = called
    return run


def test_everything_runs_and_is_said_to_have_passed(course, capsys, monkeypatch):
    monkeypatch.setattr(run_tests, "PAUSE", -1)
    assert course(style=True) == 0
    lines = [line.split("  ")[-1].strip() for line in capsys.readouterr().out.splitlines()]
    names = ", ".join(map(run_tests.notebooks.number, run_tests.notebooks.paths()))
    assert lines[0] == f"Style, unit tests but the slow ones and notebooks {names}: all of it, whatever fails."
    assert lines[1:-1] == [
        *(f"unit tests: {n} of 8" for n in range(1, 8)),
        "unit tests: all 8 done",
        "notebook 1: 1 of 2",
        "notebook 1: all 2 done",
    ]
    assert lines[-1] == "0 min 0 s, everything passed."
    (arguments,) = course.called
    longest_first = [str(path) for path in reversed(run_tests.notebooks.paths())]
    assert arguments[-len(longest_first) - 1 :] == [*longest_first, "tests"]


def test_what_failed_is_said_at_once_and_at_the_end_and_next_time(course, capsys):
    assert course(style=False, failing=(IDS[3], IDS[8], IDS[9])) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.endswith(f"FAILED {IDS[3]}") for line in lines) == 1
    assert lines[-1].endswith("failed: style, notebook 1 (2), unit tests (1).")
    assert len(course.called) == 1  # also after the style
    course(style=True)
    assert (
        "Last time on this machine: 0 min 0 s, failed: style, notebook 1 (2), unit tests (1)."
        in capsys.readouterr().out
    )


def test_what_took_longest_last_time_comes_first(course):
    items = [types.SimpleNamespace(nodeid=nodeid) for nodeid in ["tests/test_new.py::test_x", IDS[8], *IDS[:8]]]
    run_tests.pytest_collection_modifyitems(items)
    assert items[0].nodeid == "tests/test_new.py::test_x"  # the first time the order stays
    course(style=True)
    run_tests.pytest_collection_modifyitems(items)
    assert [item.nodeid for item in items] == [*IDS[:8], IDS[8], "tests/test_new.py::test_x"]


def test_a_pytest_that_could_not_run_is_a_failure(course, capsys):
    assert course(style=True, status=4) == 1
    assert capsys.readouterr().out.rstrip().endswith("failed: pytest ended with status 4.")


def test_nobody_sees_a_dot_for_each_test():
    hook = run_tests.Progress(0).pytest_report_teststatus(None)
    next(hook)
    with pytest.raises(StopIteration) as ended:
        hook.send(("passed", ".", "PASSED"))
    assert ended.value.value == ("passed", "", "PASSED")
