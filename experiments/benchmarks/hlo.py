"""What a compiled GPU program launches, read from XLA's text of it.

XLA gives its optimised program as text: computations of one instruction a line, loops and conditions naming the
computations they run. Counted is what becomes a launch: fusions, library and custom calls, copies, sorts, and whatever
else is not free (parameters, tuples, bitcasts, constants).
"""

import collections
import dataclasses
import math
import re
from collections.abc import Callable, Iterator

FREE = {
    "parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "opt-barrier", "add-dependency",
    "partition-id", "replica-id", "domain", "all-reduce-done", "copy-done", "async-done", "async-update", "call",
    "while", "conditional",
}  # fmt: skip
ITEM_BYTES = {"pred": 1, "bf16": 2, "f16": 2} | {
    f"{kind}{bits}": bits // 8 for kind in "sufc" for bits in (8, 16, 32, 64, 128)
}

_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = (.+?) ([a-z][a-z\-]*)\((.*)$")
_SHAPE = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\]")
_OPERAND = re.compile(r"%([\w.\-]+)")
_CALLED = re.compile(r"(?:to_apply|calls|true_computation|false_computation)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TURNS = re.compile(r'known_trip_count":\{"n":"(\d+)"')
_TARGET = re.compile(r'custom_call_target="([^"]+)"')

Shape = tuple[str, tuple[int, ...]]
"""Number format and sides."""


@dataclasses.dataclass(frozen=True)
class Kernel:
    """One launch: its instruction's name, kind or custom call's target, and the shapes that it reads and writes."""

    name: str
    kind: str
    reads: tuple[Shape, ...]
    writes: tuple[Shape, ...]


@dataclasses.dataclass(frozen=True)
class Loop:
    """A loop: its name, turns where the program fixes them (None: found out while it runs), and what a turn does."""

    name: str
    turns: int | None
    body: "Launches"


@dataclasses.dataclass(frozen=True)
class Launches:
    """What a computation launches, conditions by the branch that launches most."""

    kernels: tuple[Kernel, ...]
    loops: tuple[Loop, ...]

    def count(self, kind: str = "") -> int:
        """Kernels outside of loops, of one kind or all."""
        return sum(kind in ("", kernel.kind) for kernel in self.kernels)

    def kinds(self) -> dict[str, int]:
        """Kernels outside of loops by kind, the most frequent first."""
        return dict(collections.Counter(kernel.kind for kernel in self.kernels).most_common())

    def in_loops(self, unknown: int = 1) -> int:
        """Kernels that loops launch in all their turns; `unknown` stands for turns that are not fixed."""
        return sum(
            (loop.turns if loop.turns is not None else unknown) * (loop.body.count() + loop.body.in_loops(unknown))
            for loop in self.loops
        )

    def convolutions(self) -> dict[str, int]:
        """Convolutions by cuDNN outside of loops by the number format they read."""
        formats = (kernel.reads[0][0] for kernel in self.kernels if kernel.kind.startswith("__cudnn$conv"))
        return dict(sorted(collections.Counter(formats).items()))

    def bytes_moved(self, counts: Callable[[Shape], bool]) -> dict[str, int]:
        """Bytes outside of loops, by number format, of the arrays for which `counts` is true, each kernel's anew."""
        moved: collections.Counter[str] = collections.Counter()
        for kernel in self.kernels:
            for shape in kernel.reads + kernel.writes:
                if counts(shape):
                    moved[shape[0]] += math.prod(shape[1]) * ITEM_BYTES[shape[0]]
        return dict(sorted(moved.items()))


def read_launches(text: str) -> Launches:
    """What the program of this text launches.

    Raises:
        ValueError: the text has no entry computation, or names one that it does not hold.
    """
    computations: dict[str, list[str]] = {}
    entry, lines = None, list[str]()
    for line in text.splitlines():
        if start := _COMPUTATION.match(line):
            lines = computations[start[2]] = []
            entry = start[2] if start[1] else entry
        else:
            lines.append(line)
    if entry is None:
        raise ValueError("expected the text of a compiled XLA program with an ENTRY computation, found none")
    return _launches(entry, computations)


def _launches(name: str, computations: dict[str, list[str]]) -> Launches:
    if name not in computations:
        raise ValueError(f"the program's text names the computation {name}, but does not hold it")
    kernels, loops = list[Kernel](), list[Loop]()
    shapes: dict[str, tuple[Shape, ...]] = {}
    for result, written, kind, rest in _instructions(computations[name]):
        shapes[result] = _shapes(written)
        inner = None
        if kind == "while":
            loops.append(_loop(result, rest, computations))
        elif kind == "conditional":
            inner = max(
                (_launches(n, computations) for n in _called(rest)), key=lambda one: one.count() + one.in_loops()
            )
        elif kind in ("call", "async-start") and _called(rest):
            inner = _launches(_called(rest)[0], computations)
        elif kind not in FREE:
            target = _TARGET.search(rest)
            arguments = rest.split("), ")[0]
            reads = tuple(shape for operand in _OPERAND.findall(arguments) for shape in shapes.get(operand, ()))
            kernels.append(Kernel(result, target[1] if target else kind, reads, shapes[result]))
        if inner is not None:
            kernels += inner.kernels
            loops += inner.loops
    return Launches(tuple(kernels), tuple(loops))


def _instructions(lines: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """Name, result's type, kind, and the rest of the line."""
    for line in lines:
        if found := _INSTRUCTION.match(line):
            yield found[1], found[2], found[3], found[4]


def _loop(name: str, rest: str, computations: dict[str, list[str]]) -> Loop:
    parts = dict(re.findall(r"\b(condition|body)=%?([\w.\-]+)", rest))
    condition, body = (_launches(parts[part], computations) for part in ("condition", "body"))
    turns = _TURNS.search(rest)
    whole = Launches(condition.kernels + body.kernels, condition.loops + body.loops)
    return Loop(name, int(turns[1]) if turns else None, whole)


def _called(rest: str) -> list[str]:
    if branches := _BRANCHES.search(rest):
        return [name.strip().lstrip("%") for name in branches[1].split(",")]
    return _CALLED.findall(rest)


def _shapes(text: str) -> tuple[Shape, ...]:
    text = re.sub(r"/\*.*?\*/", "", text)
    return tuple((kind, tuple(int(n) for n in sides.split(",") if n)) for kind, sides in _SHAPE.findall(text))
