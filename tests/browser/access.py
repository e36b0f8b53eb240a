"""Can the controls be used without a mouse and read by everybody? Labels, names, the Tab key, contrast."""

import contextlib
import re

from controls import Group


def labels_cut_off(group: Group) -> list[str]:
    """Labels, buttons and chosen options that do not fit into their boxes."""
    group.area.scroll_into_view_if_needed()  # the browser does not lay out what is far away
    return group.page.evaluate(
        """group => {
          const found = [];
          const pen = document.createElement('canvas').getContext('2d');
          for (const e of document.querySelectorAll(`[data-group="${group}"] *`)) {
            if (e.matches('.widget-label, .widget-label-basic, .jupyter-button, .widget-readout') &&
                e.scrollWidth > e.clientWidth + 1) found.push(`${e.textContent} (${e.clientWidth} of ${e.scrollWidth} px)`);
            if (e.matches('select, input[type=text]')) {
              const style = getComputedStyle(e);
              pen.font = `${style.fontSize} ${style.fontFamily}`;
              const text = e.matches('select') ? [...e.options].map(o => o.text) : [e.value];
              const room = e.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
              for (const t of text) if (pen.measureText(t).width > room + 1) found.push(`${t} (${Math.round(room)} px)`);
            }
          }
          return found;
        }""",
        group.index,
    )


def without_name(group: Group) -> list[str]:
    """Controls without an accessible name, which is what screen readers say."""
    from playwright.sync_api import expect

    nameless = []
    for control in group.controls:
        try:
            expect(group.focusable(control)).to_have_accessible_name(re.compile(r"\S"))
        except AssertionError:
            nameless.append(f"{group}: {control.kind} {control.label!r}")
    titles = group.page.locator('.jp-Notebook [title="null"]:visible').all_text_contents()
    return nameless + [f"the pointer over {text!r} says 'null'" for text in titles]


def missed_by_tab(group: Group) -> list[str]:
    """Controls that Tab does not reach from the first one on, or Shift+Tab on the way back, or that it does not leave."""
    where = "() => document.activeElement?.closest('[data-control]')?.dataset.control ?? ''"
    missed = []
    for key, end in (("Tab", group.controls[0]), ("Shift+Tab", group.controls[-1])):
        group.focusable(end).focus()
        reached = []
        for _ in range(3 * len(group.controls) + 3):
            control = group.page.evaluate(where)
            if not control and reached and group.controls[reached[-1]].kind == "canvas":
                group.page.keyboard.press(key)  # the first one made the canvas let go
                control = group.page.evaluate(where)
            if not control.startswith(f"{group.index}-"):
                break
            reached.append(int(control.split("-")[1]))
            group.page.keyboard.press(key)
            if group.controls[reached[-1]].kind == "canvas":
                _until_let_go(group, control)
        else:
            missed.append(f"{group}: {key} does not get beyond {group.controls[reached[-1]].label!r}")
        lost = [control.label or control.kind for control in group.controls if control.number not in reached]
        missed += [f"{group}: {key} does not reach {label!r}" for label in lost]
    return missed


def _until_let_go(group: Group, canvas: str) -> None:
    """Wait until the canvas has no focus any more; the kernel tells it to let go."""
    from playwright.sync_api import TimeoutError as TooLong

    with contextlib.suppress(TooLong):  # that it does not is found afterwards
        group.page.wait_for_function(
            "canvas => document.activeElement?.closest('[data-control]')?.dataset.control !== canvas",
            arg=canvas,
            timeout=30_000,
        )


def low_contrast(group: Group, least: float = 4.5) -> list[str]:
    """Texts of controls and messages whose contrast with their background is below ``least`` (WCAG 2.1, level AA)."""
    group.area.scroll_into_view_if_needed()  # the browser does not lay out what is far away
    return group.page.evaluate(
        """([group, least]) => {
          const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
          const rgba = colour => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
                                   const d = pen.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
          const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
          const behind = e => { const layers = []; for (; e; e = e.parentElement) {
              const c = rgba(getComputedStyle(e).backgroundColor); layers.push(c); if (c[3] === 1) break; }
              return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]); };
          const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => { const v = c[i] / 255;
              return sum + w * (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); }, 0);
          const found = [];
          const texts = '[data-control], [data-control] *, .jupyter-widgets pre, .widget-label';
          for (const e of document.querySelector(`[data-group="${group}"]`).querySelectorAll(texts)) {
            const own = e.matches('select, input') ? (e.value ?? '')
                      : [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join('');
            const text = own.replace(/\\u200b/g, '').trim();
            if (!text || e.disabled || e.matches('option, [type=checkbox]') || !e.getClientRects().length) continue;
            const back = behind(e), front = over(rgba(getComputedStyle(e).color), back);
            const [high, low] = [light(front), light(back)].sort((a, b) => b - a);
            const ratio = (high + 0.05) / (low + 0.05);
            if (ratio < least) found.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)} (${getComputedStyle(e).color})`);
          }
          return found;
        }""",
        [group.index, least],
    )
