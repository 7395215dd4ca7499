"""The PyTorch programs on the same clips: the plain one and every other way to run the same network."""

import functools
from collections.abc import Callable, Sequence
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


def require_torch() -> None:
    """Find PyTorch before anything is measured.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import torch  # noqa: F401
    except ImportError as e:
        raise ImportError("--against=torch needs PyTorch: pip install -e '.[torch]'") from e


def start(
    model: ModelConfig,
    clip_set: ClipSet,
    ours: Ours,
    *,
    works: Sequence[str] = ("train", "infer"),
    every: bool = False,
    threads: int,
    track,
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Build and call once the ways to run the network in PyTorch that `variants` names.

    Args:
        model: the network's shape.
        clip_set: the clips.
        ours: our program, whose weights all start from.
        works: what they are to do: "train", "infer".
        every: also the ways that were never the fastest.
        threads: threads of PyTorch on the CPU.
        track: progress display: `track(items, what)`.

    Returns:
        The programs that run, for each of `works`, by the name of their variant, `eager` first; and a row each
        with the seconds of its first calls, which may compile, or why it does not run.

    Raises:
        ValueError: PyTorch cannot compute on the device that JAX computes on.
    """
    import torch

    from experiments.baselines.akmnet_torch_variants import variants

    torch.set_num_threads(threads)
    device = _device(torch)
    works_of: dict[Any, list[str]] = {}
    for work in works:
        for variant in variants(device, work, model.widths, bfloat16=device == "cuda", every=every):
            works_of.setdefault(variant, []).append(work)
    build = _builder(device, model, clip_set, ours)
    clips = ours.clips(0)[:FEW_CLIPS] if device == "cpu" else ours.clips(0)
    programs: dict[str, dict[str, Any]] = {work: {} for work in works}
    rows: list[dict[str, Any]] = []
    for variant, of_variant in track(works_of.items(), "PyTorch's first calls"):
        program = build(variant)
        row: dict[str, Any] = {"name": f"first_calls/torch_{variant.name}", "clips": len(clips)}
        try:
            row |= _first_calls(program, of_variant, clips)
        except Exception as e:  # torch.compile fails in many ways where no compiler works: the row says which
            if not rows:  # the plain program, without which there is nothing to compare
                raise
            row["error"] = f"{type(e).__name__}: {e}"[:500]
        else:
            for work in of_variant:
                programs[work][variant.name] = program
        rows.append(row)
    return programs, rows


def _builder(device: str, model: ModelConfig, clip_set: ClipSet, ours: Ours) -> Callable[[Any], Any]:
    """What builds the program of a variant: the network from our weights, with the clips on the device."""
    import torch

    from experiments.baselines.akmnet_torch_variants import Program, TorchClips

    frames, large_frames, labels = (
        torch.from_numpy(a).to(device)
        for a in (ours.setup.clips.frames, ours.setup.clips.large_frames, clip_set.labels.astype(np.int64))
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
    return lambda variant: Program(variant, data, weights, shape=shape)


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


def _first_calls(program: Any, works: Sequence[str], clips: np.ndarray) -> dict[str, float]:
    """Seconds of a training step, an evaluation, or both."""
    return {f"{work}_s": round(timed(functools.partial(run, program, work, clips))[1], 3) for work in works}


def run(program: Any, work: str, clips: np.ndarray) -> None:
    """A training step or an evaluation, until the device has done it."""
    call = program.train_step if work == "train" else program.evaluate
    call(clips)
    program.synchronize()
