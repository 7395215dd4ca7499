"""All folds in one program come out as each would alone, and learn from nothing but their own clips."""

import dataclasses

import jax
import numpy as np
import pytest

from akm_jax.methods.off_apexnet import OffApexNet
from akm_jax.methods.protocol import Start, Training
from akm_jax.methods.rcn import RCN
from akm_jax.methods.sssnet import SSSNet
from akm_jax.methods.ststnet import STSTNet
from akm_jax.observe import Place
from akm_jax.train.folds_together import apply, learned_from, order_of_epoch, train_together

CLIPS = np.arange(14)
SUBJECTS = np.repeat(["a", "b", "c"], [3, 5, 6])
LABELS = CLIPS % 3


def training(subject, name="all_subjects", labels=LABELS):
    """The fold of a subject."""
    own = CLIPS[subject != SUBJECTS]
    watched = (CLIPS[subject == SUBJECTS],)
    return Training(Place(0, subject, name), own, labels[own].astype(np.int32), tuple(SUBJECTS[own]), watched)


def pictures(method, seed=0):
    size, channels = method.picture
    drawn = np.random.default_rng(seed).normal(size=(len(CLIPS), size, size, channels)).astype(np.float32)
    drawn[..., 0] += LABELS[:, None, None]
    return drawn


def train(recipe, subjects, seen, starts=None, **options):
    """The epochs of some folds, by a program that serves all: losses, outputs and states of each."""
    starts = starts or [Start() for _ in subjects]
    every = [training(s, **options) for s in "abc"]
    chosen = [every["abc".index(s)] for s in subjects]
    epochs = train_together(recipe, chosen, (seen,), starts, every)
    return [(epoch, [jax.tree.map(np.asarray, state()) for state in epoch.states]) for epoch in epochs]


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


STSTNET = STSTNet(epochs=8, clips_per_step=4, learning_rate=0.01)
ONCE = dataclasses.replace(STSTNET, shuffle="once")
# The others take longer to compile; what they have of their own is the network, which golden tests look at.
METHODS = [
    pytest.param(STSTNET, id="ststnet"),
    pytest.param(ONCE, id="ststnet-once-shown-at-random"),
    pytest.param(STSTNet(variant="port", epochs=2, clips_per_step=4, learning_rate=0.01), id="ststnet-port"),
] + [
    pytest.param(method, marks=pytest.mark.long, id=method.name)
    for method in (
        SSSNet(epochs=2, clips_per_step=4),
        OffApexNet(epochs=2, clips_per_step=4),
        RCN(epochs=2, clips_per_step=4),
    )
]


@pytest.fixture(scope="module")
def recipe():
    return STSTNET.recipe(3)


@pytest.fixture(scope="module")
def together(recipe):
    """All folds, whose numbers of steps differ."""
    return train(recipe, "abc", pictures(STSTNET))


def darker(inputs, key):
    """Each clip by a share of its own, in training."""
    return inputs if key is None else [one * jax.random.uniform(key, (len(one), 1, 1, 1)) for one in inputs]


@pytest.mark.parametrize("method", METHODS)
def test_all_folds_at_once_equal_fold_by_fold(method, recipe):
    recipe, seen = recipe if method is STSTNET else method.recipe(3), pictures(method)
    recipe = dataclasses.replace(recipe, show=darker) if method is ONCE else recipe
    at_once = train(recipe, "abc", seen)
    for i, subject in enumerate("abc"):
        for (one, (state,)), (all_folds, states) in zip(train(recipe, subject, seen), at_once, strict=True):
            assert one.number == all_folds.number
            # Programs for one fold and for three may join products and sums differently; compiled as for a user they
            # do not, and all is equal.
            for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(states[i]), strict=True):
                np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max())
            np.testing.assert_allclose(one.losses[0], all_folds.losses[i], rtol=1e-4)
            alone, among = one.outputs[0][0], all_folds.outputs[i][0]
            np.testing.assert_allclose(alone, among, atol=1e-4 * np.abs(among).max())
            np.testing.assert_array_equal(alone.argmax(1), among.argmax(1))


