"""Trained spotters: from a run of `experiments.spot`, or from published Keras weights."""

import dataclasses
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float

from akm_jax.data.long_videos import TYPES, ExpressionType
from akm_jax.data.subjects import match_subject
from akm_jax.files import read_json
from akm_jax.interop.keras import load_softnet
from akm_jax.models.softnet import PUBLISHED, SOFTNet, SOFTNetConfig
from akm_jax.spotting.folds import half_lengths_file, weights_folder
from akm_jax.spotting.intervals import THRESHOLD
from akm_jax.spotting.training import score_videos

# Seconds, of a network that does not say: 6 and 18 frames at the 30 a second of CAS(ME)^2, the published half lengths.
HALF_LENGTHS_S: Mapping[ExpressionType, float] = {"micro": 0.2, "macro": 0.6}
KERAS_SUFFIXES = (".hdf5", ".h5", ".keras")
RUN_FILES = "folds/<type>/weights/<subject>.npz"


@dataclasses.dataclass(frozen=True)
class Spotter:
    """A trained network and how it was made.

    Attributes:
        score: scores of frames from their features, float32 (N, 42, 42, 3); these need not be scaled.
        type: which expressions it finds.
        source: the file of its weights.
        flow: optical flow it was trained on.
        threshold: height from which peaks count, 0 for the mean of a curve, 1 for its maximum.
        half_length_s: half length of its expressions, seconds: that of its training, or the published one.
    """

    score: Callable[[Float[np.ndarray, "N 42 42 3"]], Float[np.ndarray, " N"]]
    type: ExpressionType
    source: str
    flow: str
    threshold: float
    half_length_s: float

    def half_length(self, fps: float) -> int:
        """Half length in frames of a video."""
        return max(1, round(self.half_length_s * fps))


def load_spotters(
    place: Path | str, *, wanted: ExpressionType | None = None, subject: str | None = None
) -> tuple[Spotter, ...]:
    """Load a network a type of expression.

    Args:
        place: a run directory of `experiments.spot`, or a Keras HDF5 file of SOFTNet.
        wanted: the type; None for all that a run has, and micro for a Keras file, which does not say.
        subject: which fold's network of a run: the one trained without this subject; the first if None.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: a file of another network, a damaged file, no run of spotting, or no such fold.
    """
    place = Path(place).expanduser()
    if place.is_dir():
        return _from_run(place, wanted, subject)
    if not place.is_file():
        raise FileNotFoundError(f"{place}: no such file or folder; expected a run of experiments.spot or a Keras file")
    if place.suffix not in KERAS_SUFFIXES:
        raise ValueError(
            f"{place}: expected a run directory of experiments.spot, or one of *{', *'.join(KERAS_SUFFIXES)}"
        )
    return (_spotter(load_softnet(place), PUBLISHED, wanted or "micro", place, {}),)


def _from_run(run_dir: Path, wanted: ExpressionType | None, subject: str | None) -> tuple[Spotter, ...]:
    config = _read_config(run_dir)
    files = {kind: sorted(weights_folder(run_dir, kind).glob("*.npz"), key=_natural) for kind in TYPES}
    chosen = {
        kind: [file for file in found if subject is None or file.stem == _meant(subject, found)]
        for kind, found in files.items()
        if found and wanted in (None, kind)
    }
    if not chosen or not all(chosen.values()):
        have = "; ".join(f"{kind}: {', '.join(f.stem for f in found)}" for kind, found in files.items() if found)
        asked = f"type {wanted or 'any'}, subject {subject or 'any'}"
        raise ValueError(
            f"{run_dir}: no network of {asked}; {RUN_FILES} has {have or 'none'}; finish the run, or ask for another"
        )
    stated = config["training"]["model"]
    settings: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in stated.items()}
    model = SOFTNetConfig(**settings)
    kept = half_lengths_file(run_dir)
    half_lengths = read_json(kept) if kept.is_file() else {}  # runs of versions before did not keep them
    return tuple(
        _spotter(
            _read_weights(found[0], model),
            model,
            kind,
            found[0],
            config,
            half_lengths.get(kind, {}).get(found[0].stem),
        )
        for kind, found in chosen.items()
    )


def _meant(subject: str, files: Sequence[Path]) -> str | None:
    return match_subject(subject, [file.stem for file in files])


def _read_config(run_dir: Path) -> dict[str, Any]:
    if not (run_dir / "run.json").is_file():
        raise ValueError(f"{run_dir} is not a run directory: run.json is missing; give --run_dir of experiments.spot")
    config = read_json(run_dir / "run.json").get("config", {})
    if "model" not in config.get("training", {}):
        raise ValueError(f"{run_dir} is a run of method {config.get('method')!r}: expected one of experiments.spot")
    return config


def _natural(path: Path) -> tuple[int, str]:
    return len(path.stem), path.stem


def _spotter(
    weights: nnx.State,
    model: SOFTNetConfig,
    kind: ExpressionType,
    source: Path,
    config: Mapping[str, Any],
    half_length_s: float | None = None,
) -> Spotter:
    def score(features: Float[np.ndarray, "N 42 42 3"]) -> Float[np.ndarray, " N"]:
        return score_videos(weights, [features], model)[0]

    flow, threshold = config.get("flow", "tvl1"), config.get("threshold", THRESHOLD)
    return Spotter(score, kind, str(source), flow, threshold, half_length_s or HALF_LENGTHS_S[kind])


def _read_weights(path: Path, config: SOFTNetConfig) -> nnx.State:
    """Parameters by their paths in the network, `streams/0/kernel` and so on; other entries are left alone."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as e:
        raise ValueError(f"{path}: cannot be read ({e}); train that fold again, or choose another") from e
    flat = nnx.to_flat_state(nnx.state(nnx.eval_shape(lambda: SOFTNet(config, rngs=nnx.Rngs(0))), nnx.Param))
    named = [("/".join(map(str, place)), place, leaf) for place, leaf in flat]
    wrong = [name for name, _, leaf in named if getattr(found.get(name), "shape", None) != leaf.shape]
    if wrong:
        raise ValueError(f"{path} does not hold the network of its run: {', '.join(wrong)} missing or of another shape")
    return nnx.from_flat_state(
        [(place, leaf.replace(jnp.asarray(found[name], leaf.dtype))) for name, place, leaf in named]
    )
