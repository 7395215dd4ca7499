"""TFDS builder of a user's own data; what it shares with the other sets is in `datasets_tfds.builder`."""

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from datasets_tfds.builder import ClipBuilder, ClipConfig
from datasets_tfds.folder import survey as folder_survey
from datasets_tfds.layout import BY_NAME, ClipFolder, Places
from datasets_tfds.preparation import aligned_configs
from datasets_tfds.survey import Survey

SUBJECT_PATTERN_VARIABLE = "AKM_SUBJECT_PATTERN"


class Builder(ClipBuilder):
    """Clips of a folder in one of four forms, which its README describes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    CONFIGS: ClassVar = {
        "original": ClipConfig(name="original", tree="original", description="frames as they are in the folder")
    } | aligned_configs("original")
    BUILDER_CONFIGS: ClassVar = [CONFIGS["original"]]
    HOMEPAGE: ClassVar = ""
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
    Your own clips, folders of frames or videos. manual_dir holds one of
      clips.csv (or .tsv, .xlsx, .xls) with columns path, subject, label; clip_id, onset, apex, offset, fps if known
      list files (.txt) with lines `path length label`
      <subject>/<label>/<clip>
    """

    def __init__(self, *, subject_pattern: str | None = None, **kwargs: Any):
        """Make the builder.

        Args:
            subject_pattern: regular expression that finds the subject in a clip's path; by default what the environment
                variable AKM_SUBJECT_PATTERN says, the only way through the `tfds build` command.
            **kwargs: those of `ClipBuilder`.
        """
        self._subject_pattern = _pattern_default() if subject_pattern is None else subject_pattern
        super().__init__(**kwargs)
        self._original_state |= {"subject_pattern": self._subject_pattern}

    @classmethod
    def survey(
        cls, tree: str, manual_dir: Path, places: Places = BY_NAME, subject_pattern: str | None = None
    ) -> Survey:
        """Find the clips; all trees are the folder itself."""
        pattern = _pattern_default() if subject_pattern is None else subject_pattern
        return folder_survey.survey(manual_dir, pattern, places=places)

    def _survey_folder(self, manual_dir: Path, *, count_video_frames: bool = True) -> Survey:
        return folder_survey.survey(
            manual_dir, self._subject_pattern, count_video_frames=count_video_frames, places=self._places
        )

    def _features(self) -> dict[str, Any]:
        return {
            "emotion": tfds.features.Text(doc="the label as written"),
            "onset": tfds.features.Scalar(np.int32, doc="number of the first frame"),
            "apex": tfds.features.Scalar(np.int32, doc="frame number; -1 where none is given that is a frame's"),
            "offset": tfds.features.Scalar(np.int32, doc="number of the last frame"),
        }

    def _values(self, clip: ClipFolder) -> dict[str, Any]:
        if clip.annotation is None:
            raise TypeError(f"clip {clip.clip_id} has frames, but not their first and last number")
        numbers = clip.annotation
        return {"emotion": clip.label, "onset": numbers.onset, "apex": numbers.apex, "offset": numbers.offset}


def _pattern_default() -> str:
    return os.environ.get(SUBJECT_PATTERN_VARIABLE, "")
