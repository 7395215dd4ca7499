"""What the TFDS builders of all sets share: clips as sequences of encoded frames, in one split `train`.

Builds with `tfds build datasets_tfds/<set> --manual_dir=DIR`, and without TensorFlow by `download_and_prepare`. Written
as array_record, which `tfds.data_source` reads. `info.metadata` says what it was made from: `DiskCheck.record`.
"""

import abc
import hashlib
import io
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from akm_jax.data import pictures
from akm_jax.observe import Track
from datasets_tfds import annotated
from datasets_tfds.layout import BY_NAME, ClipFolder, Places
from datasets_tfds.survey import Survey

ALLOW_MISSING_VARIABLE = "AKM_ALLOW_MISSING"
FoundT = TypeVar("FoundT", bound=Survey)


class Preparation(Protocol):
    """Makes other frames of a clip before it is stored; best a frozen dataclass.

    Its `repr` must name every setting: a set prepared with another one is made anew.
    """

    def given(self, manual_dir: Path, clip_ids: Collection[str]) -> "Preparation":
        """The same preparation with what the user's folder says of it.

        Raises:
            ValueError: what the folder says is wrong.
        """

    def describe(self) -> str:
        """What is done and by what, in a line; kept with the set."""

    def __call__(self, clip: ClipFolder, frames: Sequence[np.ndarray], fps: float) -> np.ndarray:
        """Make as many frames as it is given.

        Args:
            clip: whose frames these are; errors name its files.
            frames: grey, uint8 (H, W) each, in order.
            fps: frames per second.

        Returns:
            uint8 (T, H', W').

        Raises:
            ValueError: this clip can't be prepared; the errors of all clips are reported together.
        """


