"""Operations of the network, counted: what a step must at least compute, and what its maps weigh.

Convolutions are counted by their definition, whatever way they are computed, so that shares of a machine's speed
compare programs by the same measure; a program that needs fewer operations than the definition may pass 1.
"""

import dataclasses

from akm_jax.config import ModelConfig


@dataclasses.dataclass(frozen=True)
class Layer:
    """One convolution: kernel side, channels in and out, side of its output in pixels."""

    size: int
    inputs: int
    outputs: int
    side: int

    @property
    def operations(self) -> int:
        """Floating-point operations a frame, a multiplication and an addition each counted."""
        return 2 * self.size**2 * self.inputs * self.outputs * self.side**2


def trunk_layers(model: ModelConfig) -> list[Layer]:
    """Convolutions of the trunk in order; the stem first."""
    side, inputs = model.image_size // 2, model.widths[0]
    layers = [Layer(5, 1, inputs, side)]
    side //= 2
    for stage, outputs in enumerate(model.widths):
        side = side // 2 if stage else side
        layers += [Layer(3, inputs, outputs, side), *[Layer(3, outputs, outputs, side)] * 3]
        if stage or inputs != outputs:
            layers.append(Layer(1, inputs, outputs, side))
        inputs = outputs
    return layers


def fusion_operations(model: ModelConfig) -> int:
    """Operations of the GRU for one key frame."""
    hidden, positions = model.gru_hidden, model.num_positions
    layers = [model.widths[-1], 2 * hidden]
    return sum(2 * positions * 2 * 3 * hidden * (inputs + hidden) for inputs in layers)


def inference_operations(model: ModelConfig) -> int:
    """Operations of one frame, counted as a key frame."""
    return sum(layer.operations for layer in trunk_layers(model)) + fusion_operations(model)


def training_operations(model: ModelConfig) -> int:
    """Operations of one frame forward and backward: every product gives two gradients, the stem's input needs none."""
    stem = trunk_layers(model)[0].operations
    return 3 * inference_operations(model) - stem
