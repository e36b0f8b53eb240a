"""Find every control of a notebook in the page, use it with mouse and keyboard, and see what it changes.

A *group* is one output that holds controls: a call of ``explore``, ``draw_digit`` and so on. What it shows is its figures,
its messages and its canvas. Controls are found in the page, so that a new one cannot be forgotten: an element that can be
used but belongs to no kind of control known here is an error.
"""

import ast
import contextlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import PATIENCE, Lab

ROOT = Path(__file__).parents[2]
KINDS = {  # kind -> what marks its outermost element
    "slider": ".widget-slider",
    "menu": ".widget-dropdown",
    "box": ".widget-checkbox",
    "text": ".widget-text, .widget-textarea",
    "upload": ".widget-upload",
    "button": ".widget-button, .widget-toggle-button",
    "canvas": "canvas",
}
USABLE = "input, select, textarea, button, canvas, [role=slider], [contenteditable=true]"
FOCUS = {  # kind -> the part of it that takes the focus; "" is the element itself
    "slider": "[role=slider]",
    "menu": "select",
    "box": "input",
    "text": "input, textarea",
    "upload": "",
    "button": "",
    "canvas": "",
}
FOUR = [[(0.35, 0.15), (0.25, 0.55), (0.75, 0.55)], [(0.65, 0.2), (0.6, 0.9)]]  # strokes, in sides of the canvas
LINES = [[(x, 0.02), (x, 0.98)] for x in (0.1, 0.26, 0.42, 0.58, 0.74, 0.9)]
NONSENSE = "qqq zzz"  # words that no network knows

HELPERS = """() => {
  const hash = text => { let h = 5381; for (let i = 0; i < text.length; i++) h = (h * 33 ^ text.charCodeAt(i)) | 0;
                         return h + ':' + text.length; };
  const outer = node => !node.parentElement.closest('.jupyter-widgets');
  const areas = () => [...document.querySelectorAll('.jp-Notebook .jp-OutputArea-child')].filter(outer);
  window.course = {
    find: (kinds, usable) => {
      const found = [];
      const cells = [...document.querySelectorAll('.jp-Notebook .jp-Cell')];
      for (const area of areas()) {
        const all = [...area.querySelectorAll(usable)].filter(e => e.closest('.jupyter-widgets'));
        if (!all.length) continue;
        const group = found.length;
        area.dataset.group = group;
        const controls = [], unknown = [];
        for (const [kind, marks] of Object.entries(kinds))
          for (const node of area.querySelectorAll(marks)) controls.push([kind, node]);
        for (const node of all)
          if (!controls.some(([, control]) => control.contains(node))) unknown.push(node.outerHTML.slice(0, 200));
        controls.sort(([, a], [, b]) => a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1);
        found.push({group, cell: cells.indexOf(area.closest('.jp-Cell')), unknown,
          controls: controls.map(([kind, node], number) => {
            node.dataset.control = group + '-' + number;
            const names = [...node.querySelectorAll('.widget-label, .widget-label-basic'), node].map(e => e.textContent);
            const label = names.map(n => n.replace(/\\u200b/g, '').trim().split('\\n')[0]).find(n => n) ?? '';
            return {kind, number, label, action: node.matches('.mod-primary')};
          })});
      }
      return found;
    },
    state: group => {
      const area = document.querySelector(`[data-group="${group}"]`);
      const images = [...area.querySelectorAll('img')];
      return {
        ready: images.every(image => image.complete && image.naturalWidth > 0),
        picture: images.map(image => hash(image.src)).join(' '),
        canvas: [...area.querySelectorAll('canvas')].map(canvas => hash(canvas.toDataURL())).join(' '),
        words: [...area.querySelectorAll('.jp-RenderedText')].map(e => e.textContent).join('\\n').trim(),
        errors: [...area.querySelectorAll('[data-mime-type$=".error"], [data-mime-type$=".stderr"]')].map(e => e.textContent)
      };
    },
    changed: (group, before, parts) => {
      const now = window.course.state(group);
      const come = part => now[part] !== before[part] && (now[part] || part !== 'picture');
      return now.ready ? parts.filter(come) : [];  // a picture that is gone makes room for one that is still to come
    }
  };
}"""


@dataclass(frozen=True)
class Control:
    group: int
    number: int
    kind: str
    label: str
    action: bool  # the button, if any, that has to be pressed before the group answers


@dataclass(frozen=True)
class Use:
    """One use of a control: what was done, what it changed and after how many seconds."""

    control: Control
    deed: str
    changed: str
    seconds: float


