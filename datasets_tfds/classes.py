"""Classes of a data set, made of the annotated emotions on loading; what is on disk keeps the emotions themselves.

Schemes: `paper4` (positive, negative, surprise, others), `megc3` (the composite of the Micro-Expression Grand Challenge
2019, with its list of clips), `emotion` (every annotated emotion its own class) and `usual`: `paper4` for sets with
emotions, its own classes for SMIC, the labels as they are for a user's own folder.
"""

import collections
import dataclasses
import logging
import re
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

Scheme = Literal["usual", "paper4", "megc3", "emotion"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)

# As the AKMNet paper groups them (arXiv 2009.09179).
PAPER4 = ("positive", "negative", "surprise", "others")
_PAPER4_OF = {
    "happiness": "positive",
    **dict.fromkeys(("disgust", "sadness", "contempt", "anger", "fear"), "negative"),
    "surprise": "surprise",
    **dict.fromkeys(("tense", "repression", "others"), "others"),
}
# Source: See et al. 2019, MEGC 2019.
MEGC3 = ("negative", "positive", "surprise")
_MEGC3_OF = {
    "casme2": {"disgust": "negative", "repression": "negative", "happiness": "positive", "surprise": "surprise"},
    "samm": {
        **dict.fromkeys(("anger", "contempt", "disgust", "fear", "sadness"), "negative"),
        "happiness": "positive",
        "surprise": "surprise",
    },
}
# Any set with these emotions, grouped as SAMM's are, and repression as CASME II's.
_MEGC3_OF_ANY = _MEGC3_OF["samm"] | _MEGC3_OF["casme2"]
_OWN = "folder"  # the set whose labels are the user's own
_SPELLINGS = {"other": "others", "happy": "happiness", "sad": "sadness", "angry": "anger"}
# The composite goes by CASME II's labels of 2014, in which these are sadness; in the edition of 2019 they are surprise.
_SADNESS_IN_2014 = frozenset({"sub24_EP07_01", "sub24_EP07_04f", "sub24_EP10_03"})
_NOT_IN_MEGC3 = {
    "casme2": frozenset({"sub04_EP12_01f", "sub05_EP09_05f"}) | _SADNESS_IN_2014,
    "samm": frozenset[str](),
}
MEGC3_COUNTS = {
    "smic": {"negative": 70, "positive": 51, "surprise": 43},
    "casme2": {"negative": 88, "positive": 32, "surprise": 25},
    "samm": {"negative": 92, "positive": 26, "surprise": 15},
}
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Classes:
    """Class names, and the class of each clip as an index into them; clips outside the scheme are absent."""

    names: tuple[str, ...]
    labels: Mapping[str, int]


def assign_classes(dataset: str, scheme: str, emotions: Mapping[str, str]) -> Classes:
    """Sort clips into the classes of a scheme.

    Args:
        dataset: name of the set, which decides which clips `megc3` takes.
        scheme: one of `SCHEMES`.
        emotions: annotated emotion of each clip id.

    Raises:
        ValueError: unknown scheme or emotion, a scheme the set has no part in, or no clip is left.
    """
    rules = _rules_of_own if dataset == _OWN else _rules
    names, label_of = rules(dataset, scheme, emotions)
    excluded = _NOT_IN_MEGC3.get(dataset, frozenset()) if scheme == "megc3" else frozenset()
    labels = {
        clip_id: names.index(label_of[emotion])
        for clip_id, emotion in emotions.items()
        if emotion in label_of and clip_id not in excluded
    }
    if not labels:
        raise ValueError(f"--classes={scheme}: none of the {len(emotions)} clips of {dataset} has a class")
    if renamed := sorted(clip for clip in excluded & _SADNESS_IN_2014 if emotions.get(clip) == "surprise"):
        text = "%s: %s are surprise in this edition and sadness in that of 2014, by which the composite goes: left out"
        _log.warning(text, dataset, ", ".join(renamed))
    if len(labels) < len(emotions):
        outside = collections.Counter(emotion for clip_id, emotion in emotions.items() if clip_id not in labels)
        text = ", ".join(f"{count} {emotion}" for emotion, count in sorted(outside.items()))
        _log.info("%s: %d clips outside the classes of %s (%s)", dataset, outside.total(), scheme, text)
    if scheme == "megc3" and dataset != _OWN:
        _compare(dataset, collections.Counter(names[label] for label in labels.values()))
    return Classes(names, labels)


