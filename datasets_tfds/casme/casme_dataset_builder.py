"""TFDS builder of CASME; what it shares with the other sets is in `datasets_tfds.builder`."""

from typing import ClassVar

import tensorflow_datasets as tfds

from datasets_tfds.builder import AnnotatedBuilder, annotated_configs
from datasets_tfds.casme.description import CASME
from datasets_tfds.preparation import aligned_configs


class Builder(AnnotatedBuilder):
    """CASME, frames from onset to offset."""

    SET: ClassVar = CASME
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    CONFIGS: ClassVar = annotated_configs(CASME) | aligned_configs("raw")
    BUILDER_CONFIGS: ClassVar = [CONFIGS["original"]]
    HOMEPAGE: ClassVar = "http://casme.psych.ac.cn/casme/e1"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
    CASME is licensed by the Chinese Academy of Sciences; apply for it at http://casme.psych.ac.cn/. Unzip what you
    receive into manual_dir, so that it holds
      CASME.xls or CASME-coded-20190721.xls
      original   Cropped/sub01/EP01_5/reg_EP01_5-1.jpg ...
      raw        CASME_raw_selected/sub01/EP01_5/EP01_5-1.jpg ...
    """
