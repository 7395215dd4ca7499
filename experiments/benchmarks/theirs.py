"""The PyTorch programs on the same clips: the plain one, and the fastest of the others found in a trial."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from akm_jax.config import ModelConfig
from akm_jax.data.clip_set import ClipSet
from akm_jax.interop.torch import to_state_dict
from akm_jax.train.state import TrainState
from experiments.benchmarks.timing import timed

TRIAL_CLIPS = 4


@dataclasses.dataclass(frozen=True)
class Contest:
    """PyTorch's plain program, the fastest of the others for training and for inference, and the trials of these.

    Where no other program runs, the plain one is the best.
    """

    eager: Any
    best: dict[str, Any]
    trials: list[dict[str, Any]]


def hold_contest(model: ModelConfig, clip_set: ClipSet, state: TrainState, *, threads: int, track) -> Contest:
    """Try every way to run the network in PyTorch on a few clips.

    Args:
        model: the network's shape.
        clip_set: the clips.
        state: weights that all programs start from.
        threads: threads of PyTorch on the CPU.
        track: progress display: `track(items, what)`.

    Raises:
        ImportError: PyTorch is not installed.
        ValueError: PyTorch cannot compute on the device that JAX computes on.
    """
    try:
        import torch
    except ImportError as e:
        raise ImportError("--against=torch needs PyTorch: pip install -e '.[torch]'") from e
    from experiments.baselines.akmnet_torch_variants import EAGER, Program, TorchClips, variants

    torch.set_num_threads(threads)
    device = _device(torch)
    frames, large_frames, labels = (
        torch.from_numpy(a).to(device)
        for a in (clip_set.frames, clip_set.large_frames, clip_set.labels.astype(np.int64))
    )
    data = TorchClips(frames, large_frames, labels, clip_set.starts, clip_set.lengths)
    weights = {**to_state_dict(state.params), **to_state_dict(state.stats)}
    shape = {
        "num_classes": len(clip_set.class_names),
        "widths": model.widths,
        "gru_hidden": model.gru_hidden,
        "image_size": model.image_size,
        "dropout": model.dropout,
    }
    eager, programs, trials = Program(EAGER, data, weights, shape=shape), [], []
    clips = np.argsort(np.abs(clip_set.lengths - np.median(clip_set.lengths)))[:TRIAL_CLIPS]
    others = variants(device, model.widths, bfloat16=device == "cuda")[1:]
    for variant in track(others, "PyTorch trials"):
        program = Program(variant, data, weights, shape=shape)
        trial: dict[str, Any] = {"name": f"trial/torch_{variant.name}", "frames": int(clip_set.lengths[clips].sum())}
        try:
            trial |= _try(program, clips)
            programs.append((program, trial))
        except Exception as e:  # torch.compile fails in many ways where no compiler works: the row says which
            trial["error"] = f"{type(e).__name__}: {e}"[:500]
        trials.append(trial)
    best = {work: min(programs, key=lambda p: p[1][f"{work}_s"], default=(eager, {}))[0] for work in ("train", "infer")}
    return Contest(eager, best, trials)


def _device(torch: Any) -> str:
    """The device JAX computes on, in PyTorch's words; on another one there is nothing to compare."""
    backend = jax.default_backend()
    if backend == "cpu":
        return "cpu"
    if backend != "gpu" or not torch.cuda.is_available():
        raise ValueError(
            f"--against=torch: JAX computes on {backend!r}, where PyTorch {torch.__version__} cannot; install one for "
            "this device, or compare on the CPU with JAX_PLATFORMS=cpu"
        )
    return "cuda"


def _try(program: Any, clips: np.ndarray) -> dict[str, float]:
    """Seconds of a step and of an evaluation; the first ones, which may compile, apart."""
    found = {}
    for work, call in (("train", program.train_step), ("infer", program.evaluate)):
        run = functools.partial(_run, program, call, clips)
        _, found[f"first_{work}_s"] = timed(run)
        _, found[f"{work}_s"] = timed(run)
    return {name: round(seconds, 3) for name, seconds in found.items()}


def _run(program: Any, call, clips: np.ndarray) -> None:
    call(clips)
    program.synchronize()
