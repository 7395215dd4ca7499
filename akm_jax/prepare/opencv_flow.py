"""Optical flow by OpenCV and its strain."""

from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Method = Literal["tvl1", "farneback"]
FARNEBACK = (0.5, 3, 15, 3, 5, 1.2, 0)
_opencv: Any = cv2  # its stubs lack what opencv-contrib adds


def flow(
    first: UInt8[np.ndarray, "N H W"], second: UInt8[np.ndarray, "N H W"], method: Method = "tvl1"
) -> Float[np.ndarray, "N H W 2"]:
    """Flow (u, v) in pixels from each first to each second frame, u to the right, v down.

    TV-L1 with OpenCV's parameters, Farneback's with 3 levels, window 15, 3 iterations, neighbourhood 5, sigma 1.2.
    """
    if method == "tvl1":
        algorithm = _opencv.optflow.DualTVL1OpticalFlow_create()
        return np.stack([algorithm.calc(a, b, None) for a, b in zip(first, second, strict=True)])
    if method != "farneback":
        raise ValueError(f"unknown flow method {method!r}: expected one of tvl1, farneback")
    pairs = zip(first, second, strict=True)
    return np.stack([_opencv.calcOpticalFlowFarneback(a, b, None, *FARNEBACK) for a, b in pairs])


def strain(flow: Float[np.ndarray, "N H W 2"]) -> Float[np.ndarray, "N H W"]:
    """sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2), derivatives backward, 0 in the first column and row."""
    along_x = np.diff(flow, axis=-2, prepend=flow[..., :1, :])
    along_y = np.diff(flow, axis=-3, prepend=flow[..., :1, :, :])
    shear = along_y[..., 0] + along_x[..., 1]
    return np.sqrt(along_x[..., 0] ** 2 + along_y[..., 1] ** 2 + shear**2 / 2)
