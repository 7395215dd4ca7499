"""Networks on the apex frame, and others that are trained fold by fold, as methods of a run."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from rich.console import Console

from akm_jax.methods import find_method, method_names
from akm_jax.methods.atnet import ATNet
from akm_jax.methods.htnet import HTNet
from akm_jax.methods.macro2micro import Macro2Micro
from akm_jax.methods.micro_attention import MicroAttention
from akm_jax.methods.protocol import Training
from akm_jax.methods.strcn import STRCN
from akm_jax.observe import Place
from akm_jax.ops.windows import max_windows
from akm_jax.optim import caffe_sgd, sgd, slowed
from akm_jax.run import run_loso
from akm_jax.views.apex_frame import ApexFrame
from akm_jax.views.apex_motion import ApexMotion
from akm_jax.views.flow_mosaic import FlowMosaic
from akm_jax.views.magnified_flow import MagnifiedFlow
from akm_jax.views.view import Views

NAMES = ("atnet", "htnet", "macro2micro", "micro_attention", "strcn")
SHORT = {"epochs": 1, "steps_per_epoch": 1, "clips_per_step": 2}
SMALL = STRCN(view=MagnifiedFlow(flow="farneback", alphas=(8, 12)), features=2, epochs=1)


@pytest.mark.parametrize("name", NAMES)
def test_they_are_methods_trained_fold_by_fold(name):
    assert name in method_names()
    method = find_method(name)()
    method.validate()
    assert not method.all_folds_at_once
    assert method.source
    assert method.ours


@pytest.mark.parametrize("name", ["apex_network", "network"])
def test_what_they_share_is_no_method(name):
    assert name not in method_names()


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Macro2Micro(view=ApexFrame(size=112)), "--view.size=112: macro2micro takes pictures of side 224"),
        (ATNet(steps_per_epoch=-1), "--steps_per_epoch=-1, --tenth_every=10: expected at least 0 and 1"),
        (
            MicroAttention(view=ApexFrame(size=200)),
            "--view.size=200: micro_attention takes pictures of side 224 or more",
        ),
        (MicroAttention(tenth_every=0), "--steps_per_epoch=50, --tenth_every=0: expected at least 0 and 1"),
        (HTNet(view=FlowMosaic(strain=False)), "--view.size=28, 2 channels: htnet takes pictures of side 28 with 3"),
        (STRCN(view=MagnifiedFlow(height=30)), "--view.height=30, --view.width=245: strcn takes pictures of at least"),
        (STRCN(view=MagnifiedFlow(alphas=(5, 6))), r"--view.alphas=\(5, 6\): expected 8 among them"),
    ],
)
def test_wrong_settings_are_named(method, message):
    with pytest.raises(ValueError, match=message):
        method.validate()


def test_the_rate_falls_to_a_tenth_every_500_steps():
    recipe = Macro2Micro().recipe(3)
    rates = [recipe.rate(epoch) for epoch in (1, 10, 11, 50)]
    np.testing.assert_allclose(rates, [1e-2, 1e-2, 1e-3, 1e-6], rtol=1e-12)
    assert recipe.steps_per_epoch * recipe.epochs == 2500


@pytest.mark.parametrize(
    ("method", "side", "clips"),
    [
        (MicroAttention(), 240, 10),
        (MicroAttention(variant="atnet"), 224, 16),
        (MicroAttention(view=ApexFrame(), clips_per_step=3), 224, 3),
    ],
)
def test_micro_attention_is_shown_crops_of_larger_pictures(method, side, clips):
    """Random ones in training, the middle in tests."""
    method.validate()
    recipe = method.recipe(3)
    assert (method.view.size, recipe.clips_per_step) == (side, clips)
    pictures = jnp.arange(4 * side**2, dtype=jnp.float32).reshape(4, side, side, 1)
    (tested,), (trained,) = recipe.show([pictures], None), recipe.show([pictures], jax.random.key(0))
    margin = (side - 224) // 2
    np.testing.assert_array_equal(tested, pictures[:, margin : margin + 224, margin : margin + 224])
    assert trained.shape == tested.shape
    assert bool((trained != tested).any()) == (side > 224)


@pytest.mark.parametrize("augment", [False, True])
def test_atnet_augments_the_picture_in_training_alone_and_never_the_motion(augment):
    show = ATNet(augment=augment).recipe(3).show
    pictures, motion = 200 * jnp.ones((8, 224, 224, 1)), jnp.ones((8, 64, 128))
    np.testing.assert_array_equal(show([pictures, motion], None)[0], pictures)
    seen, moved = show([pictures, motion], jax.random.key(0))
    np.testing.assert_array_equal(moved, motion)
    assert bool((seen != pictures).any()) == augment


def test_biases_learn_twice_as_fast_and_the_classifiers_does_not_decay():
    names = ("kernel", "bias")
    params = {layer: {name: jnp.full((), 10.0) for name in names} for layer in ("conv", "head")}
    gradients = {layer: {name: jnp.ones(()) for name in names} for layer in params}
    optimizer = caffe_sgd(0.5, 0.1)
    moments = optimizer.init(params)
    updates, moments = optimizer.update(gradients, moments, params)
    assert {layer: [float(updates[layer][name]) for name in names] for layer in params} == {
        "conv": [2, 4],
        "head": [2, 2],
    }
    updates, _ = optimizer.update(gradients, moments, optax.tree.zeros_like(params))
    assert float(updates["conv"]["bias"]) == 2 * (1 + 0.5 * 2)


def test_a_part_of_the_parameters_can_be_slowed():
    params = {"stem": {"conv": jnp.ones(())}, "head": jnp.ones(())}
    optimizer = slowed(sgd(0.9, 0.0), "['stem']['conv']", 0.25)
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    assert (float(updates["stem"]["conv"]), float(updates["head"])) == (0.25, 1)


def test_strcns_form_across_sets_has_four_blocks_and_settings_of_its_own():
    method = STRCN(variant="crossdb")
    method.validate()
    assert (method.features, method.epochs, method.view) == (128, 1, MagnifiedFlow(height=220, width=200))
    assert method.num_parameters(3) == 1_251_203
    assert STRCN(variant="crossdb", features=2, epochs=3).features == 2
    network, mask, sizes = STRCN(variant="crossdb", features=2).network(3, nnx.Rngs(0)), jnp.ones(1, bool), []

    def through(pictures):
        x = max_windows(network.stem(pictures, mask, train=False), 4, 4)
        for block in network.blocks:
            x = block(x, mask, train=False)
            sizes.append(x.shape[1:3])
        return network.head(jnp.mean(x, axis=(1, 2)))

    pictures = jax.random.normal(jax.random.key(0), (1, 220, 200, 2))
    expected = through(pictures)
    assert sizes == [(27, 25), (13, 12), (6, 6), (3, 3)]
    np.testing.assert_allclose(network(pictures, mask), expected, rtol=1e-5)


def test_strcn_learns_from_every_magnification_and_is_tested_on_one():
    method = STRCN(view=MagnifiedFlow(alphas=(5, 8, 9)))
    given = Training(Place(0, "a", "all"), np.array([0, 2]), np.array([1, 0], np.int32), ("b", "c"), (np.array([1]),))
    rows = method.expand(given)
    (inputs,) = method.inputs(Views([np.array([[10 * clip + k] for k in range(3)]) for clip in range(3)]))
    np.testing.assert_array_equal(inputs[rows.clips, 0], [0, 1, 2, 20, 21, 22])
    np.testing.assert_array_equal(rows.labels, [1, 1, 1, 0, 0, 0])
    assert rows.subjects == ("b", "b", "b", "c", "c", "c")
    np.testing.assert_array_equal(inputs[rows.watched[0], 0], [11])


def run(method, clip_set, folder):
    return run_loso(
        method, clip_set, folder / "run", console=Console(quiet=True), views_dir=folder / "views", rules="last"
    )


@pytest.mark.long
def test_a_run_of_the_smallest_htnet(make_clip_set, tmp_path):
    """Mostly compiling: its fourteen layers."""
    method = HTNet(dim=3, epochs=2, clips_per_step=4, view=FlowMosaic(flow="farneback"))
    summary = run(method, make_clip_set(num_subjects=3, clips_per_subject=3, lengths=[3, 2]), tmp_path)
    assert summary["num_clips"] == 9
    assert 0 <= summary["rules"]["last"]["accuracy"] <= 1


@pytest.mark.long
@pytest.mark.parametrize(
    "method",
    [Macro2Micro(**SHORT), MicroAttention(**SHORT), ATNet(view=ApexMotion(flow="farneback"), **SHORT), SMALL],
    ids=lambda method: method.name,
)
def test_a_run_of_a_step_a_fold(method, make_clip_set, tmp_path):
    summary = run(method, make_clip_set(num_subjects=2, clips_per_subject=3, lengths=[3, 2]), tmp_path)
    assert summary["num_clips"] == 6
