"""`load_clip_set` and `read_frames`: what they read, when they prepare anew, and what they say about bad data."""

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from akm_jax.data.clip_set import ClipSet
from akm_jax.data.own_clip import read_frames
from datasets_tfds import source
from datasets_tfds.classes import SCHEMES
from datasets_tfds.source import load_clip_set
from datasets_tfds.synthetic import CorpusConfig, write_corpus

CODES = {"negative": "ne", "positive": "po", "surprise": "sur"}


def write_set(folder: Path, subjects: tuple[int, ...] = (2, 10), seed: int = 0) -> Path:
    """A set in SMIC's layout, one clip of each class a subject, of 1 to 3 frames of 12 x 10 pixels; gives its root."""
    root = folder / "SMIC_all_cropped" / "HS"
    for subject in subjects:
        for k, (label, code) in enumerate(CODES.items()):
            clip = root / f"s{subject}" / "micro" / label / f"s{subject}_{code}_01"
            clip.mkdir(parents=True)
            for number in range(99, 100 + k):
                picture = np.random.default_rng([seed, subject, k, number]).integers(0, 256, (10, 12), np.uint8)
                Image.fromarray(picture).save(clip / f"reg_image{number}.bmp")
    return root


@pytest.fixture
def folders(tmp_path) -> dict[str, Path]:
    """Folders to pass to `load_clip_set`; the set's root is in `root(folders)`."""
    write_set(tmp_path / "smic")
    return {"manual_dir": tmp_path / "smic", "data_dir": tmp_path / "prepared"}


def root(folders: dict[str, Path]) -> Path:
    return folders["manual_dir"] / "SMIC_all_cropped" / "HS"


def load(folders: dict[str, Path], **options) -> ClipSet:
    return load_clip_set("smic", **(folders | options))


def frame_file(folders: dict[str, Path], number: int = 100) -> Path:
    return root(folders) / "s10" / "micro" / "surprise" / "s10_sur_01" / f"reg_image{number}.bmp"


def test_clips_frames_and_labels_are_those_on_disk(folders):
    clip_set = load(folders)
    assert clip_set.name == "smic"
    assert clip_set.class_names == tuple(CODES)
    assert clip_set.clip_ids == ("s2_ne_01", "s2_po_01", "s2_sur_01", "s10_ne_01", "s10_po_01", "s10_sur_01")
    assert clip_set.subjects == ("2", "2", "2", "10", "10", "10")
    assert clip_set.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert clip_set.lengths.tolist() == [1, 2, 3, 1, 2, 3]
    assert clip_set.frame_numbers.tolist() == [99, 99, 100, 99, 100, 101] * 2
    assert clip_set.apexes.tolist() == [-1] * 6
    assert clip_set.fps.tolist() == [100.0] * 6
    frame = np.asarray(Image.open(frame_file(folders)))
    np.testing.assert_array_equal(clip_set.read(5)[1], frame)


def test_types(folders):
    clip_set = load(folders)
    names = ("labels", "lengths", "frame_numbers", "apexes", "fps")
    kinds = {name: getattr(clip_set, name).dtype.name for name in names}
    assert kinds == dict.fromkeys(names, "int32") | {"fps": "float32"}
    assert (clip_set.read(0).dtype, clip_set.read(0).shape) == (np.uint8, (1, 10, 12))


def test_a_prepared_set_is_read_without_the_original(folders):
    first = load(folders)
    shutil.rmtree(folders["manual_dir"])
    second = load(folders, manual_dir=None)
    np.testing.assert_array_equal(first.read(5), second.read(5))
    assert first.checksum == second.checksum
    assert first.clip_ids == second.clip_ids


def test_unchanged_files_are_not_prepared_again(folders, monkeypatch):
    load(folders)
    monkeypatch.setattr(source, "_build", lambda *_: pytest.fail("prepared again"))
    load(folders)


def test_changed_files_are_prepared_anew_and_it_is_said(folders, caplog):
    before = load(folders)
    shutil.rmtree(folders["manual_dir"])
    write_set(folders["manual_dir"], seed=1)  # same names, same sizes, other pixels
    with caplog.at_level(logging.WARNING):
        after = load(folders)
    assert "it was made from other files, or these have changed since" in caplog.text
    assert before.checksum != after.checksum
    assert after.checksum == load(folders, data_dir=folders["data_dir"] / "other").checksum


def test_another_folder_is_another_set(folders, tmp_path):
    load(folders)
    write_set(tmp_path / "more", subjects=(1, 2, 3))
    assert set(load(folders, manual_dir=tmp_path / "more").subjects) == {"1", "2", "3"}


def test_if_preparing_anew_fails_the_old_set_stays(folders):
    before = load(folders)
    frame_file(folders).write_bytes(b"")
    with pytest.raises(ValueError, match="zero bytes"):
        load(folders)
    assert load(folders, manual_dir=None).checksum == before.checksum
    assert [path.name for path in (folders["data_dir"] / "smic" / "hs").iterdir()] == ["1.0.0"]


