"""Pretraining on still faces, as the paper does with photographs of the same classes: clips of one frame."""

import dataclasses

import numpy as np

from akm_jax.config import ExperimentConfig
from akm_jax.data.clip_set import ClipSet
from akm_jax.observe import Observer, Place
from akm_jax.train.calls import PendingEpoch, evaluate
from akm_jax.train.checkpoint import Training
from akm_jax.train.setup import set_up
from akm_jax.train.state import TrainState, merge, new_state


def pretrain(config: ExperimentConfig, stills: ClipSet, observer: Observer) -> tuple[TrainState, float]:
    """Train on stills; return the weights that folds start from and the accuracy on held-out people.

    Args:
        config: the experiment; its `pretrain` says how.
        stills: clips of one frame, several people.
        observer: is told how training goes.
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
    setup, _ = set_up(dataclasses.replace(config, train=train, folds="", rules="last"), stills)
    people = np.unique(stills.subjects)
    held_out = people[: max(1, round(how.held_out_share * len(people)))]
    is_held_out = np.isin(stills.subjects, held_out)
    place = Place(config.seed, "stills", "pretraining")
    training = Training(setup.initial_state(setup.key(place)))
    for epoch in range(1, how.epochs + 1):
        draws = setup.draw_epoch(np.flatnonzero(~is_held_out), place, epoch)
        training = PendingEpoch(setup, training, draws, place, observer).finish()
    accuracy = evaluate(setup, training.state, np.flatnonzero(is_held_out)).accuracy(stills.labels)
    return new_state(merge(setup.graph, training.state), train)[1], accuracy
