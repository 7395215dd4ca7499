"""SAMM's folders and tables: what they are called and what the paper counts."""

from pathlib import Path

from datasets_tfds.annotated import AnnotatedSet
from datasets_tfds.published import Published
from datasets_tfds.tables import TableVersion

SAMM = AnnotatedSet(
    title="SAMM",
    folder=Path(__file__).parent,
    trees={"original": ("SAMM", "SAMM_CROP", "SAMM_Cropped")},
    fps=200.0,
    table_stem=r"samm_(\d+_)?micro",
    versions=(TableVersion("v2", r"samm_(\d+_)?micro_facs_codes_v2", 159),),
    sheet="MICRO_ONLY",
    columns={
        "subject": "Subject",
        "file_name": "Filename",
        "onset": "Onset Frame",
        "apex": "Apex Frame",
        "offset": "Offset Frame",
        "action_units": "Action Units",
        "emotion": "Estimated Emotion",
    },
    file_name=r"\d{3}_\d+(_\d+)?",
    clip_id="{file_name}",
    emotions=("happiness", "surprise", "anger", "contempt", "disgust", "fear", "sadness", "others"),
    published=Published(
        159,
        29,
        {
            "happiness": 26,
            "surprise": 15,
            "anger": 57,
            "contempt": 12,
            "disgust": 9,
            "fear": 8,
            "sadness": 6,
            "others": 26,
        },
    ),
)
