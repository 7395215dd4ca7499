"""The PyTorch programs on the same clips: the plain one and every other way to run the same network."""

import functools
from typing import Any

import jax
import numpy as np

from akm_jax.config import ModelConfig
from akm_jax.data.clip_set import ClipSet
from akm_jax.interop.torch import to_state_dict
from experiments.benchmarks.ours import Ours
from experiments.benchmarks.timing import timed

# Clips of a program's first call on the CPU: enough to compile, all would take half a minute more.
FEW_CLIPS = 2


def start(
    model: ModelConfig, clip_set: ClipSet, ours: Ours, *, threads: int, track
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Build and call once every way to run the network in PyTorch.

    On the CPU compiled programs only infer: a training step takes up to a minute and a half to compile, and was slower
    than the one that is not compiled in every comparison (`docs/performance.md`).

    Args:
        model: the network's shape.
        clip_set: the clips.
        ours: our program, whose weights all start from.
        threads: threads of PyTorch on the CPU.
        track: progress display: `track(items, what)`.

    Returns:
        The programs that run, for "train" and for "infer", by the name of their variant, `eager` first; and a row each
        with the seconds of its first calls, which may compile, or why it does not run.

    Raises:
        ImportError: PyTorch is not installed.
        ValueError: PyTorch cannot compute on the device that JAX computes on.
    """
    try:
        import torch
    except ImportError as e:
        raise ImportError("--against=torch needs PyTorch: pip install -e '.[torch]'") from e
    from experiments.baselines.akmnet_torch_variants import Program, TorchClips, variants

    torch.set_num_threads(threads)
    device = _device(torch)
    frames, large_frames, labels = (
        torch.from_numpy(a).to(device)
        for a in (clip_set.frames, clip_set.large_frames, clip_set.labels.astype(np.int64))
    )
    data = TorchClips(frames, large_frames, labels, clip_set.starts, clip_set.lengths)
    weights = {**to_state_dict(ours.state.params), **to_state_dict(ours.state.stats)}
    shape = {
        "num_classes": len(clip_set.class_names),
        "widths": model.widths,
        "gru_hidden": model.gru_hidden,
        "image_size": model.image_size,
        "dropout": model.dropout,
    }
    clips = ours.clips(0)[:FEW_CLIPS] if device == "cpu" else ours.clips(0)
    programs: dict[str, dict[str, Any]] = {"train": {}, "infer": {}}
    rows = []
    for variant in track(variants(device, model.widths, bfloat16=device == "cuda"), "PyTorch's first calls"):
        program = Program(variant, data, weights, shape=shape)
        row: dict[str, Any] = {"name": f"first_calls/torch_{variant.name}", "clips": len(clips)}
        try:
            works = ("infer",) if device == "cpu" and variant.compiled else ("train", "infer")
            row |= _first_calls(program, works, clips)
            for work in works:
                programs[work][variant.name] = program
        except Exception as e:  # torch.compile fails in many ways where no compiler works: the row says which
            if not programs["infer"]:  # the plain program, without which there is nothing to compare
                raise
            row["error"] = f"{type(e).__name__}: {e}"[:500]
        rows.append(row)
    return programs, rows


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


def _first_calls(program: Any, works: tuple[str, ...], clips: np.ndarray) -> dict[str, float]:
    """Seconds of a training step, of an evaluation, or of both."""
    return {f"{work}_s": round(timed(functools.partial(run, program, work, clips))[1], 3) for work in works}


def run(program: Any, work: str, clips: np.ndarray) -> None:
    """A training step or an evaluation, until the device has done it."""
    call = program.train_step if work == "train" else program.evaluate
    call(clips)
    program.synchronize()
