"""What INSTRUCTORS.md says about the notebooks, the commands and the files is so."""

import ast
import importlib.util
import re
from pathlib import Path

import nbformat
import pytest

import notebooks
from helpers.check import RUN_ALL

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
GOING_FURTHER = "Going further"
SETUP = "setup"


def parts(number: str) -> list[tuple[str, int, list]]:
    """(section, minutes, cells) of a notebook, in order: "1", "2", ... or the words of the heading; 0 if none are said.

    "Going further: words" is called "words".
    """
    (path,) = notebooks.paths([number])
    found = [(SETUP, 0, [])]
    for cell in nbformat.read(path, as_version=4).cells:
        heading = re.match(r"## (?:(\d+)\. )?(?:Going further: )?(.*)", cell.source)
        if cell.cell_type == "markdown" and heading:
            words, minutes = re.fullmatch(r"(.*?)(?: \((\d+) minutes\))?", heading[2]).groups()
            found.append((heading[1] or words, int(minutes or 0), []))
        found[-1][2].append(cell)
    return found


BOOKS = {number: parts(number) for number in "123"}
MINUTES = {number: {section: minutes for section, minutes, _ in book} for number, book in BOOKS.items()}
EXERCISES = {
    number: {
        int(exercise): section
        for section, _, cells in book
        for cell in cells
        if cell.cell_type == "markdown"
        for exercise in re.findall(r"\*\*Exercise (\d+)\.\*\*", cell.source)
    }
    for number, book in BOOKS.items()
}
CORE = {number: [section for section in book if section.isdigit()] for number, book in MINUTES.items()}


