"""Apply what a run has trained to one clip: the model of a fold, whatever the method; or a network's state dict."""

import bisect
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.clips import padded_length
from akm_jax.config import AKMNetConfig, settings_from_json
from akm_jax.data.clip_set import Clips, HeldPictures
from akm_jax.data.subjects import match_subject, subject_order
from akm_jax.files import read_json
from akm_jax.interop.torch import akmnet_from_state_dict, config_from_state_dict, load_state_dict, num_classes
from akm_jax.machine import memory_bytes
from akm_jax.methods import find_method, method_names
from akm_jax.methods._network import Network
from akm_jax.methods._state_dicts import NAMES, count_classes, recognise, some_of
from akm_jax.methods._state_dicts import model_of as network_of
from akm_jax.methods.akmnet import AKMNet, model_of
from akm_jax.methods.protocol import Kept, Method, Model
from akm_jax.train import checkpoint
from akm_jax.train.memory import prediction_bytes
from akm_jax.views.cache import see
from akm_jax.views.view import Views, from_files, landmark_file

COPIES = 3  # of a clip's frames while a view looks at them


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A trained model, the method it is of, what its outputs mean; `source` says where it came from."""

    method: Method
    model: Model
    class_names: tuple[str, ...]
    source: str

    @property
    def mines_key_frames(self) -> bool:
        """Whether it says of every frame how much it counts."""
        config = self.method.config
        return isinstance(config, AKMNetConfig) and bool(config.model.mining_parts)


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model says of one clip of T frames.

    Attributes:
        logits: (K,), scores of the classes; votes where the method counts these (`Method.scores`).
        probabilities: (K,), softmax of the logits; (0,) of votes, which are no such thing.
        beta: (T,), score of every frame; (0,) of a method that mines no key frames, as what follows.
        selected: (T,), 1 for key frames, else 0.
        threshold: frames with beta at least this are selected; NaN where none are.
    """

    logits: np.ndarray
    probabilities: np.ndarray
    beta: np.ndarray
    selected: np.ndarray
    threshold: float

    @property
    def label(self) -> int:
        """The class of the largest score, of equal ones the first, as in a run's results."""
        return int(self.logits.argmax())


def load_classifier(
    place: Path | str,
    *,
    subject: str | None = None,
    seed: int | None = None,
    class_names: Sequence[str] | None = None,
    method: Method | str | None = None,
) -> Classifier:
    """Load a model from a run directory, or a network from a PyTorch state dict.

    Args:
        place: a run directory of `experiments.loso`, or a state dict (`.pt`, `.pth`) of AKMNet or a compared network,
            by the names of `akm_jax.interop`; those of AKMNet, STSTNet, HTNet and meb's are the released ones.
        subject: which fold's model of a run: the one trained without this subject, in any spelling (`sub01`, `s1`);
            the first finished one if None.
        seed: which repetition of a run; the first one if None.
        class_names: names for the classes of a state dict, which holds none.
        method: what was run, where that is a method of one's own; the run's own settings of a method of this package
            when None. Of a state dict the method that it is of, or its name; when None it is told by the names in the
            file, its sizes by the shapes, and all other settings are the defaults.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: not a run, or one whose method says nothing of single clips; no finished fold, no good checkpoint,
            or a state dict that does not fit, or whose network is not known.
    """
    place = Path(place)
    if place.is_dir():
        return _from_run(place, subject, seed, method)
    if not place.exists():
        raise FileNotFoundError(
            f"{place}: no such file or folder; expected a run directory of experiments.loso, or a PyTorch state dict "
            "(.pt, .pth)"
        )
    state_dict = load_state_dict(place)
    try:
        found = _method_of_weights(state_dict, method)
        _refuse_files(found, "the method given is ")
        count = num_classes(state_dict) if isinstance(found, AKMNet) else count_classes(found, state_dict)
        names = tuple(class_names or (f"class {i}" for i in range(count)))
        if len(names) != count:
            raise ValueError(f"{count} classes, but {len(names)} names were given: {', '.join(names)}")
        return Classifier(found, _model_of_weights(found, state_dict), names, str(place))
    except ValueError as e:
        raise ValueError(f"{place}: {e}") from e


