"""Which names a notebook's cells make and read: a cell can be run again, in any order, if every name has one maker."""

import ast
import builtins
import re
from collections.abc import Iterator


class _Names(ast.NodeVisitor):
    """Names that a cell makes, and those that it reads before it has made them itself, functions' bodies among them."""

    def __init__(self):
        self.made: set[str] = set()
        self.read: set[str] = set()
        self._local: list[set[str]] = []  # names of the functions and comprehensions around

    def visit_Name(self, node):
        known = any(node.id in names for names in self._local)
        if isinstance(node.ctx, ast.Load):
            if not known and node.id not in self.made:
                self.read.add(node.id)
        elif not known:
            (self._local[-1] if self._local else self.made).add(node.id)

    def visit_Assign(self, node):
        self.visit(node.value)  # before the targets: x = x + 1 reads x
        for target in node.targets:
            self.visit(target)

    def visit_AugAssign(self, node):
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self.visit_Name(ast.Name(node.target.id, ast.Load()))
        self.visit(node.target)

    def visit_For(self, node):
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)

    def _comprehension(self, node):
        self._local.append(set())
        for generator in node.generators:
            self.visit(generator.iter)
            self.visit(generator.target)
            for condition in generator.ifs:
                self.visit(condition)
        for part in ("key", "value", "elt"):
            if hasattr(node, part):
                self.visit(getattr(node, part))
        self._local.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _function(self, node):
        for default in [
            *node.args.defaults,
            *filter(None, node.args.kw_defaults),
            *getattr(node, "decorator_list", []),
        ]:
            self.visit(default)
        if hasattr(node, "name"):
            (self._local[-1] if self._local else self.made).add(node.name)
        self._local.append({argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)})
        for part in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(part)
        self._local.pop()

    visit_FunctionDef = visit_Lambda = _function

    def _import(self, node):
        self.made |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}

    visit_Import = visit_ImportFrom = _import

    def visit_ExceptHandler(self, node):
        if node.type:
            self.visit(node.type)
        self._local.append({node.name} if node.name else set())
        for part in node.body:
            self.visit(part)
        self._local.pop()


def parsed(source: str) -> ast.Module:
    """The cell's syntax tree; lines for IPython or the shell, such as ``%pip``, are left out."""
    return ast.parse(re.sub(r"^\s*[%!].*$", "", source, flags=re.M))


def made_and_read(source: str) -> tuple[set[str], set[str]]:
    """Names that a cell makes, and names that it needs from others."""
    names = _Names()
    names.visit(parsed(source))
    return names.made, names.read - set(dir(builtins))


def findings(cells: dict[int, str]) -> Iterator[str]:
    """Why cells (source by number) cannot be run again in any order, one line for each name."""
    names = {number: made_and_read(source) for number, source in cells.items()}
    makers: dict[str, list[int]] = {}
    for number, (made, _) in names.items():
        for name in made:
            makers.setdefault(name, []).append(number)
    needed = {name: number for number, (_, read) in reversed(names.items()) for name in read}
    for name, reader in sorted(needed.items(), key=lambda item: item[1]):
        made_by = makers.get(name, [])
        if not made_by:
            yield f"cell {reader} needs {name!r}, which no cell makes"
        elif len(made_by) > 1:
            yield f"cells {', '.join(map(str, made_by))} make {name!r}, and cell {reader} needs one of them"
        elif made_by[0] > reader:
            yield f"cell {reader} needs {name!r}, which cell {made_by[0]} makes later"
