"""What a finished run of AKMNet found in the clips of its set, for methods that choose frames by it.

A fold asks the network that was trained without its subject, for the clips it learns from and for those of the subject
alike: nothing of the subject's labels decides which frames are seen. The networks are those of the last epoch.
The subjects that rule `inner` validates on are among those they learned from: their labels help to decide which of
their frames are seen, and the accuracy by which that rule chooses its epoch is too high.
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from akm_jax.data.clip_set import Clips
from akm_jax.files import fold_folder, read_json
from akm_jax.methods.protocol import Context, Kept, Model, Training

if TYPE_CHECKING:
    from akm_jax.config import ModelConfig
    from akm_jax.train.calls import Evaluation
    from akm_jax.train.setup import RunSetup

OPTION = "--key_frames_of"
SEEN_BY_INNER = (
    f"rule inner validates on subjects whose labels the networks of {OPTION} have learned: the accuracy that chooses "
    "its epoch is flattered; no label of the left-out subject decides which frames are seen"
)


class FinishedRun:
    """A run directory of AKMNet with all its folds."""

    def __init__(self, place: Path, clips: Clips, trainings: Sequence[Training], context: Context):
        """Check that the run serves these trainings.

        Args:
            place: the run directory.
            clips: the set, which must be the run's, picture by picture.
            trainings: all that will be asked for.
            context: of the run that asks; by its `data` the set is known.

        Raises:
            FileNotFoundError: there is no such run.
            ValueError: it is a run of something else or of other data, or a fold is not finished.
        """
        self._place, self._clips, self._context = place, clips, context
        run, self._model = _read_run(place, f"{OPTION}={place}")
        self._require_same_data(run["data"])
        self._seed = int(run["config"]["seed"])
        self._require_folds(trainings)
        if "inner" in context.options.chosen_rules:
            context.observer.tell(SEEN_BY_INNER)
        self._found: dict[str, Evaluation] = {}

    def key_frames(self, training: Training) -> "Evaluation":
        """What the fold's network says of every clip of the set."""
        subject = training.place.subject
        if subject not in self._found:
            self._found[subject] = self._evaluate(subject)
        return self._found[subject]

    def _evaluate(self, subject: str) -> "Evaluation":
        from akm_jax.train import checkpoint
        from akm_jax.train.calls import evaluate
        from akm_jax.train.state import empty_state

        found = checkpoint.of_fold(fold_folder(self._place, self._seed, subject))
        state = found.restore(empty_state(self._model, self._clips.num_classes))
        return evaluate(self._setup, state, np.arange(len(self._clips)))

    @functools.cached_property
    def _setup(self) -> "RunSetup":
        """The clips for the run's network, on one device."""
        from akm_jax.config import AKMNetConfig, TrainConfig
        from akm_jax.data.sized import size_clips
        from akm_jax.train.setup import set_up

        data, model = self._context.options.data, self._model
        sized = size_clips(
            self._clips,
            model.image_size,
            model.crop_source_size,
            memory_gib=data.memory_gib,
            decode_threads=data.decode_threads,
            track=self._context.observer.track,
        )
        everything = (np.arange(len(self._clips)), np.zeros(len(self._clips), np.int32))
        config = AKMNetConfig(TrainConfig(parts=1), model)
        return set_up(config, sized, [everything], num_classes=self._clips.num_classes)

    def _require_same_data(self, there: Mapping[str, Any]) -> None:
        """The same classes, and by checksum the same clips, names, times and pictures, in one order."""
        here = self._context.data
        sizes = ("num_clips", "num_frames", "class_names")
        differing = [
            f"{name}: there {there.get(name)}, here {here.get(name)}"
            for name in sizes
            if there.get(name) != here.get(name)
        ]
        if not differing and there.get("checksum") != here.get("checksum"):
            differing = [
                f"checksum: there {there.get('checksum')}, here {here.get('checksum')}, though sizes agree: other "
                "pictures, as of another --data_config, or other names, labels, times or apexes of clips"
            ]
        if differing:
            raise ValueError(
                f"{OPTION}={self._place}: a run on other data ({'; '.join(differing)}); give one on this data set, "
                "prepared alike"
            )

    def _require_folds(self, trainings: Sequence[Training]) -> None:
        """Every fold is finished, and left out the very clips that are left out now."""
        missing = []
        for subject, left_out in {training.place.subject: training.watched[-1] for training in trainings}.items():
            result = fold_folder(self._place, self._seed, subject) / "result.json"
            last = read_json(result)["rules"].get("last", {}) if result.is_file() else {}
            if not last:
                missing.append(subject)
                continue
            lengths = [len(clip["beta"]) for clip in last["clips"].values()]
            if lengths != self._clips.lengths[left_out].tolist():
                raise ValueError(
                    f"{OPTION}={self._place}: its fold of subject {subject} left out other clips than here"
                )
        if missing:
            raise ValueError(
                f"{OPTION}={self._place}: no finished fold, with rule last, of subject {', '.join(missing[:5])}"
                f"{' and others' if len(missing) > 5 else ''}; finish that run first (same command, all folds)"
            )


def load_fold(place: Path, kept: Kept) -> Model:
    """The network of a run of AKMNet that was trained without the same subject.

    Args:
        place: the run directory, as the run that saw its key frames was told: relative to the folder which that command
            was given in, and so looked for here and above that run.
        kept: of the run that saw its key frames.

    Raises:
        FileNotFoundError: there is no such run any more.
        ValueError: it is a run of something else, or has no good checkpoint of that fold.
    """
    from akm_jax.config import AKMNetConfig
    from akm_jax.methods.akmnet import AKMNet
    from akm_jax.train import checkpoint

    # Run directories are above their checkpoints; of an absolute path all of these are itself.
    near = [place, *(folder / place for folder in kept.checkpoint.place.parents)]
    found = next((one for one in near if (one / "run.json").is_file()), None)
    if found is None:
        away = "" if place.is_absolute() else ", relative to the folder in which that command was given"
        raise FileNotFoundError(
            f"{kept.checkpoint.place}: the frames of this run were chosen by the run of akmnet in {place}{away}, which "
            "is not there; put it back, or give this command in that folder"
        )
    run, model = _read_run(found, f"{found}, by which frames were chosen")
    akmnet = checkpoint.of_fold(fold_folder(found, int(run["config"]["seed"]), kept.subject))
    return AKMNet(AKMNetConfig(model=model)).load(Kept(akmnet, kept.subject, kept.num_classes))


def _read_run(place: Path, named: str) -> "tuple[dict[str, Any], ModelConfig]":
    """What a run of AKMNet says of itself, and its network's shape; errors name it as `named`."""
    from akm_jax.config import ModelConfig

    if not (place / "run.json").is_file():
        raise FileNotFoundError(f"{named}: run.json is missing; expected the run directory of a finished run of akmnet")
    run = read_json(place / "run.json")
    method = run["config"].get("method", "akmnet")
    if method != "akmnet":
        raise ValueError(f"{named}: a run of method {method!r}; expected one of akmnet")
    model = ModelConfig.from_json(run["config"]["model"])
    if not model.selects:
        raise ValueError(
            f"{named}: a run with --model.mining={model.mining}, which selects no key frames; give one of the "
            "full method"
        )
    return run, model
