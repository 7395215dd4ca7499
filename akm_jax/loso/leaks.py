"""What must not reach the training of a fold, looked for before anything is trained; a run with a leak is refused.

1. `refuse_copies`: the same picture under two subjects, so that leaving one out leaves it in.
2. `refuse_shared_subjects`: a training that holds a clip, or a person, of those it is tested on.
3. `refuse_dependence`: a fold is trained twice, the second time with other pictures and labels of the left-out subject.
   What is said of clips that stayed the same must stay the same: nothing of the left-out subject reached training, by
   whatever way: statistics taken of the whole set, resampling, batch statistics of the tested clips, early stopping.

A view that asks for labels, holds them, or is no pure function of one clip is refused by `akm_jax.views.cache`.
"""

import concurrent.futures
import dataclasses
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from akm_jax.config import RunOptions
from akm_jax.data.clip_set import Clips, ClipSet, Pictures
from akm_jax.data.folds import Fold
from akm_jax.loso.rules import plan_training, trainings_of
from akm_jax.loso.run_dir import describe_data
from akm_jax.machine import num_cores
from akm_jax.methods.protocol import Context, Method, Outputs, Start, Trainer, Training
from akm_jax.observe import Observer, Track
from akm_jax.views.cache import compute_views
from akm_jax.views.view import LeakError, Seen, Views, from_files

MOST_NAMED = 5
# Training clips whose outputs are compared.
PROBES = 8
# Outputs may differ by this share of their size, for sums of other numbers round otherwise; a leak is far larger.
ROUNDING = 1e-3


def refuse_copies(clip_set: ClipSet, *, track: Track = lambda items, what, total: items) -> None:
    """Compare the pictures of all clips, frame by frame, by a hash of their pixels.

    Frames of one grey value say nothing and are passed over. A copy that was cropped or compressed anew is not found.

    Args:
        clip_set: the data.
        track: progress display.

    Raises:
        LeakError: two subjects share a picture.
        ValueError: a clip cannot be read.
    """
    first: dict[bytes, int] = {}
    shared: dict[tuple[int, int], int] = {}
    with concurrent.futures.ThreadPoolExecutor(min(16, num_cores())) as pool:
        found = pool.map(lambda clip: _digests(clip_set, clip), range(len(clip_set)))
        for clip, digests in enumerate(track(found, "Comparing pictures", len(clip_set))):
            for digest in digests:
                other = first.setdefault(digest, clip)
                if clip_set.subjects[other] != clip_set.subjects[clip]:
                    shared[other, clip] = shared.get((other, clip), 0) + 1
    if not shared:
        return
    lines = [
        f"  {_named(clip_set, one)} and {_named(clip_set, other)}: {count} frames"
        for (one, other), count in list(shared.items())[:MOST_NAMED]
    ]
    more = len(shared) - MOST_NAMED
    raise LeakError(
        "\n".join(
            [
                f"data set {clip_set.name!r} holds the same pictures under two subjects, so that the left-out subject "
                "would be trained on:",
                *lines,
                *([f"  and {more} pairs more"] if more > 0 else []),
                "Keep one clip of each pair, or give both the same subject.",
            ]
        )
    )


def _digests(clip_set: ClipSet, clip: int) -> set[bytes]:
    """Hashes of a clip's frames that show anything."""
    frames = clip_set.read(clip)
    return {
        hashlib.blake2b(np.ascontiguousarray(frame).data, digest_size=16, salt=repr(frame.shape).encode()[:16]).digest()
        for frame in frames
        if frame.min() != frame.max()
    }


def _named(clip_set: ClipSet, clip: int) -> str:
    return f"{clip_set.clip_ids[clip]} (subject {clip_set.subjects[clip]})"


