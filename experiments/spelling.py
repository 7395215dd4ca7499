"""What users write, as the program reads it: `~`, names of data sets, and the options that were meant."""

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

# A data set by a pattern of what it is called, lower case, in papers, folders and other programs.
DATASETS = {
    "cas_me2": r"cas(me|[ _-]me|[ _-]?\(me\))[ _-]?\^[ _-]?2|cas([ _-]me|[ _-]?\(me\))[ _-]?(2|ii|²)|casme²",
    "casme2": r"casme[ _-]?(2|ii)([ _-]?raw)?",
    "casme": r"casme[ _-]?(1|i)?",
    "samm_lv": r"samm[ _-]?(lv|long)([ _-]?videos)?",
    "samm": r"samm([ _-]?(micro|crop|cropped))?",
    "smic": r"smic([ _-]?(e|hs|all[ _-]cropped))?",
    "folder": r"folder",
    "long_folder": r"long[ _-]?folder",
    "synthetic": r"synthetic",
    "synthetic_long": r"synthetic[ _-]?long",
}

# What other programs call an option -> what it is called here, in the order of likelihood.
SYNONYMS = {
    "lr": ("learning_rate",),
    "batch_size": ("clips_per_step",),
    "batch": ("clips_per_step",),
    "bs": ("clips_per_step",),
    "num_epochs": ("epochs",),
    "n_epochs": ("epochs",),
    "max_epochs": ("epochs",),
    "wd": ("weight_decay",),
    "data": ("manual_dir", "dataset"),
    "data_path": ("manual_dir",),
    "data_root": ("manual_dir",),
    "root": ("manual_dir",),
    "input_dir": ("manual_dir",),
    "output": ("run_dir", "picture", "json"),
    "output_dir": ("run_dir",),
    "out": ("run_dir", "picture", "json"),
    "out_dir": ("run_dir",),
    "save_dir": ("run_dir",),
    "log_dir": ("run_dir",),
    "logdir": ("run_dir",),
    "model": ("method", "checkpoint", "spotter"),
    "arch": ("method",),
    "net": ("method",),
    "weights": ("checkpoint", "init", "spotter"),
    "pretrained": ("init", "pretrain.people"),
    "ckpt": ("checkpoint",),
    "run": ("checkpoint", "spotter", "run_dir"),
    "run_dir": ("checkpoint",),
    "workers": ("data.decode_threads",),
    "num_workers": ("data.decode_threads",),
    "threads": ("data.decode_threads",),
    "subject": ("fold", "folds"),
    "subjects": ("folds",),
    "fold": ("folds",),
    "folds": ("fold",),
    "devices": ("threads",),
    "iou": ("min_iou",),
    "recognizer": ("recogniser",),
    "recognize": ("recognise",),
}
_GPU = (
    "JAX computes on a GPU by itself where its extra is installed (pip install 'akm_jax[cuda]'); JAX_PLATFORMS=cpu "
    "before the command keeps to the CPU"
)
_GOES_ON = "the same command goes on where it was stopped, without an option"
# Options that nothing here needs, and why.
NOT_NEEDED = {
    **dict.fromkeys(("gpu", "gpus", "gpu_id", "device", "cuda", "use_cuda", "use_gpu", "cpu", "no_cuda"), _GPU),
    **dict.fromkeys(("resume", "restart", "continue"), _GOES_ON),
}


def as_read(arguments: Sequence[str]) -> list[str]:
    """Arguments with `~` expanded, also after `=`, and data sets by the names they have here."""
    found = []
    for argument in arguments:
        option, equals, value = argument.partition("=") if argument.startswith("-") else ("", "", argument)
        if not equals and option:
            found.append(option)
            continue
        is_dataset = option == "--dataset" or (not option and found[-1:] == ["--dataset"])
        value = dataset_name(value) if is_dataset else expand_home(value)
        found.append(f"{option}{equals}{value}")
    return found


def expand_home(text: str) -> str:
    """`~/runs` and `~name/runs` with the home folder in place of `~`; other texts as they are.

    Raises:
        ValueError: there is no such user.
    """
    if not re.match(r"~[^/\\]*(/|$)", text):
        return text
    expanded = os.path.expanduser(text)
    if expanded.startswith("~") and "/" in text and not Path(text).exists():
        raise ValueError(f"{text}: there is no user {text.partition('/')[0][1:]!r} whose home folder is meant")
    return expanded


def dataset_name(text: str) -> str:
    """A data set, or several, comma-separated, by their names here (`SMIC`, `CASME-II`); unknown ones as they are."""
    return ",".join(map(_one_dataset, text.split(",")))


def _one_dataset(text: str) -> str:
    written = text.strip().lower()
    return next((name for name, pattern in DATASETS.items() if re.fullmatch(pattern, written)), text)


def suggest(option: str, known: Iterable[str]) -> str:
    """What whoever wrote an unknown option may have meant, as the end of a sentence.

    Args:
        option: as written, with or without dashes and value.
        known: options of the command, without dashes.
    """
    known = list(dict.fromkeys(known))
    name = re.sub(r"[-.]", lambda m: "_" if m[0] == "-" else ".", option.partition("=")[0].lstrip("-")).lower()
    meant = [one for one in SYNONYMS.get(name, ()) if one in known][:1]
    if not meant:
        # Of options that end alike the one with the fewest dots: --epochs before --pretrain.epochs.
        endings = {one.rpartition(".")[2]: one for one in sorted(known, key=lambda one: -one.count("."))}
        close = difflib.get_close_matches(name, [*known, *endings], n=3, cutoff=0.7)
        meant = list(dict.fromkeys(endings.get(one, one) for one in close))
    reason = NOT_NEEDED.get(name)
    if reason:
        devices = "; --devices=N is how many folds are trained at a time" if "devices" in known else ""
        return f"not needed: {reason}{devices if reason == _GPU else ''}"
    return f"did you mean {' or '.join(f'--{one}' for one in meant)}?" if meant else "--help lists the options"
