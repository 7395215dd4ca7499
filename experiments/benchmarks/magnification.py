"""`magnify`: motion magnification, beside the same algorithm written with pyrtools and NumPy frame by frame.

Both run on the same clip of a drawn face, in turn; the medians count. The first call of ours, which compiles, is
reported apart. Peak memory is that of a process of its own.
"""

import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import scipy.ndimage

from akm_jax.prepare.magnify import magnify
from datasets_tfds.synthetic import ClipSpec, draw_clip
from experiments.benchmarks import timing
from experiments.benchmarks.speed import Measured

try:
    import pyrtools
except ImportError as error:
    raise ImportError("magnify compares with pyrtools, which is not installed: pip install pyrtools") from error

ALPHA, SMOOTHING_PX = 15.0, 1.0
NUM_FRAMES, SIZE = 64, 256


def measure(*, rounds: int) -> Measured:
    """Rows of ours and of pyrtools', and how many times as fast ours is."""
    clip = drawn_frames(NUM_FRAMES, SIZE)
    _, compile_s = timing.timed(lambda: magnify(clip, alpha=ALPHA, smoothing_px=SMOOTHING_PX))
    versions = {
        "ours": lambda _round=0: magnify(clip, alpha=ALPHA, smoothing_px=SMOOTHING_PX),
        "pyrtools": lambda _round=0: magnify_with_pyrtools(clip, alpha=ALPHA, smoothing_px=SMOOTHING_PX),
    }
    difference = np.abs(versions["ours"]().astype(int) - versions["pyrtools"]())
    seconds = timing.interleave(versions, rounds=range(rounds))
    rows: list[dict[str, Any]] = [
        {
            "name": f"magnify/{name}",
            **timing.describe(taken),
            "frames_per_s": round(NUM_FRAMES / float(np.median(taken)), 2),
        }
        for name, taken in seconds.items()
    ]
    rows[0] |= {
        "what": f"{NUM_FRAMES} frames of {SIZE} x {SIZE}, alpha {ALPHA:g}",
        "first_call_s": round(compile_s, 3),
        "largest_difference_grey_levels": int(difference.max()),
        "peak_memory_gib": {"141 frames of 340 x 280": peak_memory(False), "with a temporal band": peak_memory(True)},
    }
    return rows, {"magnify/pyrtools": timing.ratio(seconds["pyrtools"], seconds["ours"])}


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
        "import numpy as np; from akm_jax.machine import peak_memory_bytes;"
        "from akm_jax.prepare.magnify import magnify;"
        "frames = np.random.default_rng(0).integers(0, 256, (141, 340, 280), np.uint8);"
        f"magnify(frames, {options}); print(peak_memory_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return round(int(done.stdout) / 2**30, 2)
