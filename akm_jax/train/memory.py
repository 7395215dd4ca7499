"""How much memory a training needs on its device, by a formula.

    parts x (set + 4 x parameters) + 12 x (maps of every stage of one frame) x frames of a step

Parts are the devices that share a step. The set counts where it is held. Parameters are there as such, as momentum, as
gradients and as updates. Of each of the four stages nine maps are kept for the backward pass, by two blocks of two
convolutions: each convolution's output, what the batch norm and ReLU after it make of it, and the shortcut's. Three
more are for gradients on their way, the maxima of the stem's pool and the zeros that loops over frames start their
results from, a number fitted to the compiler's plans.
"""

import math

import jax
import numpy as np

from akm_jax.config import ModelConfig
from akm_jax.data.sized import SizedClips
from akm_jax.train.state import TrainState

PARAMETER_COPIES = 4
MAPS_PER_STAGE = 12
MAPS_OF_PREDICTION = (
    6  # of every stage: those of a block, and twice the stem's, by the compiler's plans of 50 to 800 frames
)


def map_values(model: ModelConfig) -> int:
    """Values of one map of every stage, of one frame."""
    sides = [model.image_size // 4 // 2**stage for stage in range(len(model.widths))]
    return sum(side**2 * width for side, width in zip(sides, model.widths, strict=True))


def training_bytes(model: ModelConfig, state: TrainState, clips: SizedClips, frames: int, *, parts: int = 1) -> int:
    """Bytes at the peak of a training step, on all devices that share it.

    Args:
        model: the network's shape.
        state: its state (arrays or shapes).
        clips: the data; it counts unless it is streamed.
        frames: frames of a step, padding included.
        parts: devices that share the step; each holds the set and the parameters.
    """
    held = 0 if clips.streamed else clips.frames.nbytes + clips.large_frames.nbytes
    parameters = sum(math.prod(p.shape) * p.dtype.itemsize for p in jax.tree.leaves(state.params))
    item = jax.dtypes.canonicalize_dtype(model.trunk_dtype) if model.trunk_dtype != "bfloat16" else np.dtype("uint16")
    return (
        parts * (held + PARAMETER_COPIES * parameters)
        + MAPS_PER_STAGE * map_values(model) * np.dtype(item).itemsize * frames
    )


def prediction_bytes(model: ModelConfig, frames: int) -> int:
    """Bytes that it takes to classify one clip of so many frames, in float32: 2.9 MB a frame at the published size."""
    return (MAPS_OF_PREDICTION * map_values(model) * 4 + 5 * model.image_size**2) * frames
