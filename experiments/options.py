"""Options of the command lines that run experiments: which data, which method, and what each preset stands for."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from akm_jax.config import AKMNetConfig, RunOptions
from akm_jax.methods import find_method, method_names
from akm_jax.methods.protocol import Method
from experiments.command import OptionError, checked_options, parse, refuse_unused

if TYPE_CHECKING:
    from datasets_tfds.layout import Places

DRAWN, DRAWN_LONG = "synthetic", "synthetic_long"  # data sets, and the groups of options that say how they are drawn
# Options that say how a folder of a user's own is read; of clips, of long videos, or of both.
_OF_FOLDERS = ("manual_dir", "data.table", "data.frames", "allow_missing", "data.subject_pattern", "counting")


@dataclasses.dataclass(frozen=True)
class SyntheticConfig:
    """The drawn corpus that `--dataset=synthetic` makes when it is not there yet."""

    subjects: int = 8
    """Drawn people."""
    clips: int = 6
    """Clips a person."""
    strength: float = 1.0
    """Displacement of the expression: 1 as after magnification, 0.06 as recorded, 0 none (negative control)."""
    seed: int = 0
    """Seed of the drawing."""
    size: int = 128
    """Side of the drawn frames in pixels."""
    layout: str = "smic"
    """Set whose layout, frame rate and lengths it has: smic, casme, casme2 or samm; several, comma-separated, are drawn
    of different people and pooled."""


@dataclasses.dataclass(frozen=True)
class SyntheticLongConfig:
    """The drawn long videos that `--dataset=synthetic_long` makes when they are not there yet."""

    layout: Literal["cas_me2", "samm_lv"] = "cas_me2"
    """Set whose layout and frame rate they have."""
    subjects: int = 6
    """Drawn people."""
    videos: int = 2
    """Videos a person."""
    seconds: float = 30.0
    """Length of a video."""
    strength: float = 1.0
    """Amplitude of the expressions; 0 none (negative control)."""
    seed: int = 0
    """Seed of the drawing."""


@dataclasses.dataclass(frozen=True)
class PlaceOptions:
    """Which data, and where they are: what sets of clips and of long videos share."""

    dataset: str = ""
    manual_dir: Path | None = None
    """Folder of the original download; the data set is built from it on first use. Of several sets: a folder with a
    folder for each, named as --dataset names it."""
    data_dir: Path | None = None
    """Where built data sets are kept; the TFDS default when not given."""
    data_config: str | None = None
    allow_missing: bool = False
    """Leave out clips or videos that are missing or damaged on disk instead of refusing to build."""
    table_file: Annotated[Path | None, tyro.conf.arg(name="data.table")] = None
    """The annotation table, where it is not called as distributed."""
    frames_folder: Annotated[Path | None, tyro.conf.arg(name="data.frames")] = None
    """The folder that holds the subjects (or long videos), where it is not called as distributed."""

    @property
    def places(self) -> "Places":
        """Where table and frames lie, as far as the user says so."""
        from datasets_tfds.layout import Places  # here: --help does not need it

        return Places(self.table_file, self.frames_folder)

    @property
    def unused(self) -> dict[str, str]:
        """Options that the data set has no use for, and why: those of drawing, or those of folders."""
        if DRAWN in split_names(self.dataset) or self.dataset == DRAWN_LONG:
            why = f"--dataset={self.dataset} is drawn, not read from a folder of yours"
            return dict.fromkeys(_OF_FOLDERS, why)
        return dict.fromkeys((DRAWN, DRAWN_LONG), f"nothing is drawn for --dataset={self.dataset}")


@dataclasses.dataclass(frozen=True)
class DataOptions(PlaceOptions):
    """Which clips, and where they are."""

    dataset: str = "smic"
    """Data set: casme, casme2, samm, smic, folder (your own), or synthetic (drawn on first use, needs no data).
    Several, comma-separated, are pooled: smic,casme2,samm is the composite of MEGC 2019."""
    data_config: str | None = None
    """Builder configuration: original, raw, aligned, aligned_alpha15; smic: hs, vis, nir; the usual one if none. Of
    several sets: one for all, or one for each, comma-separated."""
    classes: Literal["usual", "paper4", "megc3", "emotion"] = "usual"
    """Class scheme: four classes as published (paper4), three of MEGC 2019, the emotions, or what is usual for the set:
    paper4 where it has emotions, SMIC's own three, the labels of a folder; megc3 for several sets."""
    synthetic: SyntheticConfig = SyntheticConfig()

    @classmethod
    def preset(cls, name: str) -> "DataOptions":
        """The data of a preset: drawn ones, but for `paper`."""
        presets = {
            "demo": cls(dataset=DRAWN, synthetic=SyntheticConfig(subjects=8, clips=6)),
            "tiny": cls(dataset=DRAWN, synthetic=SyntheticConfig(subjects=3, clips=3, size=48)),
        }
        return presets.get(name, cls())