def under(heading: str) -> str:
    """The text between a heading and the next one of its kind or above."""
    level = heading.split()[0]
    after = TEXT[TEXT.index(f"\n{heading}\n") + len(heading) + 2 :]
    return re.split(rf"^#{{2,{len(level)}}} ", after, maxsplit=1, flags=re.M)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of all tables in the text, without their heads."""
    lines = re.findall(r"^\|(.*)\|$", text, re.M)
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    rules = [n for n, row in enumerate(cells) if all(set(cell) == {"-"} for cell in row)]
    return [row for n, row in enumerate(cells) if n not in rules and n + 1 not in rules]


def spread(text: str) -> list[str]:
    """ "1, 3-5" -> 1 3 4 5; words stay as they are."""
    found = []
    for piece in re.split(r", (?=\d)", text):
        first, _, last = piece.partition("-")
        ranged = first.isdigit() and last.isdigit()
        found += [str(n) for n in range(int(first), int(last) + 1)] if ranged else [piece]
    return [piece for piece in found if piece not in ("-", "")]


def plan(heading: str) -> list[list[str]]:
    return [row for row in rows(under(heading)) if re.fullmatch(r"\d+:\d\d", row[0])]


def taught(heading: str) -> list[tuple[str, str]]:
    """(notebook, section) in the order of the plan."""
    return [(row[2], section) for row in plan(heading) if row[2] in BOOKS for section in spread(row[3])]


PLANS = ["### Half a day", "### A full day"]


def test_the_core_paths_are_as_long_as_is_said():
    sums = [sum(MINUTES[number][section] for section in CORE[number]) for number in "123"]
    assert "paths take {}, {} and {} minutes".format(*sums) in TEXT


@pytest.mark.parametrize("heading", PLANS)
def test_minutes_of_a_plan_are_those_of_the_headings(heading):
    for row in plan(heading):
        if row[2] in BOOKS:
            assert int(row[1]) == sum(MINUTES[row[2]][section] for section in spread(row[3])), row


@pytest.mark.parametrize("heading", PLANS)
def test_a_plan_has_no_gap_and_begins_no_section_twice(heading):
    table = plan(heading)
    starts = [int(hours) * 60 + int(minutes) for hours, minutes in (row[0].split(":") for row in table)]
    assert [a + int(row[1]) for a, row in zip(starts, table, strict=True)][:-1] == starts[1:]
    assert len(set(taught(heading))) == len(taught(heading))


@pytest.mark.parametrize("heading", PLANS)
def test_exercises_of_a_plan_lie_in_its_sections(heading):
    for row in plan(heading):
        for exercise in spread(row[4]):
            assert EXERCISES[row[2]][int(exercise)] in spread(row[3]), row


def test_half_a_day_and_a_day_are_as_long_as_is_said():
    half, day = (plan(heading) for heading in PLANS)
    assert sum(int(row[1]) for row in half) == 3.5 * 60
    assert [int(row[1]) for row in half if row[3] == "break"] == [20]
    assert sum(int(row[1]) for row in day if row[3] not in ("break", "lunch")) == 6 * 60


def test_the_full_day_has_every_core_section_and_exercise():
    here = taught("### A full day")
    assert [(n, s) for n in "123" for s in CORE[n] if (n, s) not in here] == []
    done = {(row[2], int(exercise)) for row in plan("### A full day") for exercise in spread(row[4])}
    assert {(n, e) for n in "123" for e, section in EXERCISES[n].items() if section in CORE[n]} <= done


def left_out() -> dict[tuple[str, str], str]:
    """(notebook, section) -> "skip" or "run"."""
    return {(row[0], row[1]): row[2] for row in rows(under("### Half a day")) if row[2] in ("skip", "run")}


def test_half_a_day_says_what_becomes_of_every_core_section():
    every = sorted((number, section) for number in "123" for section in CORE[number])
    assert sorted([*taught("### Half a day"), *left_out()]) == every


@pytest.mark.parametrize("number", "123")
def test_sections_of_half_a_day_run_without_those_that_are_skipped(number):
    """Every name that a cell reads and the notebook makes anywhere is made before, in a section that is run."""
    skipped = {section for (book, section), what in left_out().items() if book == number and what == "skip"}
    made, anywhere = set(), set()
    for _, _, cells in BOOKS[number]:
        anywhere |= {name for cell in cells if cell.cell_type == "code" for name in names_in(cell.source)[0]}
    for section, _, cells in BOOKS[number]:
        if section in skipped or section not in [SETUP, *CORE[number]]:
            continue
        for cell in cells:
            if cell.cell_type == "code" and "solution" not in cell.metadata.get("tags", []):
                stored, read = names_in(cell.source)
                made |= stored
                assert sorted((read & anywhere) - made) == [], f"section {section}: {cell.source[:60]}"


@pytest.mark.parametrize("number", "123")
def test_no_cell_needs_a_solution(number):
    """The student version runs to its end: a name that a solution makes is made elsewhere too before it is read."""
    made, by_solutions = set(), set()
    for cell in [cell for *_, cells in BOOKS[number] for cell in cells if cell.cell_type == "code"]:
        stored, read = names_in(cell.source)
        if "solution" in cell.metadata.get("tags", []):
            by_solutions |= stored
        else:
            made |= stored
            assert sorted((read & by_solutions) - made) == [], cell.source[:60]


def names_in(source: str) -> tuple[set[str], set[str]]:
    """Names that a cell makes, those inside its functions among them, and names that it reads."""
    made, read = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, ast.FunctionDef):
            made.add(node.name)
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            made |= {alias.asname or alias.name for alias in node.names}
    return made, read


def test_run_all_takes_as_long_as_the_check_reckons_with():
    assert "it took {}, {} and {} seconds for notebooks 1, 2 and 3".format(*RUN_ALL.values()) in " ".join(TEXT.split())
    for text in (TEXT, (ROOT / "docs/setup.md").read_text(encoding="utf-8")):
        assert "one to seven minutes" in text
    assert all(30 <= seconds <= 7 * 60 for seconds in RUN_ALL.values())


def test_the_exchange_for_a_class_without_physicists_takes_as_long():
    (words,) = re.findall(r"A class without physicists:(.*?)\n\n", TEXT, re.S)
    named = re.findall(r"section (\d+) of\s+notebook (\d) \((\d+) minutes\)", words)
    assert [MINUTES[book][section] for section, book, _ in named] == [int(minutes) for *_, minutes in named]
    assert int(named[0][2]) == sum(int(minutes) for *_, minutes in named[1:])


@pytest.mark.parametrize("number", "123")
def test_every_exercise_has_its_row(number):
    table = rows(under(f"### Notebook {number}"))
    described = {int(row[0]): row[1] for row in table}
    assert sorted(described) == sorted(EXERCISES[number])
    for exercise, section in EXERCISES[number].items():
        assert described[exercise] == section or (described[exercise] == GOING_FURTHER and not section.isdigit())
    assert all(len(row) == 6 and all(row) for row in table)


@pytest.mark.parametrize("number", "123")
def test_exercises_take_no_longer_than_their_section(number):
    needed = dict.fromkeys(MINUTES[number], 0)
    for row in rows(under(f"### Notebook {number}")):
        section = EXERCISES[number].get(int(row[0]))
        if section:
            needed[section] += int(row[5])
    assert [s for s, minutes in needed.items() if MINUTES[number][s] and minutes > MINUTES[number][s]] == []


def code() -> list[str]:
    """Every command of the text: fenced lines and code spans."""
    fenced = re.findall(r"^```sh\n(.*?)^```", TEXT, re.S | re.M)
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", TEXT, flags=re.S | re.M))
    return [line for block in fenced for line in block.splitlines()] + spans


def test_every_make_target_exists():
    rules = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    used = {target for line in code() for target in re.findall(r"\bmake ([a-z-]+)", line)}
    assert {"check", "student", "site", "hub", "test-hub", "memory"} <= used
    assert used - rules == set()


def test_every_module_can_be_run():
    used = {name for line in code() for name in re.findall(r"python -m ([\w.]+)", line)}
    assert used
    for name in used:
        found = importlib.util.find_spec(name)
        assert found is not None, name
        assert '__name__ == "__main__"' in Path(found.origin).read_text(), name


def test_every_script_exists_and_has_the_options_named():
    makefile = (ROOT / "Makefile").read_text()
    checked = 0
    for line in code():
        script = re.search(r"python3? ([\w/]+\.py)", line)
        module = re.search(r"python -m helpers\.(\w+)", line)
        target = re.search(r"make ([a-z-]+) ARGS=", line)
        if script:
            path = ROOT / script[1]
        elif module:
            path = ROOT / "helpers" / f"{module[1]}.py"
        elif target:
            rule = re.search(rf"^{target[1]}:.*\n(?:\t.*\n)+", makefile, re.M)[0]
            path = ROOT / (re.findall(r"python (\S+\.py)", rule) or ["course.py"])[0]
        else:
            continue
        for option in re.findall(r"(?<=[ \"=])--[a-z][a-z-]*(?=[ \"]|$)", line):
            assert f'"{option}"' in path.read_text(), f"{path.name} has no {option}"
            checked += 1
    assert checked > 10


def test_every_file_linked_exists():
    links = [link for link in re.findall(r"\]\(([^)#]+)", TEXT) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_no_number_is_left_open():
    """Fails until every {{TOKEN}} has been replaced by the number that the load test or `make memory` gave."""
    assert re.findall(r"\{\{\w+\}\}", TEXT) == []
