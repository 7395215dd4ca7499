"""Written corpora: SMIC's layout, the truth beside it, same seed same bytes, and nothing half-written."""

import collections
import hashlib
import json
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

from akm_jax.prepare import LandmarkTable
from datasets_tfds.synthetic import CorpusConfig, corpus, write_corpus
from datasets_tfds.synthetic.corpus import plan_corpus

TINY = {"subjects": 2, "clips": 3, "size": 32, "max_frames": 12}


def _digests(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _truth(root):
    return json.loads((root / "truth.json").read_text(encoding="utf-8"))


def test_same_seed_same_bytes_elsewhere(tmp_path):
    first = write_corpus(CorpusConfig(**TINY), tmp_path / "a")
    again = write_corpus(CorpusConfig(**TINY), tmp_path / "deep" / "b")
    assert _digests(first) == _digests(again)


def test_another_seed_is_another_corpus(tmp_path):
    first = write_corpus(CorpusConfig(**TINY), tmp_path / "a")
    other = write_corpus(CorpusConfig(**TINY, seed=1), tmp_path / "b")
    assert _digests(first) != _digests(other)


def test_small_corpus_is_part_of_a_larger_one(tmp_path):
    small = _digests(write_corpus(CorpusConfig(**TINY), tmp_path / "a"))
    large = _digests(write_corpus(CorpusConfig(**{**TINY, "subjects": 3, "clips": 5}), tmp_path / "b"))
    assert {name for name in small if large.get(name) != small[name]} == {"truth.json", "landmarks.csv"}


def test_smic_layout(tmp_path):
    root = write_corpus(CorpusConfig(**TINY), tmp_path / "out")
    assert sorted(path.name for path in root.iterdir()) == ["SMIC_all_cropped", "landmarks.csv", "truth.json"]
    pattern = (
        r"SMIC_all_cropped/HS/s(1|2)/micro/(negative/s\1_ne|positive/s\1_po|surprise/s\1_sur)_\d\d/reg_image\d{6}\.bmp"
    )
    for name in _digests(root).keys() - {"truth.json", "landmarks.csv"}:
        assert re.fullmatch(pattern, name), name


@pytest.mark.parametrize("variant", ["cropped", "raw"])
def test_truth_agrees_with_the_disk(tmp_path, variant):
    config = CorpusConfig(**TINY, variant=variant, cameras=("HS", "VIS", "NIR"))
    root = write_corpus(config, tmp_path / "out")
    clips = _truth(root)["clips"]
    assert {clip["path"] for clip in clips} == {str(path.parent.relative_to(root)) for path in root.rglob("*.bmp")}
    for clip in clips:
        files = sorted((root / clip["path"]).iterdir())
        numbers = [int(re.search(r"(\d+)\.bmp$", path.name)[1]) for path in files]
        assert numbers == list(range(clip["onset"], clip["offset"] + 1))
        assert clip["num_frames"] == len(files)
        assert clip["path"].split("/")[1] == clip["camera"]
        assert clip["fps"] == (100 if clip["camera"] == "HS" else 25)
        assert cv2.imread(str(files[0]), cv2.IMREAD_UNCHANGED).shape == ((32, 32) if variant == "cropped" else (43, 58))


@pytest.mark.parametrize("layout", ["smic", "casme2"])
@pytest.mark.parametrize("irregular", [False, True])
def test_landmarks_of_every_clip_lie_beside(tmp_path, layout, irregular):
    config = CorpusConfig(layout=layout, **{**TINY, "clips": 6}, min_frames=4, irregular=irregular)
    root = write_corpus(config, tmp_path / "out")
    table = LandmarkTable.read(root / "landmarks.csv")
    assert table.videos.keys() == {clip["clip"] for clip in _truth(root)["clips"]}
    box, points = table.first_frame(_truth(root)["clips"][0]["clip"])
    sides = box.x, box.x + box.width, box.y + box.height
    np.testing.assert_allclose(sides, (*points[[0, 16], 0], points[8, 1]), atol=2e-3)  # written with 3 decimals


def test_raw_has_clips_without_expression_beside(tmp_path):
    root = write_corpus(CorpusConfig(**TINY, variant="raw"), tmp_path / "out")
    by_class = collections.defaultdict(list)
    for clip in _truth(root)["clips"]:
        by_class[clip["class"]].append(clip)
    assert {clip["path"] for clip in by_class["non_micro"]} == {
        f"SMIC_all_raw/HS/s{subject}/non_micro/s{subject}_non_{number:02d}" for subject in (1, 2) for number in (1, 2)
    }
    assert all(clip["peak_displacement_px"] == 0 and clip["apex"] is None for clip in by_class["non_micro"])
    assert all(clip["onset"] < clip["apex"] < clip["offset"] for clip in by_class["negative"])


def test_strength_zero_keeps_everything_else(tmp_path):
    moved = write_corpus(CorpusConfig(**TINY), tmp_path / "a")
    still = write_corpus(CorpusConfig(**TINY, strength=0.0), tmp_path / "b")
    first, second = _truth(moved)["clips"], _truth(still)["clips"]
    assert all(clip["peak_displacement_px"] > 0 for clip in first)
    assert all(clip["peak_displacement_px"] == 0 for clip in second)
    for clip in [*first, *second]:
        del clip["peak_displacement_px"]
    assert first == second
    differing = {name for name, digest in _digests(moved).items() if _digests(still)[name] != digest}
    resting = {f"{clip['path']}/reg_image{clip[end]:06d}.bmp" for clip in first for end in ("onset", "offset")}
    assert differing
    assert not differing & resting


def test_classes_are_balanced_within_each_subject():
    plan = plan_corpus(CorpusConfig(subjects=20, clips=8))
    assert sorted({clip.subject for clip in plan})[:8] == [1, 2, 3, 4, 5, 6, 8, 9]
    assert len({clip.subject for clip in plan}) == 20
    for subject in {clip.subject for clip in plan}:
        counts = collections.Counter(clip.label for clip in plan if clip.subject == subject)
        assert sorted(counts.values()) == [2, 3, 3]


def test_published_counts_are_those_of_smic():
    plan = plan_corpus(CorpusConfig(published_counts=True))
    assert collections.Counter(clip.label for clip in plan) == {"negative": 70, "positive": 51, "surprise": 43}
    by_subject = collections.Counter(clip.subject for clip in plan)
    assert list(by_subject) == [1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 18, 19, 20]
    assert list(by_subject.values()) == [6, 6, 39, 19, 2, 4, 13, 4, 7, 9, 10, 10, 4, 7, 2, 22]


def test_irregularities_are_planted_and_listed(tmp_path):
    root = write_corpus(CorpusConfig(**TINY, irregular=True), tmp_path / "out")
    truth = _truth(root)
    planted = collections.defaultdict(list)
    for entry in truth["planted"]:
        planted[entry["kind"]].append(root / entry["path"])
    assert planted["nested_top_folder"] == [root / "SMIC_all_cropped" / "SMIC_all_cropped"]
    assert [list(path.iterdir()) for path in planted["empty_clip"]] == [[]]
    assert not planted["missing_frame"][0].exists()
    assert planted["missing_frame"][0].parent.is_dir()
    assert {path.name for path in planted["junk"]} == {"Thumbs.db", "desktop.ini"}
    assert all(path.is_file() for path in planted["junk"])
    digits = {len(re.search(r"(\d+)\.bmp$", path.name)[1]) for path in root.rglob("*.bmp")}
    assert digits <= {5, 6, 7, 8}
    assert len(digits) > 1
    for clip in truth["clips"]:
        assert len(list((root / clip["path"]).glob("*.bmp"))) == clip["num_frames"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layout": "mmew"}, r"unknown layout 'mmew'; expected one of \['casme', 'casme2', 'samm', 'smic'\]"),
        ({"subjects": 0}, "subjects must be at least 1, got 0"),
        ({"clips": 0}, "clips must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"size": 8}, "size must be at least 32"),
        ({"strength": -1.0}, "strength must be"),
        ({"strength": float("inf")}, "strength must be"),
        ({"min_frames": 1}, "at least 3 frames"),
        ({"min_frames": 60}, "min_frames <= max_frames"),
        ({"variant": "zoomed"}, "variant must be"),
        ({"layout": "samm", "variant": "cropped"}, r"variant must be one of \['raw'\] for samm"),
        ({"layout": "samm", "edition": 2}, r"edition must be 1\.\.1 for samm, got 2"),
        ({"layout": "casme", "edition": 0}, r"edition must be 1\.\.2 for casme"),
        ({"pictures": "drawings"}, "pictures must be 'faces' or 'noise'"),
        ({"layout": "casme", "irregular": True, "subjects": 3, "clips": 3}, "irregular needs at least 10 clips"),
        ({"cameras": ("HS", "UV")}, "cameras must be"),
        ({"cameras": ()}, "cameras must be"),
        ({"cameras": ("HS", "HS")}, "cameras must be"),
        ({"irregular": True, "subjects": 1, "clips": 2}, "irregular needs at least 3 clips"),
    ],
)
def test_bad_config(change, message):
    with pytest.raises(ValueError, match=message):
        CorpusConfig(**change)


def test_folder_with_content_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="not an empty folder; remove it or choose another"):
        write_corpus(CorpusConfig(**TINY), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_file_in_the_way_is_left_alone(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ValueError, match="not an empty folder"):
        write_corpus(CorpusConfig(**TINY), tmp_path / "out")


def test_empty_folder_is_filled(tmp_path):
    (tmp_path / "out").mkdir()
    assert (write_corpus(CorpusConfig(**TINY), tmp_path / "out") / "truth.json").is_file()


def test_interrupted_call_leaves_nothing(tmp_path, monkeypatch):
    drawn = []

    def draw_two(spec):
        if len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.append(spec)
        return draw(spec)

    draw = corpus.draw_clip
    monkeypatch.setattr(corpus, "draw_clip", draw_two)
    with pytest.raises(KeyboardInterrupt):
        write_corpus(CorpusConfig(**TINY), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_command_line(tmp_path):
    command = [sys.executable, "-m", "datasets_tfds.synthetic", "--layout=smic", f"--out={tmp_path / 'out'}"]
    options = ["--subjects=2", "--clips=3", "--size=32", "--max_frames=12", "--seed=0", "--strength=1.0"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert _digests(tmp_path / "out") == _digests(write_corpus(CorpusConfig(**TINY), tmp_path / "api"))
    refused = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "not an empty folder" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_command_line_help_names_every_option():
    done = subprocess.run(
        [sys.executable, "-m", "datasets_tfds.synthetic", "--help"], capture_output=True, text=True, check=True
    )
    for option in ("layout", "out", "subjects", "clips", "seed", "strength", "size", "min_frames", "published_counts"):
        assert f"--{option}" in done.stdout
    assert "(default: 128)" in re.sub(r"[\s│]+", " ", done.stdout)


def test_no_class_is_told_by_what_happens_besides():
    plan = plan_corpus(CorpusConfig(subjects=60, clips=9))
    firsts = {
        label: [c.first_frame for c in plan if c.label == label] for label in ("negative", "positive", "surprise")
    }
    means = [np.mean(values) for values in firsts.values()]
    # 180 uniform draws over 89 000 frames each: standard error 1900.
    assert max(means) - min(means) < 4 * 1900 * np.sqrt(2)
    orders = [np.mean([c.spec.index for c in plan if c.label == label]) for label in firsts]
    assert max(orders) - min(orders) < 4 * 0.2 * np.sqrt(
        2
    )  # place within the subject's clips: deviation 2.6 / sqrt(180)