@dataclasses.dataclass(frozen=True)
class LongDataOptions(PlaceOptions):
    """Which long videos, and where they are."""

    dataset: str = "synthetic_long"
    """Set of long videos: cas_me2, samm_lv, long_folder (your own), or synthetic_long (drawn on first use)."""
    data_config: str | None = None
    """How crops are stored: jpeg, the usual, or png."""
    counting: Literal["from0", "from1", "seconds"] | None = None
    """How the table of long_folder counts: frames from 0, frames from 1, or seconds; from1 if not given."""
    synthetic_long: SyntheticLongConfig = SyntheticLongConfig()


PRESETS = ("paper", "demo", "tiny")
RENAMED = {"init_weights": "init"}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What a command line asks for.

    Attributes:
        method_name: the method.
        preset: whose defaults were taken.
        run_dir: where results go.
        data: which data.
        options: of the run.
        config: settings of the method.
    """

    method_name: str
    preset: str
    run_dir: Path
    data: DataOptions
    options: RunOptions
    config: Any

    @property
    def settings(self) -> dict[str, Any]:
        """What a run directory records beside method and options."""
        return {"preset": self.preset, "run_dir": self.run_dir, **dataclasses.asdict(self.data)}


def parse_experiment(arguments: Sequence[str], *, program: str, description: str) -> Experiment:
    """Parse the options of a run; `--method`, `--preset` and `--variant` decide which there are, and their defaults."""
    name, preset = value_of(arguments, "method", "akmnet"), value_of(arguments, "preset", "paper")
    check_preset(preset)
    _refuse_old_names(arguments)
    with checked_options():
        method = find_method(name)
    config = _default_config(method, preset, value_of(arguments, "variant", ""))
    kind: Any = type(config)
    command, settings = _command_class(kind), _prefixless(kind)
    given: Any = parse(
        command,
        arguments,
        program=program,
        description=description,
        elsewhere=functools.partial(_methods_with, name),
        default=command(data=DataOptions.preset(preset), settings=settings(**_fields(config))),
    )
    chosen = type(config)(**_fields(given.settings))
    run_dir = given.run_dir or Path("runs") / _run_name(name, preset, given.data, given.run)
    experiment = Experiment(name, preset, run_dir, given.data, given.run, chosen)
    refuse_unused(arguments, unused_options(experiment))
    return experiment


def unused_options(experiment: Experiment) -> dict[str, str]:
    """Options that decide nothing beside the others of an experiment, and why; for `command.refuse_unused`."""
    name, kind, config = experiment.method_name, find_method(experiment.method_name), experiment.config
    unused = experiment.data.unused
    if "inner" not in experiment.options.chosen_rules:
        unused["inner_share"] = f"--rules={experiment.options.rules} holds out no training subjects"
    if kind.parts is Method.parts:
        unused["devices"] = f"--method={name} is not shared between devices"
    if kind.epochs is Method.epochs:
        unused["checkpoint_interval_s"] = f"--method={name} has no epochs between which a fold could be kept"
    if getattr(config, "view", kind.view) is not None and getattr(config, "key_frames_of", None) is None:
        why = f"--method={name} reads frames once, for its view"
        unused |= dict.fromkeys(("data.memory_gib", "data.decode_threads"), why)
    if isinstance(config, AKMNetConfig):
        unused |= _unused_of_akmnet(config)
        if config.pretrain.people and unused.pop(DRAWN, ""):  # stills are drawn at the size of the corpus
            others = [f"{DRAWN}.{field.name}" for field in dataclasses.fields(SyntheticConfig) if field.name != "size"]
            unused |= dict.fromkeys(others, f"nothing but stills is drawn for --dataset={experiment.data.dataset}")
    return unused | _unused_of_view(getattr(config, "view", None))


def _unused_of_akmnet(config: AKMNetConfig) -> dict[str, str]:
    unused: dict[str, str] = {}
    if not config.pretrain.people:
        names = [field.name for field in dataclasses.fields(config.pretrain) if field.name != "people"]
        unused |= {f"pretrain.{name}": "--pretrain.people=0 asks for no pretraining" for name in names}
    if not config.model.selects:
        why = f"--model.mining={config.model.mining} selects no frames, whose losses these weigh"
        unused |= dict.fromkeys(("sparsity_weight", "margin_weight"), why)
    return unused


def _unused_of_view(view: Any) -> dict[str, str]:
    if getattr(view, "flow_dir", None) is not None:
        why = f"pictures of --view.flow_dir={view.flow_dir} are taken as they are"
        return dict.fromkeys(("view.flow", "view.apex", "view.annotated"), why)
    if getattr(view, "frame", "") == "max_key":
        return dict.fromkeys(("view.apex", "view.annotated"), "--view.frame=max_key sees no apex")
    return {}


def _run_name(method: str, preset: str, data: DataOptions, options: RunOptions) -> str:
    """Folder of a run whose place was not given; what is not the usual stands in it."""
    drawn = "+".join(split_names(data.synthetic.layout)) if data.dataset == "synthetic" else "smic"
    parts = ["+".join(split_names(data.dataset)), *[drawn] * (drawn != "smic"), *[method] * (method != "akmnet")]
    return "-".join([*parts, *[options.protocol] * (options.protocol != "loso"), preset])


def split_names(text: str) -> list[str]:
    """Names of a comma-separated list."""
    return [name.strip() for name in text.split(",") if name.strip()]


def check_preset(preset: str) -> None:
    """Raise OptionError unless there is such a preset."""
    if preset not in PRESETS:
        raise OptionError(f"--preset={preset}: expected one of {', '.join(PRESETS)}")


def _refuse_old_names(arguments: Sequence[str]) -> None:
    for old, new in RENAMED.items():
        if any(argument.partition("=")[0].replace("-", "_") == f"__{old}" for argument in arguments):
            raise OptionError(f"--{old} is called --{new} now")


def _default_config(method: type[Method], preset: str, variant: str = "") -> Any:
    """Settings unless others are given; those of a variant, where the method has it."""
    config: Any = getattr(method, "Config", method)
    if variant in getattr(method, "defaults", {}):
        return config(variant=variant)
    return config.preset(preset) if hasattr(config, "preset") else config()


def _methods_with(method: str, option: str) -> str:
    """Which other methods have an option, as the end of a sentence that says that this one has not; "" if none has."""
    found = [other for other in method_names() if option in _settings_of(_default_config(find_method(other), "paper"))]
    named = f"{', '.join(found[:4])}{' and others' if len(found) > 4 else ''}"
    return f"--method={method} has none; it is an option of {named}" if found else ""


def _settings_of(config: Any, prefix: str = "") -> Iterator[str]:
    """Options by which settings are given: those of training stand without a prefix."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from _settings_of(value, prefix if field.name == "train" else f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}"


