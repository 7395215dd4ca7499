"""Pretraining on still faces, as the paper does with photographs of the same classes: clips of one frame."""

import dataclasses
from collections.abc import Callable

import numpy as np

from akm_jax.config import ExperimentConfig
from akm_jax.data.clip_set import ClipSet
from akm_jax.train.checkpoint import Training
from akm_jax.train.fold import Progress, evaluate, train_epoch
from akm_jax.train.setup import set_up
from akm_jax.train.state import TrainState, merge, new_state


def pretrain(config: ExperimentConfig, stills: ClipSet, report: Callable[[Progress], None]) -> tuple[TrainState, float]:
    """Train on stills; return the weights that folds start from and the accuracy on held-out people.

    Args:
        config: the experiment; its `pretrain` says how.
        stills: clips of one frame, several people.
        report: called after every compiled call.
    """
    how = config.pretrain
    train = dataclasses.replace(
        config.train,
        epochs=how.epochs,
        clips_per_step=how.clips_per_step,
        learning_rate=how.learning_rate,
        schedule="paper",
        steps_per_call=0,
    )
    setup, _ = set_up(dataclasses.replace(config, train=train, folds="", rules="last"), stills)
    people = np.unique(stills.subjects)
    held_out = people[: max(1, round(how.held_out_share * len(people)))]
    is_held_out = np.isin(stills.subjects, held_out)
    training = Training(setup.initial_state(setup.key(config.seed, "stills")))
    for _ in range(how.epochs):
        clips = np.flatnonzero(~is_held_out)
        training = train_epoch(setup, training, clips, seed=config.seed, subject="stills", purpose=0, report=report)
    accuracy = evaluate(setup, training.state, np.flatnonzero(is_held_out)).accuracy(stills.labels)
    return new_state(merge(setup.graph, training.state), train)[1], accuracy