def _method_of_weights(state_dict: Mapping[str, np.ndarray], method: Method | str | None) -> AKMNet | Network:
    """The method that a state dict is of: as given, or by the names in it."""
    known = ", ".join(("akmnet", *NAMES))
    if isinstance(method, AKMNet) or (isinstance(method, Network) and method.name in NAMES):
        return method
    name = method.name if isinstance(method, Method) else method
    if name not in (None, "akmnet", *NAMES):
        raise ValueError(f"no state dict of method {name!r} is known; expected one of {known}")
    found = None if name == "akmnet" else recognise(state_dict, name)
    if found is not None:
        return found
    if name is None and not any(entry.startswith("gru.") for entry in state_dict):
        raise ValueError(
            f"a state dict of no known network; it holds {some_of(state_dict)}; known are {known}, by the names of "
            "akm_jax/interop/networks.py. --method=NAME says what of a file does not fit; weights of Caffe are read by "
            "--trunk=FILE.caffemodel of experiments.loso"
        )
    return AKMNet(AKMNetConfig(model=config_from_state_dict(state_dict)))


def _model_of_weights(method: AKMNet | Network, state_dict: Mapping[str, np.ndarray]) -> Model:
    if isinstance(method, Network):
        return network_of(method, state_dict)
    return model_of(method.config.model, akmnet_from_state_dict(state_dict, method.config.model))


def _from_run(run_dir: Path, subject: str | None, seed: int | None, method: Method | str | None) -> Classifier:
    if not (run_dir / "run.json").is_file():
        raise ValueError(f"{run_dir} is not a run directory: run.json is missing; give --run_dir of experiments.loso")
    run = read_json(run_dir / "run.json")
    method = _method_of(run_dir, run["config"], method)
    fold, names = _find_fold(run_dir, subject, seed), tuple(run["data"]["class_names"])
    kept = Kept(checkpoint.of_fold(fold), fold.name.removeprefix("s"), len(names))
    return Classifier(method, method.load(kept), names, str(fold))


def _method_of(run_dir: Path, config: dict[str, Any], given: Method | str | None) -> Method:
    """The method of a run with its settings, which must be able to say something of a single clip."""
    name = config.get("method", "akmnet")
    given_name = given.name if isinstance(given, Method) else given
    if given_name not in (None, name):
        raise ValueError(f"{run_dir} is a run of method {name!r}, but method {given_name!r} was given")
    given = given if isinstance(given, Method) else None
    if given is None and name not in method_names():
        raise ValueError(
            f"{run_dir} is a run of method {name!r}, which is none of akm_jax/methods; give it to "
            "akm_jax.load_classifier(..., method=...)"
        )
    kind = type(given) if given is not None else find_method(name)
    if kind.load is Method.load:
        raise ValueError(f"{run_dir} is a run of method {name!r}, which says nothing of single clips: it has no `load`")
    method = given or _from_settings(kind, config)
    _refuse_files(method, f"{run_dir} is a run ")
    return method


def _refuse_files(method: Method, of_what: str) -> None:
    """Raise ValueError on a view that takes pictures or landmarks from files, which have none of another clip."""
    if from_files(method.view) is not None:
        raise ValueError(
            f"{of_what}on ready-made flow pictures (--view.flow_dir), and of another clip there is none; "
            "single clips are predicted by runs that compute the flow themselves"
        )
    if (landmarks := landmark_file(method.view)) is not None:
        raise ValueError(
            f"{of_what}on landmarks from {landmarks} (--view.landmarks), which has none of another clip; single clips "
            "are predicted by runs that find landmarks (--view.landmarks=mesh) or take the mean face"
        )


def _from_settings(kind: type[Method], config: dict[str, Any]) -> Method:
    """A method of this package with the settings of a run."""
    settings: Any = getattr(kind, "Config", kind)
    made: Any = settings_from_json(settings, config)
    return made if settings is kind else kind(made)  # type: ignore[call-arg]


