"""Small wrongs done to a module, one at a time: a condition gone, a boundary moved, a word exchanged.

Each is made on the syntax tree. What states form and no rule is left alone: docstrings, annotations, decorators,
`__future__`, and raising. A mutant is known by where it is and by what was put for what, so that a reason why one
changes nothing stays with it when lines move.
"""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

_COMPARED: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq),
    ast.LtE: (ast.Lt, ast.Gt, ast.GtE, ast.Eq, ast.NotEq),
    ast.Gt: (ast.GtE, ast.Lt, ast.LtE, ast.Eq, ast.NotEq),
    ast.GtE: (ast.Gt, ast.Lt, ast.LtE, ast.Eq, ast.NotEq),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_CALLED = {"any": "all", "all": "any", "min": "max", "max": "min"}


class Mutant(NamedTuple):
    """One changed module: where, what stood there, what stands there now, and the whole as source."""

    place: str  # function or class, with a dot between; "module" outside
    line: int
    before: str
    after: str
    number: int  # among those of the same words in the same place, from 1
    source: str

    def __str__(self) -> str:
        again = f" ({self.number})" if self.number > 1 else ""
        return f"{self.place}: {self.before} → {self.after}{again}"


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, from its first line to its last."""
    tree = ast.parse(source)
    whole = ast.unparse(tree)
    seen: Counter[tuple[str, str, str]] = Counter()
    for place, node, others in _sites(tree, "module"):
        for other in others:
            text = ast.unparse(_with(tree, node, other))
            if text != whole:
                words = (place, _shown(node), _shown(other))
                seen[words] += 1
                yield Mutant(place, _line(node), *words[1:], seen[words], f"{text}\n")


def _line(node: ast.AST) -> int:
    return node.target.lineno if isinstance(node, ast.comprehension) else node.lineno


def _shown(node: ast.AST) -> str:
    """Return a node as one line; of a statement with a body its first line."""
    return ast.unparse(node).strip().splitlines()[0]


def _with(tree: ast.Module, node: ast.AST, other: ast.AST) -> ast.Module:
    """Return a copy of the tree in which another node stands for one."""
    return ast.fix_missing_locations(copy.deepcopy(tree, {id(node): other}))


def _sites(node: ast.AST, place: str) -> Iterator[tuple[str, ast.AST, list[ast.AST]]]:
    """Yield where something may be put another way, the node that stands there, and the others."""
    for child in _rules_in(node):
        inside = place
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inside = child.name if place == "module" else f"{place}.{child.name}"
        others = [other for kind, ways in _WAYS if isinstance(child, kind) for other in ways(child)]
        if others:
            yield inside, child, others
        yield from _sites(child, inside)


def _rules_in(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that state rules: no docstring, annotation or decorator, nothing that is raised."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_form(child):
                yield child


def _is_form(node: ast.AST) -> bool:
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or isinstance(node, ast.Raise | ast.Import | ast.ImportFrom)


# --- Ways of putting something another way --------------------------------------------------------
def _replaced(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _bool_op(node: ast.BoolOp) -> Iterator[ast.AST]:
    """Take away one operand; put `or` for `and`."""
    for gone in node.values:
        rest = [value for value in node.values if value is not gone]
        yield rest[0] if len(rest) == 1 else _replaced(node, values=rest)
    yield _replaced(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())


def _compare(node: ast.Compare) -> Iterator[ast.AST]:
    """Put each other comparison; of a chain take away one end."""
    for number, operator in enumerate(node.ops):
        for other in _COMPARED[type(operator)]:
            yield _replaced(node, ops=[*node.ops[:number], other(), *node.ops[number + 1 :]])
    if len(node.ops) > 1:
        yield _replaced(node, ops=node.ops[:-1], comparators=node.comparators[:-1])
        yield _replaced(node, left=node.comparators[0], ops=node.ops[1:], comparators=node.comparators[1:])


def _condition(node: ast.If | ast.IfExp) -> Iterator[ast.AST]:
    """Let a condition always hold, and never."""
    for always in (True, False):
        yield _replaced(node, test=ast.Constant(always))


def _filters(node: ast.comprehension) -> Iterator[ast.AST]:
    for gone in node.ifs:
        yield _replaced(node, ifs=[one for one in node.ifs if one is not gone])


def _unary(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand


def _binary(node: ast.BinOp) -> Iterator[ast.AST]:
    yield node.left
    yield node.right


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    """Put the other truth, another word, another number."""
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, str):
        yield ast.Constant(f"not {node.value}")
    elif isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
    elif node.value is None:
        yield ast.Constant("something")


def _collection(node: ast.Tuple | ast.Set | ast.List) -> Iterator[ast.AST]:
    """Take away one of several."""
    for gone in node.elts:
        if isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            yield _replaced(node, elts=[one for one in node.elts if one is not gone])


def _call(node: ast.Call) -> Iterator[ast.AST]:
    if isinstance(node.func, ast.Name) and node.func.id in _CALLED:
        yield _replaced(node, func=ast.Name(_CALLED[node.func.id], ast.Load()))
    for gone in node.keywords:
        yield _replaced(node, keywords=[one for one in node.keywords if one is not gone])


def _returned(node: ast.Return) -> Iterator[ast.AST]:
    """Turn what is told round, and tell nothing. Constants have a way of their own."""
    if node.value is not None and not isinstance(node.value, ast.Constant):
        yield _replaced(node, value=ast.UnaryOp(ast.Not(), node.value))
        yield _replaced(node, value=ast.Constant(None))


_WAYS: tuple[tuple[type | tuple[type, ...], Callable], ...] = (
    (ast.BoolOp, _bool_op),
    (ast.Compare, _compare),
    ((ast.If, ast.IfExp), _condition),
    (ast.comprehension, _filters),
    (ast.UnaryOp, _unary),
    (ast.BinOp, _binary),
    (ast.Constant, _constant),
    ((ast.Tuple, ast.Set, ast.List), _collection),
    (ast.Call, _call),
    (ast.Return, _returned),
)