def refuse_shared_subjects(clip_set: ClipSet, training: Training) -> None:
    """See that no person who is watched is trained on, and that labels are those of the training clips.

    Raises:
        LeakError: a clip or a subject is on both sides, or there are more labels than training clips.
    """
    place = training.place
    where = f"the fold of subject {place.subject}, {place.training}"
    watched = {int(clip) for group in training.watched for clip in group}
    if both := sorted(watched & {int(clip) for clip in training.clips}):
        names = ", ".join(clip_set.clip_ids[clip] for clip in both[:MOST_NAMED])
        raise LeakError(f"{where}: clips {names} are both trained on and tested on; every clip belongs to one side")
    known = {clip_set.subjects[clip] for clip in training.clips} | set(training.subjects)
    if shared := sorted(known & {clip_set.subjects[clip] for clip in watched}):
        raise LeakError(
            f"{where}: subject {', '.join(shared[:MOST_NAMED])} is both trained on and tested on; split by subject"
        )
    if not len(training.clips) == len(training.labels) == len(training.subjects):
        raise LeakError(
            f"{where}: {len(training.labels)} labels and {len(training.subjects)} subjects of {len(training.clips)} "
            "training clips; expected one each, and none of a clip that is tested"
        )


Plan = Callable[[ClipSet, RunOptions], list[Training]]
"""Every training that a set allows under the options of a run, as `Method.prepare` is given them."""


def refuse_dependence(
    method: Method,
    clip_set: ClipSet,
    folds: Sequence[Fold],
    *,
    options: RunOptions,
    plan: Plan,
    folder: Path,
    observer: Observer,
    views_dir: Path | None = None,
) -> None:
    """Train one fold twice, with the left-out subject's pictures and labels as they are and with others.

    Of ready-made pictures the subject's are altered themselves. The fold is that whose subject shows most classes, then
    most clips. It costs as much as two folds, and a third where outputs differ. A method that looks at how often
    classes occur in other trainings is not found: labels are passed on within the subject.

    Args:
        method: what is trained.
        clip_set: the data.
        folds: of the run.
        options: of the run.
        plan: gives the trainings of a set.
        folder: where the method may keep what all folds share.
        observer: is told of the method's preparation.
        views_dir: where views are kept.

    Raises:
        LeakError: what is said of training clips depends on the left-out subject.
        ValueError: the same training twice gives different outputs, so that nothing can be told.
    """
    fold = max(folds, key=lambda one: (len(set(clip_set.labels[one.test])), len(one.test)))
    observer.tell(f"looking for leaks: the fold of subject {fold.subject}, with other pictures and labels of theirs")
    beside = [one for one in folds if one is not fold][:1] if method.all_folds_at_once else []
    probe = _Probe(method, fold, beside, options, plan, folder, views_dir)
    altered = _altered(clip_set, fold.test)
    there, elsewhere = probe.outputs(clip_set, clip_set, observer), probe.outputs(clip_set, altered, Observer())
    if np.array_equal(there, elsewhere):
        return
    again = probe.outputs(clip_set, clip_set, Observer())
    size = float(np.ptp(there)) or 1.0
    noise, difference = (float(np.abs(there - other).max()) / size for other in (again, elsewhere))
    if noise > ROUNDING:
        raise ValueError(
            f"method {method.name!r}: the fold of subject {fold.subject} trained twice gives outputs that differ by "
            f"{noise:.2g} of their range; whether something leaks cannot be told so; draw what is random from the "
            "place of the training (`training.place`)"
        )
    if difference > ROUNDING:
        raise LeakError(
            f"method {method.name!r} sees the subject it is tested on: with other pictures and labels of subject "
            f"{fold.subject} its outputs for training clips change by {difference:.2g} of their range. Take statistics "
            "(means, scales, codebooks, class counts) of `training.clips` alone, and let nothing depend on watched "
            "clips but their own outputs"
        )


