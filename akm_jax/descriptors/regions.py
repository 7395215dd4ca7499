"""The 36 regions of the face between landmarks, and one fixed face for clips that have none.

Landmarks are in the order of dlib's 68, (x, y) in pixels. Source: the regions of MDMO (Liu et al. 2016) as they are
known for 68 points; the fixed face is ours.
"""

import numpy as np
from jaxtyping import Bool, Float, Float64

# How far the raised brow points lie above the brows, in widths of the picture.
RAISED = 20 / 280
# Points made of others: landmark above which they lie, or the two in whose middle they lie.
_RAISED_OVER = {"A0": 17, "A1": 19, "A2": 21, "A4": 22, "A5": 24, "A6": 26}
_MIDDLES = {
    **{"B7": (3, 29), "B8": (13, 29), "B9": (4, 33), "B10": (12, 33), "B13": (5, 59), "B14": (11, 55)},
    **{"B15": (2, 41), "B16": (14, 46), "B18": (6, 58), "B19": (8, 57), "B20": (10, 56)},
}
# Corners of every region: numbers of landmarks, or names of points made of them.
_CORNERS = (
    "17 A0 A1 19|19 A1 A2 21|21 A2 A3 27|27 A3 A4 22|22 A4 A5 24|24 A5 A6 26|"
    "1 0 17 36|36 17 19 38|38 19 21 39|39 21 27 28|28 27 22 42|42 22 24 43|"
    "43 24 26 45|45 26 16 15|3 2 B15 B7|B7 B15 41 39|B7 39 28 29|29 28 42 B8|"
    "B8 42 46 B16|B8 B16 14 13|B9 B7 29 33|33 29 B8 B10|B13 B9 33 59|55 33 B10 B14|"
    "B18 B13 59 58|B19 B18 58 57|B20 B19 57 56|B14 B20 56 55|4 3 B7 B9|B10 B8 13 12|"
    "5 4 B9 B13|B14 B10 12 11|6 5 B13 B18|8 6 B18 B19|10 8 B19 B20|11 10 B20 B14"
)
CORNERS = tuple(tuple(corners.split()) for corners in _CORNERS.split("|"))
# The fixed face in hundredths of the picture's side: its left half, the numbers of these points and of those opposite,
# and the heights of the points between.
_LEFT_NUMBERS = (*range(8), *range(17, 22), 31, 32, *range(36, 42), 48, 49, 50, 58, 59, 60, 61, 67)
_RIGHT_NUMBERS = (*range(16, 8, -1), *range(26, 21, -1), 35, 34, 45, 44, 43, 42, 47, 46, 54, 53, 52, 56, 55, 64, 63, 65)
_MIDDLE_NUMBERS, _MIDDLE = (8, 27, 28, 29, 30, 33, 51, 57, 62, 66), (96.5, 36, 43, 50, 57, 65, 72.5, 82.5, 75.5, 78)
_LEFT = (
    *((8, 36), (9, 46), (10.5, 56), (13, 66), (17, 75.5), (23, 83.5), (31, 90), (40, 95)),  # jaw
    *((15, 30), (20, 25.5), (27, 24), (34, 25), (41, 28)),  # brow
    *((41, 62), (45.5, 63.5)),  # nostrils
    *((22.5, 37.5), (27, 34.5), (33, 34.5), (37.5, 38), (33, 40), (27, 40)),  # eye
    *((34, 76), (40, 73), (46, 71.5), (45, 82), (40, 80.5), (37, 76), (45, 75), (45, 77.5)),  # lips
)


def region_corners(landmarks: Float[np.ndarray, "68 2"], width: int) -> Float64[np.ndarray, "36 4 2"]:
    """Corners of all regions.

    Args:
        landmarks: of the face.
        width: of the picture, in pixels.

    Raises:
        ValueError: other than 68 points, or points that are not finite.
    """
    if np.shape(landmarks) != (68, 2) or not np.isfinite(landmarks).all():
        raise ValueError(
            f"expected 68 finite landmarks, (68, 2), got {np.shape(landmarks)}; without landmarks take the fixed face "
            "(landmarks=mean)"
        )
    points = {str(k): np.asarray(point, np.float64) for k, point in enumerate(landmarks)}
    for name, over in _RAISED_OVER.items():
        x, y = points[str(over)]
        points[name] = np.array([x, max(y - RAISED * width, 0.0)])
    points["A3"] = (points["A2"] + points["A4"]) / 2
    points |= {name: (points[str(a)] + points[str(b)]) / 2 for name, (a, b) in _MIDDLES.items()}
    return np.array([[points[name] for name in corners] for corners in CORNERS])


def region_masks(landmarks: Float[np.ndarray, "68 2"], shape: tuple[int, int]) -> Bool[np.ndarray, "36 H W"]:
    """The pixels whose centres lie in each region.

    Raises:
        ValueError: no 68 landmarks, or not one of them in the picture.
    """
    height, width = shape
    corners = region_corners(landmarks, width)
    x, y = np.asarray(landmarks).T
    if not np.any((x >= 0) & (x < width) & (y >= 0) & (y < height)):
        raise ValueError(f"no landmark lies in the picture of {width} x {height}; expected pixels of the prepared crop")
    rows, columns = np.mgrid[:height, :width]
    inside = np.zeros((len(corners), height, width), bool)
    for (x0, y0), (x1, y1) in ((corners[:, k].T, corners[:, (k + 1) % 4].T) for k in range(4)):
        x0, y0, x1, y1 = (value[:, None, None] for value in (x0, y0, x1, y1))
        rise = np.where(y1 == y0, 1, y1 - y0)
        inside ^= ((y0 > rows) != (y1 > rows)) & (columns < x0 + (rows - y0) * (x1 - x0) / rise)
    return inside


def fixed_face(size: int) -> Float64[np.ndarray, "68 2"]:
    """Landmarks of one upright face, symmetric, where the eyes of aligned crops are.

    Args:
        size: side of the picture in pixels.
    """
    left = np.array(_LEFT) / 100
    right = left * (-1, 1) + (1, 0)
    points = np.zeros((68, 2))
    points[list(_LEFT_NUMBERS)], points[list(_RIGHT_NUMBERS)] = left, right
    points[list(_MIDDLE_NUMBERS)] = [(0.5, y / 100) for y in _MIDDLE]
    return points * size - 0.5
