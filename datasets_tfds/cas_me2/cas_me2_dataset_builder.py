"""TFDS builder of CAS(ME)^2; what it shares with the other sets of long videos is in `datasets_tfds.long.builder`."""

from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from datasets_tfds.cas_me2 import description
from datasets_tfds.layout import BY_NAME, Places
from datasets_tfds.long.builder import LongBuilder
from datasets_tfds.long.survey import LongSurvey


class Builder(LongBuilder):
    """CAS(ME)^2, face crops of whole videos."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    HOMEPAGE: ClassVar = "http://casme.psych.ac.cn/casme/e3"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
    CAS(ME)^2 is licensed by the Chinese Academy of Sciences; apply for it at http://casme.psych.ac.cn/. Unzip what you
    receive into manual_dir, so that it holds
      CAS(ME)^2code_final.xlsx
      rawpic/s15/15_0101disgustingteeth/img001.jpg ...
    """

    @classmethod
    def survey(cls, manual_dir: Path, places: Places = BY_NAME) -> LongSurvey:
        return description.survey(manual_dir, places)
