"""Ready-made flow pictures: how files are found for clips, what is read, what is refused."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from akm_jax.config import RunOptions
from akm_jax.loso.driver import run_folds
from akm_jax.loso.run_dir import describe_run, open_run
from akm_jax.methods.htnet import HTNet
from akm_jax.methods.off_apexnet import OffApexNet
from akm_jax.methods.protocol import Context, Epoch, Method
from akm_jax.methods.ststnet import STSTNet
from akm_jax.observe import SILENT, Observer
from akm_jax.run import run_loso
from akm_jax.views.cache import compute_views, describe_view
from akm_jax.views.flow_mosaic import FlowMosaic
from akm_jax.views.flow_picture import FlowPicture
from akm_jax.views.given_flow import find_pictures
from akm_jax.views.view import LeakError, Views

CLIPS = ("sub01_EP02_01f", "006_1_2", "s3_ne_01", "anna/film1")


def picture(seed, side=28, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (side, side, channels), np.uint8)


def write_png(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


@pytest.mark.parametrize(
    "names",
    [
        (
            "sub01_EP02_01f .png",
            "006_006_1_2 .png",
            "s03_s03_ne_01 .png",
            "anna_film1.png",
        ),  # as the field hands them on
        ("Sub01 EP02_01f.PNG", "6_1_2.png", "s3_ne_1.png", "anna/film1.png"),
        ("casme2/sub01_EP02_01f.png", "a/b/006_1_2.png", " s3 ne 01 .png", "film1.png"),
    ],
)
def test_a_clip_finds_its_picture_whatever_its_blanks_zeros_and_folders(tmp_path, names):
    paths = [write_png(tmp_path / name, picture(i)) for i, name in enumerate(names)]
    write_png(tmp_path / "another_clip.png", picture(9))
    assert find_pictures(tmp_path, CLIPS) == paths
    assert find_pictures(tmp_path, [f"pooled/{clip}" for clip in CLIPS[:3]]) == paths[:3]
    found = FlowPicture(scale="bytes", flow_dir=tmp_path).given(CLIPS)
    np.testing.assert_array_equal(found, [picture(i) for i in range(4)])


def test_the_stricter_name_wins(tmp_path):
    close, loose = (write_png(tmp_path / f"{name}.png", picture(i)) for i, name in enumerate(("EP01_05", "EP01_5")))
    assert find_pictures(tmp_path, ["EP01_5", "EP01_05"]) == [loose, close]


def test_clips_without_a_picture_are_listed_together(tmp_path):
    write_png(tmp_path / "s3_ne_01.png", picture(0))
    message = "no picture of 2 of 3 clips: 006_1_2, anna/film1; .* such as 006_1_2.png; files there: s3_ne_01.png"
    with pytest.raises(FileNotFoundError, match=message):
        find_pictures(tmp_path, CLIPS[1:2] + CLIPS[2:])
    with pytest.raises(FileNotFoundError, match="no picture of 30 of 30 clips: .*c19, and 10 more; .*there: s3_ne_01"):
        find_pictures(tmp_path, [f"c{i}" for i in range(30)])
    with pytest.raises(FileNotFoundError, match="flow_dir=.*none: no such folder"):
        find_pictures(tmp_path / "none", CLIPS)


def test_several_pictures_of_a_clip_must_be_one(tmp_path):
    for fold in ("sub02/u_train/1", "sub03/u_train/1"):  # as STSTNet's folders hold each picture once a fold
        write_png(tmp_path / fold / "s3_ne_01.png", picture(0))
    assert len(find_pictures(tmp_path, ["s3_ne_01"])) == 1
    write_png(tmp_path / "s3_ne_01 .png", picture(1))
    with pytest.raises(ValueError, match="s3_ne_01: s3_ne_01 .png, sub02.* differ; expected one picture a clip"):
        find_pictures(tmp_path, ["s3_ne_01"])
    write_png(tmp_path / "sub9" / "film.png", picture(2))
    with pytest.raises(ValueError, match="sub9/film.png fits 2 clips"):
        find_pictures(tmp_path, ["anna/film", "ben/film"])


def test_bytes_and_pixels_are_scaled_as_asked_for(tmp_path):
    write_png(tmp_path / "a.png", picture(0))
    flow = np.random.default_rng(1).normal(size=(3, 28, 28))
    np.savez(tmp_path / "b.npz", u=flow[0], v=flow[1], strain=flow[2])
    np.savez(tmp_path / "c.npz", np.moveaxis(flow, 0, -1))
    view = FlowPicture(flow_dir=tmp_path)
    pixels = view.given(["b", "c"])
    np.testing.assert_array_equal(pixels[0], np.moveaxis(flow, 0, -1).astype(np.float32))
    np.testing.assert_array_equal(pixels[0], pixels[1])
    a, b = dataclasses.replace(view, scale="unit").given(["a", "b"])
    np.testing.assert_allclose(a, picture(0) / 255, rtol=1e-6)
    low, high = flow.min((1, 2)), flow.max((1, 2))
    expected = np.rint((np.moveaxis(flow, 0, -1) - low) / (high - low) * 255) / 255
    np.testing.assert_allclose(b, expected, atol=1.01 / 255)  # a value in the middle may be rounded either way
    (two,) = dataclasses.replace(view, scale="bytes", strain=False).given(["a"])
    np.testing.assert_array_equal(two, picture(0)[..., :2])
    (mosaic,) = FlowMosaic(scale="bytes", flow_dir=tmp_path).given(["a"])
    np.testing.assert_array_equal(mosaic, FlowMosaic().arranged(picture(0).astype(np.float32)))
    with pytest.raises(ValueError, match=r"a.png, and 0 more, hold bytes.*--view.scale=unit"):
        view.given(["a", "b"])
    with pytest.raises(ValueError, match="no flow_dir"):
        FlowPicture().given(["a"])


def test_all_files_that_cannot_be_taken_are_named(tmp_path):
    write_png(tmp_path / "size.png", picture(0, side=30))
    write_png(tmp_path / "grey.png", picture(0)[..., 0])
    write_png(tmp_path / "alpha.png", picture(0, channels=4))
    (tmp_path / "cut.png").write_bytes((tmp_path / "size.png").read_bytes()[:200])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "two.npz", u=np.zeros((28, 28)), v=np.zeros((28, 28)))
    np.savez(tmp_path / "odd.npz", flow=np.zeros((28, 28, 3)), mask=np.zeros(3))
    np.savez(tmp_path / "ints.npz", np.zeros((28, 28, 3), np.int64))
    np.savez(tmp_path / "nan.npz", np.full((28, 28, 3), np.nan))
    np.savez(tmp_path / "objects.npz", np.array([{}, None], object))
    np.savez(tmp_path / "uneven.npz", u=np.zeros((28, 28)), v=np.zeros((28, 27)))
    names = sorted(path.stem for path in tmp_path.iterdir())
    with pytest.raises(ValueError) as caught:
        FlowPicture(flow_dir=tmp_path).given(names)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1 + len(names)
    said = {
        "size.png": "is 30 x 30 x 3; expected 28 x 28 x 3",
        "grey.png": "is of mode L; expected RGB",
        "alpha.png": "is of mode RGBA; expected RGB",
        "two.npz": "is 28 x 28 x 2; expected 28 x 28 x 3",
        "odd.npz": "holds flow, mask; expected u, v, strain, or one array",
        "ints.npz": "holds int64; expected uint8",
        "nan.npz": "not finite",
    }
    for name, text in said.items():
        assert any(f"{tmp_path / name}: " in line and text in line for line in lines), name


@pytest.fixture
def folder(make_clip_set, tmp_path):
    """Pictures of the clips of the set, brighter by class in one channel."""
    clip_set = make_clip_set(num_subjects=3, clips_per_subject=3)
    for i, (clip_id, label) in enumerate(zip(clip_set.clip_ids, clip_set.labels, strict=True)):
        array = picture(i) // 8
        array[..., label] += 200
        write_png(tmp_path / "pictures" / f"{clip_id} .png", array)
    return tmp_path


def test_computed_and_ready_made_pictures_are_not_taken_for_one_another(folder, make_clip_set):
    clip_set = make_clip_set(num_subjects=3, clips_per_subject=3)
    computed = FlowPicture(flow="farneback", scale="bytes")
    given = dataclasses.replace(computed, flow_dir=folder / "pictures")
    clips, places = clip_set.without_labels(), {"folder": folder / "views"}
    first = compute_views(computed, clips, clip_set.clip_ids, **places)
    kept = sorted((folder / "views").rglob("*"))
    second = compute_views(given, clips, clip_set.clip_ids, **places)
    assert sorted((folder / "views").rglob("*")) == kept  # read where they lie
    assert not np.array_equal(first[0], second[0])
    np.testing.assert_array_equal(compute_views(computed, clips, clip_set.clip_ids, **places)[0], first[0])
    assert describe_view(given)["given_checksum"] != ""
    assert "given_checksum" not in describe_view(computed)


@dataclasses.dataclass(frozen=True)
class Nearest(Method):
    """Distance to the mean pictures of the classes."""

    name: ClassVar[str] = "nearest"
    view: FlowPicture = FlowPicture()

    def train_fold(self, training, views, start):
        seen = views.stack(training.clips)
        means = [seen[training.labels == k].mean(0) for k in range(3)]
        distances = [
            np.stack([np.abs(views.stack(group) - mean).mean((1, 2, 3)) for mean in means], 1)
            for group in training.watched
        ]
        return [Epoch(1, [-one.astype(np.float64) for one in distances])]


def run(view, clip_set, folder):
    method, options, run_dir = Nearest(view), RunOptions(rules="last"), folder / "run"
    settings = describe_run(method, options)
    with open_run(run_dir, settings, clip_set):
        found = {"options": options, "observer": SILENT, "described": settings, "views_dir": folder / "views"}
        return run_folds(method, clip_set, run_dir, **found)


def test_a_run_learns_from_them_and_goes_on_with_the_same_only(folder, make_clip_set):
    clip_set = make_clip_set(num_subjects=3, clips_per_subject=3)
    view = FlowPicture(scale="bytes", flow_dir=folder / "pictures")
    assert run(view, clip_set, folder)["rules"]["last"]["accuracy"] == 1  # flow of its frames says nothing of the class
    write_png(next((folder / "pictures").iterdir()), picture(77))
    with pytest.raises(ValueError, match="config.view.given_checksum: there"):
        run(view, clip_set, folder)
    with pytest.raises(ValueError, match="config.view.flow_dir: there"):
        run(dataclasses.replace(view, flow_dir=None), clip_set, folder)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        run(dataclasses.replace(view, flow_dir=folder / "elsewhere"), clip_set, folder)


def test_a_leak_out_of_ready_made_pictures_is_found(folder, make_clip_set):
    class Standardised(Nearest):
        def train_fold(self, training, views, start):
            whole = views.stack(np.arange(len(views)))
            return super().train_fold(training, Views(list(whole / whole.std())), start)

    view = FlowPicture(scale="bytes", flow_dir=folder / "pictures")
    options = {"rules": "last", "check_leaks": True}
    clip_set = make_clip_set(num_subjects=3, clips_per_subject=3)
    assert run_loso(Nearest(view), clip_set, folder / "honest", **options)["complete"]
    with pytest.raises(LeakError, match="sees the subject it is tested on"):
        run_loso(Standardised(view), clip_set, folder / "leak", **options)


def test_nothing_is_written_where_the_folder_lacks_clips(folder, make_clip_set):
    clip_set = make_clip_set(num_subjects=3, clips_per_subject=3)
    next((folder / "pictures").iterdir()).unlink()
    with pytest.raises(FileNotFoundError, match="no picture of 1 of 9 clips"):
        run_loso(Nearest(FlowPicture(scale="bytes", flow_dir=folder / "pictures")), clip_set, folder / "run")
    assert not (folder / "run").exists()


class Told(Observer):
    def __init__(self):
        self.texts = []

    def tell(self, text):
        self.texts.append(text)


def test_networks_say_that_pictures_are_ready_made_instead_of_how_the_apex_is_found(folder, make_clip_set):
    clip_set, told = make_clip_set(num_subjects=3, clips_per_subject=3), Told()
    method = STSTNet(view=FlowPicture(scale="bytes", flow_dir=folder / "pictures"))
    method.prepare(clip_set.without_labels(), Views(), [], Context(RunOptions(), folder, told))
    assert told.texts == [f"9 flow pictures taken from {folder / 'pictures'} as they are"]


@pytest.mark.parametrize("method", [OffApexNet, HTNet])
def test_every_method_on_flow_pictures_takes_them(method, folder):
    view = dataclasses.replace(method().view, flow_dir=folder / "pictures", scale="unit")
    seen = compute_views(view, [], ["s1_0", "s2_3"])
    assert seen[0].shape == (28, 28, method().view.channels)
    assert seen[0].max() <= 1
