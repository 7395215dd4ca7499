"""TFDS builder of SMIC; what it shares with the other sets is in `datasets_tfds.builder`."""

from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from datasets_tfds.builder import ClipBuilder, ClipConfig
from datasets_tfds.layout import BY_NAME, ClipFolder, Places
from datasets_tfds.preparation import aligned_configs
from datasets_tfds.smic import tree as smic_tree
from datasets_tfds.survey import Survey


class Builder(ClipBuilder):
    """SMIC, as distributed."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    CONFIGS: ClassVar = {
        name: ClipConfig(name=name, tree=name, description=f"{tree.path}, {tree.fps:g} frames per second")
        for name, tree in smic_tree.TREES.items()
    } | aligned_configs("hs_raw")
    BUILDER_CONFIGS: ClassVar = [CONFIGS["hs"]]
    HOMEPAGE: ClassVar = "https://www.oulu.fi/cmvs/node/41319"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
    SMIC is licensed by the University of Oulu; apply for it at https://www.oulu.fi/cmvs/node/41319. Unzip what you
    receive into manual_dir, so that it holds, for the configuration you build,
      hs, vis, nir              SMIC_all_cropped/{HS,VIS,NIR}/s1/micro/negative/s1_ne_01/reg_image000123.bmp ...
      hs_raw, vis_raw, nir_raw  SMIC_all_raw/{HS,VIS,NIR}/s1/micro/negative/s1_ne_01/image000123.bmp ...
    """

    @classmethod
    def survey(cls, tree: str, manual_dir: Path, places: Places = BY_NAME) -> Survey:
        """Find the clips of one camera."""
        return smic_tree.survey(smic_tree.TREES[tree], manual_dir, places.frames)

    def _features(self) -> dict[str, Any]:
        return {"label": tfds.features.ClassLabel(names=smic_tree.CLASSES)}

    def _values(self, clip: ClipFolder) -> dict[str, Any]:
        return {"label": clip.label}
