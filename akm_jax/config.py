"""Settings as frozen dataclasses, checked by `validate`: those of AKMNet, and those of every run."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

Rule = Literal["last", "inner", "test"]
RULES: tuple[Rule, ...] = ("last", "inner", "test")
Protocol = Literal["loso", "leave_one_set_out"]
PROTOCOLS: tuple[Protocol, ...] = ("loso", "leave_one_set_out")
FULL_METHOD = "s123"
Mining = Literal["s123", "s12", "s13", "s23", "all", "random", "norm16", "norm32", "norm64", "norm128"]
SettingsT = TypeVar("SettingsT")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """AKMNet's shape; the defaults are the published network."""

    image_size: int = 128
    """Side of the square frames the network sees, in pixels; a multiple of 32."""
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    """Channels of the four trunk stages."""
    gru_hidden: int = 32
    """GRU units a direction."""
    dropout: float = 0.5
    """Dropout rate before the classifier."""
    variant: Literal["code", "paper"] = "code"
    """Key-frame selection and its gradient: as the released code computes them, or as the paper writes them."""
    mining: Mining = "s123"
    """The full method (s123), or a variant of the paper's: s12 all frames weighted by beta, s13 alpha in place of beta,
    s23 alpha is 1; without mining all frames, as many random frames as AKMNet chose, or the clip brought to 16, 32, 64
    or 128 frames by temporal interpolation."""
    trunk_dtype: Literal["float32", "bfloat16", "float64"] = "float32"
    """Number format of the trunk; mining is float32 or wider whatever stands here."""
    param_dtype: Literal["float32", "float64"] = "float32"
    """Number format of the parameters; float64 needs jax_enable_x64."""

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> "ModelConfig":
        """As a run directory has them; what an older version did not know is as it was then."""
        return settings_from_json(cls, settings)

    @property
    def mining_parts(self) -> str:
        """Parts of the mining that are on, some of 123; none for the variants without mining."""
        return self.mining[1:] if self.mining.startswith("s") else ""

    @property
    def selects(self) -> bool:
        """Whether key frames are selected."""
        return "3" in self.mining_parts

    @property
    def interpolated_frames(self) -> int:
        """Frames that every clip is brought to; 0: clips keep theirs."""
        return int(self.mining.removeprefix("norm")) if self.mining.startswith("norm") else 0

    @property
    def num_positions(self) -> int:
        """Spatial positions of the trunk's output."""
        return (self.image_size // 32) ** 2

    @property
    def crop_source_size(self) -> int:
        """Side of the enlarged frames that training crops are taken from: 9/8 of the image size (144 for 128)."""
        return self.image_size * 9 // 8

    def validate(self) -> None:
        """Raise ValueError on values that no network can be built from."""
        _require(
            self.image_size >= 32 and self.image_size % 32 == 0, "model.image_size", self.image_size, "32, 64, 96.."
        )
        _require(min(self.widths) >= 1, "model.widths", self.widths, "four channel counts of at least 1")
        _require(self.mining in get_args(Mining), "model.mining", self.mining, f"one of {', '.join(get_args(Mining))}")
        _require(self.gru_hidden >= 1, "model.gru_hidden", self.gru_hidden, "at least 1")
        _require(0 <= self.dropout < 1, "model.dropout", self.dropout, "0 <= rate < 1")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Optimisation; the defaults are the released program's."""

    epochs: int = 40
    """Passes over the training clips of a fold."""
    clips_per_step: int = 8
    """Clips a training step; the last step of an epoch has the remainder."""
    parts: int = 0
    """Devices that share each step, with as many of its clips each; 0: two on a CPU of two or more cores, else one."""
    learning_rate: float = 1e-3
    """Peak learning rate of SGD."""
    final_learning_rate: float = 1e-8
    """Lowest learning rate of the cosine."""
    schedule: Literal["code", "paper"] = "code"
    """Cosine of half-period epochs/5, which goes down and up 2.5 times (code), or one decay (paper)."""
    momentum: float = 0.9
    """SGD momentum, no Nesterov."""
    weight_decay: float = 5e-4
    """Added to every parameter's gradient, batch norm and biases too."""
    sparsity_weight: float = 0.1
    """Weight of the global sparsity loss."""
    margin_weight: float = 1.0
    """Weight of the mean margin loss."""
    crop_probability: float = 0.5
    """Share of training clips shown as one random crop of the enlarged frames."""
    resample_classes: bool = False
    """Repeat training clips of the smaller classes up to the largest class (in the paper, not in the code)."""
    steps_per_call: int = 0
    """Steps of one compiled call; 0: a whole epoch on an accelerator, 4 on the CPU and where data are streamed."""
    steps_per_epoch: int = 0
    """Stop every epoch after this many steps (a try-out, not a result); 0: all clips."""

    def validate(self) -> None:
        """Raise ValueError on values that can't train."""
        _require(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        _require(self.clips_per_step >= 1, "clips_per_step", self.clips_per_step, "at least 1")
        _require(self.parts >= 0, "parts", self.parts, "0 (by device) or more")
        _require(self.learning_rate > 0, "learning_rate", self.learning_rate, "above 0")
        _require(0 <= self.crop_probability <= 1, "crop_probability", self.crop_probability, "0..1")
        _require(self.steps_per_call >= 0, "steps_per_call", self.steps_per_call, "0 or more")
        _require(self.steps_per_epoch >= 0, "steps_per_epoch", self.steps_per_epoch, "0 or more")


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """How a data set is read; where decoded frames are kept changes no result."""

    memory_gib: float = 4.0
    """GiB of decoded frames up to which a set is held in memory and on the device; a larger one is streamed."""
    decode_threads: int = 0
    """Threads that decode frames; 0: one a core, at most 16."""
    subject_pattern: str = ""
    """Regular expression with one group that finds the subject in a clip's path, for --dataset=folder without a column
    of subjects; the folder above the clip when empty."""

    def validate(self) -> None:
        """Raise ValueError on values that nothing can be read with."""
        _require(self.memory_gib >= 0, "data.memory_gib", self.memory_gib, "0 (stream always) or more")
        _require(self.decode_threads >= 0, "data.decode_threads", self.decode_threads, "0 (one a core) or more")


@dataclasses.dataclass(frozen=True)
class PretrainConfig:
    """Training on still faces before the folds, as the paper does with photographs; here the stills are drawn.

    No drawn person of the stills appears in any corpus, so no left-out subject is seen.
    """

    people: int = 0
    """Drawn people; 0 starts every fold from fresh weights."""
    stills: int = 9
    """Stills a person, classes in turn, at the apex of a full expression."""
    epochs: int = 20
    """Passes over the stills."""
    clips_per_step: int = 32
    """Stills a step."""
    learning_rate: float = 0.05
    """Peak learning rate, one cosine decay."""
    held_out_share: float = 0.1
    """Share of the people that only measure how well it worked."""

    def validate(self) -> None:
        """Raise ValueError on values that can't train."""
        _require(self.people == 0 or self.people >= 4, "pretrain.people", self.people, "0 (off) or at least 4")
        _require(self.stills >= 1, "pretrain.stills", self.stills, "at least 1")
        _require(self.epochs >= 1, "pretrain.epochs", self.epochs, "at least 1")
        _require(self.clips_per_step >= 1, "pretrain.clips_per_step", self.clips_per_step, "at least 1")
        _require(self.learning_rate > 0, "pretrain.learning_rate", self.learning_rate, "above 0")
        _require(0 < self.held_out_share < 1, "pretrain.held_out_share", self.held_out_share, "0 < share < 1")


@dataclasses.dataclass(frozen=True)
class AKMNetConfig:
    """AKMNet and how it is trained."""

    train: TrainConfig = TrainConfig()
    model: ModelConfig = ModelConfig()
    init: Path | None = None
    """Weights every fold starts from: the folder of a pretraining (experiments.pretrain), or a PyTorch state dict (.pt,
    .pth) of AKMNet or of torchvision's ResNet-18. What does not fit the network is told and starts fresh."""
    key_frames_of: Path | None = None
    """Finished run of AKMNet on the same data, for --model.mining=random: as many frames are drawn as it chose."""
    pretrain: PretrainConfig = PretrainConfig()

    @classmethod
    def preset(cls, name: str) -> "AKMNetConfig":
        """The published network (`paper`), a slim one on 64 x 64 frames (`demo`), the smallest that runs (`tiny`).

        Raises:
            ValueError: there is no such preset.
        """
        presets: dict[str, Callable[[], AKMNetConfig]] = {"paper": cls, "demo": cls._demo, "tiny": cls._tiny}
        if name not in presets:
            raise ValueError(f"--preset={name}: expected one of {', '.join(presets)}")
        return presets[name]()

    @classmethod
    def _demo(cls) -> "AKMNetConfig":
        """Started from drawn stills; minutes on two cores."""
        model = ModelConfig(image_size=64, widths=(16, 32, 64, 128))
        return cls(TrainConfig(epochs=8), model, pretrain=PretrainConfig(people=150))

    @classmethod
    def _tiny(cls) -> "AKMNetConfig":
        """For tests and try-outs; its accuracy means nothing."""
        return cls(TrainConfig(epochs=2), ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4))

    def validate(self) -> None:
        """Raise ValueError naming the option, what was got and what is expected."""
        self.model.validate()
        self.train.validate()
        self.pretrain.validate()
        _require(
            not (self.init and self.pretrain.people),
            "init",
            self.init,
            "no pretraining beside it (--pretrain.people=0)",
        )
        if self.model.mining == "random":
            expected = (
                "the directory of a finished run of AKMNet, whose numbers of key frames --model.mining=random takes"
            )
            _require(self.key_frames_of is not None, "key_frames_of", self.key_frames_of, expected)
        else:
            unused = f"none, which --model.mining={self.model.mining} has no use for"
            _require(self.key_frames_of is None, "key_frames_of", self.key_frames_of, unused)

    @property
    def applicable(self) -> "AKMNetConfig":
        """The same without the losses of a selection that there is not.

        Both compare frames that are selected with those that are not; the paper does not say what its variants without
        selection are trained with, and cross-entropy alone is the plainest reading.
        """
        if self.model.selects:
            return self
        return dataclasses.replace(self, train=dataclasses.replace(self.train, sparsity_weight=0.0, margin_weight=0.0))


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """A run that leaves out one subject, or one data set, at a time, whatever the method."""

    protocol: Protocol = "loso"
    """What is left out in turn: every subject (of several sets pooled: the composite evaluation), or every data set of
    several, so that training sees the others alone."""
    folds: str = ""
    """Subjects to leave out, or sets, one fold each, comma-separated (1, 01, s1 or sub01 is the same); every one when
    empty."""
    rules: str = "last,test"
    """How a fold's model is chosen, comma-separated: last (headline), test (optimistic), inner (second training)."""
    inner_share: float = 0.2
    """Share of the training subjects that rule inner holds out for validation."""
    seeds: int = 1
    """Independent repetitions; mean and spread are reported."""
    seed: int = 0
    """First seed."""
    checkpoint_interval_s: float = 60.0
    """Seconds between checkpoints of a running fold, taken at the end of an epoch; 0: after every epoch."""
    devices: int = 0
    """Folds at a time, each on a device of this machine or on as many as --parts; 0: as many as devices allow."""
    check_leaks: bool = False
    """Train a fold twice first, the second time with other pictures and labels of the left-out subject: a method whose
    training they reach is refused."""
    data: DataConfig = DataConfig()

    @property
    def chosen_rules(self) -> tuple[Rule, ...]:
        """`rules` as a tuple, in the order headline, inner, test."""
        return tuple(rule for rule in RULES if rule in self.rules.split(","))

    @property
    def chosen_folds(self) -> tuple[str, ...]:
        """`folds` as a tuple."""
        return tuple(subject.strip() for subject in self.folds.split(",") if subject.strip())

    def validate(self) -> None:
        """Raise ValueError naming the option, what was got and what is expected."""
        self.data.validate()
        given = self.rules.split(",")
        _require(self.protocol in PROTOCOLS, "protocol", self.protocol, f"one of {', '.join(PROTOCOLS)}")
        _require(bool(given) and set(given) <= set(RULES), "rules", self.rules, f"some of {','.join(RULES)}")
        _require(self.seeds >= 1, "seeds", self.seeds, "at least 1")
        _require(self.devices >= 0, "devices", self.devices, "0 (all) or more")
        _require(0 < self.inner_share < 1, "inner_share", self.inner_share, "a share between 0 and 1")


def settings_from_json(kind: type[SettingsT], settings: Mapping[str, Any]) -> SettingsT:
    """Settings as a run directory has them; one that an older version did not know is as it is by default.

    Args:
        kind: a dataclass whose fields are numbers, texts, paths, tuples or other such dataclasses.
        settings: JSON types by field; others are passed over.
    """
    kinds = get_type_hints(kind)
    fields = [field.name for field in dataclasses.fields(kind) if field.name in settings]  # type: ignore[arg-type]
    return kind(**{name: _from_json(kinds[name], settings[name]) for name in fields})


def _from_json(kind: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return settings_from_json(kind, value)  # type: ignore[arg-type]
    if isinstance(value, list):
        return tuple(_from_json(None, item) for item in value)
    return Path(value) if isinstance(value, str) and Path in (kind, *get_args(kind)) else value


def _require(condition: bool, option: str, got, expected: str) -> None:
    if not condition:
        raise ValueError(f"--{option}={got}: expected {expected}")
