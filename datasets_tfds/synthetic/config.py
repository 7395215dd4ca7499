"""`CorpusConfig`: what corpus to draw, and in which data set's layout."""

import dataclasses
from typing import Literal

from datasets_tfds.synthetic import annotated_irregularities, annotated_layouts, irregularities, layouts
from datasets_tfds.synthetic.annotated_layouts import AnnotatedLayout
from datasets_tfds.synthetic.clips import ClipSpec

LAYOUTS: dict[str, layouts.Layout] = {
    layout.name: layout
    for layout in (layouts.SMIC, annotated_layouts.CASME, annotated_layouts.CASME2, annotated_layouts.SAMM)
}


@dataclasses.dataclass(frozen=True)
class CorpusConfig:
    """What to draw."""

    layout: str = "smic"
    """On-disk layout: smic, casme, casme2 or samm."""
    subjects: int = 6
    """Number of people."""
    clips: int = 8
    """Clips of each person; classes are balanced within each person as far as the number allows."""
    seed: int = 0
    """Seed of everything drawn; the same seed gives the same bytes."""
    strength: float = 1.0
    """Amplitude of the expressions: 1 moves skin by 3.5 to 7.5 pixels at 128 x 128 (a magnified micro-expression),
    0.06 is about the raw one, 0 removes the expression and keeps everything else (negative control)."""
    size: int = 128
    """Width and height of the cropped face, pixels."""
    min_frames: int | None = None
    """Shortest clip, frames at the first camera's rate. None: the data set's."""
    max_frames: int | None = None
    """Longest clip, frames at the first camera's rate. None: the data set's."""
    published_counts: bool = False
    """Draw as many subjects and clips of each class as the real set has (SMIC: 164 clips of 16 subjects, CASME II: 255
    of 26); `subjects` and `clips` are then left alone."""
    variant: Literal["cropped", "raw"] | None = None
    """Cropped faces, or the camera's whole picture; SMIC's raw pictures have clips without expression beside. None:
    cropped, but raw for SAMM, which is distributed so."""
    cameras: tuple[str, ...] = ("HS",)
    """SMIC: which cameras' folders to write: HS (100 frames/s), VIS, NIR (25 frames/s)."""
    edition: int = 1
    """Which edition of the annotation table to write, in sets that have several; counted from 1."""
    pictures: Literal["faces", "noise"] = "faces"
    """Faces, or smooth noise of size x 1.21 size pixels, which is quick to make (for measuring what reads it)."""
    irregular: bool = False
    """Plant the irregularities of the real folders and tables, and list them in truth.json."""

    def __post_init__(self):
        if self.layout not in LAYOUTS:
            raise ValueError(f"unknown layout {self.layout!r}; expected one of {sorted(LAYOUTS)}")
        for name, least in (("subjects", 1), ("clips", 1), ("seed", 0), ("size", 32)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.variant not in (None, "cropped", "raw"):
            raise ValueError(f"variant must be 'cropped' or 'raw', got {self.variant!r}")
        if self.pictures not in ("faces", "noise"):
            raise ValueError(f"pictures must be 'faces' or 'noise', got {self.pictures!r}")
        self._check_set()
        least = self._least_irregular
        if self.irregular and not self.published_counts and self.subjects * self.clips < least:
            raise ValueError(f"irregular needs at least {least} clips, got {self.subjects} subjects x {self.clips}")
        self.clip_spec(0, 0, "disgust")  # raises on a bad strength or length

    def _check_set(self) -> None:
        """Refuse what the chosen set does not have."""
        chosen = self.chosen_layout
        if isinstance(chosen, AnnotatedLayout):
            if self.chosen_variant not in chosen.tops:
                raise ValueError(f"variant must be one of {list(chosen.tops)} for {self.layout}, got {self.variant!r}")
            if not 1 <= self.edition <= len(chosen.tables):
                raise ValueError(f"edition must be 1..{len(chosen.tables)} for {self.layout}, got {self.edition}")
            return
        if set(self.cameras) - set(chosen.cameras) or not self.cameras or len(set(self.cameras)) < len(self.cameras):
            raise ValueError(
                f"cameras must be different ones of {list(chosen.cameras)}, at least one; got {list(self.cameras)}"
            )

    @property
    def _least_irregular(self) -> int:
        return irregularities.MIN_CLIPS if self.layout == "smic" else annotated_irregularities.MIN_CLIPS

    @property
    def chosen_layout(self) -> layouts.Layout:
        """The layout itself."""
        return LAYOUTS[self.layout]

    @property
    def chosen_variant(self) -> str:
        """`variant`, or the one the set is distributed in."""
        return self.variant or ("raw" if self.layout == "samm" else "cropped")

    def clip_spec(self, subject: int, index: int, emotion: str, *, strength: float | None = None) -> ClipSpec:
        """The drawing orders of one clip; `subject` and `index` count from 0."""
        layout = self.chosen_layout
        return ClipSpec(
            seed=self.seed,
            subject=subject,
            index=index,
            emotion=emotion,
            strength=self.strength if strength is None else strength,
            min_frames=layout.min_frames if self.min_frames is None else self.min_frames,
            max_frames=layout.max_frames if self.max_frames is None else self.max_frames,
            fps=next(iter(layout.cameras.values())).fps,
            size=self.size,
            raw=self.chosen_variant == "raw",
        )