def _find_fold(run_dir: Path, subject: str | None, seed: int | None) -> Path:
    """The folder of a finished fold: of the subject and seed, or the first."""
    folders = [path.parent for path in run_dir.glob("folds/seed*/s*/result.json")]
    folds = {(int(one.parent.name.removeprefix("seed")), one.name.removeprefix("s")): one for one in folders}
    found = sorted((key for key in folds if seed in (None, key[0])), key=lambda key: (key[0], subject_order(key[1])))
    known = list(dict.fromkeys(name for _, name in found))
    meant = None if subject is None else match_subject(subject, known)
    if not found or (subject is not None and meant is None):
        asked = [f"subject {subject}"] * (subject is not None) + [f"seed {seed}"] * (seed is not None)
        there = f"finished are subjects {', '.join(known)}; choose one of them" if known else "there is none"
        raise ValueError(
            f"{run_dir}: no finished fold matches {' and '.join(asked) or 'any'}; {there}, or finish the run"
        )
    return folds[next(key for key in found if meant in (None, key[1]))]


def predict(classifier: Classifier, frames: np.ndarray, *, fps: float = 0.0, apex: int = -1) -> Prediction:
    """Classify one clip.

    Args:
        classifier: from `load_classifier`.
        frames: uint8 (T, H, W), grey, onset to offset, cropped to the face as the training clips were.
        fps: frames per second; 0 where unknown.
        apex: index of the apex among the frames; -1 where it is not known, and the method's own rule is taken.

    Raises:
        ValueError: the clip is not of that form, too long for the memory of this machine, or none that the method can
            see something of.
    """
    if frames.ndim != 3 or len(frames) == 0 or frames.dtype != np.uint8:
        raise ValueError(f"predict: expected uint8 frames (T, H, W) with T >= 1, got {frames.dtype} {frames.shape}")
    if not -1 <= apex < len(frames):
        raise ValueError(f"predict: apex {apex} of a clip of {len(frames)} frames; expected an index, or -1")
    require_memory(classifier.method, *frames.shape)
    clips = Clips(
        len(classifier.class_names),
        np.array([len(frames)], np.int32),
        np.array([fps], np.float32),
        np.array([apex], np.int32),
        HeldPictures((frames,)),
    )
    view = classifier.method.view
    said = classifier.model(clips, Views() if view is None else see(view, clips, ["given"]))
    logits = np.asarray(said.logits)[0]
    mined = said.details[0] if classifier.mines_key_frames else {}
    return Prediction(
        logits=logits,
        probabilities=_softmax(logits) if classifier.method.scores == "logits" else np.zeros(0),
        beta=np.array(mined.get("beta", []), np.float32),
        selected=np.array(mined.get("selected", []), int),
        threshold=float(mined.get("threshold", "nan")),
    )


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponent = np.exp(logits - logits.max())
    return exponent / exponent.sum()


def require_memory(method: Method, num_frames: int, height: int, width: int) -> None:
    """Refuse a clip that this machine has no memory for.

    Args:
        method: that of the model.
        num_frames: of the clip.
        height, width: of its frames, pixels.

    Raises:
        ValueError: says how much it would need, and how much there is.
    """
    config, there = method.config, memory_bytes()

    def needed(frames: int) -> int:
        copies = 0 if method.frame_size else COPIES * frames * height * width
        if not isinstance(config, AKMNetConfig):
            return copies
        return copies + prediction_bytes(config.model, padded_length(config.model.interpolated_frames or frames))

    if there and needed(num_frames) > there:
        fitting = bisect.bisect_right(range(1, num_frames), there, key=needed)
        raise ValueError(
            f"a clip of {num_frames:,} frames needs about {needed(num_frames) / 1e9:.1f} GB to classify, this machine "
            f"has {there / 1e9:.1f} GB, enough for {fitting:,} frames; cut it to one expression"
        )
