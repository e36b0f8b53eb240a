"""The course as web pages, in build/site: ``make site``.

    python docs/build.py [--site ADDRESS]

The pages of this folder, the notebooks with the outputs that are stored in them, and the texts for instructors are put
into build/site-source, where Sphinx finds them with the same links between them as here. Nothing is executed. The links
that open a notebook on Binder or a hub are those of README.md, which binder/links.py writes. At the end every link
between the pages is followed, and the size is said.
"""

import argparse
import base64
import html
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat

ROOT = Path(__file__).resolve().parents[1]
SOURCE, SITE = ROOT / "build" / "site-source", ROOT / "build" / "site"
TEXTS = ("INSTRUCTORS.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md")
TEXTS += ("binder/hub/README.md", "binder/hub/littlest-jupyterhub.md")
LARGEST = 25_000_000  # bytes of the whole


def terms() -> dict[str, str]:
    """Each word by which the glossary is linked -> the first word of its entry."""
    (entries,) = re.findall(
        r"^```\{glossary\}\n(.*?)^```", (ROOT / "docs" / "glossary.md").read_text("utf-8"), re.S | re.M
    )
    groups = [re.findall(r"^\S.*$", entry, re.M) for entry in entries.split("\n\n")]
    return {word: group[0] for group in groups for word in group}


KEPT = re.compile(
    r"(```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|!?\[[^\]]*\]\([^)]*\)|<[^>]*>|https?://\S+|^#.*?$|^\|.*?$)", re.S | re.M
)


def with_glossary(text: str, left: dict[str, str]) -> str:
    """Link the first place where a page uses a term; ``left`` loses what was linked. Code, formulas, links stay."""

    def link(match: re.Match) -> str:
        word = next((word for word in left if word.lower() == match[1].lower()), None)
        if word is None:
            return match[0]
        entry = left[word]
        for other in [key for key, value in left.items() if value == entry]:
            del left[other]
        return f"{{term}}`{match[0]} <{word}>`"

    words = "|".join(map(re.escape, sorted(left, key=len, reverse=True)))
    parts = KEPT.split(text)
    parts[::2] = [
        re.sub(rf"(?<![\w-])({words})s?(?![\w-])", link, part, flags=re.I) if left else part for part in parts[::2]
    ]
    return "".join(parts)


def page_of(path: Path) -> nbformat.NotebookNode:
    """A notebook for reading: solutions behind a button, pictures in files of their own with alt texts, terms linked."""
    book = nbformat.read(path, as_version=4)
    left, up = terms(), "../" * len(path.relative_to(ROOT).parents[1:])
    figures = SOURCE / "_static" / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for index, cell in enumerate(book.cells):
        if cell.cell_type == "markdown":
            cell.source = with_glossary(cell.source, left)
            continue
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata["tags"] = [*cell.metadata["tags"], "hide-cell"]
            for output in cell.outputs:  # one button is enough: what it printed is not folded once more
                output.get("data", {}).pop("text/html", None)
        for number, output in enumerate(cell.outputs):
            if "image/png" in output.get("data", {}):
                file = figures / f"{path.stem}-{index}-{number}.png"
                file.write_bytes(base64.b64decode(output.data["image/png"]))
                alt = html.escape(output.metadata.get("image/png", {}).get("alt", ""))
                place = f'alt="{alt}" src="{up}_static/figures/{file.name}"'
                output.data = {"text/html": f'<img class="course-figure" loading="lazy" {place}>'}
    first = book.cells[0]
    first.source += launch(path)
    return book


def launch(path: Path) -> str:
    """Buttons that open this notebook, from the links that stand in README.md."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- links: end -->")[0]
    found = re.findall(r"\[notebook (\w+)\]\((\S+?)\)", text)
    rows = [
        (("on Binder" if "mybinder.org" in link else "on the hub"), link)
        for number, link in found
        if path.name[0] == number
    ]
    buttons = "".join(
        f"\n:::{{button-link}} {link}\n:color: primary\n:outline:\nOpen {where}\n:::\n" for where, link in rows
    )
    return f"\n\n{buttons}" if buttons else ""


def staged(address: str) -> None:
    """Everything in build/site-source."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(ROOT / "docs", SOURCE, ignore=shutil.ignore_patterns("build.py", "__pycache__"))
    (SOURCE / "address.json").write_text(json.dumps({"site": address}))
    for page in SOURCE.glob("*.md"):
        page.write_text(page.read_text(encoding="utf-8").replace("](../", "]("), encoding="utf-8")
    shutil.copytree(ROOT / "notebooks" / "pictures", SOURCE / "notebooks" / "pictures")
    for path in [*ROOT.glob("notebooks/[0-9]*.ipynb"), *ROOT.glob("notebooks/further/*.ipynb")]:
        target = SOURCE / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(page_of(path), target)
    for name in TEXTS:
        target = SOURCE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(readable(ROOT / name), encoding="utf-8")


def readable(path: Path) -> str:
    """A text without links to files that are no pages: their names stay."""

    def link(match: re.Match) -> str:
        place = match[2].partition("#")[0]
        target = (path.parent / place).resolve()
        inside = not place or re.match(r"[a-z]+:", place) or str(target.relative_to(ROOT)) in TEXTS
        return match[0] if inside else f"`{match[1]}`"

    return re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", link, path.read_text(encoding="utf-8"))


class Links(HTMLParser):
    """What a page leads to, and the places in it that can be led to."""

    def __init__(self, text: str):
        super().__init__()
        self.goals, self.places, self.pictures = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.goals += [values[name] for name in ("href", "src") if values.get(name)]
        self.places |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "img" and not values.get("alt"):
            self.pictures.append(values.get("src", "")[:60])


def broken(site: Path) -> list[str]:
    """Links between the pages that lead nowhere, and pictures without alt text."""
    pages = {
        path.resolve(): Links(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
        if "_static" not in path.parts
    }
    found = []
    for path, page in pages.items():
        found += [f"{path.name}: no alt text: {picture}" for picture in page.pictures]
        for goal in page.goals:
            parts = urlsplit(goal)
            if parts.scheme or parts.netloc or goal == "#":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places
            ):
                found.append(f"{path.relative_to(site)}: {goal}")
    return sorted(set(found))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--site", default="", help="where it will stand on the web, for search engines")
    staged(parser.parse_args(arguments).site)
    read = SOURCE.with_name("site-doctrees")  # of this version of Sphinx, and of these pages
    for folder in (SITE, read):
        shutil.rmtree(folder, ignore_errors=True)
    command = ["-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", read]
    status = subprocess.call([sys.executable, *command, SOURCE, SITE])
    wrong = broken(SITE)
    print("".join(f"leads nowhere: {line}\n" for line in wrong), end="")
    size = sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file())
    print(f"{SITE.relative_to(ROOT)}/index.html: {size / 1e6:.1f} MB in all; the limit is {LARGEST / 1e6:.0f}")
    return 1 if status or wrong or size > LARGEST else 0


if __name__ == "__main__":
    sys.exit(main())
