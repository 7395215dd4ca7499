"""Landmarks known beforehand: of drawn faces, or from a CSV file.

    video,frame,box_x,box_y,box_width,box_height,x0,y0,x1,y1,...,x67,y67
    s15_0101,0,171,74,101,101,175.2,104.0,...

One row a video, or several with the 0-based frame from which each counts; without the column `frame`, or with an empty
cell there, a row counts from the first frame. All numbers are pixels of the frames as they are read, (0, 0) the centre
of the first pixel; points are in the order of dlib's 68.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from akm_jax.data.long_videos import NUM_LANDMARKS
from akm_jax.prepare.face import Box
from akm_jax.prepare.table_rows import Rows, parse_number, read_rows

BOX_COLUMNS = ("box_x", "box_y", "box_width", "box_height")
POINT_COLUMNS = tuple(f"{axis}{i}" for i in range(NUM_LANDMARKS) for axis in "xy")
LEGAL_COLUMNS = f"video,frame,{','.join(BOX_COLUMNS)},x0,y0,...,x67,y67 (frame may be left out)"


@dataclasses.dataclass(frozen=True)
class GivenLandmarks:
    """Box and landmarks of a video, from some frames on.

    Attributes:
        rows: (first frame, box, points (68, 2)) each, in order of the frames; points and box in pixels of the frame.
        name: where they come from.
    """

    rows: tuple[tuple[int, Box, Float[np.ndarray, "68 2"]], ...]
    name: str = "given"

    def __post_init__(self):
        starts = [row[0] for row in self.rows]
        if not starts or starts != sorted(set(starts)):
            raise ValueError(f"{self.name}: expected rows from different frames in order, got frames {starts}")
        for start, _, points in self.rows:
            if np.shape(points) != (NUM_LANDMARKS, 2) or not np.isfinite(points).all():
                raise ValueError(
                    f"{self.name}, frame {start}: expected finite points of shape ({NUM_LANDMARKS}, 2), "
                    f"got {np.shape(points)}"
                )

    @classmethod
    def whole(cls, box: Box, points: Float[np.ndarray, "68 2"], name: str = "given") -> "GivenLandmarks":
        """The same from the first frame to the last."""
        return cls(((0, box, points),), name)

    def spans(self, num_frames: int, video: str) -> list[tuple[int, int, Box, Float[np.ndarray, "68 2"]]]:
        """(start, stop, box, points) of a video.

        Raises:
            ValueError: its first frames have no row, or a row is beyond its end.
        """
        starts = [row[0] for row in self.rows]
        if starts[0] != 0 or starts[-1] >= num_frames:
            raise ValueError(
                f"{self.name} does not cover video '{video}', which has frames 0 to {num_frames - 1}: its rows are for "
                f"frames {starts[0]} to {starts[-1]}; one must be for frame 0 and none beyond the end"
            )
        stops = [*starts[1:], num_frames]
        return [(start, stop, box, points) for (start, box, points), stop in zip(self.rows, stops, strict=True)]


class LandmarkTable:
    """A CSV file of landmarks; `videos` has those of each video, by its name."""

    def __init__(self, path: Path, videos: Mapping[str, GivenLandmarks]):
        self._path, self.videos = path, dict(videos)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "LandmarkTable":
        """Read a file; columns in any order, further ones are ignored.

        Raises:
            FileNotFoundError: no such file.
            ValueError: columns missing, no rows, or cells that can't be; all bad rows are named together.
        """
        path = Path(path)
        names, rows = read_rows(path, "landmark table", LEGAL_COLUMNS)
        _check_columns(path, names)
        return cls(path, _parse_rows(path, rows))

    def video(self, video: str) -> GivenLandmarks:
        """The rows of a video.

        Raises:
            ValueError: it has none.
        """
        if video not in self.videos:
            have = ", ".join(f"'{name}'" for name in sorted(self.videos)[:3])
            raise ValueError(f"{self._path} does not cover video '{video}'; it has rows of videos such as {have}")
        return self.videos[video]

    def first_frame(self, video: str) -> tuple[Box, Float[np.ndarray, "68 2"]]:
        """Box and points on the first frame of a video, of which nothing else is told.

        Raises:
            ValueError: it has no row, or rows for other frames.
        """
        rows = self.video(video).rows
        if (starts := [start for start, _, _ in rows]) != [0]:
            raise ValueError(f"{self._path}: video '{video}' has rows for frames {starts}; expected one, for frame 0")
        [(_, box, points)] = rows
        return box, points


def _check_columns(path: Path, names: Sequence[str]) -> None:
    missing = [name for name in ("video", *BOX_COLUMNS, *POINT_COLUMNS) if name not in names]
    if missing:
        few = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        raise ValueError(f"{path} lacks the columns {few}; its first line must have {LEGAL_COLUMNS}")


def _parse_rows(path: Path, rows: Rows) -> dict[str, GivenLandmarks]:
    videos: dict[str, dict[int, tuple[Box, np.ndarray]]] = {}
    problems = []
    for line, row in rows:
        try:
            video, frame = (row["video"] or "").strip(), _parse_frame(row.get("frame"))
            if frame in videos.get(video, {}):
                raise ValueError(f"video '{video}' has a row for frame {frame} already")
            videos.setdefault(video, {})[frame] = _parse_face(row)
        except ValueError as e:
            problems.append(f"  line {line}: {e}")
    if problems:
        raise ValueError(f"{path} has {len(problems)} bad rows:\n" + "\n".join(problems))
    if not videos:
        raise ValueError(f"{path} has no rows")
    return {
        video: GivenLandmarks(tuple((start, *face) for start, face in sorted(faces.items())), str(path))
        for video, faces in videos.items()
    }


def _parse_frame(text: str | None) -> int:
    text = (text or "").strip()
    if text and not text.isdecimal():
        raise ValueError(f"frame must be a whole number from 0 on, got '{text}'")
    return int(text or 0)


def _parse_face(row: Mapping[str, str | None]) -> tuple[Box, np.ndarray]:
    x, y, width, height = (parse_number(name, row[name]) for name in BOX_COLUMNS)
    if min(width, height) <= 0:
        raise ValueError(f"a box must have a width and a height above 0, got {width:g} x {height:g}")
    points = np.array([parse_number(name, row[name]) for name in POINT_COLUMNS]).reshape(NUM_LANDMARKS, 2)
    return Box(x, y, width, height), points
