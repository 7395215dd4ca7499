"""Apply a trained AKMNet to one clip."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
from flax import nnx

from akm_jax.clips import PackedClips, pack
from akm_jax.config import ModelConfig
from akm_jax.data.clip_set import resize_frame
from akm_jax.data.subjects import match_subject, subject_order
from akm_jax.files import read_json
from akm_jax.interop.torch import akmnet_from_state_dict, config_from_state_dict, load_state_dict, num_classes
from akm_jax.machine import memory_bytes
from akm_jax.models.akmnet import AKMNet, AKMNetOutput
from akm_jax.observe import ALL_SUBJECTS, INNER
from akm_jax.train import checkpoint
from akm_jax.train.memory import prediction_bytes
from akm_jax.train.state import empty_state, graph_definition, merge


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A trained network and what its outputs mean; `source` says where the weights came from."""

    model: AKMNet
    config: ModelConfig
    class_names: tuple[str, ...]
    source: str


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What the network says of one clip of T frames.

    Attributes:
        probabilities: (K,), softmax of the logits.
        logits: (K,).
        beta: (T,), score of every frame.
        selected: (T,), 1 for key frames, else 0.
        threshold: frames with beta at least this are selected.
    """

    probabilities: np.ndarray
    logits: np.ndarray
    beta: np.ndarray
    selected: np.ndarray
    threshold: float


def load_classifier(
    place: Path | str, *, subject: str | None = None, seed: int | None = None, class_names: Sequence[str] | None = None
) -> Classifier:
    """Load a network from a run directory or from a PyTorch state dict.

    Args:
        place: a run directory of `experiments.loso`, or a `.pt` state dict of the released program.
        subject: which fold's network of a run: the one trained without this subject, in any spelling (`sub01`, `s1`);
            the first finished one if None.
        seed: which repetition of a run; the first one if None.
        class_names: names for the classes of a state dict, which holds none.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: not a run, or one of a network without mining; no finished fold, no good checkpoint, or a state dict
            that does not fit.
    """
    place = Path(place)
    if place.is_dir():
        return _from_run(place, subject, seed)
    state_dict = load_state_dict(place)
    config, count = config_from_state_dict(state_dict), num_classes(state_dict)
    names = tuple(class_names or (f"class {i}" for i in range(count)))
    if len(names) != count:
        raise ValueError(f"{place} has {count} classes, but {len(names)} names were given: {', '.join(names)}")
    return Classifier(akmnet_from_state_dict(state_dict, config), config, names, str(place))


def _from_run(run_dir: Path, subject: str | None, seed: int | None) -> Classifier:
    if not (run_dir / "run.json").is_file():
        raise ValueError(f"{run_dir} is not a run directory: run.json is missing; give --run_dir of experiments.loso")
    run = read_json(run_dir / "run.json")
    method = run["config"].get("method", "akmnet")
    if method != "akmnet":
        raise ValueError(f"{run_dir} is a run of method {method!r}; single clips are predicted with akmnet only")
    fold = _find_fold(run_dir, subject, seed)
    model, names = ModelConfig.from_json(run["config"]["model"]), tuple(run["data"]["class_names"])
    if not model.mining_parts:
        raise ValueError(
            f"{run_dir} is a run with --model.mining={model.mining}, whose network mines no key frames; single clips "
            "are predicted with those that do: s123, s12, s13, s23"
        )
    like = empty_state(model, len(names))
    for training in (ALL_SUBJECTS, INNER):
        found, problems = checkpoint.newest(fold / "checkpoints" / training)
        if found is not None:
            network = merge(graph_definition(model, len(names)), found.restore(like))
            return Classifier(network, model, names, str(fold))
    raise ValueError("\n".join([f"{fold}: no good checkpoint", *problems, "train that fold again, or choose another"]))


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


def predict(classifier: Classifier, frames: np.ndarray) -> Prediction:
    """Classify one clip.

    Args:
        classifier: from `load_classifier`.
        frames: uint8 (T, H, W), grey, onset to offset, cropped to the face as the training clips were.

    Raises:
        ValueError: the clip is not of that form, or too long for the memory of this machine.
    """
    require_memory(classifier.config, len(frames))
    if frames.ndim != 3 or len(frames) == 0 or frames.dtype != np.uint8:
        raise ValueError(f"predict: expected uint8 frames (T, H, W) with T >= 1, got {frames.dtype} {frames.shape}")
    size = classifier.config.image_size
    clips = pack([np.stack([resize_frame(frame, size) for frame in frames])])
    graph, state = nnx.split(classifier.model)
    output = jax.device_get(_apply(state, clips, graph=graph))
    logits = output.logits[0]
    exponent = np.exp(logits - logits.max())
    return Prediction(
        probabilities=exponent / exponent.sum(),
        logits=logits,
        beta=output.key_frames.beta,
        selected=output.key_frames.selected.astype(int),
        threshold=float(output.key_frames.threshold[0]),
    )


def require_memory(config: ModelConfig, num_frames: int) -> None:
    """Refuse a clip that this machine has no memory for.

    Raises:
        ValueError: says how much it would need, and how much there is.
    """
    needed, there = prediction_bytes(config, num_frames), memory_bytes()
    if there and needed > there:
        raise ValueError(
            f"a clip of {num_frames:,} frames needs about {needed / 1e9:.1f} GB to classify, this machine has "
            f"{there / 1e9:.1f} GB, enough for {there * num_frames // needed:,} frames; cut it to one expression"
        )


@functools.partial(jax.jit, static_argnames="graph")
def _apply(state: nnx.State, clips: PackedClips, *, graph: nnx.GraphDef) -> AKMNetOutput:
    return nnx.merge(graph, state)(clips)
