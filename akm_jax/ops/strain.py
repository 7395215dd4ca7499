"""Optical strain of a flow field: how much the skin is stretched and sheared at every pixel.

e = sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2), the norm of the symmetric part of the flow's gradient. Programs differ in
how they take derivatives:

| form | derivative | border | used by |
|---|---|---|---|
| `backward` | this minus the one before | 0 in the first column or row | Liong and See's `os.m`, MEAN |
| `softnet` | this minus the next | the strain's last column, then last row are copied from their neighbours | SOFTNet |
| `sobel` | 3 x 3 Sobel, 8 times the derivative | mirrored about the border pixel, as OpenCV does | Xia's benchmark |
| `meb` | as `sobel`, but down where x is meant, and no shear: sqrt(u_x^2 + v_y^2 + (u_y^2 + v_x^2) / 2) | zeros | meb |

Source: Liong et al., "STSTNet", FG 2019, section 3.1 (whose equation 7 prints u_x twice).
"""

from typing import Literal, get_args

import numpy as np
import scipy.ndimage
from jaxtyping import Float

Form = Literal["backward", "softnet", "sobel", "meb"]


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
    u, v = flow[..., 0], flow[..., 1]
    if form == "meb":
        return _meb(u, v)
    derive = {"backward": _backward, "softnet": _to_next, "sobel": _sobel}[form]
    shear = derive(u, -2) + derive(v, -1)
    found = np.sqrt(derive(u, -1) ** 2 + derive(v, -2) ** 2 + shear * shear / 2)
    if form == "softnet":
        found[..., -1] = found[..., -2]
        found[..., -1, :] = found[..., -2, :]
    return found


def _meb(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    (u_x, u_y), (v_x, v_y) = ([_sobel(a, axis, "constant") for axis in (-2, -1)] for a in (u, v))
    return np.sqrt(u_x**2 + v_y**2 + (u_y**2 + v_x**2) / 2)


def _backward(x: np.ndarray, axis: int) -> np.ndarray:
    return np.diff(x, axis=axis, prepend=np.take(x, [0], axis))


def _to_next(x: np.ndarray, axis: int) -> np.ndarray:
    return -np.diff(x, axis=axis, append=np.take(x, [-1], axis))


def _sobel(x: np.ndarray, axis: int, border: str = "mirror") -> np.ndarray:
    smooth = scipy.ndimage.correlate1d(x, [1, 2, 1], -3 - axis, mode=border)  # along the other one of -2 and -1
    return scipy.ndimage.correlate1d(smooth, [-1, 0, 1], axis, mode=border)
