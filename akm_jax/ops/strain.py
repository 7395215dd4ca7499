"""Optical strain of a flow field: how much the skin is stretched and sheared at every pixel.

e = sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2), the norm of the symmetric part of the flow's gradient. Programs differ in
how they take derivatives:

| form | derivative | border | used by |
|---|---|---|---|
| `backward` | this minus the one before | 0 in the first column or row | Liong and See's `os.m`, MEAN |
| `softnet` | this minus the next | the strain's last column, then last row are copied from their neighbours | SOFTNet |
| `sobel` | 3 x 3 Sobel, 8 times the derivative | mirrored without the border pixel | Xia's benchmark |

Source: Liong et al., "STSTNet", FG 2019, section 3.1 (whose equation 7 prints u_x twice).
"""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

Form = Literal["backward", "softnet", "sobel"]


def strain(flow: Float[np.ndarray, "*n H W 2"], form: Form = "backward") -> Float[np.ndarray, "*n H W"]:
    """Strain of (u, v), in the number format of the flow.

    Raises:
        ValueError: an unknown form, or flow of a wrong shape or type.
    """
    flow = np.asarray(flow)
    if form not in get_args(Form):
        raise ValueError(f"unknown form of strain {form!r}: expected one of {', '.join(get_args(Form))}")
    if flow.ndim < 3 or flow.shape[-1] != 2 or min(flow.shape[-3:-1]) < 2:
        raise ValueError(f"flow must be (..., height, width, 2), at least 2 x 2 pixels, got shape {flow.shape}")
    if not np.issubdtype(flow.dtype, np.floating):
        raise ValueError(f"flow must be floating point, got {flow.dtype}")
    derive = {"backward": _backward, "softnet": _to_next, "sobel": _sobel}[form]
    u, v = flow[..., 0], flow[..., 1]
    shear = derive(u, -2) + derive(v, -1)
    found = np.sqrt(derive(u, -1) ** 2 + derive(v, -2) ** 2 + shear * shear / 2)
    if form == "softnet":
        found[..., -1] = found[..., -2]
        found[..., -1, :] = found[..., -2, :]
    return found


def _backward(x: np.ndarray, axis: int) -> np.ndarray:
    return np.diff(x, axis=axis, prepend=np.take(x, [0], axis))


def _to_next(x: np.ndarray, axis: int) -> np.ndarray:
    return -np.diff(x, axis=axis, append=np.take(x, [-1], axis))


def _sobel(x: np.ndarray, axis: int) -> np.ndarray:
    other = -3 - axis  # the one of -1 and -2 that is not `axis`
    smooth = _shift(x, other, -1) + 2 * x + _shift(x, other, 1)
    return _shift(smooth, axis, 1) - _shift(smooth, axis, -1)


def _shift(x: np.ndarray, axis: int, by: int) -> np.ndarray:
    """`x` at the neighbour `by` (1 or -1) places further, mirrored at the border pixel as OpenCV does by default."""
    places = np.arange(x.shape[axis]) + by
    places[places < 0] = 1
    places[places >= x.shape[axis]] = x.shape[axis] - 2
    return np.take(x, places, axis)
