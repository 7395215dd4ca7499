"""What is done to a set's frames before they are stored: face alignment and motion magnification.

The configurations `aligned` and `aligned_alpha15` of every set use it. A file `faces.csv` in manual_dir overrides face
detection for the clips it names (columns: `akm_jax.prepare.face_table`). Faces are found by the face mesh where its
models are installed, else by Haar cascades; the environment variable AKM_FACE_DETECTOR asks for one of them.
"""

import dataclasses
import logging
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from datasets_tfds.builder import ClipConfig
from datasets_tfds.layout import FACE_TABLE, ClipFolder

ALPHA = 15.0  # as published
DETECTOR_VARIABLE = "AKM_FACE_DETECTOR"
DETECTORS = {"mesh": "BlazeFace and face mesh", "haar": "Haar cascades and iris search"}

VERSION = tfds.core.Version("2.0.0")
RELEASE_NOTES = {
    "1.0.0": "Faces by Haar cascades; the surest frame was taken where none was sure.",
    "2.0.0": "Faces by the face mesh where its models are installed; clips without a certain face are refused.",
}

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Aligned:
    """Faces turned, scaled and cropped to one place; motion magnified where `alpha` is above 0.

    Attributes:
        size: side of the stored frames in pixels.
        alpha: magnification; motion becomes (1 + alpha) times as large.
        detector: a key of `DETECTORS`; empty until `given` has chosen one.
        faces: clip id and known face (`akm_jax.prepare.Eyes` or `Box`) for clips whose face is not to be detected.
    """

    size: int = 256
    alpha: float = 0.0
    detector: str = ""
    faces: tuple[tuple[str, Any], ...] = ()

    def given(self, manual_dir: Path, clip_ids: Collection[str]) -> "Aligned":
        """The same with a detector, and with what the user's `faces.csv` says.

        Raises:
            ValueError: the table is misformed or names an unknown clip, or AKM_FACE_DETECTOR is no detector.
            FileNotFoundError: AKM_FACE_DETECTOR asks for the face mesh, whose models are not installed.
        """
        from akm_jax.prepare.face_table import read_face_table

        table = manual_dir / FACE_TABLE
        faces = sorted(read_face_table(table, clip_ids).items()) if table.is_file() else ()
        return dataclasses.replace(self, detector=choose_detector(), faces=tuple(faces))

    def describe(self) -> str:
        """One sentence; see `datasets_tfds.builder.Preparation`."""
        table = f", {len(self.faces)} of them given in {FACE_TABLE}" if self.faces else ""
        magnified = f"; motion magnified with alpha = {self.alpha:g}" if self.alpha else ""
        return f"faces found by {DETECTORS[self.detector]}{table}, aligned to {self.size} x {self.size}{magnified}"

    def __call__(self, clip: ClipFolder, frames: Sequence[np.ndarray], fps: float) -> np.ndarray:
        """Align, then magnify; see `datasets_tfds.builder.Preparation`."""
        from akm_jax.prepare import AlignConfig, HaarEyes, MeshEyes, align_clip, magnify

        aligned = align_clip(
            frames,
            HaarEyes() if self.detector == "haar" else MeshEyes(),
            config=AlignConfig(width=self.size, height=self.size),
            names=[frame.path for frame in clip.frames],
            face=dict(self.faces).get(clip.clip_id),
        )
        return magnify(aligned, alpha=self.alpha) if self.alpha > 0 else aligned


def choose_detector() -> str:
    """The detector that the user asks for, or the best one there is.

    Raises:
        ValueError, FileNotFoundError: as `Aligned.given`.
    """
    from akm_jax.prepare import model_files

    asked = os.environ.get(DETECTOR_VARIABLE, "")
    if asked not in ("", *DETECTORS):
        raise ValueError(f"environment variable {DETECTOR_VARIABLE} must be {' or '.join(DETECTORS)}, got {asked!r}")
    if asked == "mesh":
        model_files.load_model(model_files.MESH)
    if not asked and not model_files.are_installed():
        _log.warning("faces are found by %s; better: %s", DETECTORS["haar"], model_files.INSTALL)
        return "haar"
    return asked or "mesh"


def aligned_configs(tree: str) -> dict[str, ClipConfig]:
    """The configurations `aligned` and `aligned_alpha15`, made from the frames of a tree."""
    alphas = {"aligned": 0.0, f"aligned_alpha{ALPHA:.0f}": ALPHA}
    return {
        name: ClipConfig(
            name=name,
            tree=tree,
            preparation=Aligned(alpha=alpha),
            version=VERSION,
            release_notes=RELEASE_NOTES,
            description="faces aligned" + (f", motion magnified with alpha = {alpha:g}" if alpha else ""),
        )
        for name, alpha in alphas.items()
    }