def test_a_set_prepared_with_clips_left_out_is_used_only_on_request(folders, caplog):
    frame_file(folders).write_bytes(b"")
    assert "s10_sur_01" not in load(folders, allow_missing=True).clip_ids
    caplog.clear()
    assert len(load(folders, allow_missing=True, manual_dir=None)) == 5
    assert "prepared without s10_sur_01" in caplog.text
    with pytest.raises(ValueError, match="lacks s10_sur_01 .--allow_missing accepts that"):
        load(folders, manual_dir=None)
    with pytest.raises(ValueError, match="zero bytes"):
        load(folders)


def test_an_absent_folder_is_an_error_even_if_a_set_is_prepared(folders):
    load(folders)
    with pytest.raises(FileNotFoundError, match="data folder .*absent does not exist"):
        load(folders, manual_dir=folders["manual_dir"] / "absent")


def test_a_folder_without_the_set_is_an_error(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="does not hold SMIC_all_cropped/HS; it holds nothing"):
        load(folders, manual_dir=tmp_path / "empty")


def test_a_folder_without_clips_is_an_error(folders):
    shutil.rmtree(root(folders))
    root(folders).mkdir()
    with pytest.raises(ValueError, match="no clips in"):
        load(folders)


@pytest.mark.parametrize(
    ("data", "what"),
    [(b"", "file of zero bytes"), (b"no picture", "unreadable"), ("cut", "truncated")],
)
def test_a_broken_frame_is_named(folders, data, what):
    path = frame_file(folders)
    path.write_bytes(path.read_bytes()[:-30] if data == "cut" else data)
    with pytest.raises(ValueError, match=f"s10_sur_01: reg_image100.bmp: {what}"):
        load(folders)


def test_frames_of_different_sizes_in_one_clip_are_an_error(folders):
    Image.new("L", (20, 20)).save(frame_file(folders))
    with pytest.raises(ValueError, match="s10_sur_01: frames of different sizes: 12 x 10 .*, 20 x 20"):
        load(folders)


def test_an_empty_clip_and_a_gap_are_reported_together(folders):
    frame_file(folders).unlink()
    (frame_file(folders).parents[2] / "negative" / "s10_ne_01" / "reg_image99.bmp").unlink()
    with pytest.raises(ValueError, match="2 problems") as error:
        load(folders)
    assert "s10_ne_01: no frames" in str(error.value)
    assert "s10_sur_01: 1 missing in the frame numbers: none between 99 and 101" in str(error.value)


def test_neither_data_nor_a_prepared_set_is_an_error_that_says_where_to_get_it(folders):
    with pytest.raises(FileNotFoundError, match="nothing is prepared there; pass --manual_dir.*\n.*University of Oulu"):
        load(folders, manual_dir=None)


def test_an_unknown_set_or_configuration_is_an_error_that_lists_the_known_ones(folders):
    with pytest.raises(ValueError, match="unknown data set 'smik'; known: casme, casme2, folder, samm, smic"):
        load_clip_set("smik", **folders)
    with pytest.raises(ValueError, match="no configuration 'uv'; known: hs, vis, nir, hs_raw"):
        load(folders, data_config="uv")


def test_a_configuration_is_prepared_beside_the_others(folders):
    load(folders)
    shutil.copytree(root(folders), root(folders).with_name("VIS"))
    assert load(folders, data_config="vis").fps[0] == 25.0
    assert load(folders).fps[0] == 100.0


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"fileFormat": "tfrecord"}, "it has file format tfrecord, expected array_record"),
        ({"metadata": {}}, "it does not say what it was made from"),
    ],
)
def test_a_prepared_set_of_another_make_is_an_error_and_is_replaced_if_it_can_be(folders, change, what):
    load(folders)
    prepared = folders["data_dir"] / "smic" / "hs" / "1.0.0"
    if "metadata" in change:
        (prepared / "metadata.json").write_text("{}")
    else:
        info = json.loads((prepared / "dataset_info.json").read_text())
        (prepared / "dataset_info.json").write_text(json.dumps(info | change))
    with pytest.raises(ValueError, match=what):
        load(folders, manual_dir=None)
    assert len(load(folders)) == len(load(folders, manual_dir=None)) == 6


def test_a_prepared_set_that_lacks_clips_is_an_error(folders):
    load(folders)
    path = folders["data_dir"] / "smic" / "hs" / "1.0.0" / "metadata.json"
    record = json.loads(path.read_text())
    record["clips"].append(record["clips"][0] | {"clip_id": "s1_ne_09"})
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match="holds 6 clips, expected 7"):
        load(folders)


def test_read_frames_gives_frames_and_names_in_order(folders):
    frames, names = read_frames(frame_file(folders).parent)
    assert names == ("reg_image99.bmp", "reg_image100.bmp", "reg_image101.bmp")
    assert (frames.shape, frames.dtype) == ((3, 10, 12), np.uint8)
    np.testing.assert_array_equal(frames[1], np.asarray(Image.open(frame_file(folders))))


