"""What can be explained: the table of layers in the documentation is the one the code has, and can_explain tells what
blocks a model in the words of the error.

    python tests/lrp/test_support.py

writes the table into helpers/lrp/__init__.py and docs/layers.md.
"""

import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FACE, README = ROOT / "helpers" / "lrp" / "__init__.py", ROOT / "docs" / "layers.md"
BEGIN, END = "Relevance passes these layers", "A network that ends in probabilities"


def together(names):
    """Conv1D, Conv2D, Conv3D as Conv1D/2D/3D; all layers that change pictures at random as Random..."""
    found = {}
    for name in names:
        name = re.sub("^Random[A-Z].*", "Random...", name)
        match = re.match(r"(.*?)([123]D)(.*)", name)
        stem = (match[1], match[3]) if match else (name, None)
        found.setdefault(stem, []).append(match[2] if match else "")
    return [before + "/".join(filter(None, numbers)) + (behind or "") for (before, behind), numbers in found.items()]


def functions(operations):
    """The names of operations as those of the functions in keras.ops."""
    from helpers.lrp.layers import function_name

    return [function_name(operation) for operation in operations]


def in_the_face():
    from helpers.lrp.layers import GROUPS

    lines = [f"{BEGIN} (keras.layers; in brackets operations of keras.ops, such as ``x + y``):", ""]
    for group in GROUPS:
        names = ", ".join(together(group.names))
        brackets = f" ({', '.join(functions(group.operations))})" if group.operations else ""
        text = f"* {names}{brackets}: {group.how}."
        lines += textwrap.wrap(text, 116, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def in_the_readme():
    from helpers.lrp.layers import GROUPS

    rows = [f"| {', '.join(f'`{name}`' for name in together(group.names))} | {group.how} |" for group in GROUPS]
    return "\n".join(
        [f"{BEGIN}, and what `keras.ops` has of the same kind:", "", "| layers | how |", "| --- | --- |", *rows]
    )


def with_table(page: Path, table: str) -> str:
    text = page.read_text(encoding="utf-8")
    start, end = text.index(BEGIN), text.index(END)
    return f"{text[:start]}{table}\n\n{text[end:]}"


@pytest.mark.parametrize(("page", "table"), [(FACE, in_the_face), (README, in_the_readme)], ids=["face", "page"])
def test_the_table_of_layers_is_the_one_the_code_has(page, table):
    wanted = with_table(page, table())
    assert page.read_text(encoding="utf-8") == wanted, "python tests/lrp/test_support.py writes it anew"


if __name__ == "__main__":
    for page, table in ((FACE, in_the_face), (README, in_the_readme)):
        page.write_text(with_table(page, table()), encoding="utf-8")
