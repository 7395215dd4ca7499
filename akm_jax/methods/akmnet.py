"""AKMNet: adaptive key-frame mining (Peng et al., arXiv 2009.09179). It sees every frame of a clip.

Each fold is trained by itself, on one device or on several that share its steps; all folds use one compiled program.

`--model.mining` gives the variants of the paper's ablation. Where the paper leaves one open, the plainest reading:

s12, s13, s23   what `models.key_frames` and `models.akmnet` leave out; s12 learns from cross-entropy alone, for both
                other losses compare selected frames with the others.
all             mining removed: all frames, cross-entropy alone. `norm16` to `norm128`: the same on clips that temporal
                interpolation brought to so many frames before anything else.
random          the same on random frames, as many as AKMNet chose of that clip (`--key_frames_of`), drawn once a clip,
                fold and seed; the trunk sees only these. The paper's five draws are `--seeds=5`.
"""

import dataclasses
import functools
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from akm_jax.config import AKMNetConfig, ModelConfig
from akm_jax.data.clip_set import Clips, ClipSet
from akm_jax.methods._held_weights import hold_to
from akm_jax.methods.protocol import COMPILING, Context, Epoch, Kept, Method, Model, Outputs, Start, Trainer, Training
from akm_jax.observe import Observer, Place
from akm_jax.views.view import Views

if TYPE_CHECKING:
    from akm_jax.methods._finished_run import FinishedRun
    from akm_jax.models.akmnet import AKMNet as Network
    from akm_jax.train.calls import Evaluation
    from akm_jax.train.setup import RunSetup
    from akm_jax.train.state import TrainState

MUCH_PADDING = 0.05  # from here on it is said where the padding is

Stills = Callable[[], ClipSet]
"""Gives the still faces that pretraining learns from, clips of one frame of the same classes as the set's."""


