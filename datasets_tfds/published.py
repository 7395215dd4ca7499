"""The numbers of a data set's paper, and how a folder on disk differs from them."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from datasets_tfds.layout import ClipFolder


@dataclasses.dataclass(frozen=True)
class Published:
    """What the paper of a data set counts; empty where it gives nothing."""

    num_clips: int
    num_subjects: int
    clips_per_class: Mapping[str, int] = dataclasses.field(default_factory=dict)
    clips_per_subject: Mapping[str, int] = dataclasses.field(default_factory=dict)


def count_differences(published: Published, clips: Sequence[ClipFolder]) -> list[str]:
    """One line that names every number that differs from the published one, or none."""
    labels = collections.Counter(clip.label for clip in clips)
    subjects = collections.Counter(clip.subject for clip in clips)
    pairs = [("clips", len(clips), published.num_clips), ("subjects", len(subjects), published.num_subjects)]
    pairs += [(label, labels[label], count) for label, count in published.clips_per_class.items()]
    if published.clips_per_subject:
        names = sorted({*published.clips_per_subject, *subjects}, key=int)
        pairs += [(f"subject {name}", subjects[name], published.clips_per_subject.get(name, 0)) for name in names]
    different = [f"{what} {found}/{count}" for what, found, count in pairs if found != count]
    return [f"numbers differ from the published ones (found/published): {', '.join(different)}"] if different else []
