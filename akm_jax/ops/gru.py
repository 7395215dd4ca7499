"""A bidirectional GRU over masked sequences, input products hoisted out of the recurrence.

On an NVIDIA GPU the recurrence is one kernel (`akm_jax.ops.gru_kernel`); a scan would launch a dozen in every turn.
Elsewhere it is a scan, both directions in one.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from akm_jax.ops.gru_kernel import gru_kernel, has_kernel


def bidirectional_gru(
    gates: Float[Array, "2 T B G"],
    mask: Bool[Array, "T B"],
    weight: Float[Array, "2 N G"],
    bias: Float[Array, "2 G"],
) -> Float[Array, "T B M"]:
    """Run both directions of one GRU layer; where `mask` is False the state is held.

    Gate order is r, z, n with G = 3 N, and n = tanh(x_n + r * (W_hn h + b_hn)), the PyTorch and cuDNN form. The
    initial state is zero.

    Args:
        gates: input products x W_i + b_i of the forward (0) and backward (1) direction, both in time order.
        mask: True on the steps that count.
        weight: hidden-to-gates matrices of both directions.
        bias: hidden biases of both directions.

    Returns:
        Hidden states of both directions side by side, M = 2 N, in time order; what stands on masked steps is a held
        state and must not be used.
    """
    on_cuda = gru_kernel if has_kernel(weight.shape[1], gates.dtype) else gru_scan
    return jax.lax.platform_dependent(gates, mask, weight, bias, cuda=on_cuda, default=gru_scan)


def gru_scan(
    gates: Float[Array, "2 T B G"],
    mask: Bool[Array, "T B"],
    weight: Float[Array, "2 N G"],
    bias: Float[Array, "2 G"],
) -> Float[Array, "T B M"]:
    """The plain form of `bidirectional_gru`."""
    hidden = weight.shape[1]
    steps = jnp.stack([gates[0], gates[1, ::-1]], axis=1)
    keep = jnp.stack([mask, mask[::-1]], axis=1)[..., None]

    def advance(state: Float[Array, "2 B N"], step):
        x, on = step
        h = jnp.einsum("dbn,dng->dbg", state, weight) + bias[:, None]
        reset, update = jnp.split(jax.nn.sigmoid(x[..., : 2 * hidden] + h[..., : 2 * hidden]), 2, axis=-1)
        new = jnp.tanh(x[..., 2 * hidden :] + reset * h[..., 2 * hidden :])
        state = jnp.where(on, (1 - update) * new + update * state, state)
        return state, state

    start = jnp.zeros((2, mask.shape[1], hidden), gates.dtype)
    _, states = jax.lax.scan(advance, start, (steps, keep))
    return jnp.concatenate([states[:, 0], states[::-1, 1]], axis=-1)