class AKMNet(Method):
    """The published system."""

    name: ClassVar[str] = "akmnet"
    title: ClassVar[str] = "AKMNet"
    source: ClassVar[str] = (
        "Peng et al.: Recognizing micro-expression in video clip with adaptive key-frame mining, arXiv 2009.09179"
    )
    ours: ClassVar[str] = "how faces are found, aligned and magnified (docs/preparation.md)"
    cost: ClassVar[str] = "every frame of every clip in every epoch: docs/performance.md"
    Config: ClassVar[type] = AKMNetConfig

    def __init__(self, config: AKMNetConfig | None = None, *, stills: Stills | None = None):
        """Args: settings, the published ones when None; what gives the faces for `config.pretrain`."""
        self._config = config or AKMNetConfig()
        self._stills = stills

    @property
    def config(self) -> AKMNetConfig:
        """Its settings."""
        return self._config

    @property
    def epochs(self) -> int:
        """Epochs of a training."""
        return self._config.train.epochs

    def num_parameters(self, num_classes: int) -> int:
        """Learnable numbers of the network, from its shapes."""
        import jax
        from flax import nnx

        from akm_jax.models.akmnet import AKMNet as Network

        network = nnx.eval_shape(lambda: Network(self._config.model, num_classes, rngs=nnx.Rngs(0)))
        return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(network, nnx.Param)))

    @property
    def parts(self) -> int:
        """Devices that share each step of a fold; known after `on_this_machine`."""
        return self._config.train.parts

    @property
    def frame_size(self) -> int:
        """Side of the network's frames; 0 where clips are interpolated, which comes first."""
        return 0 if self._config.model.interpolated_frames else self._config.model.image_size

    @property
    def complete(self) -> bool:
        """Whether epochs take all clips."""
        return self._config.train.steps_per_epoch == 0

    def on_this_machine(self, folds_at_a_time: int) -> "AKMNet":
        """With the number of devices that share a step."""
        from akm_jax.train.parts import choose_parts, split_cpu

        split_cpu()
        train = self._config.train
        parts = choose_parts(train.parts, train.clips_per_step, folds_at_a_time)
        return AKMNet(
            dataclasses.replace(self._config, train=dataclasses.replace(train, parts=parts)), stills=self._stills
        )

    def prepare(self, clips: Clips, views: Views, trainings: Sequence[Training], context: Context) -> "AKMNetTrainer":
        """Bring the frames to the network's sizes, choose the shape of a step, find the weights that folds start from.

        Raises:
            FileNotFoundError, ValueError: the weights are not there, do not fit or are others than at the run's start,
                or there are no stills.
        """
        from akm_jax.data.sized import size_clips  # here: what trains takes seconds to import
        from akm_jax.methods._finished_run import FinishedRun
        from akm_jax.prepare.tim import interpolate_clips
        from akm_jax.train.setup import set_up

        model, data = self._config.model, context.options.data
        chosen_by = None
        if self._config.key_frames_of is not None:
            chosen_by = FinishedRun(self._config.key_frames_of, clips, trainings, context)
        if model.interpolated_frames:
            clips = interpolate_clips(clips, model.interpolated_frames)
        sized = size_clips(
            clips,
            model.image_size,
            model.crop_source_size,
            memory_gib=data.memory_gib,
            decode_threads=data.decode_threads,
            track=context.observer.track,
        )
        how = "streamed from disk" if sized.streamed else "held in memory"
        context.observer.tell(f"{sized.gib:.3g} GiB of frames, {how} (--data.memory_gib={data.memory_gib:g})")
        setup = set_up(
            self._config,
            sized,
            [(training.clips, training.labels_of_set(len(clips))) for training in trainings],
            num_classes=clips.num_classes,
            seed=context.options.seed,
            folds_at_a_time=context.options.devices,
            decode_threads=data.decode_threads,
        )
        return AKMNetTrainer(setup, self._starting_weights(clips.num_classes, context), chosen_by)

    def load(self, kept: Kept) -> Model:
        """The network of the last epoch.

        Raises:
            ValueError: the checkpoint is another network's, or its frames are random.
        """
        from akm_jax.train.state import empty_state, graph_definition, merge

        config = self._config.model
        refuse_drawn(config)
        state = kept.checkpoint.restore(empty_state(config, kept.num_classes))
        return model_of(config, merge(graph_definition(config, kept.num_classes), state))

    def _starting_weights(self, num_classes: int, context: Context) -> "TrainState | None":
        """Weights every fold starts from: of a file, from stills, or None for fresh ones."""
        if self._config.init is not None:
            return self._weights_of(self._config.init, num_classes, context)
        if self._config.pretrain.people:
            return self._pretrained(num_classes, context)
        return None

    def _weights_of(self, place: Path, num_classes: int, context: Context) -> "TrainState":
        from flax import nnx

        from akm_jax.models.akmnet import AKMNet as Network
        from akm_jax.train.start_weights import checksum, start_from
        from akm_jax.train.state import new_state

        network = Network(self._config.model, num_classes, rngs=nnx.Rngs(context.options.seed))
        started = start_from(place, network)
        hold_to(context.folder / "init.json", place, checksum(started))
        _, copied, left = started
        context.observer.tell(f"starting from {place}: {len(copied)} tensors copied: {', '.join(copied)}")
        context.observer.tell(f"left, for they do not fit: {', '.join(left) or 'none'}")
        return new_state(started.network, self._config.train)[1]

    def _pretrained(self, num_classes: int, context: Context) -> "TrainState":
        import jax

        from akm_jax.train import checkpoint
        from akm_jax.train.pretrain import pretrain
        from akm_jax.train.state import initial_state

        config, tell = self._config, context.observer.tell
        found, problems = checkpoint.newest(context.folder)
        for problem in problems:
            tell(f"{problem}; pretraining again")
        if found is not None:
            tell(f"starting from {context.folder}")
            like = initial_state(jax.random.key(0), model=config.model, train=config.train, num_classes=num_classes)
            return found.restore(like)
        if self._stills is None:
            raise ValueError(
                f"--pretrain.people={config.pretrain.people}: there are no stills; give AKMNet(..., stills=...) a "
                "function that gives them, or 0 people"
            )
        tell(f"pretraining on {config.pretrain.people * config.pretrain.stills} drawn stills of other people")
        done = pretrain(config, self._stills(), context.options, context.observer)
        tell(f"stills of held-out people: accuracy {done.held_out_accuracy:.3f}")
        checkpoint.save(context.folder, config.pretrain.epochs, done.state, {})
        return done.state


METHOD = AKMNet


def model_of(config: ModelConfig, network: "Network") -> Model:
    """A network that has its weights, as a model: clip by clip, interpolated first where its training clips were.

    Raises:
        ValueError: its frames are random.
    """
    from akm_jax.data.clip_set import resize_frame
    from akm_jax.prepare.tim import interpolate_clips
    from akm_jax.train.calls import classify

    refuse_drawn(config)

    def model(clips: Clips, views: Views) -> Outputs:
        if config.interpolated_frames:
            clips = interpolate_clips(clips, config.interpolated_frames)
        frames = (np.stack([resize_frame(one, config.image_size) for one in clips.read(i)]) for i in range(len(clips)))
        return _described(config, classify(network, frames))

    return model


def refuse_drawn(config: ModelConfig) -> None:
    """Raise ValueError on a network that sees drawn frames, of which a single clip has none."""
    if config.mining == "random":
        raise ValueError(
            "a network of --model.mining=random sees frames that are drawn for each clip of its run; of another "
            "clip there are none"
        )


def _described(config: ModelConfig, evaluation: "Evaluation") -> Outputs:
    """Logits, and of each clip what was mined, where something is."""
    if not config.mining_parts:
        return Outputs(evaluation.logits)
    mined = zip(evaluation.threshold, evaluation.beta, evaluation.selected, strict=True)
    details = [
        {"threshold": float(threshold), "beta": beta.tolist(), "selected": selected.tolist()}
        for threshold, beta, selected in mined
    ]
    return Outputs(evaluation.logits, tuple(details))


