"""From a user's folder or a prepared TFDS set to a `LongVideoSet`: built on first use, then read from there."""

import dataclasses
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.data.long_videos import Interval, LongVideo, LongVideoSet
from datasets_tfds.layout import BY_NAME, Places
from datasets_tfds.source import place_options, prepared_builder, track


def load_long_videos(
    dataset: str,
    *,
    manual_dir: Path | None = None,
    data_dir: Path | None = None,
    data_config: str | None = None,
    allow_missing: bool = False,
    counting: str | None = None,
    find_face: Any = None,
    places: Places = BY_NAME,
    is_drawn: bool = False,
) -> LongVideoSet:
    """Read a set of long videos; prepares it first where that has not been done, or not from the present files.

    Args:
        dataset: one of `LONG_SETS`.
        manual_dir: the folder with the data as distributed. When given, a prepared set is used only if it was made from
            exactly these files (names, sizes, modification times), and made anew otherwise.
        data_dir: where prepared sets lie; TFDS's own default (`TFDS_DATA_DIR`, `~/tensorflow_datasets`) if not given.
        data_config: how crops are stored, jpeg (as SOFTNet's released program does) or png; jpeg if not given.
        allow_missing: leave videos with problems out, instead of failing.
        counting: how long_folder's table counts, one of `long_folder.survey.COUNTINGS`; for this set only.
        find_face: a `datasets_tfds.long.faces.FaceFinder` in place of the usual one.
        places: where table and frames lie, if these are not called as usual.
        is_drawn: `manual_dir` is drawn in the set's layout: its published numbers say nothing of it.

    Returns:
        The videos in the order of subject number, then video id; crops are decoded when they are read.

    Raises:
        FileNotFoundError: `manual_dir` is absent or does not hold the set; or it is not given and nothing is prepared.
        ValueError: unknown data set or configuration; broken data; a prepared set that cannot be used.
    """
    found = long_builder_class(dataset, data_config)
    own = counting_options(dataset, counting) | place_options(dataset, places)

    def make_builder() -> Any:
        return found(
            config=data_config,
            data_dir=data_dir and Path(data_dir).expanduser(),
            allow_missing=allow_missing,
            track=track,
            find_face=find_face,
            is_drawn=is_drawn,
            **own,
        )

    return read_long_records(
        prepared_builder(make_builder, manual_dir and Path(manual_dir).expanduser(), allow_missing)
    )


LONG_SETS = ("cas_me2", "long_folder", "samm_lv")


def long_builder_class(dataset: str, data_config: str | None = None) -> Any:
    """The builder class of a set of long videos.

    Raises:
        ValueError: there is no such set, or it has no configuration `data_config`.
    """
    from datasets_tfds.cas_me2.cas_me2_dataset_builder import Builder as CasMe2  # here: these need tensorflow-datasets
    from datasets_tfds.long_folder.long_folder_dataset_builder import Builder as LongFolder
    from datasets_tfds.samm_lv.samm_lv_dataset_builder import Builder as SammLv

    classes: dict[str, Any] = {"cas_me2": CasMe2, "long_folder": LongFolder, "samm_lv": SammLv}
    if dataset not in classes:
        raise ValueError(f"unknown set of long videos {dataset!r}; known: {', '.join(LONG_SETS)}")
    found = classes[dataset]
    if data_config is not None and data_config not in found.builder_configs:
        known = ", ".join(found.builder_configs)
        raise ValueError(f"data set {dataset!r} has no configuration {data_config!r}; known: {known}")
    return found


def counting_options(dataset: str, counting: str | None) -> dict[str, Any]:
    """Options of the builder, and of its `survey`, that only long_folder has.

    Raises:
        ValueError: a way of counting for another set.
    """
    if counting is not None and dataset != "long_folder":
        raise ValueError(f"--counting={counting}: the table of {dataset} says how it counts; leave it out")
    return {} if counting is None else {"counting": counting}


def read_long_records(builder: Any) -> LongVideoSet:
    """The videos of a prepared set; no record is read before a crop is asked for.

    Raises:
        ValueError: the set lacks records.
    """
    records, videos = builder.as_data_source(split="train"), builder.info.metadata["videos"]
    if len(records) != len(videos):
        raise ValueError(
            f"{builder.data_dir} holds {len(records)} videos, expected {len(videos)}; delete it and prepare it again"
        )
    reader = _RecordReader(records, Path(builder.data_dir), [video["video_id"] for video in videos])
    return LongVideoSet(builder.name, tuple(_make_video(video, reader, row) for row, video in enumerate(videos)))


def _make_video(video: dict[str, Any], reader: "_RecordReader", row: int) -> LongVideo:
    return LongVideo(
        video_id=video["video_id"],
        subject=video["subject"],
        fps=video["fps"],
        num_frames=video["num_frames"],
        landmarks=np.array(video["landmarks"], np.float32),
        crops=RecordCrops(reader, row),
        checksum=video["checksum"],
        intervals=tuple(Interval(**values) for values in video["intervals"]),
    )


@dataclasses.dataclass(frozen=True)
class RecordCrops:
    """Crops of one record, decoded on demand (`akm_jax.data.long_videos.Crops`)."""

    reader: "_RecordReader"
    row: int

    def read(self, start: int, stop: int) -> np.ndarray:
        """Crops of frames start .. stop - 1, grey uint8 (T, 128, 128).

        Raises:
            ValueError: the record is damaged, or is not this video's any more.
        """
        return self.reader.read(self.row, start, stop)


class _RecordReader:
    """Reads records, and keeps the encoded crops of the one read last: a video is read piece by piece."""

    def __init__(self, records: Any, folder: Path, video_ids: Sequence[str]):
        self._records, self._folder, self._video_ids = records, folder, video_ids
        self._lock = threading.Lock()
        self._held: tuple[int, Sequence[bytes]] = (-1, ())

    def read(self, row: int, start: int, stop: int) -> np.ndarray:
        from datasets_tfds.long.crops import decode_crop  # here: OpenCV takes long to load

        try:
            return np.stack([decode_crop(crop) for crop in self._crops(row)[start:stop]])
        except Exception as error:  # damaged files make array_record, protobuf and OpenCV raise many types
            raise ValueError(
                f"frames {start} to {stop - 1} of video {self._video_ids[row]} of the prepared set in {self._folder} "
                f"cannot be read ({type(error).__name__}: {error}); delete that folder and give the same command "
                "again, with --manual_dir: the set is prepared anew"
            ) from error

    def _crops(self, row: int) -> Sequence[bytes]:
        with self._lock:
            held, crops = self._held
            if held != row:
                record = self._records[row]
                if (name := record["video_id"].decode()) != self._video_ids[row]:
                    raise ValueError(f"the record holds video {name}")
                crops = record["crops"]
                self._held = row, crops
            return crops
