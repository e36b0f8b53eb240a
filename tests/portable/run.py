"""The course under other kinds of arithmetic than this machine's own: every row of a table to its end.

    python tests/portable/run.py                                       all rows, unit tests and notebooks
    python tests/portable/run.py --rows own-2 sse41-1 --notebooks 2    two rows, notebook 2
    python tests/portable/run.py --tests tests/lrp                     all rows, these unit tests
    python tests/portable/run.py --together 8 --out DIR                eight parts at a time, two processors each
    python tests/portable/run.py --report --out DIR                    the tables of what was run before

A row sets which instructions oneDNN, OpenBLAS, NumPy and XLA may use and how many threads. Its parts are the unit tests
and each notebook; what a part found is stored as DIR/ROW-PART.json. Copies of the notebooks are run, the stored ones stay
as they are, and what the copies print is compared with what is stored. At the end comes a table of the rows, and one of
what differs: what failed, what was printed otherwise, which comparison used more than a third of its tolerance, and which
value moved from row to row by more than a third of the way to its limit. Exit code 1 if anything failed or if a cell
tagged ``nbval-check-output`` printed something else than is stored. The rows are for processors of the x86-64 family.
"""

import argparse
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / ".ci"))
import notebooks  # noqa: E402

XLA_NAMES = {"SSE41": "SSE4_2", "AVX2": "AVX2"}
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?%?")
BOOKS = {f"notebook-{notebooks.number(path)}": path for path in notebooks.paths()}
MUCH = 1 / 3  # of a limit


@dataclass(frozen=True)
class Row:
    """One kind of arithmetic; ``None`` leaves to the machine what it takes by itself."""

    onednn: int
    instructions: str | None
    blas: str | None
    threads: int

    def __str__(self) -> str:
        return (
            f"oneDNN {'on' if self.onednn else 'off'}, {self.instructions or 'own instructions'}, "
            f"OpenBLAS {self.blas or 'own'}, {self.threads} thread{'s' * (self.threads > 1)}"
        )


ROWS = {
    "own-2": Row(1, None, None, 2),
    "own-1": Row(1, None, None, 1),
    "avx2-2": Row(1, "AVX2", "Haswell", 2),
    "sse41-1": Row(1, "SSE41", "Nehalem", 1),
    "sse41-2": Row(1, "SSE41", "Sandybridge", 2),
    "plain-2": Row(0, None, None, 2),
    "plain-avx2-1": Row(0, "AVX2", "Haswell", 1),
    "plain-sse41-2": Row(0, "SSE41", "Nehalem", 2),
}


def environment(row: Row) -> dict[str, str]:
    """The variables of a process that calculates so and finds the plugin."""
    path = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    variables = os.environ | {"PYTHONPATH": os.pathsep.join([*path, str(HERE)])}
    threads = ("TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    variables |= dict.fromkeys(threads, str(row.threads)) | {"TF_ENABLE_ONEDNN_OPTS": str(row.onednn)}
    if row.instructions:
        found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]  # NumPy refuses others
        beyond = [name for name in found if row.instructions != "AVX2" or name == "X86_V4" or "AVX512" in name]
        variables["ONEDNN_MAX_CPU_ISA"] = row.instructions
        variables["XLA_FLAGS"] = f"--xla_cpu_max_isa={XLA_NAMES[row.instructions]}"
        variables["NPY_DISABLE_CPU_FEATURES"] = " ".join(beyond)
    if row.blas:
        variables["OPENBLAS_CORETYPE"] = row.blas
    return variables