def test_read_frames_names_what_is_wrong(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no frames \(jpg, bmp, png, tif or webp\); it holds nothing"):
        read_frames(tmp_path / "empty")
    frame_file(folders).write_bytes(b"")
    with pytest.raises(ValueError, match=r"reg_image100\.bmp: file of zero bytes"):
        read_frames(frame_file(folders).parent)


AT_ONCE = """
import logging, sys, time
from pathlib import Path
logging.basicConfig(level=logging.WARNING, format="%(message)s")
import numpy as np
import datasets_tfds.source as source
from akm_jax.config import DataConfig
from akm_jax.views.cache import compute_views
from experiments.data import load_data
from experiments.options import DataOptions, SyntheticConfig

def mean(clip):
    time.sleep(0.02)
    return clip.frames.mean(0)

folder, turn = Path(sys.argv[1]), Path(sys.argv[2])
(turn / sys.argv[3]).touch()
while len(list(turn.iterdir())) < 3:
    time.sleep(0.01)
real = source.load_clip_set("smic", manual_dir=folder / "smic", data_dir=folder / "prepared")
tiny = SyntheticConfig(subjects=2, clips=2, size=32)
drawn = load_data(DataOptions("synthetic", data_dir=folder / "drawn", synthetic=tiny), DataConfig())
views = compute_views(mean, drawn.without_labels(), drawn.clip_ids, folder=folder / "views")
print(real.checksum, drawn.checksum, float(np.sum([view.sum() for view in views])))
"""


def test_three_jobs_at_once_on_empty_folders_build_draw_and_compute_once(folders, tmp_path):
    turn = tmp_path / "turn"
    turn.mkdir()
    command = [sys.executable, "-c", AT_ONCE, tmp_path, turn]
    jobs = [
        subprocess.Popen([*map(str, command), str(k)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for k in range(3)
    ]
    done = [job.communicate(timeout=300) for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 0], done
    assert len({out for out, _ in done}) == 1
    text = "".join(err for _, err in done)
    assert text.count("preparing smic/hs/1.0.0 in") == 2  # the real one and the drawn one
    assert text.count("drawing 2 people x 2 clips") == 1
    assert "waiting until it is done" in text
    assert "differ from the published" in text  # of the real layout
    assert "Unknown size" not in text


def test_a_drawn_set_is_not_compared_with_published_numbers(folders, caplog, capfd):
    load(folders, is_drawn=True)
    assert "differ from the published" not in caplog.text
    assert "preparing smic/hs/1.0.0" in capfd.readouterr().err
    load(folders, data_dir=folders["data_dir"] / "again")
    assert "differ from the published" in caplog.text


def test_importing_loads_neither_tensorflow_nor_torch_nor_tfds():
    code = "import sys, datasets_tfds.source; print({m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert "'akm_jax'" in done.stdout
    for name in ("'tensorflow'", "'torch'", "'tensorflow_datasets'"):
        assert name not in done.stdout


@pytest.fixture(scope="module")
def casme2(tmp_path_factory) -> dict[str, Path]:
    """A prepared set whose classes are made on loading."""
    folder = tmp_path_factory.mktemp("casme2")
    config = CorpusConfig(layout="casme2", subjects=5, clips=7, size=32, min_frames=3, max_frames=4, pictures="noise")
    places = {"manual_dir": write_corpus(config, folder / "drawn"), "data_dir": folder / "prepared"}
    load_clip_set("casme2", **places)
    return places


def test_classes_are_made_on_loading(casme2, caplog):
    sets = {name: load_clip_set("casme2", **casme2, classes=name) for name in SCHEMES}
    assert sets["paper4"].class_names == ("positive", "negative", "surprise", "others")
    assert sets["megc3"].class_names == ("negative", "positive", "surprise")
    assert len(sets["emotion"].class_names) == 7
    assert len(sets["paper4"]) == len(sets["emotion"]) == 35
    assert "numbers differ from those of the composite" in caplog.text
    truth = {c["clip"]: c for c in json.loads((casme2["manual_dir"] / "truth.json").read_text())["clips"]}
    wanted = [c for c, t in truth.items() if t["emotion"] in ("disgust", "repression", "happiness", "surprise")]
    assert set(sets["megc3"].clip_ids) == set(wanted) - {"sub04_EP12_01f", "sub05_EP09_05f"}
    for clip_set in sets.values():
        for i, clip_id in enumerate(clip_set.clip_ids):
            assert clip_set.frame_numbers[clip_set.starts[i] + clip_set.apexes[i]] == truth[clip_id]["apex"]


def test_an_unknown_class_scheme_is_an_error(casme2, folders):
    with pytest.raises(ValueError, match="--classes=paper5: expected one of usual, paper4, megc3, emotion"):
        load_clip_set("casme2", **casme2, classes="paper5")
    with pytest.raises(ValueError, match="smic annotates no emotions"):
        load(folders, classes="emotion")