class AKMNetTrainer(Trainer):
    """Trains folds with one compiled program."""

    def __init__(self, setup: "RunSetup", start: "TrainState | None", chosen_by: "FinishedRun | None" = None):
        """Args: what all folds share; weights every fold starts from, fresh ones for each when None; the run whose
        numbers of key frames are drawn at random, all frames when None.
        """
        import jax

        from akm_jax.train import step

        self.setup, self._chosen_by = setup, chosen_by
        self._start = start if setup.home is None else jax.device_put(start, setup.home)
        self._compiled_before = step.compilations()

    def on(self, devices: tuple) -> "AKMNetTrainer":
        """The same with data and weights on other devices."""
        moved = AKMNetTrainer(self.setup.on(devices), self._start, self._chosen_by)
        moved._compiled_before = self._compiled_before
        return moved

    def train(
        self, trainings: Sequence[Training], starts: Sequence[Start], observer: Observer
    ) -> Iterator[Sequence[Epoch]]:
        """Train one fold, an epoch and its evaluation given to the device before the host looks at the one before."""
        from akm_jax.train import step
        from akm_jax.train.calls import PendingEpoch, PendingEvaluation
        from akm_jax.train.state import copied

        (training,), (start,) = trainings, starts
        place, done = training.place, start.epoch
        setup = self.setup.labelled(training.labels_of_set(len(self.setup.labels)))
        if self._chosen_by is not None:
            setup = setup.using(draw_as_many(self._chosen_by.key_frames(training).selected, place))
        state = start.restore(setup.initial_state(setup.key(place)))
        if done == 0 and self._start is not None:
            state = copied(self._start)
        draws = setup.draw_epoch(training.clips, place, done + 1)
        if step.compilations() == self._compiled_before and done < setup.config.train.epochs:
            observer.tell(COMPILING)
        while done < setup.config.train.epochs:
            running = PendingEpoch(setup, state, done + 1, draws, place, observer)
            state = running.state
            pending = [PendingEvaluation(setup, state, clips) for clips in training.watched]
            draws = setup.draw_epoch(training.clips, place, done + 2)  # the next ones, while the device works
            notes = running.finish()
            done += 1
            outputs = [_described(setup.config.model, evaluation.result()) for evaluation in pending]
            yield [Epoch(done, outputs, notes, functools.partial(copied, state))]

    def fold_facts(self) -> dict[str, float]:
        """Programs compiled for the training step since the run began."""
        from akm_jax.train import step

        return {"compilations": step.compilations() - self._compiled_before}

    def run_facts(self, trainings: Sequence[Training]) -> dict[str, float]:
        """Frames of a step, and the share of them that is padding; where that is much, how much is in last steps."""
        facts: dict[str, float] = {"frames_per_step": self.setup.frames_per_step}
        if self._chosen_by is not None:
            return facts
        share, of_last_steps = padding_share(self.setup, trainings)
        facts = {"padding_share": share, **facts}
        return facts | ({"padding_of_last_steps": of_last_steps} if share > MUCH_PADDING else {})


def draw_as_many(selected: Sequence[np.ndarray], place: Place) -> list[np.ndarray]:
    """For each clip as many random frames as were selected, ascending indices; each clip is drawn by itself.

    Args:
        selected: for each clip (T,), 1 for key frames, else 0.
        place: of the training; its seed and subject decide.
    """
    checksum = zlib.crc32(place.subject.encode())
    return [
        np.sort(np.random.default_rng([place.seed, checksum, clip]).permutation(len(one))[: int(one.sum())])
        for clip, one in enumerate(selected)
    ]


def padding_share(setup: "RunSetup", trainings: Sequence[Training]) -> tuple[float, float]:
    """Share of the frames that training computes which are padding, over one epoch of every training.

    Returns:
        The share, and the part of it that is in the last step of an epoch, which holds the clips that are left over.
    """
    padding = of_last_steps = computed = 0
    per_step = setup.config.train.clips_per_step
    for training in trainings:
        labelled = dataclasses.replace(setup, labels=training.labels_of_set(len(setup.labels)))
        plan = labelled.plan_epoch(training.clips, Place(training.place.seed, training.place.subject, "padding"), 0)
        clips_of_steps = (plan.clip_rows >= 0).reshape(-1, per_step).sum(1)
        num_steps = int(np.sum(clips_of_steps > 0))
        padded = plan.clip_ids.reshape(len(clips_of_steps), -1)[:num_steps] == plan.clip_rows.shape[1]
        padding += int(padded.sum())
        of_last_steps += int(padded[-1].sum()) if clips_of_steps[num_steps - 1] < per_step else 0
        computed += num_steps * setup.frames_per_step
    return padding / computed, of_last_steps / computed
