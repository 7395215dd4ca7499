"""Records of a prepared set: which of them holds which clip, and the frames of one clip decoded on demand."""

import dataclasses
import functools
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.data.clip_set import ClipSet
from akm_jax.data.pictures import decode_grey
from akm_jax.data.subjects import subject_order
from akm_jax.observe import Track
from datasets_tfds.classes import Classes, assign_classes, check_label_scheme


@dataclasses.dataclass(frozen=True)
class RecordReader:
    """Decodes clips of a prepared set, for `ClipSet.pictures`; several threads may share it.

    Attributes:
        records: the set's records by number, as `tfds.data_source` gives them.
        folder: where the prepared set lies.
        clip_ids: N clip ids.
        lengths: (N,), frames of each clip.
        rows: (N,), number of each clip's record.
        checksum: CRC-32 of all picture files.
    """

    records: Any
    folder: Path
    clip_ids: tuple[str, ...]
    lengths: np.ndarray
    rows: np.ndarray
    checksum: int

    def read(self, clip: int) -> np.ndarray:
        """Decode one clip, as `ClipSet.read`.

        Raises:
            ValueError: the record is damaged, or is not this clip's any more.
        """
        try:
            return np.stack([decode_grey(picture) for picture in self._files(clip)])
        except Exception as error:  # damaged files make array_record, protobuf and Pillow raise many types
            raise _unreadable(f"clip {self.clip_ids[clip]}", self.folder, error) from error

    def _files(self, clip: int) -> Sequence[bytes]:
        record = self.records[int(self.rows[clip])]
        found, count = record["clip_id"].decode(), len(record["frames"])
        if (found, count) != (self.clip_ids[clip], self.lengths[clip]):
            raise ValueError(f"its record holds {count} frames of {found}, expected {self.lengths[clip]}")
        return record["frames"]


def _unreadable(what: str, folder: Path, error: Exception) -> ValueError:
    return ValueError(
        f"{what} of the prepared set in {folder} cannot be read ({type(error).__name__}: {error}); delete that folder "
        "and give the same command again, with --manual_dir: the set is prepared anew, and a run goes on from its last "
        "checkpoint"
    )


def read_records(builder: Any, *, scheme: str, track: Track) -> ClipSet:
    """Read a prepared set: every record once for what it says of its clip; pictures are decoded when they are needed.

    Args:
        builder: whose set is prepared.
        scheme: what emotions become.
        track: progress display.

    Raises:
        ValueError: the set lacks records, or one cannot be read.
    """
    records = builder.as_data_source(split="train")
    clips = sorted(builder.info.metadata["clips"], key=lambda clip: (subject_order(clip["subject"]), clip["clip_id"]))
    if len(records) != len(clips):
        raise ValueError(
            f"{builder.data_dir} holds {len(records)} clips, expected {len(clips)}; delete it and prepare the set again"
        )
    classes = _classes(builder, clips, scheme)
    if classes is not None:
        clips = [clip for clip in clips if clip["clip_id"] in classes.labels]
    found = _Columns([clip["num_frames"] for clip in clips])
    place = {clip["clip_id"]: i for i, clip in enumerate(clips)}
    for row, record in enumerate(_each_record(records, Path(builder.data_dir), track)):
        clip_id = record["clip_id"].decode()
        if clip_id in place:
            found.fill(place[clip_id], row, record, None if classes is None else classes.labels[clip_id])
    clip_ids = tuple(clip["clip_id"] for clip in clips)
    checksum = zlib.crc32(found.checksums.tobytes())
    return ClipSet(
        name=builder.name,
        class_names=tuple(builder.info.features["label"].names) if classes is None else classes.names,
        clip_ids=clip_ids,
        subjects=tuple(clip["subject"] for clip in clips),
        labels=found.labels,
        lengths=found.lengths,
        frame_numbers=found.frame_numbers,
        fps=found.fps,
        apexes=found.apexes,
        pictures=RecordReader(records, Path(builder.data_dir), clip_ids, found.lengths, found.rows, checksum),
    )


class _Columns:
    """What the records say of N clips, by clip."""

    def __init__(self, lengths: Sequence[int]):
        count = len(lengths)
        self.lengths = np.array(lengths, np.int32)
        self.labels, self.apexes, self.rows = (np.full(count, -1, np.int32) for _ in range(3))
        self.fps, self.checksums = np.zeros(count, np.float32), np.zeros(count, np.uint32)
        self._ends = np.cumsum(self.lengths)
        self.frame_numbers = np.empty(self._ends[-1], np.int32)

    def fill(self, i: int, row: int, record: dict[str, Any], label: int | None) -> None:
        """Note clip i, found in record `row`; its label is the record's own if none is given."""
        self.rows[i] = row
        self.labels[i] = record["label"] if label is None else label
        self.apexes[i], self.fps[i] = _apex_index(record), record["fps"]
        self.checksums[i] = functools.reduce(lambda checksum, file: zlib.crc32(file, checksum), record["frames"], 0)
        self.frame_numbers[self._ends[i] - self.lengths[i] : self._ends[i]] = record["frame_numbers"]


def _each_record(records: Any, folder: Path, track: Track) -> Iterator[dict[str, Any]]:
    for row in track(range(len(records)), "Reading records", len(records)):
        try:
            record = records[row]
        except Exception as error:  # as in RecordReader.read
            raise _unreadable(f"record {row}", folder, error) from error
        yield record


def _classes(builder: Any, clips: Sequence[dict[str, Any]], scheme: str) -> Classes | None:
    """Classes of the clips; None where the set is distributed with classes and the records hold them."""
    if "emotion" in builder.info.features:
        return assign_classes(builder.name, scheme, {clip["clip_id"]: clip["label"] for clip in clips})
    check_label_scheme(builder.name, scheme)
    return None


def _apex_index(record: dict[str, Any]) -> int:
    """Index of the apex among the clip's frames; -1 where there is none, or its frame is missing."""
    found = np.flatnonzero(np.asarray(record["frame_numbers"]) == record.get("apex", -1))
    return int(found[0]) if found.size else -1
