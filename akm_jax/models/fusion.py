"""Temporal fusion: a two-layer bidirectional GRU over the key frames, at every spatial position with shared weights."""

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float

from akm_jax.clips import PackedClips, pad
from akm_jax.ops.gru import bidirectional_gru

NUM_LAYERS = 2


class GRUDirection(nnx.Module):
    """Weights of one direction of one GRU layer, gate order r, z, n.

    Initialisation of the released program: forward direction orthogonal with biases uniform in [0, 1), backward
    direction uniform in +-1/sqrt(hidden).
    """

    def __init__(self, inputs: int, hidden: int, *, backward: bool, dtype, rngs: nnx.Rngs):
        bound = 1 / math.sqrt(hidden)

        def uniform(low, high):
            return lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, low, high)

        matrix = uniform(-bound, bound) if backward else jax.nn.initializers.orthogonal()
        vector = uniform(-bound, bound) if backward else uniform(0.0, 1.0)
        self.input_kernel = nnx.Param(matrix(rngs.params(), (inputs, 3 * hidden), dtype))
        self.hidden_kernel = nnx.Param(matrix(rngs.params(), (hidden, 3 * hidden), dtype))
        self.input_bias = nnx.Param(vector(rngs.params(), (3 * hidden,), dtype))
        self.hidden_bias = nnx.Param(vector(rngs.params(), (3 * hidden,), dtype))


class GRULayer(nnx.Module):
    """Both directions of one layer."""

    def __init__(self, inputs: int, hidden: int, *, dtype, rngs: nnx.Rngs):
        self.forward = GRUDirection(inputs, hidden, backward=False, dtype=dtype, rngs=rngs)
        self.backward = GRUDirection(inputs, hidden, backward=True, dtype=dtype, rngs=rngs)

    def project(self, x: Float[Array, "*B I"]) -> Float[Array, "*B 2 G"]:
        """Input products of both directions, hoisted out of the recurrence."""
        cells = (self.forward, self.backward)
        kernel = jnp.stack([cell.input_kernel[...] for cell in cells], 1).astype(x.dtype)
        bias = jnp.stack([cell.input_bias[...] for cell in cells])
        products = jnp.einsum("...i,idg->...dg", x, kernel, preferred_element_type=bias.dtype)
        return products + bias

    def recur(self, gates: Float[Array, "2 T B G"], mask: Bool[Array, "T B"]) -> Float[Array, "T B M"]:
        """Hidden states of both directions."""
        cells = (self.forward, self.backward)
        weight = jnp.stack([cell.hidden_kernel[...] for cell in cells])
        bias = jnp.stack([cell.hidden_bias[...] for cell in cells])
        return bidirectional_gru(gates, mask, weight, bias)


class TemporalFusion(nnx.Module):
    """Key frames in time order to one vector a clip: GRU outputs averaged over the key frames, positions flattened."""

    def __init__(self, inputs: int, hidden: int, *, dtype=jnp.float32, rngs: nnx.Rngs):
        layer_inputs = [inputs] + [2 * hidden] * (NUM_LAYERS - 1)
        self.layers = nnx.List([GRULayer(size, hidden, dtype=dtype, rngs=rngs) for size in layer_inputs])

    def __call__(
        self, maps: Float[Array, "F H W D"], selected: Float[Array, " F"], clips: PackedClips
    ) -> Float[Array, "C V"]:
        """Fuse the frames with `selected` = 1; V = H x W x 2 hidden, position-major."""
        frames, height, width, features = maps.shape
        positions = height * width
        keep = selected > 0
        x = (maps * selected[:, None, None, None].astype(maps.dtype)).reshape(frames, positions, features)
        # Only the small products travel to the padded form, with the key frames at the front of each clip.
        gates, mask = pad(self.layers[0].project(x), clips, keep)  # (C, T, P, 2, G), (C, T)
        steps_mask = jnp.repeat(mask.T, positions, axis=1)  # (T, C * P)
        gates = jnp.moveaxis(gates, 1, 0).reshape(*steps_mask.shape, *gates.shape[3:])  # (T, C * P, 2, G)
        hidden = self.layers[0].recur(jnp.moveaxis(gates, 2, 0), steps_mask)
        for layer in self.layers[1:]:
            hidden = layer.recur(jnp.moveaxis(layer.project(hidden), 2, 0), steps_mask)
        count = jnp.maximum(jnp.sum(steps_mask, axis=0), 1).astype(hidden.dtype)
        mean = jnp.sum(jnp.where(steps_mask[..., None], hidden, 0), axis=0) / count[:, None]
        return mean.reshape(clips.num_clips, -1)
