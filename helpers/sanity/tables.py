"""Tables of methods and their scores: kept in small JSON files, joined, ranked, and printed as plain text.

A table holds for every method (row) and every score (column) a mean with its standard error, the value that chance
gives where it is known, and what the table was made with. What takes too long for a notebook is made by
``data/scores/make_tables.py`` and read by :func:`stored_table`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from helpers.course.arguments import choice, name_list
from helpers.course.tables import aligned
from helpers.files import fetch

Value = tuple[float, float]  # mean and standard error; NaN where not defined
UNDEFINED: Value = (float("nan"), float("nan"))
STORED = (
    *("one-thing", "two-things", "sanity", "cascade", "concept-power"),
    *("world-coats", "world-outlines", "world-tag", "world-tag-unread", "world-sanity"),
)


@dataclass(frozen=True, eq=False)
class Table:
    """Scores of methods.

    Attributes
    ----------
    title : what was scored
    columns : name of each score, and what it means in a sentence
    rows : for each method and column (mean, standard error); a column may be missing
    chance : what chance gives, for the columns where it is known
    made : with what the table was made: numbers, seeds, versions
    """

    title: str
    columns: dict[str, str]
    rows: dict[str, dict[str, Value]]
    chance: dict[str, float] = field(default_factory=dict)
    made: dict = field(default_factory=dict)

    def column(self, name: str) -> dict[str, Value]:
        """Mean and standard error of one score for every method; NaN for a method that lacks it."""
        if name not in tuple(self.columns):
            raise ValueError(f"The table {self.title!r} has no column {name!r}. It has: {', '.join(self.columns)}.")
        return {method: row.get(name, UNDEFINED) for method, row in self.rows.items()}

    def without(self, methods: Sequence[str]) -> "Table":
        """The same table without these methods."""
        return replace(self, rows={name: row for name, row in self.rows.items() if name not in methods})

    def ranked(self, name: str) -> list[str]:
        """The methods in the order of a score, the largest first; those that lack it come last."""
        values = {method: mean for method, (mean, _) in self.column(name).items()}
        return sorted(values, key=lambda method: (np.isnan(values[method]), -values[method]))


def format_table(table: Table, columns: Sequence[str] | None = None, sort: str | None = None) -> str:
    """The table as aligned plain text, "mean ± standard error", sorted by a column (by default the first shown).

    A score that is not defined is shown as "-"; the last line shows what chance gives.
    """
    columns = list(table.columns) if columns is None else name_list("columns", columns)
    methods = table.ranked(columns[0] if sort is None else sort)
    found = {name: table.column(name) for name in columns}
    lines = [["", *columns]]
    lines += [[method, *(_readable(*found[name][method]) for name in columns)] for method in methods]
    if table.chance:
        chance = (table.chance.get(name, float("nan")) for name in columns)
        lines.append(["by chance", *(_readable(value, float("nan")) for value in chance)])
    return "\n".join(aligned(lines))


def _readable(mean: float, error: float) -> str:
    if np.isnan(mean):
        return "-"
    if float(mean).is_integer() and abs(mean) > 1:  # a count
        return f"{mean:.0f}"
    return f"{mean:.2f}" if np.isnan(error) else f"{mean:.2f} ± {error:.2f}"


def joined(title: str, tables: Mapping[str, Table], columns: Mapping[str, Sequence[str]]) -> Table:
    """One table from columns of several, each called "prefix: column"; methods are those of any of them.

    Parameters
    ----------
    tables : by their prefix; an empty prefix keeps the column's name
    columns : for each prefix the columns to take
    """
    explained, rows, chance = {}, {}, {}
    for prefix, table in tables.items():
        for name in columns[prefix]:
            called = f"{prefix}: {name}" if prefix else name
            for method, value in table.column(name).items():
                rows.setdefault(method, {})[called] = value
            explained[called] = f"{table.title}: {table.columns[name]}"
            if name in table.chance:
                chance[called] = table.chance[name]
    return Table(title, explained, rows, chance)


def rank_agreement(table: Table, first: str, second: str) -> tuple[float, int]:
    """Spearman's correlation of two scores over the methods that have both, and the number of these methods.

    NaN for fewer than three methods, or where one score is the same for all.
    """
    means = np.array([[mean for mean, _ in table.column(name).values()] for name in (first, second)])
    means = means[:, ~np.isnan(means).any(axis=0)]
    count = means.shape[1]
    if count < 3 or (means.max(axis=1) == means.min(axis=1)).any():
        return float("nan"), count
    return float(spearmanr(*means).statistic), count


def agreement_of_families(
    table: Table, first: str, second: str, families: Mapping[str, Sequence[str]], draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Spearman's correlation of two scores over the means of families of methods, and its 95 % interval.

    Near relatives make near maps and count once. The interval is that of the bootstrap: families are drawn anew, with
    replacement, and so are the methods within each; draws in which a score has no spread are left out.
    """
    values = [
        np.array([[table.column(name)[method][0] for name in (first, second)] for method in members])
        for members in families.values()
    ]
    values = [each[~np.isnan(each).any(axis=1)] for each in values]
    values = [each for each in values if len(each)]
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        chosen = [values[number] for number in rng.integers(len(values), size=len(values))]
        means = np.array([each[rng.integers(len(each), size=len(each))].mean(axis=0) for each in chosen])
        if (np.ptp(means, axis=0) > 0).all():
            found.append(spearmanr(*means.T).statistic)
    own = spearmanr(*np.array([each.mean(axis=0) for each in values]).T).statistic
    return float(own), *(float(value) for value in np.quantile(found, (0.025, 0.975)))


def stored_table(name: str) -> Table:
    """One of the ``STORED`` tables of scores, which come with the course; ``data/scores/make_tables.py`` made them.

    Raises
    ------
    FileNotFoundError, ValueError
        If its file is missing; if there is none of that name, or it is damaged.
    """
    return read_table(fetch(f"scores/{choice('The table', name, STORED)}.json"))


def read_table(path: Path) -> Table:
    """The table in a file of :func:`write_table`; ``ValueError`` if the file is damaged."""
    try:
        text = json.loads(path.read_text(encoding="utf-8"))
        rows = {
            method: {name: (_value(mean), _value(error)) for name, (mean, error) in row.items()}
            for method, row in text["rows"].items()
        }
        chance = {name: _value(value) for name, value in text["chance"].items()}
        return Table(text["title"], text["columns"], rows, chance, text["made"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"{path.name} is not a table of scores ({type(error).__name__}: {error}). Copy it again from the course's "
            "repository, or make it again with the script beside it."
        ) from None


def _value(number: float | None) -> float:
    return float("nan") if number is None else float(number)


def write_table(table: Table, path: Path) -> None:
    """Keep a table as JSON. The file is complete or not there: it is written beside and then moved."""
    text = {
        "title": table.title,
        "columns": table.columns,
        "rows": {
            method: {name: [_number(mean), _number(error)] for name, (mean, error) in row.items()}
            for method, row in table.rows.items()
        },
        "chance": {name: _number(value) for name, value in table.chance.items()},
        "made": table.made,
    }
    beside = Path(f"{path}.partial")
    beside.write_text(json.dumps(text, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    beside.replace(path)


def _number(value: float) -> float | None:
    return float(f"{value:.5g}") if np.isfinite(value) else None
