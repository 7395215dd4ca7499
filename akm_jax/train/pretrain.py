"""Pretraining on still faces, as the paper does with photographs of the same classes: clips of one frame."""

import dataclasses

import numpy as np

from akm_jax.config import AKMNetConfig, RunOptions
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.sized import size_clips
from akm_jax.data.subjects import subject_order
from akm_jax.observe import Observer, Place
from akm_jax.train.calls import PendingEpoch, evaluate
from akm_jax.train.setup import set_up
from akm_jax.train.state import TrainState, merge, new_state


def pretrain(
    config: AKMNetConfig, stills: ClipSet, options: RunOptions, observer: Observer
) -> tuple[TrainState, float]:
    """Train on stills; return the weights that folds start from and the accuracy on held-out people.

    Args:
        config: the network; its `pretrain` says how.
        stills: clips of one frame, several people.
        options: of the run; its seed counts.
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
    of_clip = np.array(stills.subjects)
    people = np.unique(of_clip)
    all_but_one = [(np.flatnonzero(of_clip != person), stills.labels) for person in sorted(people, key=subject_order)]
    sized = size_clips(stills.without_labels(), config.model.image_size, config.model.crop_source_size)
    setup = set_up(
        dataclasses.replace(config, train=train),
        sized,
        all_but_one,
        num_classes=len(stills.class_names),
        seed=options.seed,
        folds_at_a_time=options.devices,
    ).labelled(stills.labels)
    is_held_out = np.isin(of_clip, people[: max(1, round(how.held_out_share * len(people)))])
    place = Place(options.seed, "stills", "pretraining")
    state = setup.initial_state(setup.key(place))
    for epoch in range(1, how.epochs + 1):
        draws = setup.draw_epoch(np.flatnonzero(~is_held_out), place, epoch)
        running = PendingEpoch(setup, state, epoch, draws, place, observer)
        running.finish()
        state = running.state
    told = evaluate(setup, state, np.flatnonzero(is_held_out))
    accuracy = float(np.mean(told.logits.argmax(1) == stills.labels[told.clips]))
    return new_state(merge(setup.graph, state), train)[1], accuracy