def test_every_fold_starts_from_trained_weights_where_there_are_some(recipe, together, monkeypatch):
    monkeypatch.setitem(recipe.trained, "head/bias", np.array([50.0, 0, 0]))
    epoch, states = train(recipe, "abc", pictures(STSTNET))[0]
    for state, outputs in zip(states, epoch.outputs, strict=True):
        assert outputs[0].argmax(1).tolist() == [0] * len(outputs[0])
        np.testing.assert_allclose(state.params["head"]["bias"][...], [50, 0, 0], atol=0.1)
    for one, other in zip(states, together[0][1], strict=True):  # all else began as ever
        a, b = (state.params["streams"][0]["conv"]["kernel"][...] for state in (one, other))
        np.testing.assert_allclose(a, b, atol=0.1)
    assert epoch.losses.min() > together[0][0].losses.max()


def test_folds_one_after_another_share_a_program(recipe, monkeypatch):
    """Whatever their numbers of clips, the shapes are those of the largest."""
    from akm_jax.train import folds_together

    shapes, run_epoch = set(), folds_together.run_epoch

    def record(states, given, *others, **settings):
        shapes.add((given.rows.shape, given.watched.shape))
        return run_epoch(states, given, *others, **settings)

    monkeypatch.setattr(folds_together, "run_epoch", record)
    for subject in "abc":
        train(recipe, subject, pictures(STSTNET))
    assert shapes == {((1, 3, 4), (1, 1, 32))}


def test_folds_differ(together):
    states = together[-1][1]
    assert not equal(states[0].params, states[1].params)


def test_training_lowers_the_loss(together):
    assert (together[-1][0].losses < 0.8 * together[0][0].losses).all()


def test_the_left_out_subject_changes_nothing_but_its_own_outputs(recipe, together):
    seen, labels = pictures(STSTNET), LABELS.copy()
    left_out = SUBJECTS == "b"
    seen[left_out] = 1e3 * pictures(STSTNET, seed=1)[left_out]
    labels[left_out] = 2 - labels[left_out]
    for (one, changed), (other, before) in zip(train(recipe, "abc", seen, labels=labels), together, strict=True):
        assert equal(changed[1], before[1])
        assert not equal(changed[0], before[0])
        assert not np.array_equal(one.outputs[1][0], other.outputs[1][0])


def test_going_on_equals_training_through(recipe, together):
    through, after_all = together[-1]
    starts = [
        Start(7, lambda like, state=state: jax.tree.map(lambda a, b: b, like, state)) for state in together[-2][1]
    ]
    ((resumed, states),) = train(recipe, "abc", pictures(STSTNET), starts)
    assert resumed.number == 8
    assert all(equal(a, b) for a, b in zip(states, after_all, strict=True))
    np.testing.assert_array_equal(resumed.losses, through.losses)


def test_another_training_of_the_fold_draws_other_numbers(recipe, together):
    _, states = train(recipe, "abc", pictures(STSTNET), name="inner")[0]
    assert not equal(states[2].params, together[0][1][2].params)


@pytest.mark.long
def test_side_by_side_as_on_an_accelerator(recipe, together, monkeypatch):
    """`jax.vmap` in place of one after another; sums are made in another order."""
    from akm_jax.train import folds_together

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(
        folds_together,
        "run_epoch",
        jax.jit(folds_together.run_epoch.__wrapped__, static_argnames=("graph", "recipe", "mesh")),
    )
    for (_, states), (_, expected) in zip(train(recipe, "abc", pictures(STSTNET))[:2], together, strict=False):
        for a, b in zip(jax.tree.leaves(states), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=2e-3)


