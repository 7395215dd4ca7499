"""TFDS builder of SMIC: clips as sequences of the original encoded frames, in one split `train`.

Builds with `tfds build datasets_tfds/smic --manual_dir=DIR`, and without TensorFlow by `download_and_prepare`. Written as
array_record, which `tfds.data_source` reads. `info.metadata` says what it was made from: `disk_check.DiskCheck.record`.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from datasets_tfds import layout
from datasets_tfds.smic import tree as smic_tree

ALLOW_MISSING_VARIABLE = "AKM_ALLOW_MISSING"


class SmicConfig(tfds.core.BuilderConfig):
    """One camera's pictures, named as in `tree.TREES`."""


_CONFIGS = {
    name: SmicConfig(name=name, description=f"{tree.path}, {tree.fps:g} frames per second")
    for name, tree in smic_tree.TREES.items()
}


class Builder(tfds.core.GeneratorBasedBuilder):
    """SMIC, as distributed.

    The bare `tfds build` builds every member of `BUILDER_CONFIGS`, which therefore lists the usual one only; the others
    are built on request (`--config=vis`), so that nobody needs the folders of all cameras.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First version."}
    BUILDER_CONFIGS: ClassVar = [_CONFIGS["hs"]]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
    SMIC is licensed by the University of Oulu; apply for it at https://www.oulu.fi/cmvs/node/41319. Unzip what you
    receive into manual_dir, so that it holds, for the configuration you build,
      hs, vis, nir              SMIC_all_cropped/{HS,VIS,NIR}/s1/micro/negative/s1_ne_01/reg_image000123.bmp ...
      hs_raw, vis_raw, nir_raw  SMIC_all_raw/{HS,VIS,NIR}/s1/micro/negative/s1_ne_01/image000123.bmp ...
    """

    def __init__(
        self,
        *,
        allow_missing: bool | None = None,
        track: layout.Track | None = None,
        file_format: str | tfds.core.FileFormat | None = None,
        **kwargs: Any,
    ):
        """Make the builder.

        Args:
            allow_missing: leave clips with problems out instead of failing; by default what the environment variable
                AKM_ALLOW_MISSING says (0 or 1), the only way through the `tfds build` command.
            track: progress display; by default TFDS's own.
            file_format: array_record unless given.
            **kwargs: data_dir, config, version.
        """
        self._allow_missing = _allow_missing_default() if allow_missing is None else allow_missing
        self._track = track or _tfds_track
        super().__init__(file_format=file_format, **kwargs)
        self._original_state |= {"allow_missing": self._allow_missing, "file_format": file_format}
        if file_format is None and not self.info.initialized:
            self.info.set_file_format("array_record", override=True)

    @tfds.core.utils.classproperty
    @classmethod
    def builder_configs(cls) -> dict[str, SmicConfig]:
        """Every configuration that can be asked for by name."""
        return dict(_CONFIGS)

    @property
    def tree(self) -> smic_tree.Tree:
        """The pictures of this configuration."""
        return smic_tree.TREES[self.builder_config.name]

    def fingerprint(self, manual_dir: Path) -> str:
        """Fingerprint of the frame files in a user's folder, without reading them.

        Raises:
            FileNotFoundError, ValueError: as `tree.list_clips`.
        """
        clips, check = smic_tree.list_clips(self.tree, manual_dir)
        return layout.fingerprint(check.root, clips)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "frames": tfds.features.Sequence(tfds.features.Text(doc="a picture file's bytes")),
                    "frame_numbers": tfds.features.Sequence(np.int32),
                    "subject": tfds.features.Text(doc="number without padding, e.g. 3"),
                    "clip_id": tfds.features.Text(doc="e.g. s3_ne_01"),
                    "label": tfds.features.ClassLabel(names=smic_tree.CLASSES),
                    "fps": np.float32,
                }
            ),
            metadata=tfds.core.MetadataDict(),
            homepage="https://www.oulu.fi/cmvs/node/41319",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[str, Any]]]:
        clips, check = smic_tree.list_clips(self.tree, Path(dl_manager.manual_dir))
        fingerprint = layout.fingerprint(check.root, clips)
        smic_tree.check_clips(self.tree, clips, check, self._track)
        kept = check.finish(clips, allow_missing=self._allow_missing)
        self.info.metadata.update(check.record(fingerprint, kept))
        return {"train": self._generate_examples(kept)}

    def _generate_examples(self, clips: list[layout.ClipFolder]) -> Iterator[tuple[str, dict[str, Any]]]:
        for clip in clips:
            yield (
                clip.clip_id,
                {
                    "frames": [frame.path.read_bytes() for frame in clip.frames],
                    "frame_numbers": [frame.number for frame in clip.frames],
                    "subject": clip.subject,
                    "clip_id": clip.clip_id,
                    "label": clip.label,
                    "fps": self.tree.fps,
                },
            )


def _tfds_track(items: Iterable, what: str, total: int) -> Iterable:
    return tfds.core.utils.tqdm(items, desc=what, total=total, unit=" clips", leave=False)


def _allow_missing_default() -> bool:
    value = os.environ.get(ALLOW_MISSING_VARIABLE, "0")
    if value not in ("0", "1"):
        raise ValueError(f"environment variable {ALLOW_MISSING_VARIABLE} must be 0 or 1, got {value!r}")
    return value == "1"