@dataclasses.dataclass(frozen=True)
class _Probe:
    """Trains one fold and gives what is said of some training clips, which are watched among the left-out ones.

    A method that trains folds together is given another one beside it, which learns from the clips that are left out.
    """

    method: Method
    fold: Fold
    beside: Sequence[Fold]
    options: RunOptions
    plan: Plan
    folder: Path
    views_dir: Path | None

    def outputs(self, clip_set: ClipSet, shown: ClipSet, observer: Observer) -> np.ndarray:
        """Outputs (epochs x n, K) where the method is shown the clips of `shown`, of each training under the rules."""
        clips, views = shown.without_labels(), self._views(clip_set, shown)
        context = Context(self.options, self.folder, observer, describe_data(clip_set))
        trainer = self.method.prepare(clips, views, self.plan(shown, self.options), context)
        names = trainings_of(self.options.chosen_rules)
        return np.concatenate([one for name in names for one in self._said(trainer, shown, name)])

    def _said(self, trainer: Trainer, shown: ClipSet, name: str) -> Iterator[np.ndarray]:
        """Outputs (n, K), of every epoch, of the fold's training of that name."""
        folds, options = (self.fold, *self.beside), self.options
        training, *others = (
            plan_training(shown, one, options.seed, name, inner_share=options.inner_share) for one in folds
        )
        probes = training.clips[:: -(-len(training.clips) // PROBES)]
        watching = dataclasses.replace(training, watched=(np.concatenate([probes, self.fold.test]),))
        for epoch, *_ in trainer.train([watching, *others], [Start()] * len(folds), Observer()):
            given = epoch.outputs[0]
            yield np.asarray(given.logits if isinstance(given, Outputs) else given)[: len(probes)]

    def _views(self, clip_set: ClipSet, shown: ClipSet) -> Views:
        """What is seen of each clip; of altered clips nothing is kept."""
        view = self.method.view
        if view is None:
            return Views()
        seen = list(compute_views(view, clip_set.without_labels(), clip_set.clip_ids, folder=self.views_dir))
        if shown is not clip_set and from_files(view) is not None:
            for clip in self.fold.test:
                seen[int(clip)] = _other(seen[int(clip)])
        elif shown is not clip_set:
            some, names = _some(shown.without_labels(), self.fold.test), [clip_set.clip_ids[i] for i in self.fold.test]
            with tempfile.TemporaryDirectory(prefix="akm_jax_views_") as folder:
                others = compute_views(view, some, names, folder=Path(folder))
            for clip, found in zip(self.fold.test, others, strict=True):
                seen[int(clip)] = found
        return Views(seen)


@dataclasses.dataclass(frozen=True)
class _OtherPictures:
    """Pictures of which some are mirrored, backward in time, and paler: other statistics, and still faces.

    They stand in for the set's own, whose checksum they keep.
    """

    pictures: Pictures
    altered: frozenset[int]

    @property
    def checksum(self) -> int:
        """That of the set."""
        return self.pictures.checksum

    def read(self, clip: int) -> np.ndarray:
        """Frames of one clip."""
        frames = self.pictures.read(clip)
        return frames[::-1, :, ::-1] // 2 + np.uint8(64) if clip in self.altered else frames


def _other(seen: Seen) -> Seen:
    """Something else in place of what was ready-made of a clip: turned round, half as large in value."""
    if isinstance(seen, Mapping):
        return {name: _other(array) for name, array in seen.items()}  # type: ignore[misc]
    return np.flip(seen) * 0.5


def _altered(clip_set: ClipSet, clips: np.ndarray) -> ClipSet:
    """The set with other pictures of some clips, and with their labels passed on, as many of each class as before."""
    labels = clip_set.labels.copy()
    labels[clips] = np.roll(labels[clips], 1)
    pictures = _OtherPictures(clip_set.pictures, frozenset(clips.tolist()))
    return dataclasses.replace(clip_set, labels=labels, pictures=pictures)


@dataclasses.dataclass(frozen=True)
class _SomePictures:
    """The pictures of some clips of a set."""

    pictures: Pictures
    clips: tuple[int, ...]

    @property
    def checksum(self) -> int:
        """That of the set."""
        return self.pictures.checksum

    def read(self, clip: int) -> np.ndarray:
        """Frames of one clip."""
        return self.pictures.read(self.clips[clip])


def _some(clips: Clips, which: np.ndarray) -> Clips:
    pictures = _SomePictures(clips.pictures, tuple(which.tolist()))
    return Clips(clips.num_classes, clips.lengths[which], clips.fps[which], clips.apexes[which], pictures)