def say(name: str, words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {name}: {words}", flush=True)


def run_part(name: str, part: str, options: argparse.Namespace) -> None:
    """A part of a row; what it found goes into a file."""
    variables = environment(ROWS[name])
    path = BOOKS.get(part)
    found = run_notebook(name, path, variables, options) if path else run_tests(name, variables, options)
    (options.out / f"{name}-{part}.json").write_text(json.dumps(found, indent=1))


def run_tests(name: str, variables: dict, options: argparse.Namespace) -> dict:
    """The unit tests under pytest: how many passed, which failed, and how near the comparisons came to their limits."""
    margins, report, log = (options.out / f"{name}-tests{end}" for end in ("", ".xml", ".log"))
    shutil.rmtree(margins, ignore_errors=True)
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "margins", "-p", "no:cacheprovider", "-n", "2"]
    command += ["-m", "not slow", "--dist", "loadfile", f"--junitxml={report}", *(options.tests or ["tests"])]
    command += ["--ignore=tests/portable"]  # what measures cannot be measured by itself
    say(name, "unit tests begin")
    start = time.perf_counter()
    with log.open("w") as out:
        subprocess.run(
            command, cwd=ROOT, env=variables | {"MARGINS": str(margins)}, stdout=out, stderr=subprocess.STDOUT
        )
    seconds = time.perf_counter() - start
    if not report.is_file():
        say(name, f"pytest did not run to its end, see {log}")
        return {"passed": 0, "failures": {"pytest": f"did not run to its end, see {log}"}, "seconds": seconds}
    cases = list(ElementTree.parse(report).iter("testcase"))
    failures = {
        f"{case.get('classname')}::{case.get('name')}": fault.get("message", "").split("\n")[0]
        for case in cases
        for fault in case
        if fault.tag in ("failure", "error")
    }
    passed = sum(not any(mark.tag in ("failure", "error", "skipped") for mark in case) for case in cases)
    say(name, f"unit tests {passed} passed, {len(failures)} failed in {seconds:.0f} s")
    return {"passed": passed, "failures": failures, "seconds": seconds, "comparisons": comparisons(margins)}


def run_notebook(name: str, path: Path, variables: dict, options: argparse.Namespace) -> dict:
    """A notebook from top to bottom: cells that fail or warn, and what is printed otherwise than is stored."""
    margins = options.out / f"{name}-notebook-{notebooks.number(path)}"
    shutil.rmtree(margins, ignore_errors=True)
    say(name, f"notebook {notebooks.number(path)} begins")
    start = time.perf_counter()
    watch = "--IPKernelApp.exec_lines=import margins; margins.watch_notebook()"
    try:
        book = notebooks.execute(path, True, [watch], env=variables | {"MARGINS": str(margins)})
    except RuntimeError as error:
        say(name, str(error))
        return {"seconds": time.perf_counter() - start, "failures": {"time": str(error)}, "printed": {}}
    seconds = time.perf_counter() - start
    notebooks.clean(book)
    nbformat.write(book, options.out / f"{name}-{path.name}")
    failures, printed = {}, {}
    stored = nbformat.read(path, as_version=4).cells
    for cell, before in zip(book.cells, stored, strict=True):
        if cell.cell_type != "code":
            continue
        place = f"In [{cell.execution_count}]"
        for output in cell.outputs:
            if output.output_type == "error":
                failures[place] = f"{output.ename}: {output.evalue}"
            elif output.get("name") == "stderr":
                failures[place] = f"stderr: {output.text.strip()}"
        differences = list(differing(shown(before), shown(cell)))
        if differences:
            printed[place] = differences
            if "nbval-check-output" in cell.metadata.get("tags", []):
                failures[place] = "what is printed must be what is stored"
    words = f"{len(failures)} cells failed, {len(printed)} printed other numbers"
    say(name, f"notebook {notebooks.number(path)} took {seconds:.0f} s: {words}")
    return {"seconds": seconds, "failures": failures, "printed": printed, "comparisons": comparisons(margins)}


def shown(cell: nbformat.NotebookNode) -> str:
    """What a code cell shows as text: what it prints, its value, and the alt texts of its figures."""
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            texts.append(output.text if output.name == "stdout" else "")
        elif "data" in output:
            alt = output.metadata.get("image/png", {}).get("alt", "")
            texts.append(f"\n{alt or output.data.get('text/plain', '')}\n")
    return "".join(texts)


def differing(stored: str, found: str) -> Iterator[tuple[str, str]]:
    """Pairs of what is stored and what was found instead: single numbers, or lines where the words differ too."""
    before, after = stored.split(), found.split()
    if NUMBER.sub("0", " ".join(before)).split() != NUMBER.sub("0", " ".join(after)).split():
        lines = [[" ".join(line.split()) for line in text.splitlines() if line.strip()] for text in (stored, found)]
        pairs = [(x, y) for x, y in zip(*lines, strict=False) if x != y]
        yield from pairs or [(f"{len(lines[0])} lines", f"{len(lines[1])} lines")]
    else:
        numbers = (NUMBER.findall(" ".join(words)) for words in (before, after))
        yield from ((x, y) for x, y in zip(*numbers, strict=True) if x != y)


def comparisons(folder: Path) -> list[dict]:
    """What the plugin wrote, for every place of every test only the comparison nearest to its limit."""
    nearest = {}
    for path in folder.glob("*.jsonl"):
        for line in map(json.loads, path.read_text().splitlines()):
            nearest[line["test"], line["where"], line["sign"]] = line  # a later line of a test is nearer
    return list(nearest.values())