def check_label_scheme(dataset: str, scheme: str) -> None:
    """Check the scheme of a set that is distributed with classes instead of emotions (SMIC): it keeps its own.

    Raises:
        ValueError: unknown scheme, or `emotion`.
    """
    _check_scheme(scheme)
    if scheme == "emotion":
        raise ValueError(f"--classes=emotion: {dataset} annotates no emotions; expected paper4 or megc3")


def _check_scheme(scheme: str) -> None:
    if scheme not in SCHEMES:
        raise ValueError(f"--classes={scheme}: expected one of {', '.join(SCHEMES)}")


def _rules(dataset: str, scheme: str, emotions: Mapping[str, str]) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Class names, and the class of each emotion that has one."""
    _check_scheme(scheme)
    if unknown := sorted(set(emotions.values()) - _PAPER4_OF.keys()):
        raise ValueError(f"{dataset}: unknown emotions {', '.join(unknown)}; expected {', '.join(_PAPER4_OF)}")
    if scheme == "emotion":
        names = tuple(name for name in _PAPER4_OF if name in emotions.values())
        return names, {name: name for name in names}
    if scheme in ("usual", "paper4"):
        return PAPER4, _PAPER4_OF
    if dataset not in _MEGC3_OF:
        raise ValueError(
            f"--classes=megc3: {dataset} is no part of the composite; its parts: {', '.join(MEGC3_COUNTS)}"
        )
    return MEGC3, _MEGC3_OF[dataset]


def _rules_of_own(dataset: str, scheme: str, emotions: Mapping[str, str]) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The same for a user's labels, which may be anything unless a scheme groups them."""
    _check_scheme(scheme)
    labels = set(emotions.values())
    if scheme in ("usual", "emotion"):
        names = sort_labels(labels)
        return names, {name: name for name in names}
    if unknown := sorted(label for label in labels if not is_class_name(label)):
        known = ", ".join(dict.fromkeys([*_PAPER4_OF, *PAPER4]))
        raise ValueError(
            f"--classes={scheme}: {dataset} has labels {', '.join(unknown)}, which it can't group; it knows {known}. "
            "Rename them, or give --classes=usual: every label its own class"
        )
    names, label_of = (PAPER4, _PAPER4_OF) if scheme == "paper4" else (MEGC3, _MEGC3_OF_ANY)
    label_of = {**label_of, **{name: name for name in names}}
    return names, {label: label_of[name] for label in labels if (name := _spell(label)) in label_of}


def is_class_name(label: str) -> bool:
    """Whether a label is an emotion or a class that the schemes know, in any case."""
    return _spell(label) in _PAPER4_OF or _spell(label) in PAPER4


def class_of_emotion(emotion: str, names: Iterable[str]) -> str:
    """The class of an annotated emotion among those of another set: its own name, or the group that holds it.

    An emotion that no class holds is `others` where there is such a class, and keeps its name where there is none.
    """
    known, name = tuple(names), _spell(emotion)
    groups = (name, _PAPER4_OF.get(name), _MEGC3_OF_ANY.get(name), "others")
    return next((group for group in groups if group in known), emotion)


def _spell(label: str) -> str:
    name = label.strip().casefold()
    return _SPELLINGS.get(name, name)


def sort_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Numbers by their size, then text by the alphabet; each once."""

    def key(label: str) -> tuple[bool, float, str]:
        is_number = re.fullmatch(r"-?\d+(\.\d+)?", label) is not None
        return not is_number, float(label) if is_number else 0.0, label

    return tuple(sorted(set(labels), key=key))


def _compare(dataset: str, counts: Mapping[str, int]) -> None:
    published = MEGC3_COUNTS[dataset]
    if dict(counts) != published:
        found = ", ".join(f"{name} {counts.get(name, 0)}/{count}" for name, count in published.items())
        _log.warning("%s: numbers differ from those of the composite (found/published): %s", dataset, found)
