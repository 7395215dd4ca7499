"""`softnet`: a step of training of one fold, ours and PyTorch's on the same frames from the same weights.

Ours trains as many folds at a time as JAX has devices, two on the CPU; seconds are those of the round by steps and
folds. PyTorch trains one fold with all threads, as leave-one-subject-out does fold after fold. All of a run is steps.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
from flax import nnx

from akm_jax.models.softnet import SOFTNet
from akm_jax.spotting.training import SpotterConfig, start_weights, train_epoch
from experiments.benchmarks import timing
from experiments.benchmarks.speed import Measured

NUM_FRAMES = 20_000
FEW_FRAMES_A_STEP = 50  # a small run needs no more frames than it reads


def measure(*, rounds: int, steps: int, threads: int, against_torch: bool) -> Measured:
    """Rows of ours and of each form in PyTorch, and how many times as fast ours is."""
    config = SpotterConfig()
    rng = np.random.default_rng(0)
    num_frames = min(NUM_FRAMES, FEW_FRAMES_A_STEP * steps)
    planes = rng.random((num_frames, 3, config.model.image_size, config.model.image_size), np.float32)
    labels = rng.integers(0, 2, num_frames).astype(np.float32)
    batches = rng.integers(0, num_frames, (steps, config.batch_size)).astype(np.int32)
    ours, folds = _ours(config, planes, labels, batches)
    programs: dict[str, Any] = {"ours": ours}
    if against_torch:
        programs |= _theirs(config, planes, labels, batches, threads)
    (loss, *_), compile_s = timing.timed(ours)
    seconds = timing.interleave(programs, rounds=range(rounds), warm=False)
    seconds = {k: [s / steps / (folds if k == "ours" else 1) for s in taken] for k, taken in seconds.items()}
    rows: list[dict[str, Any]] = [
        {
            "name": f"softnet/{name}",
            **timing.describe_milliseconds(taken),
            "frames_per_s": round(config.batch_size / np.median(taken)),
        }
        for name, taken in seconds.items()
    ]
    rows[0] |= {
        "what": f"a step of {config.batch_size} frames and fold, {num_frames} frames",
        "folds_at_a_time": folds,
        "steps_a_round": steps,
        "first_call_s": round(compile_s, 3),
        "loss": round(loss, 6),
    }
    return rows, timing.ratios_of("softnet", seconds)


def _ours(config, planes, labels, batches):
    """A round of ours, which returns the losses of its folds; and how many folds that are."""
    devices = jax.local_devices()
    graph = nnx.graphdef(nnx.eval_shape(lambda: SOFTNet(config.model, rngs=nnx.Rngs(0))))
    inputs = [jax.device_put((planes, labels, batches), device) for device in devices]
    start = jax.tree.map(np.array, start_weights(config))

    def fold(i):
        weights = jax.device_put(start, devices[i])
        return float(train_epoch(graph, weights, *inputs[i], batches.size, config.learning_rate)[1])

    pool = ThreadPoolExecutor(len(devices))
    return lambda _round=0: list(pool.map(fold, range(len(devices)))), len(devices)


def _theirs(config, planes, labels, batches, threads):
    """The forms in PyTorch; each round starts where the last one ended, which takes no longer."""
    import torch

    from experiments.baselines import softnet_torch

    torch.set_num_threads(threads)
    flat = nnx.to_flat_state(start_weights(config))
    weights = {"/".join(map(str, path)): np.asarray(leaf[...]) for path, leaf in flat}
    rows = torch.from_numpy(batches.astype(np.int64))
    programs = {}
    for form in softnet_torch.FORMS:
        model = softnet_torch.SOFTNet(form)
        softnet_torch.load(model, weights)
        trainer = softnet_torch.Trainer(model, *map(torch.from_numpy, (planes, labels)), config.learning_rate)
        trainer.train(rows[:2])
        programs[f"torch_{form}"] = lambda _round, trainer=trainer: trainer.train(rows)
    return programs