def test_inputs_are_shown_one_way_in_training_and_another_where_outputs_are_wanted(recipe, together):
    """Doubled in training, halved in tests: as training on doubled pictures, and tests on halves."""
    seen = pictures(STSTNET)

    def show(inputs, key):
        return [x / 2 if key is None else 2 * x for x in inputs]

    shown = dataclasses.replace(recipe, show=show, centred=False)
    twice = dataclasses.replace(recipe, centred=False)
    (epoch, (state,)), *_ = train(shown, "b", seen)
    (_, (expected,)), *_ = train(twice, "b", 2 * seen)
    for one, other in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(other).max())
    watched = training("b").watched[0]
    of_halves = apply(twice, state, (seen[watched] / 2,))
    np.testing.assert_allclose(epoch.outputs[0][0], of_halves, atol=1e-5 * np.abs(of_halves).max())
    np.testing.assert_allclose(apply(shown, state, (seen[watched],)), of_halves, atol=1e-5 * np.abs(of_halves).max())


def test_every_step_shows_inputs_by_randomness_of_its_own(recipe):
    keys = set()

    def show(inputs, key):
        if key is not None:
            jax.debug.callback(lambda drawn: keys.add(tuple(drawn.tolist())), jax.random.key_data(key), ordered=False)
        return inputs

    train(dataclasses.replace(recipe, show=show, epochs=2), "b", pictures(STSTNET))
    jax.effects_barrier()
    assert len(keys) == 2 * 3


def test_groups_of_watched_clips_come_apart(recipe):
    planned = dataclasses.replace(training("c"), watched=(np.array([8, 9]), np.array([10, 11, 12])))
    epoch = next(train_together(recipe, [planned, training("a"), training("b")], (pictures(STSTNET),), 3 * [Start()]))
    assert [group.shape for group in epoch.outputs[0]] == [(2, 3), (3, 3)]
    assert [group.shape for group in epoch.outputs[1]] == [(3, 3)]


def test_steps_of_an_epoch_go_on_where_the_last_one_stopped(recipe):
    """Passes one after another, each with every clip once."""
    some = dataclasses.replace(recipe, steps_per_epoch=2, clips_per_step=4)
    drawn = np.concatenate([order_of_epoch(some, training("a"), number) for number in range(1, 12)])
    assert len(drawn) == 88
    for turn in drawn.reshape(8, 11):
        np.testing.assert_array_equal(np.sort(turn), training("a").clips)
    assert (drawn[:11] != drawn[11:22]).any()


def orders(recipe, given, shuffle, **settings):
    """The clips of two epochs."""
    some = dataclasses.replace(recipe, shuffle=shuffle, **settings)
    return [order_of_epoch(some, given, number) for number in (1, 2)]


def test_unshuffled_clips_come_class_by_class_in_every_epoch(recipe):
    given = training("a", labels=np.array([0] * 3 + [2, 0, 1, 1, 0, 2, 0, 0, 1, 2, 0]))
    for order in orders(recipe, given, "never"):
        np.testing.assert_array_equal(order, [4, 7, 9, 10, 13, 5, 6, 11, 3, 8, 12])


def test_shuffled_once_some_full_steps_of_clips_are_all_that_is_used(recipe):
    """11 training clips, 4 a step: a fixed 8, others in another fold."""
    first, second = orders(recipe, training("a"), "once")
    np.testing.assert_array_equal(first, second)
    assert len(set(first)) == 8
    assert set(first) < set(training("a").clips)
    assert (np.sort(first) != first).any()
    assert set(first) != set(orders(recipe, training("a", name="inner"), "once")[0])


def test_shuffled_once_all_clips_are_used_where_they_fill_no_step(recipe):
    first, second = orders(recipe, training("a"), "once", clips_per_step=256)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(np.sort(first), training("a").clips)


def test_an_order_that_there_is_not_is_named():
    with pytest.raises(ValueError, match="--shuffle=always: expected one of every_epoch, once, never"):
        STSTNet(shuffle="always").recipe(3)


def test_smaller_classes_are_filled_up_once(recipe):
    given = training("b", labels=np.array([0] * 3 + [1] * 9 + [2] * 2))
    clips = learned_from(dataclasses.replace(recipe, balanced=True), given)
    labels = given.labels_of_set(len(CLIPS))
    np.testing.assert_array_equal(np.bincount(labels[clips]), 4)
    assert set(clips) == set(given.clips)
    np.testing.assert_array_equal(clips, learned_from(dataclasses.replace(recipe, balanced=True), given))
