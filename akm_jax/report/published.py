"""Published leave-one-subject-out accuracies, pooled over all clips (Peng et al., arXiv 2009.09179).

AKMNet classified 143 of 189, 171 of 255, 119 of 164 and 114 of 159 clips correctly. The SAMM figures of the methods
that need the apex are multiples of 1/188, not 1/159: they were measured on other clips.
"""

import dataclasses

SOURCE = "Peng et al., arXiv 2009.09179"
DATA_SETS = ("casme", "casme2", "smic", "samm")
# SMIC was measured on its high-speed recordings only.
MEASURED_CONFIGS = {"smic": (None, "hs")}


@dataclasses.dataclass(frozen=True)
class Published:
    """One published accuracy; `frames` says what the method sees of a clip."""

    method: str
    frames: str
    accuracy: float


AKMNET = "AKMNet"
# Accuracy in the order of DATA_SETS; None: not published.
_TABLE: dict[tuple[str, str], tuple[float | None, float | None, float | None, float | None]] = {
    ("LBP-TOP", "all"): (0.6618, 0.3843, 0.3598, 0.3899),
    ("LBP-SIP", "all"): (0.6026, 0.4784, 0.3842, 0.5220),
    ("STCLQP", "all"): (0.6349, 0.5922, 0.5366, 0.5283),
    ("HIGO", "all"): (0.5781, 0.5137, 0.3720, 0.4465),
    ("FHOFO", "all"): (0.6720, 0.6471, 0.5366, 0.6038),
    ("MDMO", "all"): (0.6825, 0.6314, 0.5793, 0.6164),
    ("Macro2Micro", "apex"): (0.6772, 0.6078, None, 0.6436),
    ("MicroAttention", "apex"): (0.6825, 0.6431, None, 0.6489),
    ("ATNet", "apex and neighbours"): (0.6720, 0.6039, None, 0.6543),
    ("STSTNet", "onset and apex"): (0.6349, 0.5529, 0.5488, 0.6289),
    ("STRCN-G", "onset and apex"): (0.7090, 0.6039, 0.6280, 0.6478),
    ("ResNet-18", "apex"): (0.6772, 0.6078, None, 0.6436),
    ("ResNet-18", "top beta"): (0.6825, 0.6392, None, 0.6486),
    ("VGG-11", "apex"): (0.6667, 0.6235, None, 0.6277),
    ("VGG-11", "top beta"): (0.6931, 0.6353, None, 0.6649),
    ("AKMNet without mining", "all"): (0.6720, 0.6118, 0.5793, 0.6415),
    ("AKMNet without mining", "random"): (0.6138, 0.6118, 0.5427, 0.6289),
    ("AKMNet without mining", "16, interpolated"): (0.6667, 0.6314, 0.5976, 0.6604),
    ("AKMNet without mining", "32, interpolated"): (0.6825, 0.6392, 0.6434, 0.6478),
    ("AKMNet without mining", "64, interpolated"): (0.7090, 0.6392, 0.6463, 0.6164),
    ("AKMNet without mining", "128, interpolated"): (0.6984, 0.6431, 0.6646, 0.6792),
    ("AKMNet without sparse selection", "all"): (0.6984, 0.6392, 0.6463, 0.6667),
    ("AKMNet without global correlation", "key frames"): (0.7354, 0.6431, 0.6463, 0.6604),
    ("AKMNet without local self-attention", "key frames"): (0.7249, 0.6549, 0.6707, 0.6918),
    (AKMNET, "key frames"): (0.7566, 0.6706, 0.7256, 0.7170),
}


# Share of clips whose apex is a key frame, and has the top beta; not measured on SMIC, which has no apexes.
KEY_FRAME_SHARES = {"casme": (0.6643, 0.084), "casme2": (0.5439, 0.012), "samm": (0.5088, 0.018)}
# CK+, 327 clips of 7 classes, a fifth of the subjects held out; by what the network sees of a clip.
HOLD_OUT = {
    (AKMNET, "key frames"): 0.9336,
    ("AKMNet without mining", "all"): 0.8950,
    ("AKMNet without mining", "last ten"): 0.9165,
}


def published_results(dataset: str, data_config: str | None = None) -> tuple[Published, ...]:
    """Published accuracies of a data set, AKMNet last; none for a set or configuration that was not measured."""
    if dataset not in DATA_SETS or data_config not in MEASURED_CONFIGS.get(dataset, (data_config,)):
        return ()
    column = DATA_SETS.index(dataset)
    rows = ((method, frames, values[column]) for (method, frames), values in _TABLE.items())
    return tuple(Published(method, frames, value) for method, frames, value in rows if value is not None)
