"""The recurrence of a bidirectional GRU as one GPU kernel forward and one backward, by Pallas' Triton back end.

A program of the kernel takes one direction of `ROWS` sequences. Weights and state stay on the processor that runs it,
and the loop over time is inside; it ends after the last step that counts in any of these sequences, so that short ones
cost few turns. Nothing is added up across programs in an order that may vary: results are the same bits every time.
Later releases of JAX announce the end of that back end; where it is gone, `has_kernel` says so and the scan is taken.

The backward kernel computes each turn's gates again from the state before it. With a_r, a_z, a_n the sums inside of
the gates and q = W_hn h + b_hn, of a gradient d of the new state go
    (1 - z) (1 - n^2) d to a_n,    (h - n) z (1 - z) d to a_z,    q r (1 - r) times that of a_n to a_r,
    z d, and through the weights those of a_r, a_z, and r times that of a_n (of q), to the state before.

Axis letters: T steps, B sequences, N hidden units, P programs of one direction.
"""

import functools
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.experimental import pallas as pl
from jaxtyping import Bool, Float, Int

ROWS = 16
"""Sequences of a program; the fewest that a product on tensor cores takes."""
SMALLEST_HIDDEN = 16
LARGEST_HIDDEN = 64
"""Above it the weights of a direction, forward and transposed, do not fit one processor's registers and memory."""
WARPS = 4


def has_kernel(hidden: int, dtype: jnp.dtype) -> bool:
    """Whether the kernel takes this size and number format, and this JAX has the back end it is written for."""
    known = importlib.util.find_spec("jax.experimental.pallas.triton") is not None
    return known and hidden <= LARGEST_HIDDEN and dtype == jnp.float32


def gru_kernel(
    gates: Float[Array, "2 T B G"],
    mask: Bool[Array, "T B"],
    weight: Float[Array, "2 N G"],
    bias: Float[Array, "2 G"],
    *,
    interpret: bool = False,
) -> Float[Array, "T B M"]:
    """`akm_jax.ops.gru.bidirectional_gru` as a kernel; `interpret` runs it anywhere, slowly, for tests."""
    _, steps, sequences, _ = gates.shape
    hidden = weight.shape[1]
    # Triton's arrays have sides of powers of two. Units without weights keep the state zero.
    units = max(SMALLEST_HIDDEN, 1 << (hidden - 1).bit_length()) - hidden
    rows = -sequences % ROWS
    gates = jnp.pad(gates.reshape(2, steps, sequences, 3, hidden), [(0, 0), (0, 0), (0, rows), (0, 0), (0, units)])
    weight = jnp.pad(weight.reshape(2, hidden, 3, hidden), [(0, 0), (0, units), (0, 0), (0, units)])
    bias = jnp.pad(bias.reshape(2, 3, hidden), [(0, 0), (0, 0), (0, units)])
    mask = jnp.pad(mask, [(0, 0), (0, rows)])
    states = _recur(gates, mask.astype(jnp.int32), jnp.moveaxis(weight, 2, 1), bias, interpret)
    return states[:, :sequences, :, :hidden].reshape(steps, sequences, 2 * hidden)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _recur(
    gates: Float[Array, "2 T B 3 N"],
    mask: Int[Array, "T B"],
    weight: Float[Array, "2 3 N N"],
    bias: Float[Array, "2 3 N"],
    interpret: bool,
) -> Float[Array, "T B 2 N"]:
    """States of sequences whose number is a multiple of `ROWS`."""
    _, steps, sequences, _, hidden = gates.shape
    kernel = _call(
        _forward_kernel,
        gates,
        interpret,
        outputs=[(jax.ShapeDtypeStruct((steps, sequences, 2, hidden), gates.dtype), _STATES)],
        inputs=[_TURNS, _GATES, _MASK, _WEIGHT, _BIAS],
    )
    return kernel(_turns(mask), gates, mask, weight, bias)[0]


def _recur_forward(gates, mask, weight, bias, interpret):
    states = _recur(gates, mask, weight, bias, interpret)
    return states, (gates, mask, weight, bias, states)


def _recur_backward(interpret, residuals, d_states):
    gates, mask, weight, bias, states = residuals
    _, steps, sequences, _, hidden = gates.shape
    d_q_shape = jax.ShapeDtypeStruct((2, steps, sequences, hidden), gates.dtype)
    kernel = _call(
        _backward_kernel,
        gates,
        interpret,
        outputs=[(jax.ShapeDtypeStruct(gates.shape, gates.dtype), _GATES), (d_q_shape, _ONE_GATE)],
        inputs=[_TURNS, _GATES, _MASK, _WEIGHT, _WEIGHT, _BIAS, _STATES, _STATES],
    )
    transposed = jnp.swapaxes(weight, 2, 3)
    d_gates, d_q = kernel(_turns(mask), gates, mask, weight, transposed, bias, states, d_states)
    # Products over all steps and sequences are best left to one matrix product.
    start = jnp.zeros_like(states[:1, :, 0])
    before = jnp.stack([jnp.concatenate([start, states[:-1, :, 0]]), jnp.concatenate([states[1:, :, 1], start])])
    inside = jnp.concatenate([d_gates[..., :2, :], d_q[..., None, :]], axis=3)
    d_weight = jnp.einsum("dtbn,dtbkm->dknm", before, inside, precision=lax.Precision.HIGHEST)
    return d_gates, np.zeros(mask.shape, jax.dtypes.float0), d_weight, inside.sum((1, 2))


