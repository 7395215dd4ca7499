"""TFDS builder of a user's own long videos; what it shares with others is in `datasets_tfds.long.builder`."""

import os
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from datasets_tfds.layout import BY_NAME, Places
from datasets_tfds.long.builder import LongBuilder
from datasets_tfds.long.survey import LongSurvey
from datasets_tfds.long_folder import survey as folder_survey

COUNTING_VARIABLE = "AKM_COUNTING"


class Builder(LongBuilder):
    """Long videos of a folder with a table of intervals, which its README describes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    HOMEPAGE: ClassVar = ""
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
    Your own long videos, folders of frames or video files. manual_dir holds
      intervals.csv (or .tsv, .xlsx, .xls) with columns video, onset, offset, type; subject, apex, emotion, fps if known
    """

    def __init__(self, *, counting: str | None = None, **kwargs: Any):
        """Make the builder.

        Args:
            counting: how the table counts: from0, from1 or seconds; by default what the environment variable
                AKM_COUNTING says (from1 if it says nothing), the only way through the `tfds build` command.
            **kwargs: those of `LongBuilder`.
        """
        self._counting = _counting_default() if counting is None else counting
        super().__init__(**kwargs)
        self._original_state |= {"counting": self._counting}

    @classmethod
    def survey(cls, manual_dir: Path, places: Places = BY_NAME, counting: str | None = None) -> LongSurvey:
        return folder_survey.survey(manual_dir, _counting_default() if counting is None else counting, places=places)

    def _survey_folder(self, manual_dir: Path) -> LongSurvey:
        return folder_survey.survey(manual_dir, self._counting, places=self._places)

    def fingerprint(self, manual_dir: Path) -> str:
        found = folder_survey.survey(manual_dir, self._counting, count_video_frames=False, places=self._places)
        return self._fingerprint(found)

    def _fingerprint(self, found: LongSurvey) -> str:
        return f"{super()._fingerprint(found)} {self._counting}"


def _counting_default() -> str:
    return os.environ.get(COUNTING_VARIABLE, "from1")
