"""CASME II's folders and tables: what they are called and what the paper counts."""

from pathlib import Path

from datasets_tfds.annotated import AnnotatedSet
from datasets_tfds.published import Published
from datasets_tfds.tables import TableVersion

CASME2 = AnnotatedSet(
    title="CASME II",
    folder=Path(__file__).parent,
    trees={"original": "Cropped", "raw": "CASME2_RAW_selected"},
    fps=200.0,
    table_stem=r"casme ?2",
    versions=(
        TableVersion("20140508", "CASME2-coding-20140508", 255),
        TableVersion("20190701", "CASME2-coding-20190701", 256),
    ),
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
