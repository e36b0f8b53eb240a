"""Write the badge and the links that open each notebook on Binder, and on a hub, into README.md.

    python binder/links.py --repository owner/name --tag v0.1.0
    python binder/links.py --tag v0.1.0 --hub https://hub.example.org --branch course-2026

They replace what stands between the two marks in the README; a second call changes nothing. Binder's links name a tag:
an image is built once for it, and everyone gets the same course. A hub's links (nbgitpuller) name a branch: nbgitpuller
clones a tag but fails when it is to update the copy. Without ``--repository``, the entry ``repository-code`` of
CITATION.cff is taken. The repository is one on GitHub.
"""

import argparse
import os
import re
import sys
from pathlib import Path
from urllib.parse import quote, urlencode

ROOT = Path(__file__).resolve().parents[1]
BINDER = "https://mybinder.org"
BEGIN = "<!-- links: written by binder/links.py -->"
END = "<!-- links: end -->"
TAG = re.compile(r"v?\d+(\.\d+)+([-.]?(a|b|rc|post|dev)\.?\d+)?")  # v0.1.0, 1.2, v2.0rc1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+")


def notebooks(root: Path = ROOT) -> list[str]:
    """The notebooks' paths in the repository, in their order."""
    return [path.relative_to(root).as_posix() for path in sorted((root / "notebooks").glob("[0-9]*.ipynb"))]


def binder_link(repository: str, tag: str, path: str) -> str:
    """Opens a file of the repository on Binder, as the repository was at ``tag``."""
    return f"{BINDER}/v2/gh/{repository}/{quote(tag, safe='')}?{query(urlpath=f'lab/tree/{path}')}"


def hub_link(hub: str, repository: str, branch: str, path: str) -> str:
    """Copies the repository into the home of whoever follows the link, or updates the copy, and opens a file of it."""
    opened = f"lab/tree/{repository.split('/')[1]}/{path}"
    wanted = query(repo=f"https://github.com/{repository}", branch=branch, urlpath=opened)
    return f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{wanted}"


def query(**values: str) -> str:
    return urlencode(values, quote_via=quote, safe="")


def section(paths: list[str], repository: str, tag: str, hub: str | None = None, branch: str | None = None) -> str:
    """The lines between the marks, and the marks."""
    badge = f"[![Open on Binder]({BINDER}/badge_logo.svg)]({binder_link(repository, tag, paths[0])})"

    def row(make) -> str:
        return " · ".join(f"[notebook {path.split('/')[-1].split('_')[0]}]({make(path)})" for path in paths)

    lines = [badge, "", f"On Binder, {tag}: {row(lambda path: binder_link(repository, tag, path))}."]
    if hub:
        lines += ["", f"On {hub}: {row(lambda path: hub_link(hub, repository, branch, path))}."]
    return "\n".join([BEGIN, *lines, END])


def replaced(text: str, new: str) -> str:
    """The text with ``new`` in place of the marks and what stands between them."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(
            f"The file needs these two lines, once each and in this order, where the links go:\n{BEGIN}\n{END}"
        )
    before, rest = text.split(BEGIN)
    return before + new + rest.split(END)[1]


def repository_named(named: str | None, citation: str) -> str:
    """owner/name: as given, as an address, or from the text of CITATION.cff."""
    if named is None:
        found = re.search(r"^repository-code:\s*[\"']?(\S+?)[\"']?\s*$", citation, re.MULTILINE)
        if not found:
            raise ValueError(
                "The repository's address is not known. Give --repository owner/name, or add to CITATION.cff:\n"
                'repository-code: "https://github.com/owner/name"'
            )
        named = found[1]
    short = re.sub(r"^https://github\.com/", "", named).removesuffix("/").removesuffix(".git")
    if not NAME.fullmatch(short):
        raise ValueError(f"The repository is owner/name on GitHub; got {named!r}.")
    return short


def checked(tag: str, hub: str | None, branch: str | None) -> None:
    """Raise ValueError unless the tag looks like a version and a hub comes with a branch."""
    if not TAG.fullmatch(tag):
        raise ValueError(
            f"The links name a tag such as v0.1.0; got {tag!r}. A branch moves on: Binder would build anew after each "
            "commit, and nobody could say which course was seen."
        )
    if (hub is None) != (branch is None):
        raise ValueError("A hub's links need both: --hub https://its.address and --branch, the branch of the class.")
    if hub and not re.fullmatch(r"https?://[^\s/?#()]+(/[^\s?#()]*)?", hub):
        raise ValueError(f"The hub's address begins with https:// and has no blank, ? or #; got {hub!r}.")
    if branch is not None and (TAG.fullmatch(branch) or not re.fullmatch(r"[\w][\w./-]*", branch)):
        raise ValueError(f"--branch names a branch, which nbgitpuller can update, not a tag; got {branch!r}.")


def main(arguments: list[str] | None = None) -> int:
    """Write the file; 1, with a word on stderr, where something is missing or wrong."""
    parser = argparse.ArgumentParser(prog="python binder/links.py", description=__doc__.split("\n")[0])
    parser.add_argument("--repository", help="owner/name on GitHub; else repository-code in CITATION.cff")
    parser.add_argument("--tag", required=True, help="a version that has been published, such as v0.1.0")
    parser.add_argument("--hub", help="address of a JupyterHub with nbgitpuller")
    parser.add_argument("--branch", help="the branch that the hub's copies follow")
    parser.add_argument("--file", type=Path, default=ROOT / "README.md", help="the file with the marks")
    chosen = parser.parse_args(arguments)
    try:
        checked(chosen.tag, chosen.hub, chosen.branch)
        repository = repository_named(chosen.repository, (ROOT / "CITATION.cff").read_text(encoding="utf-8"))
        old = chosen.file.read_text(encoding="utf-8")
        new = replaced(old, section(notebooks(), repository, chosen.tag, chosen.hub, chosen.branch))
        if new != old:
            partial = chosen.file.with_name(f"{chosen.file.name}.partial")
            partial.write_text(new, encoding="utf-8")
            os.replace(partial, chosen.file)
    except (ValueError, OSError) as error:
        print(f"{chosen.file.name} is unchanged. {error}", file=sys.stderr)
        return 1
    print(f"{chosen.file.name} {'has the links' if new != old else 'had these links already'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
