"""CASME's folders and tables: what they are called and what the paper counts."""

from pathlib import Path

from datasets_tfds.annotated import AnnotatedSet
from datasets_tfds.published import Published
from datasets_tfds.tables import TableVersion

CASME = AnnotatedSet(
    title="CASME",
    folder=Path(__file__).parent,
    trees={
        "original": ("Cropped", "Cropped-updated", "CASME_Cropped"),
        "raw": ("CASME_raw_selected", "CASME_RAW"),
    },
    fps=60.0,
    table_stem=r"casme(?!_?(2|ii))",
    versions=(TableVersion("2013", "casme", 189), TableVersion("20190721", "casme_coded_20190721", 193)),
    sheet=None,
    columns={
        "subject": "Subject",
        "file_name": "Filename",
        "onset": "OnsetF",
        "apex": "ApexF1",
        "offset": "OffsetF",
        "action_units": "AU",
        "emotion": "Emotion",
    },
    file_name=r"EP\d\S*",
    clip_id="sub{subject:02d}_{file_name}",
    emotions=("happiness", "disgust", "surprise", "sadness", "fear", "contempt", "repression", "tense"),
    published=Published(
        189,
        19,
        {  # of the edition with 189 rows; the paper counts some emotions together, so take these as approximate
            "happiness": 9,
            "disgust": 44,
            "surprise": 20,
            "sadness": 6,
            "fear": 2,
            "contempt": 1,
            "repression": 38,
            "tense": 69,
        },
    ),
)