class Group:
    """One output with controls, and what it shows."""

    def __init__(self, lab: Lab, found: dict):
        self.lab, self.page = lab, lab.page
        self.index, self.cell, self.unknown = found["group"], found["cell"], found["unknown"]
        self.controls = [
            Control(self.index, c["number"], c["kind"], c["label"], c["action"]) for c in found["controls"]
        ]
        self.uses: list[Use] = []

    def __repr__(self) -> str:
        return f"cell {self.cell}"

    def of_kind(self, *kinds: str) -> list[Control]:
        return [control for control in self.controls if control.kind in kinds]

    @property
    def area(self):
        return self.page.locator(f'[data-group="{self.index}"]')

    def element(self, control: Control):
        return self.page.locator(f'[data-control="{control.group}-{control.number}"]')

    def focusable(self, control: Control):
        part = FOCUS[control.kind]
        return self.element(control).locator(part).first if part else self.element(control)

    def state(self) -> dict:
        return self.page.evaluate("group => window.course.state(group)", self.index)

    def wait_for(self, before: dict, parts: Sequence[str], seconds: float) -> str:
        """Wait until one of the parts differs from ``before``; the parts that do, "" if none does in time."""
        from playwright.sync_api import TimeoutError as TooLong

        asked, changed = [self.index, before, list(parts)], "asked => window.course.changed(...asked)"
        with contextlib.suppress(TooLong):
            self.page.wait_for_function(f"{changed}.length > 0", arg=asked, timeout=1000 * seconds)
        return ", ".join(self.page.evaluate(changed, asked))

    def wait_until(self, part: str, value: str) -> None:
        """Wait until a part of what the group shows is this."""
        self.page.wait_for_function(
            "([group, part, value]) => window.course.state(group)[part] === value", arg=[self.index, part, value]
        )

    def use(
        self,
        control: Control,
        deed: str,
        act: Callable[[], object],
        parts: Sequence[str] = ("picture",),
        seconds: float = PATIENCE,
    ) -> Use:
        """Do something and wait until a part of what the group shows has changed.

        Raises
        ------
        AssertionError
            If nothing changes in time, or a traceback is shown.
        """
        before, start = self.state(), time.monotonic()
        act()
        changed = self.wait_for(before, parts, seconds)
        took = time.monotonic() - start
        self.lab.settle()
        now = self.state()
        where = f"{self.lab.name}, {self}, {control.kind} {control.label!r}, {deed}"
        assert not now["errors"], f"{where}: {now['errors']}"
        assert changed, f"{where}: none of {', '.join(parts)} changed within {seconds:.0f} s; {now}"
        self.uses.append(Use(control, deed, changed, took))
        return self.uses[-1]


def widget_functions() -> list[str]:
    """Names of the course's functions that display controls."""
    parts = [part for path in ROOT.glob("helpers/*/widgets.py") for part in ast.parse(path.read_text()).body]
    functions = [part for part in parts if isinstance(part, ast.FunctionDef)]
    return sorted(f.name for f in functions if any("show_controls(" in ast.unparse(line) for line in f.body))


def find_groups(lab: Lab) -> list[Group]:
    """Every output of the notebook that holds controls, in the order of the page."""
    lab.page.evaluate(HELPERS)
    found = lab.page.evaluate("([kinds, usable]) => window.course.find(kinds, usable)", [KINDS, USABLE])
    return [Group(lab, group) for group in found]


def draw(group: Group, canvas: Control, strokes: Iterable[Sequence[tuple[float, float]]]) -> None:
    """Draw strokes with the mouse; points in sides of the canvas, x to the right and y down."""
    element = group.element(canvas)
    element.scroll_into_view_if_needed()
    box, mouse = element.bounding_box(), group.page.mouse
    for first, *rest in strokes:
        mouse.move(box["x"] + first[0] * box["width"], box["y"] + first[1] * box["height"])
        mouse.down()
        for x, y in rest:
            mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6)
        mouse.up()
    group.page.wait_for_timeout(150)  # the last events are on their way


def drag_slider(group: Group, slider: Control) -> None:
    """Drag the handle to the farther quarter of its track."""
    handle, track = group.focusable(slider), group.element(slider).locator(".noUi-base")
    handle.scroll_into_view_if_needed()
    knob, box, mouse = handle.bounding_box(), track.bounding_box(), group.page.mouse
    x, y = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
    target = box["x"] + box["width"] * (0.25 if x > box["x"] + box["width"] / 2 else 0.75)
    mouse.move(x, y)
    mouse.down()
    mouse.move(target, y, steps=8)
    mouse.up()


def press_keys(group: Group, control: Control, *keys: str) -> None:
    group.focusable(control).focus()
    for key in keys:
        group.page.keyboard.press(key)


def value_of(group: Group, control: Control) -> str:
    """What a slider, menu, box or text field stands at."""
    return group.focusable(control).evaluate(
        "e => e.type === 'checkbox' ? String(e.checked) : e.value ?? e.getAttribute('aria-valuetext')"
    )


