"""Speed of motion magnification, beside the same algorithm written with pyrtools and NumPy frame by frame.

    python -m experiments.benchmark_magnify          prints a table and writes benchmarks/magnification.json

Both run in one process on the same clip of a drawn face, in turn, after one warm-up call each; the medians count. The
first call of the JAX version, which compiles, is reported apart. Peak memory is that of a process of its own.
"""

import dataclasses
import importlib.metadata
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pyrtools
import scipy.ndimage
import tyro
from rich.console import Console
from rich.table import Table

from akm_jax.prepare.magnify import magnify
from datasets_tfds.synthetic import ClipSpec, draw_clip
from experiments.benchmarks.machine import device_name
from experiments.benchmarks.timing import interleave, timed

ALPHA, SMOOTHING_PX = 15.0, 1.0

console = Console(stderr=True, highlight=False)


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """Magnification of one clip of `frames` drawn frames of `size` x `size`.

    Attributes:
        frames: length of the clip.
        size: pixels on a side.
        rounds: how often each version runs.
        output: file of the result.
    """

    frames: int = 64
    size: int = 256
    rounds: int = 3
    output: Path = Path("benchmarks/magnification.json")


def main(config: BenchmarkConfig) -> dict:
    """Measure, print, write."""
    clip = drawn_frames(config.frames, config.size)
    _, compile_s = timed(lambda: magnify(clip, alpha=ALPHA, smoothing_px=SMOOTHING_PX))
    versions = {
        "akm_jax": lambda _round=0: magnify(clip, alpha=ALPHA, smoothing_px=SMOOTHING_PX),
        "pyrtools": lambda _round=0: magnify_with_pyrtools(clip, alpha=ALPHA, smoothing_px=SMOOTHING_PX),
    }
    difference = np.abs(versions["akm_jax"]().astype(int) - versions["pyrtools"]())
    times = interleave(versions, rounds=range(config.rounds))
    result = {
        "what": f"magnification of {config.frames} frames of {config.size} x {config.size}, alpha {ALPHA:g}",
        "device": device_name(),
        "versions": {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "numpy", "pyrtools")},
        "first_call_s": round(compile_s, 3),
        "seconds": {name: [round(t, 4) for t in taken] for name, taken in times.items()},
        "frames_per_s": {name: round(config.frames / float(np.median(taken)), 2) for name, taken in times.items()},
        "times_as_fast": round(float(np.median(times["pyrtools"]) / np.median(times["akm_jax"])), 2),
        "largest_difference_grey_levels": int(difference.max()),
        "peak_memory_gib": {"141 frames of 340 x 280": peak_memory(False), "with a temporal band": peak_memory(True)},
    }
    show(result)
    config.output.parent.mkdir(parents=True, exist_ok=True)
    config.output.write_text(json.dumps(result, indent=2) + "\n")
    return result


def drawn_frames(length: int, size: int) -> np.ndarray:
    """A drawn face at the strength of a real micro-expression, uint8 (T, size, size)."""
    spec = ClipSpec(0, 0, 0, "happiness", strength=0.06, min_frames=length, max_frames=length, size=size)
    return draw_clip(spec).frames


def magnify_with_pyrtools(frames: np.ndarray, *, alpha: float, smoothing_px: float) -> np.ndarray:
    """The algorithm of `akm_jax.prepare.magnify`, frame by frame in double precision."""
    first = _pyramid(frames[0]).pyr_coeffs
    magnified = []
    for frame in frames:
        pyramid = _pyramid(frame)
        for key, band in pyramid.pyr_coeffs.items():
            if isinstance(key, tuple):
                amplitude = np.abs(band)
                phase = _blur(np.angle(band * first[key].conj()) * amplitude, smoothing_px)
                phase /= np.maximum(_blur(amplitude, smoothing_px), 1e-30)
                pyramid.pyr_coeffs[key] = band * np.exp(1j * alpha * phase)
        magnified.append(pyramid.recon_pyr())
    return np.clip(np.rint(magnified), 0, 255).astype(np.uint8)


def _pyramid(frame: np.ndarray) -> pyrtools.pyramids.SteerablePyramidFreq:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pyrtools.pyramids.SteerablePyramidFreq(frame.astype(np.float64), order=3, is_complex=True)


def _blur(picture: np.ndarray, deviation_px: float) -> np.ndarray:
    return scipy.ndimage.gaussian_filter(picture, deviation_px, mode="constant", truncate=3.0)


def peak_memory(band: bool) -> float:
    """Most memory, GiB, that a fresh process holds while it magnifies 141 frames of 340 x 280."""
    options = "fps=200.0, band_hz=(2.0, 40.0)" if band else ""
    program = (
        "import numpy as np, re; from akm_jax.prepare.magnify import magnify;"
        "frames = np.random.default_rng(0).integers(0, 256, (141, 340, 280), np.uint8);"
        f"magnify(frames, {options}); print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return round(int(done.stdout) / 2**20, 2)


def show(result: dict) -> None:
    """Print the result as a table."""
    table = Table(title=result["what"])
    for column in ("version", "frames/s", "s, median"):
        table.add_column(column)
    for name, speed in result["frames_per_s"].items():
        table.add_row(name, f"{speed:.1f}", f"{np.median(result['seconds'][name]):.2f}")
    console.print(table)
    console.print(
        f"{result['times_as_fast']} times as fast; first call {result['first_call_s']} s; largest difference "
        f"{result['largest_difference_grey_levels']} grey levels; peak memory {result['peak_memory_gib']} GiB; "
        f"{result['device']}"
    )


if __name__ == "__main__":
    main(tyro.cli(BenchmarkConfig, description=__doc__))
