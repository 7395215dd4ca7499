"""Records of a prepared set: which of them holds which clip, and the frames of one clip decoded on demand."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.data.clip_set import ClipSet, add_to_checksum, resize_frame
from akm_jax.data.folds import subject_order
from akm_jax.data.pictures import decode_grey
from akm_jax.data.stream import read_clips
from akm_jax.observe import Track
from datasets_tfds.classes import Classes, assign_classes, check_label_scheme


@dataclasses.dataclass(frozen=True)
class RecordReader:
    """Decodes clips of a prepared set, for `ClipSet.reader`; several threads may share it.

    Attributes:
        records: the set's records by number, as `tfds.data_source` gives them.
        folder: where the prepared set lies.
        clip_ids: N clip ids.
        lengths: (N,), frames of each clip.
        rows: (N,), number of each clip's record.
        sizes: S and L, sides of the frames.
        checksum: CRC-32 of all pixels; 0 before they have been read once.
    """

    records: Any
    folder: Path
    clip_ids: tuple[str, ...]
    lengths: np.ndarray
    rows: np.ndarray
    sizes: tuple[int, int]
    checksum: int = 0

    def read(self, clip: int, *, large: bool) -> tuple[np.ndarray, np.ndarray]:
        """Decode one clip, as `ClipSet.read`.

        Raises:
            ValueError: the record is damaged, or is not this clip's any more.
        """
        try:
            return self._decode(self._pictures(clip), large)
        except Exception as error:  # damaged files make array_record, protobuf and Pillow raise many types
            raise _unreadable(f"clip {self.clip_ids[clip]}", self.folder, error) from error

    def _pictures(self, clip: int) -> Sequence[bytes]:
        record = self.records[int(self.rows[clip])]
        found, count = record["clip_id"].decode(), len(record["frames"])
        if (found, count) != (self.clip_ids[clip], self.lengths[clip]):
            raise ValueError(f"its record holds {count} frames of {found}, expected {self.lengths[clip]}")
        return record["frames"]

    def _decode(self, pictures: Sequence[bytes], large: bool) -> tuple[np.ndarray, np.ndarray]:
        size, large_size = self.sizes
        frames = np.empty((len(pictures), size, size), np.uint8)
        large_frames = np.empty((len(pictures) if large else 0, large_size, large_size), np.uint8)
        for k, picture in enumerate(pictures):
            frame = decode_grey(picture)
            frames[k] = resize_frame(frame, size)
            if large:
                large_frames[k] = resize_frame(frame, large_size)
        return frames, large_frames


def _unreadable(what: str, folder: Path, error: Exception) -> ValueError:
    return ValueError(
        f"{what} of the prepared set in {folder} cannot be read ({type(error).__name__}: {error}); delete that folder "
        "and give the same command again, with --manual_dir: the set is prepared anew, and a run goes on from its last "
        "checkpoint"
    )


def read_records(
    builder: Any,
    *,
    sizes: tuple[int, int],
    scheme: str,
    memory_gib: float,
    decode_threads: int,
    track: Track,
) -> ClipSet:
    """Read a prepared set: every record once for what it says of its clip, and once for its frames.

    The frames of a set above `memory_gib` are decoded too, so that a broken one is found now and the set has a
    checksum, but are not kept.

    Args:
        builder: whose set is prepared.
        sizes: S and L, sides of the frames.
        scheme: what emotions become.
        memory_gib: largest set that is held in memory, GiB; a larger one is streamed.
        decode_threads: threads that decode; 0: one a core, at most 16.
        track: progress display.

    Raises:
        ValueError: the set lacks records, or one cannot be read.
    """
    clip_set, reader = _describe(builder, sizes, scheme, track)
    clips = read_clips(clip_set, decode_threads=decode_threads)
    with contextlib.closing(clips):
        if clip_set.gib <= memory_gib:
            return _hold(clip_set, track(clips, "Decoding clips", len(clip_set)))
        checksum = 0
        for frames, large_frames in track(clips, "Checking clips", len(clip_set)):
            checksum = add_to_checksum(checksum, frames, large_frames)
    return dataclasses.replace(clip_set, reader=dataclasses.replace(reader, checksum=checksum))


def _hold(clip_set: ClipSet, clips: Iterable[tuple[np.ndarray, np.ndarray]]) -> ClipSet:
    """The set with all frames in memory."""
    num_frames = int(clip_set.lengths.sum())
    arrays = [np.empty((num_frames, *empty.shape[1:]), np.uint8) for empty in (clip_set.frames, clip_set.large_frames)]
    for start, length, decoded in zip(clip_set.starts, clip_set.lengths, clips, strict=True):
        for array, pictures in zip(arrays, decoded, strict=True):
            array[start : start + length] = pictures
    return dataclasses.replace(clip_set, frames=arrays[0], large_frames=arrays[1], reader=None)


def _describe(builder: Any, sizes: tuple[int, int], scheme: str, track: Track) -> tuple[ClipSet, RecordReader]:
    """Read all records, in whatever order they lie, for all but their pixels."""
    records = builder.as_data_source(split="train")
    clips = sorted(builder.info.metadata["clips"], key=lambda clip: (subject_order(clip["subject"]), clip["clip_id"]))
    if len(records) != len(clips):
        raise ValueError(
            f"{builder.data_dir} holds {len(records)} clips, expected {len(clips)}; delete it and prepare the set again"
        )
    classes = _classes(builder, clips, scheme)
    if classes is not None:
        clips = [clip for clip in clips if clip["clip_id"] in classes.labels]
    lengths = np.array([clip["num_frames"] for clip in clips], np.int32)
    ends = np.cumsum(lengths)
    labels, apexes, rows = (np.full(len(clips), -1, np.int32) for _ in range(3))
    numbers, fps = np.empty(ends[-1], np.int32), 0.0
    place = {clip["clip_id"]: i for i, clip in enumerate(clips)}
    folder = Path(builder.data_dir)
    for row, record in enumerate(_each_record(records, folder, track)):
        clip_id = record["clip_id"].decode()
        if clip_id not in place:
            continue
        i = place[clip_id]
        rows[i] = row
        labels[i] = record["label"] if classes is None else classes.labels[clip_id]
        apexes[i], fps = _apex_index(record), float(record["fps"])
        numbers[ends[i] - lengths[i] : ends[i]] = record["frame_numbers"]
    clip_ids = tuple(clip["clip_id"] for clip in clips)
    reader = RecordReader(records, folder, clip_ids, lengths, rows, sizes)
    clip_set = ClipSet(
        name=builder.name,
        class_names=tuple(builder.info.features["label"].names) if classes is None else classes.names,
        clip_ids=clip_ids,
        subjects=tuple(clip["subject"] for clip in clips),
        labels=labels,
        lengths=lengths,
        frames=np.empty((0, sizes[0], sizes[0]), np.uint8),
        large_frames=np.empty((0, sizes[1], sizes[1]), np.uint8),
        frame_numbers=numbers,
        fps=fps,
        apexes=apexes,
        reader=reader,
    )
    return clip_set, reader


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
