"""Each notebook as a reader meets it: run from top to bottom in JupyterLab, then every control is used.

The screenshots lie in build/browser/<notebook>/, the seconds of every use in build/browser/<notebook>/uses.json.
"""

import re
from pathlib import Path

import access
import controls
import nbformat
import pytest
from uploads import BAD, write_uploads

import notebooks

NOTEBOOKS = [path.relative_to(notebooks.FOLDER).as_posix() for path in notebooks.paths()]
TEXTS = {  # further texts for the field with this label
    "sentence": ["A wonderful film, funny and clever.", "Dull, slow and far too long."],
}


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda name: Path(name).stem)
def book(request, open_page, pictures):
    """A notebook after "Run All Cells", as a ``Lab``; its window is closed and its kernel stopped at the end."""
    lab = open_page(request.param)
    lab.pictures = pictures / Path(request.param).stem
    lab.seconds = lab.run_all()
    lab.groups = controls.find_groups(lab)
    print(f"\n{request.param}: {lab.seconds:.0f} s from top to bottom, {len(lab.groups)} groups of controls")
    yield lab
    lab.close()


def stored_cells(book):
    return nbformat.read(notebooks.FOLDER / book.name, as_version=4).cells


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_uploads(tmp_path_factory.mktemp("uploads"))


def test_it_runs_from_top_to_bottom(book):
    assert book.failures() == []
    cells = book.cells()
    figures = [output for cell in cells for output in cell["outputs"] if output["figure"]]
    stored = [output for cell in stored_cells(book) for output in cell.get("outputs", [])]
    assert len(figures) == sum("image/png" in output.get("data", {}) for output in stored)
    broken = book.page.evaluate(
        "() => [...document.querySelectorAll('.jp-Notebook .jp-OutputArea img')]"
        ".filter(image => !image.complete || image.naturalWidth === 0).length"
    )
    assert broken == 0
    without_alt = book.page.evaluate(
        "() => [...document.querySelectorAll('.jp-Notebook .jp-OutputArea img')].filter(image => !image.alt).length"
    )
    assert without_alt == 0
    for share in (0, 25, 50, 75, 100):
        book.page.evaluate(
            "share => { const all = document.querySelectorAll('.jp-Notebook .jp-Cell');"
            " all[Math.round((all.length - 1) * share / 100)].scrollIntoView(); }",
            share,
        )
        book.page.wait_for_timeout(400)
        book.screenshot(book.pictures / f"at_{share:03d}_percent.png")


def test_every_output_with_a_widget_is_found(book):
    """Nothing that can be used is unknown, and no call that displays controls is without them."""
    assert [str(unknown) for group in book.groups for unknown in group.unknown] == []
    views = book.page.evaluate(
        """() => [...document.querySelectorAll('.jp-Notebook .jp-OutputArea-child')]
          .filter(area => !area.parentElement.closest('.jupyter-widgets') && area.querySelector('.jupyter-widgets'))
          .filter(area => !area.dataset.group && !area.querySelector('.widget-hprogress'))
          .map(area => area.innerHTML.slice(0, 300))"""
    )
    assert views == []
    code = "\n".join(cell.source for cell in stored_cells(book) if cell.cell_type == "code")
    assert len(book.groups) == len(re.findall(rf"\b({'|'.join(controls.widget_functions())})\(", code))


def test_every_control_changes_what_it_owns(book, files):
    faults = []
    for group in book.groups:
        group.area.scroll_into_view_if_needed()
        book.screenshot(book.pictures / f"cell_{group.cell:03d}_before.png", group.area)
        try:
            use_everything(book, group, files)
        except AssertionError as fault:
            faults.append(str(fault))
        book.screenshot(book.pictures / f"cell_{group.cell:03d}_after.png", group.area)
    uses = [use for group in book.groups for use in group.uses]
    (book.pictures / "uses.json").write_text(controls.as_json(uses))
    print(f"\n{book.name}\n{controls.report(uses)}")
    assert faults == []
    used = {(use.control.group, use.control.number) for use in uses}
    assert [c for group in book.groups for c in group.controls if (c.group, c.number) not in used] == []
    assert book.shown_errors() == []


def use_everything(book, group, files) -> None:
    """Canvas first, then what sets values, texts, buttons and uploads; a screenshot of each kind."""

    def picture_of(control):
        name = "".join(letter if letter.isalnum() else "_" for letter in control.label or control.kind)
        book.screenshot(book.pictures / f"cell_{group.cell:03d}_{control.number:02d}_{name}.png", group.area)

    for control in group.of_kind("canvas"):
        controls.use_canvas(group, control)
        picture_of(control)
    for control in group.of_kind("slider", "menu", "box"):
        controls.use_value(group, control)
        picture_of(control)
    for control in group.of_kind("text"):
        controls.use_text(group, control, TEXTS.get(control.label, ()))
        picture_of(control)
    for control in group.of_kind("button"):
        controls.use_button(group, control)
        picture_of(control)
    for control in group.of_kind("upload"):
        use_upload(group, control, files)
        picture_of(control)


def use_upload(group, upload, files) -> None:
    """A good picture changes the figure, a bad one is answered in words in its place, then a good one again."""

    def give(*names):
        return lambda: controls.choose_files(group, upload, [files[name] for name in names])

    group.use(upload, "a photograph", give("good 0"), ["picture"])
    for name, words in BAD.items():
        group.use(upload, f"a file that is {name}", give(name), ["words"])
        now = group.state()
        assert words in now["words"], f"{group}, {upload.label}, {name}: {now['words']!r} does not say {words!r}"
        assert now["picture"] == "", f"{group}, {upload.label}, {name}: a figure stands beside the message"
        group.use(upload, "a photograph", give("good 1"), ["picture"])
    if group.of_kind("canvas"):  # several files at once
        group.use(upload, "three photographs", give("good 0", "good 1", "good 2"), ["words"])
        group.use(upload, "twelve photographs", give(*(f"good {number}" for number in range(12))), ["picture"])


def test_labels_are_whole_and_every_control_has_a_name(book):
    assert [label for group in book.groups for label in access.labels_cut_off(group)] == []
    assert [name for group in book.groups for name in access.without_name(group)] == []


def test_tab_reaches_every_control(book):
    assert [missed for group in book.groups for missed in access.missed_by_tab(group)] == []


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_texts_of_the_widgets_are_readable_in(book, theme):
    book.theme(theme)
    try:
        for group in book.groups:
            group.area.scroll_into_view_if_needed()
            book.screenshot(book.pictures / f"cell_{group.cell:03d}_{theme.split()[-1].lower()}.png", group.area)
        assert [text for group in book.groups for text in access.low_contrast(group)] == []
    finally:
        if theme != "JupyterLab Light":
            book.theme("JupyterLab Light")


def test_the_browser_has_nothing_to_complain_of(book):
    assert book.console == []
    assert book.foreign == []