def step(group: Group, control: Control) -> None:
    """Go to the next value with the keyboard; to the one before where the control stands at its end.

    A menu is opened first: JupyterLab takes the arrow keys of a closed one for itself, to go to the next cell.
    """
    opening, closing = (["Space"], ["Enter"]) if control.kind == "menu" else ([], [])
    before = value_of(group, control)
    for arrow in ("ArrowDown", "ArrowUp") if control.kind == "menu" else ("ArrowRight", "ArrowLeft"):
        press_keys(group, control, *opening, arrow, *closing)
        group.page.wait_for_timeout(50)
        if value_of(group, control) != before:
            return
    raise AssertionError(f"{group}: the arrow keys do not move {control.kind} {control.label!r}")


def type_text(group: Group, field: Control, text: str) -> None:
    group.element(field).scroll_into_view_if_needed()
    group.focusable(field).click()
    group.page.keyboard.press("Control+a")
    group.page.keyboard.press("Delete")
    group.page.keyboard.type(text)
    group.page.keyboard.press("Enter")


def choose_files(group: Group, upload: Control, files: Sequence[Path]) -> None:
    """Click the button and pick files in the dialogue that opens."""
    with group.page.expect_file_chooser() as chooser:
        group.element(upload).click()
    chooser.value.set_files([str(path) for path in files])


def action_of(group: Group) -> Control | None:
    """The button that makes the group answer, if there is one: the coloured one."""
    return next((button for button in group.of_kind("button") if button.action), None)


def change_value(group: Group, control: Control, deed: str, act: Callable[[], None]) -> None:
    """Change a value and see the picture change: at once, or after a new stroke and the group's button."""
    action, canvases = action_of(group), group.of_kind("canvas")
    if action is None:
        group.use(control, deed, act)
        return
    before = group.state()
    act()
    if canvases and not group.wait_for(before, ["canvas"], 1.0):
        draw(group, canvases[0], LINES)
    group.use(control, f"{deed}, then {action.label!r}", group.element(action).click, ["picture", "words"])


def use_canvas(group: Group, canvas: Control) -> None:
    action = action_of(group)
    if action is None:
        group.use(canvas, "draw", lambda: draw(group, canvas, FOUR))
        assert group.state()["canvas"]
    else:
        group.use(canvas, "draw", lambda: draw(group, canvas, LINES), ["canvas"])
        group.use(action, "click", group.element(action).click)


def use_button(group: Group, button: Control) -> None:
    """A button changes something of what the group shows: figure, words or canvas."""
    canvases = group.of_kind("canvas")
    if canvases:
        draw(group, canvases[0], [[(0.2, 0.8), (0.8, 0.3)]])
        group.lab.settle()
    elif group.of_kind("menu"):
        step(group, group.of_kind("menu")[0])
        group.lab.settle()
    parts = ["picture", "words", "canvas"]
    group.use(button, "click", group.element(button).click, parts)


def use_value(group: Group, control: Control) -> None:
    if control.kind == "slider":
        change_value(group, control, "drag", lambda: drag_slider(group, control))
        change_value(group, control, "arrow key", lambda: step(group, control))
    elif control.kind == "menu":
        first = value_of(group, control)
        change_value(group, control, "arrow key", lambda: step(group, control))
        last = "Home" if group.focusable(control).evaluate("e => e.selectedIndex === e.length - 1") else "End"
        change_value(group, control, last, lambda: press_keys(group, control, last))
        if not group.of_kind("canvas"):
            group.focusable(control).select_option(first)  # so that the next control starts where the reader would
            group.lab.settle()
    elif control.kind == "box":
        change_value(group, control, "click", group.focusable(control).click)
        change_value(group, control, "space bar", lambda: press_keys(group, control, "Space"))


def use_text(group: Group, field: Control, texts: Sequence[str] = ()) -> None:
    """Words that nobody knows are answered in words; the text that stood there brings the picture back."""
    stood = value_of(group, field)
    action = action_of(group)

    def say(text: str) -> None:
        type_text(group, field, text)
        if action:
            group.element(action).click()

    group.use(field, f"type {NONSENSE!r}", lambda: say(NONSENSE), ["picture", "words"])
    for text in [*texts, stood]:
        group.use(field, f"type {text!r}", lambda text=text: say(text), ["picture"])


def report(uses: Sequence[Use]) -> str:
    """One line for each use, the slowest first."""
    lines = [
        f"{use.seconds:6.2f} s  {use.control.kind} {use.control.label!r}: {use.deed} -> {use.changed}" for use in uses
    ]
    return "\n".join(sorted(lines, reverse=True))


def as_json(uses: Sequence[Use]) -> str:
    return json.dumps([vars(use) | {"control": vars(use.control)} for use in uses], indent=1)
