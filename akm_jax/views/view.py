"""`View`: a pure function of a clip. It gets frames and times, and neither label nor name nor subject."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

Seen: TypeAlias = np.ndarray | Mapping[str, np.ndarray]
"""What a view makes of a clip: an array, or arrays by name."""

HIDDEN = ("label", "labels", "emotion", "clip_id", "name", "subject")


@dataclasses.dataclass(frozen=True)
class Clip:
    """One clip as a view gets it.

    Attributes:
        frames: grey uint8 (T, H, W); not to be written to.
        fps: frames per second; 0 where unknown.
        apex: index of the apex among the frames; -1 where it is not annotated.
        landmarks: (68, 2), x and y on the first frame in its pixels, dlib's order; for views that name a file of them
            (`WithLandmarks`), else None.
    """

    frames: np.ndarray
    fps: float
    apex: int
    landmarks: np.ndarray | None = None

    def __getattr__(self, name: str) -> Any:
        if name in HIDDEN:
            raise LeakError(
                f"a view asked a clip for its {name}, which it must not see: it would reach the clips a fold is tested "
                "on; a view is a function of frames, fps and apex alone"
            )
        raise AttributeError(f"a clip has frames, fps and apex, no {name!r}")


class LeakError(ValueError):
    """Something that must stay hidden from a method, or from training, would reach it: the run is refused."""


class View(Protocol):
    """A pure function of a clip: a frozen dataclass whose fields are plain settings, or a function with no closure."""

    def __call__(self, clip: Clip) -> Seen:
        """Compute what the method sees."""


@runtime_checkable
class FromFiles(Protocol):
    """A view that may take what it gives from files, one a clip, in place of computing it."""

    @property
    def is_given(self) -> bool:
        """Whether it does; what follows is then asked, and the view is not called."""

    def given(self, clip_ids: Sequence[str]) -> Sequence[Seen]:
        """What it gives of each clip."""

    def given_checksum(self) -> str:
        """Of all the files: another one says that they have changed."""


@runtime_checkable
class WithLandmarks(Protocol):
    """A view that may want the landmarks of each clip from a file, which it then gets as `clip.landmarks`."""

    @property
    def landmark_file(self) -> Path | None:
        """The CSV file, as `akm_jax.prepare.given_landmarks` reads it, by clip id; None: it wants none."""


def landmark_file(view: View | None) -> Path | None:
    """The file that a view wants landmarks from, if it does."""
    return view.landmark_file if isinstance(view, WithLandmarks) else None


def from_files(view: View | None) -> FromFiles | None:
    """The view if it takes what it gives from files, else None."""
    return view if isinstance(view, FromFiles) and view.is_given else None


class Views(Sequence):
    """What a method sees of each clip of a set, by the clip's index."""

    def __init__(self, seen: Sequence[Seen] = ()):
        """Args: in the order of the set's clips."""
        self._seen = tuple(seen)

    def __getitem__(self, clip: Any) -> Any:
        return self._seen[clip]

    def __len__(self) -> int:
        return len(self._seen)

    def stack(self, clips: np.ndarray) -> Any:
        """What is seen of some clips with a leading axis of n clips; arrays by name where the view gives such.

        Raises:
            ValueError: the clips' arrays differ in shape.
        """
        chosen = [self._seen[int(clip)] for clip in clips]
        if isinstance(chosen[0], Mapping):
            return {name: _stack([seen[name] for seen in chosen]) for name in chosen[0]}  # type: ignore[index]
        return _stack(chosen)


def _stack(arrays: Sequence[Any]) -> np.ndarray:
    shapes = {np.shape(array) for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"the view gives arrays of different shapes, {sorted(shapes)[:3]}, which cannot be stacked; take them one "
            "by one (`views[clip]`), or let the view give one shape"
        )
    return np.stack(arrays)
