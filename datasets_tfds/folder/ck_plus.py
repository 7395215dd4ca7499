"""Form 4: CK+ as it is distributed, `cohn-kanade-images/S005/001/*.png` and `Emotion/S005/001/*_emotion.txt`.

A sequence runs from the neutral face to the peak. Those without a file of the emotion (266 of 593) are no clips.
"""

from pathlib import Path

from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.folder.listing import Entry, Listing
from datasets_tfds.layout import subfolders

IMAGES = ("cohn-kanade-images", "extended-cohn-kanade-images/cohn-kanade-images")
EMOTIONS = ("Emotion", "Emotion_labels/Emotion")
# Codes of the set's own description; 0 is neutral, of which there is no sequence.
NAMES = {1: "anger", 2: "contempt", 3: "disgust", 4: "fear", 5: "happiness", 6: "sadness", 7: "surprise"}


def find_ck_plus(root: Path) -> tuple[Path, Path] | None:
    """The folders of pictures and of emotions; None where one is missing."""
    images = next((root / name for name in IMAGES if (root / name).is_dir()), None)
    emotions = next((root / name for name in EMOTIONS if (root / name).is_dir()), None)
    return None if images is None or emotions is None else (images, emotions)


def read_ck_plus(images: Path, emotions: Path, check: DiskCheck) -> Listing:
    """List the sequences that have an emotion; what is out of place goes to the check."""
    entries, sources, unlabelled = [], [], 0
    for subject in subfolders(images):
        for clip in subfolders(subject):
            files = sorted((emotions / subject.name / clip.name).glob("*_emotion.txt"))
            if not files:
                unlabelled += 1
                continue
            sources += files
            if (label := _read_emotion(files, check)) is not None:
                name = f"{subject.name}_{clip.name}"
                entries.append(Entry(f"{subject.name}/{clip.name}", clip, subject.name, label, clip_id=name))
    check.notes.append(
        f"recognised the folders of CK+, {images.name} and {emotions.name}: {len(entries)} sequences with an emotion, "
        f"{unlabelled} without, left out"
    )
    return Listing(tuple(entries), tuple(sources))


def _read_emotion(files: list[Path], check: DiskCheck) -> str | None:
    if len(files) > 1:
        check.add_problem(files[1], f"a second emotion beside {files[0].name}", "keep one of them")
        return None
    text = files[0].read_text(encoding="utf-8", errors="replace").strip()
    try:
        return NAMES[int(float(text))]
    except (KeyError, ValueError, OverflowError):
        expected = ", ".join(f"{code} {name}" for code, name in NAMES.items())
        check.add_problem(files[0], f"emotion {text!r}, expected {expected}", "copy the file from the archive again")
        return None
