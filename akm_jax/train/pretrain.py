"""Pretraining on still faces, as the paper does with photographs of the same classes: clips of one frame."""

import dataclasses
from typing import NamedTuple

import numpy as np

from akm_jax.config import AKMNetConfig, RunOptions
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.sized import size_clips
from akm_jax.observe import Observer, Place
from akm_jax.train.calls import PendingEpoch, evaluate
from akm_jax.train.setup import RunSetup, set_up
from akm_jax.train.state import TrainState, merge, new_state


class Pretrained(NamedTuple):
    """Weights that folds start from, and the share of stills they read right: those learned from, and the others."""

    state: TrainState
    accuracy: float
    held_out_accuracy: float


def pretrain(config: AKMNetConfig, stills: ClipSet, options: RunOptions, observer: Observer) -> Pretrained:
    """Train on stills, a share of whose people only measure how well it worked.

    Args:
        config: the network; its `pretrain` says how.
        stills: clips of one frame, several people.
        options: of the run; its seed counts.
        observer: is told how training goes.

    Raises:
        ValueError: a still cannot be read.
        FloatingPointError: a loss is not finite.
    """
    how = config.pretrain
    parts = config.train.parts
    train = dataclasses.replace(
        config.train,
        epochs=how.epochs,
        parts=1 if parts and how.clips_per_step % parts else parts,
        clips_per_step=how.clips_per_step,
        learning_rate=how.learning_rate,
        schedule="paper",
        steps_per_call=0,
    )
    of_clip = np.array(stills.subjects)
    people = np.unique(of_clip)
    is_held_out = np.isin(of_clip, people[: max(1, round(how.held_out_share * len(people)))])
    learned, held_out = np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)
    data = options.data
    sized = size_clips(
        stills.without_labels(),
        config.model.image_size,
        config.model.crop_source_size,
        memory_gib=data.memory_gib,
        decode_threads=data.decode_threads,
        track=observer.track,
    )
    setup = set_up(
        dataclasses.replace(config, train=train),
        sized,
        [(learned, stills.labels)],
        num_classes=len(stills.class_names),
        seed=options.seed,
        folds_at_a_time=options.devices,
        decode_threads=data.decode_threads,
    ).labelled(stills.labels)
    place = Place(options.seed, "stills", "pretraining")
    state = setup.initial_state(setup.key(place))
    for epoch in range(1, how.epochs + 1):
        running = PendingEpoch(setup, state, epoch, setup.draw_epoch(learned, place, epoch), place, observer)
        running.finish()
        state = running.state
    accuracies = [_accuracy(setup, state, clips, stills.labels) for clips in (learned, held_out)]
    return Pretrained(new_state(merge(setup.graph, state), train)[1], *accuracies)


def _accuracy(setup: RunSetup, state: TrainState, clips: np.ndarray, labels: np.ndarray) -> float:
    told = evaluate(setup, state, clips)
    return float(np.mean(told.logits.argmax(1) == labels[told.clips]))
