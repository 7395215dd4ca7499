"""CASME II's folders and tables: what they are called and what the paper counts."""

from pathlib import Path

from datasets_tfds.annotated import AnnotatedSet
from datasets_tfds.published import Published
from datasets_tfds.tables import TableVersion

CASME2 = AnnotatedSet(
    title="CASME II",
    folder=Path(__file__).parent,
    trees={
        "original": ("Cropped", "Cropped-updated", "Cropped_original", "CASME2_Cropped"),
        "raw": ("CASME2_RAW_selected", "CASME2_RAW"),
    },
    fps=200.0,
    table_stem=r"casme_?(2|ii)",
    versions=(
        TableVersion("20140508", "casme_?(2|ii)_coding_20140508", 255),
        TableVersion("20190701", "casme_?(2|ii)_coding_20190701", 255),
        TableVersion("without a date", "casme_?(2|ii)_coding(_updated)?", 255),
    ),
    edition_notes={
        "20190701": "sub24_EP07_01, sub24_EP07_04f and sub24_EP10_03 are surprise in this edition and sadness in that "
        "of 2014, by which the composite of MEGC 2019 goes: --classes=megc3 leaves them out"
    },
    sheet=None,
    columns={
        "subject": "Subject",
        "file_name": "Filename",
        "onset": "OnsetFrame",
        "apex": "ApexFrame",
        "offset": "OffsetFrame",
        "action_units": "Action Units",
        "emotion": "Estimated Emotion",
    },
    file_name=r"EP\d\S*",
    clip_id="sub{subject:02d}_{file_name}",
    emotions=("happiness", "disgust", "surprise", "sadness", "fear", "repression", "others"),
    published=Published(
        255,
        26,
        {
            "happiness": 32,
            "disgust": 63,
            "surprise": 25,
            "sadness": 7,
            "fear": 2,
            "repression": 27,
            "others": 99,
        },
    ),
)
