"""TFDS builder of CASME II; what it shares with the other sets is in `datasets_tfds.builder`."""

from typing import ClassVar

import tensorflow_datasets as tfds

from datasets_tfds.builder import AnnotatedBuilder, annotated_configs
from datasets_tfds.casme2.description import CASME2
from datasets_tfds.preparation import aligned_configs


class Builder(AnnotatedBuilder):
    """CASME II, frames from onset to offset."""

    SET: ClassVar = CASME2
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    CONFIGS: ClassVar = annotated_configs(CASME2) | aligned_configs("raw")
    BUILDER_CONFIGS: ClassVar = [CONFIGS["original"]]
    HOMEPAGE: ClassVar = "http://casme.psych.ac.cn/casme/e2"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
    CASME II is licensed by the Chinese Academy of Sciences; apply for it at http://casme.psych.ac.cn/. Unzip what you
    receive into manual_dir, so that it holds
      CASME2-coding-20140508.xlsx or CASME2-coding-20190701.xlsx
      original   Cropped/sub01/EP02_01f/reg_img46.jpg ...
      raw        CASME2_RAW_selected/sub01/EP02_01f/img46.jpg ...
    """
