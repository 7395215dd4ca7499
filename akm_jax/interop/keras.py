"""The weights published with SOFTNet: HDF5 files of Keras 2, one a left-out subject, read without Keras.

A fold's file is named for the number of the fold, which is not that of the subject: `fold_subjects` says whom it left
out.
"""

from pathlib import Path

import h5py
import jax.numpy as jnp
import numpy as np
from flax import nnx

from akm_jax.data.long_videos import UNKNOWN, ExpressionType, Interval, LongVideoSet
from akm_jax.models.softnet import PUBLISHED, SOFTNet, SOFTNetConfig

# (layer of the file, path of ours); every layer has a kernel, HWIO or in x out as ours, and a bias.
LAYERS = (
    ("conv2d", "streams/0"),
    ("conv2d_1", "streams/1"),
    ("conv2d_2", "streams/2"),
    ("dense", "hidden"),
    ("dense_1", "output"),
)
PARAMETERS = ("kernel", "bias")


def load_softnet(path: str | Path, config: SOFTNetConfig = PUBLISHED) -> nnx.State:
    """Parameters of a SOFTNet from a Keras HDF5 file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not HDF5, or of another network: one error lists every missing, unknown and mis-shaped entry.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected Keras weights of SOFTNet, `s<fold>.hdf5`")
    entries = _read(path)
    state = nnx.state(nnx.eval_shape(lambda: SOFTNet(config, rngs=nnx.Rngs(0))), nnx.Param)
    flat = {"/".join(map(str, place)): (place, leaf) for place, leaf in nnx.to_flat_state(state)}
    wanted = {f"{layer}/{name}": f"{ours}/{name}" for layer, ours in LAYERS for name in PARAMETERS}
    problems = [f"missing: {entry}" for entry in wanted if entry not in entries]
    problems += [f"unknown: {entry} {value.shape}" for entry, value in entries.items() if entry not in wanted]
    for entry in wanted.keys() & entries.keys():
        found, expected = entries[entry].shape, flat[wanted[entry]][1].shape
        if found != expected:
            problems.append(f"wrong shape: {entry} is {found}, expected {expected}")
        elif not np.isfinite(entries[entry]).all():
            problems.append(f"not finite: {entry}")
    if problems:
        raise ValueError(
            f"{path} does not hold the weights of a SOFTNet, {len(problems)} entries; take a published file "
            "`s<fold>.hdf5`, or one of that network:\n  " + "\n  ".join(sorted(problems))
        )
    ours = {wanted[entry]: value for entry, value in entries.items()}
    return nnx.from_flat_state(
        [(place, leaf.replace(jnp.asarray(ours[name], leaf.dtype))) for name, (place, leaf) in flat.items()]
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    """Arrays of the file by `layer/kernel` or `layer/bias`, whichever groups lie between the two."""
    try:
        with h5py.File(path, "r") as file:
            root = "model_weights" if "model_weights" in file else "/"
            found: dict[str, np.ndarray] = {}

            def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
                if isinstance(item, h5py.Dataset):
                    parts = name.split("/")
                    found[f"{parts[0]}/{parts[-1].partition(':')[0]}"] = np.asarray(item)

            file[root].visititems(visit)
            found = {k: v for k, v in found.items() if not k.startswith("optimizer_weights/")}
    except OSError as e:
        raise ValueError(f"{path}: not an HDF5 file ({e}); expected Keras weights, perhaps fetch it again") from e
    return found


def fold_subjects(videos: LongVideoSet, wanted: ExpressionType) -> dict[int, str]:
    """Subject that each fold of the released program leaves out, by the number of the fold from 1.

    Folds are numbered by the subjects' first videos, of those that show an expression of the wanted type; a
    macro-expression whose onset is not known does not count. The other subjects have no fold.

    Raises:
        ValueError: no video shows one.
    """

    def counts(interval: Interval) -> bool:
        return wanted == "micro" or interval.onset != UNKNOWN

    shown = [video.subject for video in videos if any(map(counts, video.of_type(wanted)))]
    if not shown:
        raise ValueError(f"{videos.name!r} has no {wanted}-expression that counts: there is no fold of this type")
    return dict(enumerate(dict.fromkeys(shown), start=1))


def fold_files(folder: str | Path, videos: LongVideoSet, wanted: ExpressionType) -> dict[str, Path]:
    """File `s<fold>.hdf5` of each left-out subject.

    Raises:
        FileNotFoundError: one error that lists all that are missing.
    """
    files = {subject: Path(folder) / f"s{fold}.hdf5" for fold, subject in fold_subjects(videos, wanted).items()}
    if missing := [file.name for file in files.values() if not file.is_file()]:
        raise FileNotFoundError(
            f"{folder}: {len(missing)} of {len(files)} weight files are missing: {', '.join(missing)}; a folder holds "
            f"those of one data set and one type, here {videos.name!r} and {wanted}"
        )
    return files
