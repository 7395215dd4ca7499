"""Steps that two devices share equal those of one device with all the clips, and need the memory of the formula."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from akm_jax.config import AKMNetConfig, ModelConfig, TrainConfig
from akm_jax.data.batching import plan_batches
from akm_jax.data.sized import size_clips
from akm_jax.observe import Place
from akm_jax.train.calls import evaluate
from akm_jax.train.memory import training_bytes
from akm_jax.train.parts import choose_parts
from akm_jax.train.setup import RunSetup, set_up
from akm_jax.train.step import train_steps
from experiments.benchmarks.compiling import step_shapes
from experiments.benchmarks.machine import GIB, program_memory_gib
from experiments.benchmarks.ours import Ours
from experiments.benchmarks.workload import draw_lengths, noise_clips

LENGTHS = np.array([3, 9, 4, 7, 5, 6, 3, 8, 5, 4, 7, 3, 6])
# Chance draws for every part by itself, so there is none.
MODEL = ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4, dropout=0)


def prepared(parts: int) -> RunSetup:
    clip_set = noise_clips(LENGTHS, np.repeat([0, 1], [9, 4]), MODEL)
    config = AKMNetConfig(model=MODEL, train=TrainConfig(clips_per_step=4, crop_probability=0.0, parts=parts))
    sized = size_clips(clip_set.without_labels(), MODEL.image_size, MODEL.crop_source_size)
    trainings = [(np.arange(9), clip_set.labels), (np.arange(9, 13), clip_set.labels)]
    return set_up(config, sized, trainings, num_classes=4).labelled(clip_set.labels)


def trained(setup: RunSetup, plan) -> tuple:
    place = Place(0, "1", "test")
    state = setup.initial_state(setup.key(place))
    return train_steps(
        state,
        setup.data.clips,
        setup.on_device(plan),
        setup.key(place, 1),
        *jax.device_put((0, 1e-3), setup.home),
        graph=setup.graph,
        config=setup.config.train,
        max_frames=setup.max_frames,
        mesh=setup.mesh,
    )


def compare() -> None:
    """Train on nine clips, so that the last step has one, of which the second part has none; then evaluate."""
    shared, alone = prepared(2), prepared(1)
    assert (shared.parts, alone.parts) == (2, 1)
    plan = shared.plan_epoch(np.arange(9), Place(0, "1", "test"), 1)
    rows = plan.clip_rows.reshape(-1, 4)
    groups = [step[step >= 0] for step in rows]
    clips = alone.clips
    together = plan_batches(groups, clips.starts, clips.lengths, capacity=shared.frames_per_step, clips_per_step=4)
    assert [len(group) for group in groups] == [4, 4, 1]
    (state, losses), (expected, expected_losses) = trained(shared, plan), trained(alone, together)
    np.testing.assert_allclose(np.sort(losses), np.sort(expected_losses), rtol=1e-5)
    for one, other in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4 * float(np.abs(other).max()))
    one, other = evaluate(shared, state, np.arange(13)), evaluate(alone, expected, np.arange(13))
    np.testing.assert_allclose(one.logits, other.logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(one.threshold, other.threshold, rtol=1e-4)
    for field in ("beta", "selected"):
        for a, b in zip(getattr(one, field), getattr(other, field), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4)


def compare_memory() -> None:
    """Compile a step and hold what is planned for both devices to the formula."""
    model = ModelConfig(widths=(16, 32, 64, 128))
    config = AKMNetConfig(model=model, train=TrainConfig(clips_per_step=4, parts=2))
    ours = Ours(config, noise_clips(np.full(8, 60), np.repeat([0, 1], 4), model))
    planned = program_memory_gib(ours.lower(ours.step(0), ours.data).compile())  # of each
    expected = training_bytes(model, ours.state, ours.setup.clips, ours.setup.frames_per_step, parts=2)
    assert 2 * planned * GIB == pytest.approx(expected, rel=0.2)


def compare_timed_program() -> None:
    """Lower the step whose compilation the benchmark times, and the one that it trains with."""
    ours = Ours(AKMNetConfig(model=MODEL), noise_clips(*draw_lengths("smic"), MODEL))
    arguments, static = step_shapes("smic", MODEL)
    assert ours.setup.parts == 2
    assert train_steps.lower(*arguments, **static).as_text() == ours.lower(ours.step(0), ours.data).as_text()


def run_on_two_devices(check, flags: str) -> None:
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count=2 {flags}",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, __file__, check.__name__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_two_devices_that_share_steps_train_and_evaluate_as_one():
    run_on_two_devices(compare, "")  # compiled as for a user: rounding of careless programs differs by more


@pytest.mark.long
def test_two_devices_that_share_a_step_need_the_memory_of_the_formula(quick_flags):
    run_on_two_devices(compare_memory, quick_flags)


def test_the_shared_step_whose_compilation_is_timed_is_the_one_that_trains(quick_flags):
    run_on_two_devices(compare_timed_program, quick_flags)


@pytest.mark.parametrize(
    ("devices", "clips_per_step", "folds", "parts"),
    [(1, 8, 0, 1), (2, 8, 0, 2), (2, 7, 0, 1), (2, 8, 2, 1), (4, 8, 2, 2)],
)
def test_the_cpu_shares_steps_where_it_has_two_devices_a_fold(monkeypatch, devices, clips_per_step, folds, parts):
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices() * devices)
    assert choose_parts(0, clips_per_step, folds) == parts


@pytest.mark.parametrize(("parts", "devices"), [(2, 1), (3, 4)])
def test_parts_that_cannot_be_are_refused(monkeypatch, parts, devices):
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices() * devices)
    expected = rf"--parts={parts}: expected a divisor of --clips_per_step=8, at most {devices}"
    with pytest.raises(ValueError, match=expected):
        choose_parts(parts, 8)


if __name__ == "__main__":
    {check.__name__: check for check in (compare, compare_memory, compare_timed_program)}[sys.argv[1]]()
