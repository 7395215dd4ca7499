"""What the TFDS builders of long videos share: a video an example, with encoded face crops, landmarks and intervals.

`info.metadata["videos"]` says of each record, in order, what `datasets_tfds.long.source` needs to know before a crop is
read, so that loading a set reads no record. Frames are read one by one: of a video only its encoded crops are held.
"""

import concurrent.futures
import dataclasses
import functools
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from akm_jax.data.long_videos import NUM_LANDMARKS
from akm_jax.machine import num_cores
from akm_jax.prepare.landmarks import crop_points, cut_box
from datasets_tfds.builder import SetBuilder
from datasets_tfds.layout import BY_NAME, Places
from datasets_tfds.long import crops, faces
from datasets_tfds.long.faces import Face, FaceFinder
from datasets_tfds.long.survey import LongClip, LongSurvey


class LongConfig(tfds.core.BuilderConfig):
    """How crops are stored: `encoding` is one of `crops.ENCODINGS`."""

    def __init__(self, *, encoding: str, **kwargs: Any):
        super().__init__(name=encoding, **kwargs)
        self.encoding = encoding


CONFIGS = {
    "jpeg": LongConfig(encoding="jpeg", description="face crops as JPEG, as SOFTNet's released program stores them"),
    "png": LongConfig(encoding="png", description="face crops without loss"),
}