def table(title: str, head: tuple[str, ...], lines: list[tuple]) -> str:
    cells = [head, *([str(x) for x in line] for line in lines)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(head))]
    text = ["  ".join(x.ljust(w) for x, w in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([f"\n{title}", text[0], "-" * min(sum(widths) + 2 * len(widths) - 2, 120), *text[1:]])


def report(results: dict[tuple[str, str], dict]) -> int:
    """Print the tables of what the parts of the rows found; the number of parts in which something failed."""
    lines = []
    for name, row in ROWS.items():
        tests, books = results.get((name, "tests")), {part: results.get((name, part)) for part in BOOKS}
        unit = f"{tests['passed']} passed, {len(tests['failures'])} failed ({tests['seconds']:.0f} s)" if tests else "-"
        books = [
            f"{part.removeprefix('notebook-')} {'failed' if found['failures'] else 'passed'} ({found['seconds']:.0f} s)"
            for part, found in books.items()
            if found
        ]
        if tests or books:
            lines.append((name, row, unit, ", ".join(books) or "-"))
    print(table("Rows", ("row", "arithmetic", "unit tests", "notebooks"), lines))
    print(table("What differs", ("where", "row", "value", "limit", "remark"), list(remarks(results))))
    return sum(bool(found["failures"]) for found in results.values())


def remarks(results: dict[tuple[str, str], dict]) -> Iterator[tuple[str, str, str, str, str]]:
    """The lines of the second table."""
    for (name, part), found in results.items():
        for place, message in found["failures"].items():
            yield (f"{part} {place}", name, message[:90], "", "failed")
    for (name, part), found in results.items():
        for place, pairs in found.get("printed", {}).items():
            for stored, other in pairs:
                yield (f"{part} {place}", name, other[:60], stored[:60], "printed, stored")
    places = defaultdict(dict)
    for (name, part), found in results.items():
        for line in found.get("comparisons", []):
            test = line["test"] if part != "tests" else line["test"].rpartition("tests/")[2]
            places[f"{part} {test} line {line['where'].rpartition(':')[2]} {line['sign']}"][name] = line
    for place, rows in places.items():
        shares = {name: line["share"] for name, line in rows.items() if line["share"] is not None}
        gaps = {name: abs(line["limit"] - line["value"]) for name, line in rows.items()}
        moved = max(gaps.values()) - min(gaps.values())
        if shares:
            name = max(shares, key=shares.get)
            far, remark = shares[name] > MUCH, f"uses {shares[name]:.0%}"
        else:
            name = min(gaps, key=gaps.get)
            far, remark = moved > MUCH * gaps[name], f"moves by {moved:.2g}"
        if far:
            yield place, name, f"{rows[name]['value']:.4g}", f"{rows[name]['limit']:.4g}", remark


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=f"Rows: {', '.join(ROWS)}"
    )
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--tests", nargs="*", metavar="PATH", help="unit tests, or these of them")
    parser.add_argument("--notebooks", nargs="*", metavar="N", help="notebooks, or these of them")
    parser.add_argument("--together", type=int, default=1, help="parts at a time")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "portable", help="folder for what was found")
    parser.add_argument("--report", action="store_true", help="only print the tables again")
    options = parser.parse_args(arguments)
    everything = options.tests is None and options.notebooks is None
    parts = ["tests"] * (everything or options.tests is not None)
    if everything or options.notebooks is not None:
        chosen = notebooks.paths(options.notebooks or [])
        parts += [part for part, path in BOOKS.items() if path in chosen]
    options.out = options.out.resolve()
    options.out.mkdir(parents=True, exist_ok=True)
    jobs = [(name, part) for name in options.rows for part in parts]
    if not options.report:
        run_all(jobs, options)
    files = {job: options.out / f"{'-'.join(job)}.json" for job in jobs}
    return min(report({job: json.loads(path.read_text()) for job, path in files.items() if path.is_file()}), 1)


def run_all(jobs: list[tuple[str, str]], options: argparse.Namespace) -> None:
    """All parts, some at a time, each of these on its own two processors where there are enough of them."""
    groups = queue.SimpleQueue()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    for k in range(options.together):
        groups.put(cores[2 * k : 2 * k + 2] if len(cores) >= 2 * options.together else None)

    def take_processors() -> None:
        if (own := groups.get()) is not None:
            os.sched_setaffinity(threading.get_native_id(), own)  # of this thread and of what it starts

    with ThreadPoolExecutor(options.together, initializer=take_processors) as pool:
        list(pool.map(lambda job: run_part(*job, options), jobs))


if __name__ == "__main__":
    sys.exit(main())
