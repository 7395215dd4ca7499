"""What is done to a set's frames before they are stored: face alignment and motion magnification.

The configurations `aligned` and `aligned_alpha15` of every set use it. A file `faces.csv` in manual_dir overrides face
detection for the clips it names (columns: `akm_jax.prepare.face_table`).
"""

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets_tfds.builder import ClipConfig
from datasets_tfds.layout import ClipFolder

FACE_TABLE = "faces.csv"
ALPHA = 15.0  # as published


@dataclasses.dataclass(frozen=True)
class Aligned:
    """Faces turned, scaled and cropped to one place; motion magnified where `alpha` is above 0.

    Attributes:
        size: side of the stored frames in pixels.
        alpha: magnification; motion becomes (1 + alpha) times as large.
        faces: clip id and known face (`akm_jax.prepare.Eyes` or `Box`) for clips whose face is not to be detected.
    """

    size: int = 256
    alpha: float = 0.0
    faces: tuple[tuple[str, Any], ...] = ()

    def given(self, manual_dir: Path, clip_ids: Collection[str]) -> "Aligned":
        """The same with what the user's `faces.csv` says.

        Raises:
            ValueError: the table is misformed or names an unknown clip.
        """
        from akm_jax.prepare.face_table import read_face_table

        table = manual_dir / FACE_TABLE
        if not table.is_file():
            return self
        return dataclasses.replace(self, faces=tuple(sorted(read_face_table(table, clip_ids).items())))

    def __call__(self, clip: ClipFolder, frames: Sequence[np.ndarray], fps: float) -> np.ndarray:
        """Align, then magnify; see `datasets_tfds.builder.Preparation`."""
        from akm_jax.prepare import AlignConfig, HaarEyes, align_clip, magnify

        aligned = align_clip(
            frames,
            HaarEyes(),
            config=AlignConfig(width=self.size, height=self.size),
            names=[frame.path for frame in clip.frames],
            face=dict(self.faces).get(clip.clip_id),
        )
        return magnify(aligned, alpha=self.alpha) if self.alpha > 0 else aligned


def aligned_configs(tree: str) -> dict[str, ClipConfig]:
    """The configurations `aligned` and `aligned_alpha15`, made from the frames of a tree."""
    alphas = {"aligned": 0.0, f"aligned_alpha{ALPHA:.0f}": ALPHA}
    return {
        name: ClipConfig(
            name=name,
            tree=tree,
            preparation=Aligned(alpha=alpha),
            description="faces aligned" + (f", motion magnified with alpha = {alpha:g}" if alpha else ""),
        )
        for name, alpha in alphas.items()
    }