class LongBuilder(SetBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Base of the builders of long videos."""

    CONFIGS: ClassVar = CONFIGS
    BUILDER_CONFIGS: ClassVar = [CONFIGS["jpeg"]]

    def __init__(self, *, find_face: FaceFinder | None = None, **kwargs: Any):
        """Make the builder.

        Args:
            find_face: finds faces that the user's folder does not tell of; `faces.FIND_FACE` if not given.
            **kwargs: those of `SetBuilder`.
        """
        self._find_face = faces.FIND_FACE if find_face is None else find_face
        super().__init__(**kwargs)

    @classmethod
    def survey(cls, manual_dir: Path, places: Places = BY_NAME) -> LongSurvey:
        """Find the videos in a user's folder without reading a picture.

        Raises:
            FileNotFoundError, ValueError: the folder does not hold the set, or its table can't be used.
        """
        raise NotImplementedError

    def fingerprint(self, manual_dir: Path) -> str:
        """Digest of what a set made from `manual_dir` would be made from, without reading the frames."""
        return self._fingerprint(self._survey_folder(Path(manual_dir)))

    def _survey_folder(self, manual_dir: Path) -> LongSurvey:
        """`survey` with the settings of this builder."""
        return self.survey(manual_dir, self._places)

    def _fingerprint(self, found: LongSurvey) -> str:
        return f"{found.fingerprint()} {self._find_face!r}"

    def _info(self) -> tfds.core.DatasetInfo:
        interval = {name: np.int32 for name in ("onset", "apex", "offset")}
        features = {
            "video_id": tfds.features.Text(doc="unique within the set"),
            "subject": tfds.features.Text(doc="number without padding, e.g. 15"),
            "fps": np.float32,
            "frame_numbers": tfds.features.Sequence(np.int32),
            "crops": tfds.features.Sequence(tfds.features.Text(doc="a picture file's bytes, 128 x 128 pixels")),
            "landmarks": tfds.features.Tensor(
                shape=(NUM_LANDMARKS, 2), dtype=np.float32, doc="x, y; pixels of the crop"
            ),
            "intervals": tfds.features.Sequence(
                {**interval, "type": tfds.features.Text(doc="macro or micro"), "emotion": tfds.features.Text()},
                doc="0-based frames, the offset belongs to it; -1 where not known",
            ),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(),
            homepage=self.HOMEPAGE,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[int, Any]]]:
        manual_dir = Path(dl_manager.manual_dir)
        found = self._compared(self._survey_folder(manual_dir))
        found.check_numbers()
        fingerprint = self._fingerprint(found)
        given = self._find_faces(found)
        if found.check.problems and not self._allow_missing:
            found.check.finish(found.clips, allow_missing=False)  # raises: before hours of reading, not after
        return {"train": self._generate_examples(found, given, fingerprint)}

    def _find_faces(self, found: LongSurvey) -> dict[str, Face]:
        """The face of each video, inside its first frame; where there is none, the check knows."""
        fitted = {}
        for clip in found.usable:
            try:
                first = next(_open_frames(clip))()
                face = found.known_faces.get(clip.clip_id) or self._find_face(first)
                fitted[clip.clip_id] = crops.fit_face(face, first)
            except ValueError as error:
                _report(found, clip, error)
        return fitted

    def _generate_examples(
        self, found: LongSurvey, given: dict[str, Face], fingerprint: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the videos; those with broken frames are reported together."""
        usable, videos = found.usable, list[dict[str, Any]]()
        for clip in self._track(usable, "Reading videos", len(usable)) if self._track else usable:
            try:
                example = self._example(clip, found.fps_of(clip), given[clip.clip_id])
            except ValueError as error:
                _report(found, clip, error)
                continue
            yield len(videos), example
            videos.append(_describe(example))
        kept = found.check.finish(found.clips, allow_missing=self._allow_missing)
        self.info.metadata.update(found.check.record(fingerprint, kept), videos=videos)

    def _example(self, clip: LongClip, fps: float, face: Face) -> dict[str, Any]:
        encode = _Encoder(face, self.builder_config.encoding)
        return {
            "video_id": clip.clip_id,
            "subject": clip.subject,
            "fps": fps,
            "frame_numbers": [frame.number for frame in clip.frames],
            "crops": list(_map(encode, _open_frames(clip), in_threads=not clip.is_video)),
            "landmarks": crop_points(face.landmarks, face.box, decimals=None),
            "intervals": [dataclasses.asdict(interval) for interval in clip.intervals],
        }


def _report(found: LongSurvey, clip: LongClip, error: ValueError) -> None:
    found.check.add_error(clip.folder, error, "copy from the archive again", clip.clip_id)


class _Encoder:
    """Crops frames of one video, which must be of one size."""

    def __init__(self, face: Face, encoding: str):
        self._face, self._encoding = face, encoding
        self._shape: tuple[int, ...] | None = None

    def __call__(self, read: Callable[[], np.ndarray]) -> bytes:
        """Decode a frame and encode its crop."""
        picture = read()
        self._shape = self._shape or picture.shape
        if picture.shape != self._shape:
            raise ValueError("frames of different sizes -> copy from the archive again")
        return crops.encode_crop(cut_box(picture, self._face.box), self._encoding)


def _open_frames(clip: LongClip) -> Iterator[Callable[[], np.ndarray]]:
    """Functions that decode the frames, in their order."""
    if not clip.is_video:
        yield from (functools.partial(crops.read_picture, path) for path in clip.files)
        return
    from akm_jax.data.video import decode_frames

    for frame in decode_frames(clip.folder):
        yield functools.partial(np.repeat, frame[..., None], 3, axis=-1)


def _map(function: Callable[[Any], bytes], items: Iterable, *, in_threads: bool) -> Iterator[bytes]:
    """Results in order; threads are for files that can be read in any order."""
    if not in_threads:
        yield from map(function, items)
        return
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(8, num_cores())) as pool:
        yield from pool.map(function, items)


def _describe(example: dict[str, Any]) -> dict[str, Any]:
    """What there is to know of a record before it is read, as plain values."""
    checksum = 0
    for crop in example["crops"]:
        checksum = zlib.crc32(crop, checksum)
    return {
        "video_id": example["video_id"],
        "subject": example["subject"],
        "fps": float(example["fps"]),
        "num_frames": len(example["crops"]),
        "landmarks": example["landmarks"].tolist(),
        "checksum": zlib.crc32(example["landmarks"].tobytes(), checksum),
        "intervals": example["intervals"],
    }
