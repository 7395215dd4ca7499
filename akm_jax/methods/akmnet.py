"""AKMNet: adaptive key-frame mining (Peng et al., arXiv 2009.09179). It sees every frame of a clip.

Each fold is trained by itself, on one device or on several that share its steps; all folds use one compiled program.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from akm_jax.config import AKMNetConfig
from akm_jax.data.clip_set import Clips, ClipSet
from akm_jax.methods.protocol import COMPILING, Context, Epoch, Method, Outputs, Start, Trainer, Training
from akm_jax.observe import Observer, Place
from akm_jax.views.view import Views

if TYPE_CHECKING:
    from akm_jax.train.calls import Evaluation
    from akm_jax.train.setup import RunSetup
    from akm_jax.train.state import TrainState

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
            FileNotFoundError, ValueError: the file of weights is not there or does not fit, or there are no stills.
        """
        from akm_jax.data.sized import size_clips  # here: what trains takes seconds to import
        from akm_jax.train.setup import set_up

        model, data = self._config.model, context.options.data
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
        return AKMNetTrainer(setup, self._starting_weights(clips.num_classes, context))

    def _starting_weights(self, num_classes: int, context: Context) -> "TrainState | None":
        """Weights every fold starts from: of a file, from stills, or None for fresh ones."""
        if self._config.init_weights is not None:
            return self._weights_of_file(self._config.init_weights, num_classes, context)
        if self._config.pretrain.people:
            return self._pretrained(num_classes, context)
        return None

    def _weights_of_file(self, path: Path, num_classes: int, context: Context) -> "TrainState":
        from flax import nnx

        from akm_jax.interop.torch import copy_matching, load_state_dict
        from akm_jax.models.akmnet import AKMNet as Network
        from akm_jax.train.state import new_state

        state_dict = load_state_dict(path)
        network = Network(self._config.model, num_classes, rngs=nnx.Rngs(context.options.seed))
        network, left = copy_matching(state_dict, network)
        entries = ", ".join(left) or "none"
        context.observer.tell(f"starting from {path}; entries that do not fit: {entries}")
        return new_state(network, self._config.train)[1]

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
        state, accuracy = pretrain(config, self._stills(), context.options, context.observer)
        tell(f"stills of held-out people: accuracy {accuracy:.3f}")
        checkpoint.save(context.folder, config.pretrain.epochs, state, {})
        return state


METHOD = AKMNet


class AKMNetTrainer(Trainer):
    """Trains folds with one compiled program."""

    def __init__(self, setup: "RunSetup", start: "TrainState | None"):
        """Args: what all folds share; weights every fold starts from, fresh ones for each when None."""
        import jax

        from akm_jax.train import step

        self.setup = setup
        self._start = start if setup.home is None else jax.device_put(start, setup.home)
        self._compiled_before = step.compilations()

    def on(self, devices: tuple) -> "AKMNetTrainer":
        """The same with data and weights on other devices."""
        moved = AKMNetTrainer(self.setup.on(devices), self._start)
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
            outputs = [_described(evaluation.result()) for evaluation in pending]
            yield [Epoch(done, outputs, notes, functools.partial(copied, state))]

    def fold_facts(self) -> dict[str, float]:
        """Programs compiled for the training step since the run began."""
        from akm_jax.train import step

        return {"compilations": step.compilations() - self._compiled_before}

    def run_facts(self, trainings: Sequence[Training]) -> dict[str, float]:
        """Frames of a step, and the share of them that is padding."""
        return {
            "padding_share": padding_share(self.setup, trainings),
            "frames_per_step": self.setup.frames_per_step,
        }


def _described(evaluation: "Evaluation") -> Outputs:
    details = [
        {"threshold": float(threshold), "beta": beta.tolist(), "selected": selected.tolist()}
        for threshold, beta, selected in zip(evaluation.threshold, evaluation.beta, evaluation.selected, strict=True)
    ]
    return Outputs(evaluation.logits, tuple(details))


def padding_share(setup: "RunSetup", trainings: Sequence[Training]) -> float:
    """Share of the frames that training computes which are padding, over one epoch of every training."""
    real = computed = 0
    per_step = setup.config.train.clips_per_step
    for training in trainings:
        labelled = dataclasses.replace(setup, labels=training.labels_of_set(len(setup.labels)))
        plan = labelled.plan_epoch(training.clips, Place(training.place.seed, training.place.subject, "padding"), 0)
        real += plan.num_frames
        clips_of_steps = (plan.clip_rows >= 0).reshape(-1, per_step)
        computed += int(np.sum(clips_of_steps.any(1))) * setup.frames_per_step
    return 1 - real / computed
