"""TFDS builder of SAMM; what it shares with the other sets is in `datasets_tfds.builder`."""

from typing import ClassVar

import tensorflow_datasets as tfds

from datasets_tfds.builder import AnnotatedBuilder, annotated_configs
from datasets_tfds.preparation import aligned_configs
from datasets_tfds.samm.description import SAMM


class Builder(AnnotatedBuilder):
    """SAMM, frames from onset to offset."""

    SET: ClassVar = SAMM
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    CONFIGS: ClassVar = annotated_configs(SAMM) | aligned_configs("original")
    BUILDER_CONFIGS: ClassVar = [CONFIGS["original"]]
    HOMEPAGE: ClassVar = "http://www2.docm.mmu.ac.uk/STAFF/M.Yap/dataset.php"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
    SAMM is licensed by Manchester Metropolitan University; apply for it at http://www2.docm.mmu.ac.uk/STAFF/M.Yap/.
    Unzip what you receive into manual_dir, so that it holds
      SAMM_Micro_FACS_Codes_v2.xlsx
      original   SAMM/006/006_1_2/006_05562.jpg ...
    """