class ClipConfig(tfds.core.BuilderConfig):
    """Which pictures of a set, and what is done to them.

    Attributes:
        tree: the set's name for the folder that is read.
        preparation: what makes the stored frames (written as PNG); None stores the original files' bytes.
    """

    def __init__(self, *, tree: str, preparation: Preparation | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.tree = tree
        self.preparation = preparation


class SetBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Base of all builders, of clips and of long videos.

    The bare `tfds build` builds every member of `BUILDER_CONFIGS`, which therefore lists the usual one only; all of
    `CONFIGS` are built on request (`--config=raw`), so that nobody needs every folder of a set.
    """

    CONFIGS: ClassVar[Mapping[str, tfds.core.BuilderConfig]]
    HOMEPAGE: ClassVar[str]

    def __init__(
        self,
        *,
        allow_missing: bool | None = None,
        track: Track | None = None,
        file_format: str | tfds.core.FileFormat | None = None,
        places: Places = BY_NAME,
        is_drawn: bool = False,
        **kwargs: Any,
    ):
        """Make the builder.

        Args:
            allow_missing: leave clips with problems out instead of failing; by default what the environment variable
                AKM_ALLOW_MISSING says (0 or 1), the only way through the `tfds build` command.
            track: progress display; by default TFDS's own.
            file_format: array_record unless given.
            places: where table and frames lie, if these are not called as usual.
            is_drawn: the clips are drawn in the set's layout, so that its published numbers say nothing of them.
            **kwargs: data_dir, config, version.
        """
        self._allow_missing = _allow_missing_default() if allow_missing is None else allow_missing
        self._track = track
        self._places, self._is_drawn = places, is_drawn
        super().__init__(file_format=file_format, **kwargs)
        self._original_state |= {"allow_missing": self._allow_missing, "file_format": file_format}
        self._original_state |= {"places": places, "is_drawn": is_drawn}
        if file_format is None and not self.info.initialized:
            self.info.set_file_format("array_record", override=True)

    @tfds.core.utils.classproperty
    @classmethod
    def builder_configs(cls) -> dict[str, tfds.core.BuilderConfig]:
        """Every configuration that can be asked for by name."""
        return dict(cls.CONFIGS)

    def _compared(self, found: FoundT) -> FoundT:
        """The survey, without the published numbers where these are of other data."""
        return found.without_published() if self._is_drawn else found

    def _log_download_bytes(self) -> None:
        """Instead of what TFDS says, that files of unknown size are downloaded: nothing is."""
        print(f"preparing {self.info.full_name} in {self.data_dir}")

    def _log_download_done(self) -> None:
        """Nothing: what comes next says that the set is there."""


class ClipBuilder(SetBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Base of the builders of clips."""

    @classmethod
    @abc.abstractmethod
    def survey(cls, tree: str, manual_dir: Path, places: Places = BY_NAME) -> Survey:
        """Find the clips in a user's folder without reading a picture.

        Raises:
            FileNotFoundError, ValueError: the folder does not hold the set, or its table can't be used.
        """

    @abc.abstractmethod
    def _features(self) -> dict[str, Any]:
        """Features besides frames, frame_numbers, subject, clip_id and fps."""

    @abc.abstractmethod
    def _values(self, clip: ClipFolder) -> dict[str, Any]:
        """A clip's values of `_features`."""

    def fingerprint(self, manual_dir: Path) -> str:
        """Digest of what a set made from `manual_dir` would be made from, without reading the frames.

        Raises:
            FileNotFoundError, ValueError: as `survey`.
        """
        found = self._survey_folder(manual_dir, count_video_frames=False)
        return self._fingerprint(found, self._preparation(found, manual_dir))

    def _survey_folder(self, manual_dir: Path, *, count_video_frames: bool = True) -> Survey:
        """`survey` with the settings of this builder; a fingerprint needs no frame of a video."""
        return self.survey(self.builder_config.tree, manual_dir, self._places)

    def _preparation(self, found: Survey, manual_dir: Path) -> Preparation | None:
        preparation = self.builder_config.preparation
        return preparation and preparation.given(manual_dir, [clip.clip_id for clip in found.clips])

    def _fingerprint(self, found: Survey, preparation: Preparation | None) -> str:
        if preparation is None:
            return found.fingerprint()
        return hashlib.sha256(f"{found.fingerprint()} {preparation!r}".encode()).hexdigest()

    def _info(self) -> tfds.core.DatasetInfo:
        common = {
            "frames": tfds.features.Sequence(tfds.features.Text(doc="a picture file's bytes")),
            "frame_numbers": tfds.features.Sequence(np.int32),
            "subject": tfds.features.Text(doc="number without padding, e.g. 3"),
            "clip_id": tfds.features.Text(doc="unique within the set"),
            "fps": np.float32,
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({**common, **self._features()}),
            metadata=tfds.core.MetadataDict(),
            homepage=self.HOMEPAGE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[str, Any]]]:
        manual_dir = Path(dl_manager.manual_dir)
        found = self._compared(self._survey_folder(manual_dir))
        preparation = self._preparation(found, manual_dir)
        fingerprint = self._fingerprint(found, preparation)
        found.read_frames(self._track or _tfds_track)
        kept = found.check.finish(found.clips, allow_missing=self._allow_missing)
        self.info.metadata.update(found.check.record(fingerprint, kept))
        self.info.metadata["preparation"] = "none" if preparation is None else preparation.describe()
        return {"train": self._generate_examples(found, kept, preparation)}

    def _generate_examples(
        self, found: Survey, clips: Sequence[ClipFolder], preparation: Preparation | None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the clips; those that can't be prepared are reported together, and left out if that is allowed."""
        before = len(found.check.problems)
        for clip in self._track(clips, "Preparing clips", len(clips)) if self._track else clips:
            try:
                frames = _encode(clip, found.fps_of(clip), preparation)
            except ValueError as error:
                remedy = "see the README of the data set on this configuration"
                found.check.add_problem(clip.folder, str(error), remedy, clip.clip_id)
                continue
            yield clip.clip_id, self._example(clip, frames, found.fps_of(clip))
        if len(found.check.problems) > before:
            kept = found.check.finish(found.clips, allow_missing=self._allow_missing)
            self.info.metadata.update(found.check.record(self.info.metadata["fingerprint"], kept))

    def _example(self, clip: ClipFolder, frames: list[bytes], fps: float) -> dict[str, Any]:
        return {
            "frames": frames,
            "frame_numbers": [frame.number for frame in clip.frames],
            "subject": clip.subject,
            "clip_id": clip.clip_id,
            "fps": fps,
            **self._values(clip),
        }


class AnnotatedBuilder(ClipBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Base of the builders of sets with a table. Classes are made of `emotion` on loading: `datasets_tfds.classes`."""

    SET: ClassVar[annotated.AnnotatedSet]

    @classmethod
    def survey(cls, tree: str, manual_dir: Path, places: Places = BY_NAME) -> Survey:
        """Read the table, and find its clips in a user's folder."""
        return annotated.survey(cls.SET, tree, manual_dir, places)

    def _features(self) -> dict[str, Any]:
        return {
            "emotion": tfds.features.Text(doc=f"one of {', '.join(self.SET.emotions)}"),
            "onset": np.int32,
            "apex": tfds.features.Scalar(np.int32, doc="frame number; -1 where the table gives none in onset..offset"),
            "offset": np.int32,
            "action_units": tfds.features.Text(doc="as written in the table, e.g. R4+R10"),
        }

    def _values(self, clip: ClipFolder) -> dict[str, Any]:
        if clip.annotation is None:
            raise TypeError(f"clip {clip.clip_id} of {self.SET.title} has no annotation")
        return {
            "emotion": clip.label,
            "onset": clip.annotation.onset,
            "apex": clip.annotation.apex,
            "offset": clip.annotation.offset,
            "action_units": clip.annotation.action_units,
        }


def annotated_configs(described: annotated.AnnotatedSet) -> dict[str, ClipConfig]:
    """A configuration for each tree of a set, as distributed."""
    return {
        tree: ClipConfig(name=tree, tree=tree, description=f"frames of {top} as distributed, onset to offset")
        for tree, (top, *_) in described.trees.items()
    }


def _encode(clip: ClipFolder, fps: float, preparation: Preparation | None) -> list[bytes]:
    """The frames' files as they are, a video's frames, or what the preparation makes of either."""
    if preparation is None:
        return (
            [_encode_png(frame) for frame in _decode(clip)] if clip.is_video else [p.read_bytes() for p in clip.files]
        )
    prepared = preparation(clip, list(_decode(clip)), fps)
    if len(prepared) != len(clip.frames) or prepared.dtype != np.uint8:
        raise TypeError(f"{preparation!r} gave {prepared.dtype} {prepared.shape} for {len(clip.frames)} frames")
    return [_encode_png(frame) for frame in prepared]


def _decode(clip: ClipFolder) -> Iterator[np.ndarray]:
    """The frames one by one, grey."""
    if not clip.is_video:
        yield from (pictures.decode_grey(path.read_bytes()) for path in clip.files)
        return
    from akm_jax.data.video import decode_frames  # here: most sets have no videos, and OpenCV takes long to load

    yield from decode_frames(clip.folder, clip.frames[0].number, clip.frames[-1].number)


def _encode_png(frame: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _tfds_track(items: Iterable, what: str, total: int) -> Iterable:
    return tfds.core.utils.tqdm(items, desc=what, total=total, unit=" clips", leave=False)


def _allow_missing_default() -> bool:
    value = os.environ.get(ALLOW_MISSING_VARIABLE, "0")
    if value not in ("0", "1"):
        raise ValueError(f"environment variable {ALLOW_MISSING_VARIABLE} must be 0 or 1, got {value!r}")
    return value == "1"