_recur.defvjp(_recur_forward, _recur_backward)


def _turns(mask: Int[Array, "T B"]) -> Int[Array, " P"]:
    """Steps up to the last one that counts, of the sequences of each program."""
    last = jnp.max(mask * jnp.arange(1, len(mask) + 1, dtype=mask.dtype)[:, None], axis=0)
    return last.reshape(-1, ROWS).max(axis=1)


# What a program (direction d, sequences j) sees of each array: `None` takes one of an axis away.
_TURNS = ((None,), lambda d, j: (j,))
_GATES = ((None, "T", ROWS, 3, "N"), lambda d, j: (d, 0, j, 0, 0))
_ONE_GATE = ((None, "T", ROWS, "N"), lambda d, j: (d, 0, j, 0))
_MASK = (("T", ROWS), lambda d, j: (0, j))
_WEIGHT = ((None, 3, "N", "N"), lambda d, j: (d, 0, 0, 0))
_BIAS = ((None, 3, "N"), lambda d, j: (d, 0, 0))
_STATES = (("T", ROWS, None, "N"), lambda d, j: (0, j, d, 0))


def _call(kernel, gates, interpret, *, outputs, inputs):
    """The kernel over both directions and all sequences."""
    from jax.experimental.pallas import triton  # here: needed only where a kernel is traced

    _, steps, sequences, _, hidden = gates.shape
    sizes = {"T": steps, "N": hidden}

    def spec(seen):
        shape, index = seen
        return pl.BlockSpec(tuple(sizes.get(n, n) for n in shape), index)

    return pl.pallas_call(
        functools.partial(kernel, interpret=interpret),
        grid=(2, sequences // ROWS),
        in_specs=[spec(seen) for seen in inputs],
        out_specs=[spec(seen) for _, seen in outputs],
        out_shape=[shape for shape, _ in outputs],
        compiler_params=triton.CompilerParams(num_warps=WARPS, num_stages=1),
        interpret=interpret,
        name=kernel.__name__.strip("_"),
    )


def _dot(a, b, interpret):
    """A product as exact as float32's: by tensor cores, three products of halves of the numbers."""
    precision = lax.Precision.HIGHEST if interpret else lax.DotAlgorithmPreset.TF32_TF32_F32_X3
    return lax.dot(a, b, precision=precision, preferred_element_type=a.dtype)


def _cell(gates, t, state, matrices, vectors, interpret):
    """Gates r, z, n of step t, and q."""
    r, z, q = (_dot(state, w, interpret) + b[None] for w, b in zip(matrices, vectors, strict=True))
    r, z = jax.nn.sigmoid(gates[t, :, 0] + r), jax.nn.sigmoid(gates[t, :, 1] + z)
    return r, z, jnp.tanh(gates[t, :, 2] + r * q), q


def _forward_kernel(turns, gates, mask, weight, bias, states, *, interpret):
    steps, backward = states.shape[0], pl.program_id(0) == 1
    count = turns[...]
    matrices, vectors = [weight[k] for k in range(3)], [bias[k] for k in range(3)]

    def turn(i, state):
        t = jnp.where(backward, count - 1 - i, i)
        _, z, n, _ = _cell(gates, t, state, matrices, vectors, interpret)
        state = jnp.where((mask[t] != 0)[:, None], (1 - z) * n + z * state, state)
        states[t] = state
        return state

    state = lax.fori_loop(0, count, turn, jnp.zeros(states.shape[1:], states.dtype))

    def hold(t, state):
        states[t] = state
        return state

    lax.fori_loop(count, steps, hold, jnp.where(backward, jnp.zeros_like(state), state))


def _backward_kernel(turns, gates, mask, weight, transposed, bias, states, d_states, d_gates, d_q, *, interpret):
    steps, backward = states.shape[0], pl.program_id(0) == 1
    count = turns[...]
    matrices, vectors = [weight[k] for k in range(3)], [bias[k] for k in range(3)]
    back = [transposed[k] for k in range(3)]
    nothing = jnp.zeros(states.shape[1:], states.dtype)

    def hold(t, d):
        for k in range(3):
            d_gates[t, :, k] = nothing
        d_q[t] = nothing
        return d + d_states[t]

    def turn(k, d):
        i = count - 1 - k
        t = jnp.where(backward, count - 1 - i, i)
        before = jnp.clip(jnp.where(backward, t + 1, t - 1), 0, steps - 1)
        state = jnp.where(i > 0, states[before], nothing)
        r, z, n, q = _cell(gates, t, state, matrices, vectors, interpret)
        on = (mask[t] != 0)[:, None]
        d = d + d_states[t]
        d_new = jnp.where(on, d, 0)
        d_n = d_new * (1 - z) * (1 - n * n)
        d_z = d_new * (state - n) * z * (1 - z)
        d_r = d_n * q * r * (1 - r)
        for place, value in enumerate((d_r, d_z, d_n)):
            d_gates[t, :, place] = value
        d_q[t] = d_n * r
        d = jnp.where(on, d * z, d)
        for value, matrix in zip((d_r, d_z, d_n * r), back, strict=True):
            d = d + _dot(value, matrix, interpret)
        return d

    d = lax.fori_loop(count, steps, hold, nothing)
    lax.fori_loop(0, count, turn, jnp.where(backward, nothing, d))
