"""A clip of one's own made into such pictures as a network was trained on, and what a user is to be warned of.

What these were is told by the run: which set, which configuration. The face is looked for once.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import UInt8

from akm_jax.data.clip_set import resize_frame
from akm_jax.data.own_clip import OwnClip
from akm_jax.files import read_json
from datasets_tfds.known_clips import KnownClip, find_given_face, read_known_clips

if TYPE_CHECKING:
    from akm_jax.prepare import Box, Eyes

Form = Literal["aligned", "cropped", "raw", "unknown"]
Crop = Literal["auto", "yes", "no"]

# Configurations whose pictures show the face alone, as its authors cropped it, and those that show the whole head.
# Of SAMM neither is known: its `original` are whole heads, or faces where SAMM_CROP was given.
_CROPPED = {"smic": ("hs", "vis", "nir"), "casme": ("original",), "casme2": ("original",)}
_RAW = {"smic": ("hs_raw", "vis_raw", "nir_raw"), "casme": ("raw",), "casme2": ("raw",)}
ALIGNED_SIZE = 256
SMALL = 64  # pixels; less is enlarged by half or more
SPARE_EYES = 0.25  # distance of the eyes in widths of the picture, 0.4 in cropped ones, below which the face is small
EYES_OF_FACE = 0.4  # distance of the eyes in widths of an aligned picture
FAR_LONGER = 3  # times the longest clip of the training
LOOKS = 3  # frames that are looked at for a face that nothing is cropped by


@dataclasses.dataclass(frozen=True)
class TrainingPictures:
    """What a checkpoint says of the pictures it was trained on.

    Attributes:
        form: "aligned" by this package; "cropped" as distributed; "raw", whole heads; "unknown".
        alpha: magnification of motion, 0 for none.
        is_drawn: whether the faces were drawn.
        longest: frames of the longest clip among the finished folds; 0 where it is not known.
        known: the clips of the finished folds.
        folders: where the sets' folders were, as the run was told.
    """

    form: Form = "unknown"
    alpha: float = 0.0
    is_drawn: bool = False
    longest: int = 0
    known: tuple[KnownClip, ...] = ()
    folders: tuple[Path, ...] = ()


@dataclasses.dataclass(frozen=True)
class Face:
    """A face that was found, or given.

    Attributes:
        eyes: their centres in pixels of the clip's frames; a box where that was given.
        count: certain faces in the frame; the largest counts.
    """

    eyes: "Eyes | Box"
    count: int = 1

    def describe(self) -> dict[str, Any]:
        """As JSON types."""
        return {**self.eyes._asdict(), "faces": self.count}


@dataclasses.dataclass(frozen=True)
class SeenClip:
    """A clip as a network sees it.

    Attributes:
        frames: uint8 (T, H, W); as large as the method wants them.
        shown: the same T frames in their own proportions, for pictures.
        face: None where none was found.
        notes: what was done.
        warnings: why the result may mean nothing.
    """

    frames: UInt8[np.ndarray, "T H W"]
    shown: Sequence[UInt8[np.ndarray, "H W"]]
    face: Face | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def training_pictures(checkpoint: Path) -> TrainingPictures:
    """What is known of the pictures of a run; of a `.pt` file nothing is."""
    if not (checkpoint / "run.json").is_file():
        return TrainingPictures()
    config = read_json(checkpoint / "run.json")["config"]
    dataset, wanted = config.get("dataset", ""), config.get("data_config") or ""
    is_drawn = dataset == "synthetic"
    if is_drawn:
        dataset = (config.get("synthetic") or {}).get("layout", "smic")
    kinds, names = [kind.strip() for kind in dataset.split(",")], wanted.split(",")
    sets = max(len(kinds), len(names))  # of several pooled ones each, or all, may have a configuration
    pairs = zip(kinds * (sets // len(kinds)), names * (sets // len(names)), strict=True)
    forms = {_form(kind, one.strip(), is_drawn=is_drawn) for kind, one in pairs}
    form, alpha = forms.pop() if len(forms) == 1 else ("unknown", 0.0)
    known = read_known_clips(checkpoint)
    longest = max(_longest(checkpoint), *(one.num_frames for one in known), 0)
    folder = Path(config["manual_dir"]).expanduser() if config.get("manual_dir") else None
    folders = () if folder is None else (folder, *(folder / kind for kind in kinds if len(kinds) > 1))
    return TrainingPictures(form, alpha, is_drawn, longest, known, folders)


def _form(dataset: str, name: str, *, is_drawn: bool) -> tuple[Form, float]:
    name = name or ("hs" if dataset == "smic" else "original")
    if name.startswith("aligned"):
        from datasets_tfds.preparation import Aligned, aligned_configs  # here: it needs tensorflow-datasets

        preparation = aligned_configs("")[name].preparation
        return "aligned", preparation.alpha if isinstance(preparation, Aligned) else 0.0
    if is_drawn and dataset == "samm":  # heads; the pictures as distributed may be cropped
        return "raw", 0.0
    if name in _CROPPED.get(dataset, ()):
        return "cropped", 0.0
    return "raw" if name in _RAW.get(dataset, ()) else "unknown", 0.0


def _longest(run_dir: Path) -> int:
    clips: list[Mapping[str, Any]] = []
    for path in run_dir.glob("folds/seed*/s*/result.json"):
        rules = read_json(path)["rules"]
        clips += next(iter(rules.values()))["clips"].values() if rules else ()
    return max((len(clip["beta"]) for clip in clips if "beta" in clip), default=0)


def see_clip(
    clip: OwnClip,
    trained: TrainingPictures,
    size: int = 0,
    *,
    crop: Crop = "auto",
    given: "Eyes | Box | None" = None,
) -> SeenClip:
    """Make of a clip what the network's training pictures were made of theirs.

    Where these were aligned, the clip is aligned, and magnified as they were; a table `faces.csv` that gives its face
    is followed, as it was then. Where they were cropped by others, a face that is small in the picture is aligned too,
    which comes near; a face that fills it is left as it is.

    Args:
        clip: from onset to offset.
        trained: from `training_pictures`.
        size: side that frames are brought to, pixels; 0: as large as the set holds them.
        crop: "yes" and "no" overrule what the run says.
        given: eyes or box, where they are not to be looked for.

    Raises:
        FileNotFoundError: AKM_FACE_DETECTOR asks for models that are not installed.
        ValueError: AKM_FACE_DETECTOR is no detector, a table `faces.csv` is misformed, or a frame cannot be read.
    """
    is_aligned = trained.form == "aligned"
    told = find_given_face(clip, trained.folders) if given is None and is_aligned and crop != "no" else None
    given = told[0] if told is not None else given
    face = Face(given) if given is not None else find_face(clip, thorough=is_aligned or crop == "yes")
    is_small = face is not None and _eye_share(face, clip) < SPARE_EYES
    wanted = crop == "yes" or (crop == "auto" and (is_aligned or (trained.form == "cropped" and is_small)))
    warnings = [*_warn_of_face(face), *_warn_of_clip(clip, trained)]
    if wanted and face is None:
        warnings.append("the clip is classified uncropped, as no face was found; give --eyes or --face_box")
    if face is not None and is_small and not wanted and trained.form == "unknown":
        warnings.append("the face takes little of the picture; if the network was trained on cropped ones: --crop=yes")
    if not wanted or face is None:
        frames = _resized(clip, size)
        return SeenClip(frames, clip, face, clip.notes, (*warnings, *_warn_of_size(min(clip[0].shape), size)))
    warnings += _warn_of_size(_face_width(face), size)
    aligned = align(clip, face, trained.alpha if is_aligned else 0.0)
    how = f", motion magnified with alpha = {trained.alpha:g}" if trained.alpha else ""
    notes = (*clip.notes, f"the face is cropped and aligned{how}, as the training pictures were")
    notes += (f"where it is, {told[1]} says",) if told is not None else ()
    return SeenClip(_resized(aligned, size), list(aligned), face, notes, tuple(warnings))


def _resized(frames: Iterable[np.ndarray], size: int) -> UInt8[np.ndarray, "T H W"]:
    return np.stack([resize_frame(frame, size) if size else frame for frame in frames])


def find_face(clip: OwnClip, *, thorough: bool) -> Face | None:
    """The face of the first frame with a certain one, as builders find it when `thorough`; None if there is none."""
    from akm_jax.prepare import AlignConfig, HaarEyes  # here: most runs need no models
    from akm_jax.prepare.face import find_eyes
    from datasets_tfds.preparation import choose_detector

    config = AlignConfig() if thorough else AlignConfig(max_tries=LOOKS)
    counting = None if choose_detector() == "haar" else _CountingEyes(config.min_certainty)
    try:
        eyes = find_eyes(clip, counting or HaarEyes(), config=config, names=clip.names)
    except ValueError:
        return None
    return Face(eyes, counting.count if counting else 1)


@dataclasses.dataclass
class _CountingEyes:
    """The face mesh as a detector; `count` is how many certain faces the last picture had."""

    min_certainty: float
    count: int = 0

    def __call__(self, image: UInt8[np.ndarray, "H W"]) -> "Eyes | None":
        from akm_jax.prepare.mesh_landmarks import choose_eyes, find_meshes

        found = find_meshes(image)
        self.count = sum(mesh.certainty >= self.min_certainty for _, mesh in found)
        return choose_eyes(found, self.min_certainty)


def align(clip: OwnClip, face: Face, alpha: float) -> UInt8[np.ndarray, "T 256 256"]:
    """The clip as the configurations `aligned` store it."""
    from datasets_tfds.layout import ClipFolder
    from datasets_tfds.preparation import Aligned

    name = clip.path.name
    preparation = Aligned(size=ALIGNED_SIZE, alpha=alpha, faces=((name, face.eyes),))
    return preparation(ClipFolder(name, "", "", clip.path, clip.frames), clip, 0.0)


def _eye_share(face: Face, clip: OwnClip) -> float:
    """Distance of the eyes in widths of the picture."""
    return EYES_OF_FACE * _face_width(face) / clip[0].shape[1]


def _face_width(face: Face) -> float:
    """Width of the face as an aligned picture shows it, in pixels of the clip's frames."""
    from akm_jax.prepare import Eyes

    if isinstance(face.eyes, Eyes):
        return float(np.hypot(*np.subtract(face.eyes.right, face.eyes.left))) / EYES_OF_FACE
    return face.eyes.width


def _warn_of_face(face: Face | None) -> list[str]:
    if face is None:
        return ["no face is found in the clip"]
    return [f"{face.count} faces are in the picture; the largest counts"] if face.count > 1 else []


def _warn_of_clip(clip: OwnClip, trained: TrainingPictures) -> list[str]:
    found = [clip.missing] if clip.missing else []
    if trained.is_drawn:
        found.append("the network was trained on drawn faces")
    if trained.longest and len(clip) > FAR_LONGER * trained.longest:
        found.append(
            f"{len(clip)} frames, but the longest clip of the training has {trained.longest}; cut it to one expression "
            "with --onset and --offset"
        )
    return found


def _warn_of_size(side: float, size: int) -> list[str]:
    if side >= min(SMALL, size or SMALL):
        return []
    enlarged = f" and is enlarged to {size}" if size else ""
    return [f"the face, or the picture, is {side:.0f} pixels wide or high{enlarged}"]
