"""The compiled step and evaluation of a leave-one-subject-out run, one step a call, on clips in memory."""

import dataclasses
from typing import Any

import jax
import numpy as np

from akm_jax.config import AKMNetConfig, RunOptions
from akm_jax.data.batching import BatchPlan
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.sized import size_clips
from akm_jax.data.stream import DeviceClips, HeldData
from akm_jax.loso.driver import all_trainings
from akm_jax.observe import Place
from akm_jax.train.setup import set_up
from akm_jax.train.step import evaluate_batch, train_steps

LEARNING_RATE = 1e-3


class Ours:
    """Steps of the first fold's first epoch, planned as a run plans them, so that padding is what training pays."""

    def __init__(self, config: AKMNetConfig, clip_set: ClipSet):
        train = dataclasses.replace(config.train, steps_per_call=1)
        sized = size_clips(clip_set.without_labels(), config.model.image_size, config.model.crop_source_size)
        trainings = all_trainings(clip_set, RunOptions())
        self.setup = set_up(
            dataclasses.replace(config, train=train),
            sized,
            [(training.clips, clip_set.labels) for training in trainings],
            num_classes=len(clip_set.class_names),
        ).labelled(clip_set.labels)
        assert isinstance(self.setup.data, HeldData)  # the clips lie in memory
        self.data = self.setup.data.clips
        plan = self.setup.plan_epoch(trainings[0].clips, Place(0, trainings[0].place.subject, "benchmark"), 1)
        steps = list(plan.calls(self.setup.parts))
        self.steps = [step for step in steps if (step.clip_rows >= 0).all()] or [s for s in steps if s.num_frames]
        self.state = self.setup.initial_state(jax.random.key(0))
        self.training: Any = None

    @property
    def static(self) -> dict[str, Any]:
        """Static arguments of the compiled functions."""
        return {"graph": self.setup.graph, "max_frames": self.setup.max_frames, "mesh": self.setup.mesh}

    @property
    def padding_share(self) -> float:
        """Share of the frames of the steps that are padding."""
        return 1 - sum(step.num_frames for step in self.steps) / (len(self.steps) * self.setup.frames_per_step)

    def step(self, i: int) -> BatchPlan:
        """The plan of step i; after the last step comes the first."""
        return self.steps[i % len(self.steps)]

    def clips(self, i: int) -> np.ndarray:
        """The clips of step i."""
        rows = self.step(i).clip_rows.reshape(-1)
        return rows[rows >= 0]

    def longest_clip(self, i: int) -> np.ndarray:
        """The longest clip of step i, alone."""
        clips = self.clips(i)
        return clips[[np.argmax(self.setup.clips.lengths[clips])]]

    def compile(self) -> None:
        """Trace, lower and compile the training step on the set held on the device."""
        self.compile_for(self.step(0), self.data)

    def compile_for(self, step: BatchPlan, data: DeviceClips) -> None:
        """The same for frames that come in another shape."""
        self.training = self.lower(step, data).compile()

    def lower(self, step: BatchPlan, data: DeviceClips) -> jax.stages.Lowered:
        """The training step, traced and lowered for some frames."""
        return train_steps.lower(*self.arguments(step, data), config=self.setup.config.train, **self.static)

    def train(self, i: int) -> None:
        """Training step i on the set held on the device."""
        self.train_step(self.step(i), self.data)

    def train_step(self, step: BatchPlan, data: DeviceClips) -> None:
        """A training step on some frames."""
        self.state, losses = self.training(*self.arguments(step, data))
        if not np.isfinite(jax.block_until_ready(losses)).all():
            raise FloatingPointError("a loss of the benchmark is not finite; lower the learning rate")

    def evaluate(self, i: int) -> None:
        """Evaluation of the clips of step i."""
        batch = self.setup.on_device(self.step(i), one_step=True)
        jax.block_until_ready(evaluate_batch(self.state, self.data, batch, **self.static))

    def arguments(self, step: BatchPlan, data: DeviceClips) -> tuple:
        """State, data, plan of one step, key, number of the step and learning rate, as `train_steps` takes them."""
        others = jax.device_put((jax.random.key(0), 0, LEARNING_RATE), self.setup.home)
        return (self.state, data, self.setup.on_device(step), *others)
