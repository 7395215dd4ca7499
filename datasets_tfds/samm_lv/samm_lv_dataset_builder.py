"""TFDS builder of SAMM Long Videos; what it shares with other sets is in `datasets_tfds.long.builder`."""

from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from datasets_tfds.layout import BY_NAME, Places
from datasets_tfds.long.builder import LongBuilder
from datasets_tfds.long.survey import LongSurvey
from datasets_tfds.samm_lv import description


class Builder(LongBuilder):
    """SAMM Long Videos, face crops of whole videos."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    HOMEPAGE: ClassVar = "https://helward.mmu.ac.uk/STAFF/M.Yap/dataset.php"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
    SAMM Long Videos is licensed by Manchester Metropolitan University; apply for it there. Unzip what you receive into
    manual_dir, so that it holds
      SAMM_LongVideos_V1_Release.xlsx, or V2 or V3
      SAMM_longvideos/006_1/006_1_0001.jpg ...
    """

    @classmethod
    def survey(cls, manual_dir: Path, places: Places = BY_NAME) -> LongSurvey:
        return description.survey(manual_dir, places)