def _command_class(config: type) -> Any:
    """The options of a run with the settings of a method, all without a prefix of their own."""
    bare = tyro.conf.arg(name="")
    names = f"What is trained: {', '.join(method_names())}. It decides which options there are."
    fields: list[tuple[str, Any, Any]] = [
        ("method", Annotated[str, tyro.conf.arg(help=names)], "akmnet"),
        ("preset", Annotated[Literal["paper", "demo", "tiny"], tyro.conf.arg(help=PRESET_HELP)], "paper"),
        ("run_dir", Annotated[Path | None, tyro.conf.arg(help=RUN_DIR_HELP)], None),
        ("data", Annotated[DataOptions, bare], DataOptions()),
        ("run", Annotated[RunOptions, bare], RunOptions()),
        ("settings", Annotated[_prefixless(config), bare], _prefixless(config)()),
    ]
    return dataclasses.make_dataclass(
        "Command", [(name, kind, dataclasses.field(default=default)) for name, kind, default in fields], frozen=True
    )


PRESET_HELP = "Defaults of everything: the published network, the five-minute demo, or the smallest that runs."
RUN_DIR_HELP = (
    "Where results go; runs/<dataset>-<preset> when not given, with the method's name if it is not akmnet, and the "
    "protocol if it is not loso."
)


@functools.cache
def _prefixless(config: type) -> Any:
    """The settings as options: those of training stand without a prefix (`--epochs`)."""
    kinds: dict[str, Any] = {field.name: field.type for field in dataclasses.fields(config)}
    if "train" not in kinds:
        return config
    kind = kinds["train"]
    train: Any = Annotated.__class_getitem__((kind, tyro.conf.arg(name="")))  # type: ignore[attr-defined]
    inherited = dataclasses.make_dataclass(config.__name__, [("train", train, kind())], bases=(config,), frozen=True)
    inherited.__doc__ = config.__doc__
    return inherited


def _fields(config: Any) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


def value_of(arguments: Sequence[str], option: str, default: str) -> str:
    """The value of an option that decides about others, before they are parsed; given twice, the last counts."""
    for i, argument in reversed([*enumerate(arguments)]):
        if argument.startswith(f"--{option}="):
            return argument.partition("=")[2]
        if argument == f"--{option}" and i + 1 < len(arguments):
            return arguments[i + 1]
    return default
