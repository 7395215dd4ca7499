"""The tables of the paper as data: which runs each is made of, and the options of each run.

`{akmnet}` in an option stands for the run directory of that cell, which is run before.
"""

import dataclasses

from akm_jax.report.published import AKMNET

MAIN = "akmnet"


@dataclasses.dataclass(frozen=True)
class CellSpec:
    """One line of a table.

    Attributes:
        name: for `--cells` and folders; the same run in every table.
        title, sees: as in the tables of published figures.
        method: its name.
        options: of the method, beside those of the preset.
        seeds: how many, whatever the run's; 0: the run's.
        needs_apex: whether it is nothing without annotated apexes.
        last_frames: of each clip only so many, from the end; 0: all.
    """

    name: str
    title: str
    sees: str
    method: str = "akmnet"
    options: tuple[str, ...] = ()
    seeds: int = 0
    needs_apex: bool = False
    last_frames: int = 0

    @property
    def needs(self) -> tuple[str, ...]:
        """Cells whose runs it reads."""
        return (MAIN,) if any("{akmnet}" in option for option in self.options) else ()


@dataclasses.dataclass(frozen=True)
class TableSpec:
    """A table: what it is about, and its lines.

    Attributes:
        title: what it is about.
        cells: its lines.
        apexes: whether it asks where apexes are among the key frames.
        hold_out: whether a fifth of the subjects is held out once, instead of each in turn.
    """

    title: str
    cells: tuple[CellSpec, ...]
    apexes: bool = False
    hold_out: bool = False


_KEY_FRAMES_OF = "--key_frames_of={akmnet}"
AKMNET_CELL = CellSpec(MAIN, AKMNET, "key frames")
ALL = CellSpec("va-all", "AKMNet without mining", "all", options=("--model.mining=all",))
LAST_TEN = CellSpec("va-last10", "AKMNet without mining", "last ten", options=ALL.options, last_frames=10)

OTHER_METHODS = (  # nothing is random in a descriptor and its support vector machine
    CellSpec("lbp_top", "LBP-TOP", "all", "lbp_top", seeds=1),
    CellSpec("lbp_sip", "LBP-SIP", "all", "lbp_sip", seeds=1),
    CellSpec("stclqp", "STCLQP", "all", "stclqp", seeds=1),
    CellSpec("higo", "HIGO", "all", "higo", seeds=1),
    CellSpec("fhofo", "FHOFO", "all", "fhofo", seeds=1),
    CellSpec("mdmo", "MDMO", "all", "mdmo", seeds=1),
    CellSpec("macro2micro", "Macro2Micro", "apex", "macro2micro", needs_apex=True),
    CellSpec("micro_attention", "MicroAttention", "apex", "micro_attention", needs_apex=True),
    CellSpec("atnet", "ATNet", "apex and neighbours", "atnet", needs_apex=True),
    CellSpec("ststnet", "STSTNet", "onset and apex", "ststnet"),
    CellSpec("strcn", "STRCN-G", "onset and apex", "strcn"),
)
VARIANTS = (
    ALL,
    CellSpec(
        "va-random",
        "AKMNet without mining",
        "random",
        options=("--model.mining=random", _KEY_FRAMES_OF),
        seeds=5,
    ),
    *(
        CellSpec(f"va-norm{n}", "AKMNet without mining", f"{n}, interpolated", options=(f"--model.mining=norm{n}",))
        for n in (16, 32, 64, 128)
    ),
)
PARTS = (
    CellSpec("s12", "AKMNet without sparse selection", "all", options=("--model.mining=s12",)),
    CellSpec("s13", "AKMNet without global correlation", "key frames", options=("--model.mining=s13",)),
    CellSpec("s23", "AKMNet without local self-attention", "key frames", options=("--model.mining=s23",)),
)
SINGLE_FRAMES = tuple(
    CellSpec(f"{method}-{frame}", title, sees, method, (f"--view.frame={frame}", *more), needs_apex=frame == "apex")
    for method, title in (("resnet18", "ResNet-18"), ("vgg11", "VGG-11"))
    for frame, sees, more in (("apex", "apex", ()), ("max_key", "top beta", (_KEY_FRAMES_OF,)))
)

TABLES: dict[int, TableSpec] = {
    3: TableSpec("all methods", (*OTHER_METHODS, AKMNET_CELL)),
    4: TableSpec("what mining is worth", (*VARIANTS, AKMNET_CELL)),
    5: TableSpec("parts of mining", (*PARTS, AKMNET_CELL)),
    6: TableSpec("key frames and the apex", (AKMNET_CELL,), apexes=True),
    7: TableSpec("single frames", (*SINGLE_FRAMES, AKMNET_CELL)),
    8: TableSpec(
        "macro-expressions, a fifth of the subjects held out",
        (ALL, LAST_TEN, AKMNET_CELL),
        hold_out=True,
    ),
}

# What `--preset=demo` makes of a method, so that a table ends in minutes on two cores. Rule `test` chooses from the
# tenth epoch on, so every network trains twelve.
_SLIM = ("--epochs=12", "--steps_per_epoch=1")
DEMO: dict[str, tuple[str, ...]] = {
    "akmnet": (
        "--epochs=12",
        "--learning_rate=0.01",
        "--pretrain.people=0",
        "--model.image_size=32",
        *("--model.widths", "8", "16", "32", "64"),
        "--model.gru_hidden=16",
    ),
    "macro2micro": _SLIM,
    "micro_attention": _SLIM,
    "atnet": _SLIM,
    "ststnet": ("--epochs=60",),
    "strcn": ("--epochs=12", "--features=8", "--view.height=64", "--view.width=64", "--view.alphas", "5", "8"),
    "resnet18": ("--epochs=12",),
    "vgg11": ("--epochs=12",),
}
# In the demo one seed serves where a clip has many frames, and three draws.
DEMO_SEEDS = {"va-random": 3} | {f"va-norm{n}": 1 for n in (16, 32, 64, 128)}


def find_table(number: int) -> TableSpec:
    """The table of a number.

    Raises:
        ValueError: there is none.
    """
    if number not in TABLES:
        raise ValueError(f"--table={number}: expected one of {', '.join(map(str, TABLES))}")
    return TABLES[number]


def choose_cells(table: TableSpec, names: str) -> tuple[CellSpec, ...]:
    """Some cells of a table, comma-separated, or all; those come first whose runs others read.

    Raises:
        ValueError: there is no such cell.
    """
    known = {cell.name: cell for cell in table.cells}
    wanted = [name.strip() for name in names.split(",") if name.strip()] or list(known)
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"--cells: no cell {', '.join(unknown)}; this table has {', '.join(known)}")
    return tuple(cell for cell in table.cells if cell.name in wanted)


def in_order(cells: tuple[CellSpec, ...]) -> tuple[CellSpec, ...]:
    """The cells in the order of running: those whose runs others read come first, and are added where missing."""
    needed = {name for cell in cells for name in cell.needs}
    first = [AKMNET_CELL] if MAIN in needed or AKMNET_CELL in cells else []
    return (*first, *(cell for cell in cells if cell.name != MAIN))


def options_of(cell: CellSpec, preset: str) -> tuple[str, ...]:
    """Options of a cell's method under a preset."""
    return (*(DEMO.get(cell.method, ()) if preset == "demo" else ()), *cell.options)


def seeds_of(cell: CellSpec, preset: str, seeds: int) -> int:
    """How many seeds a cell takes of a run with so many."""
    return (DEMO_SEEDS.get(cell.name, 0) if preset == "demo" else 0) or cell.seeds or seeds
