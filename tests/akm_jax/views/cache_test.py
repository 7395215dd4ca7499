"""Views are computed once, kept whole or made anew, and refused where labels could reach them."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from akm_jax.data.clip_set import ClipSet, HeldPictures
from akm_jax.views import cache
from akm_jax.views.cache import compute_views, fingerprint
from akm_jax.views.view import LeakError


class Counted(HeldPictures):
    """Pictures that know how often each clip was read."""

    def read(self, clip):
        READ.append(clip)
        return super().read(clip)


READ: list[int] = []
CALLS = itertools.count()


@dataclasses.dataclass(frozen=True)
class Mean:
    """The mean frame, at every so many pixels."""

    step: int = 4

    def __call__(self, clip):
        return clip.frames.mean(0)[:: self.step, :: self.step]


@dataclasses.dataclass(frozen=True)
class Times:
    """What a view may know beside the frames."""

    def __call__(self, clip):
        return {"fps": np.float32(clip.fps), "apex": np.int32(clip.apex)}


@pytest.fixture
def clip_set(make_clip_set) -> ClipSet:
    drawn = make_clip_set(2, 3)
    READ.clear()
    return dataclasses.replace(drawn, pictures=Counted(drawn.pictures.clips))


@pytest.fixture
def compute(clip_set, tmp_path):
    """Compute a view of the set, or of a changed one."""

    def run(view, changed=None, clip_ids=None):
        READ.clear()
        chosen = changed or clip_set
        return compute_views(view, chosen.without_labels(), clip_ids or chosen.clip_ids, folder=tmp_path)

    return run


def entries(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


def test_every_clip_is_computed_once_and_two_once_more_to_see_that_they_are_pure(compute, clip_set):
    views = compute(Mean())
    assert sorted(READ) == sorted([*range(6), 0, 3])
    for clip in range(6):
        np.testing.assert_array_equal(views[clip], clip_set.read(clip).mean(0)[::4, ::4])
    assert views.stack(np.array([4, 1])).shape == (2, 8, 8)


def test_a_second_run_reads_no_picture(compute):
    first, second = compute(Mean()), compute(Mean())
    assert not READ
    for one, other in zip(first, second, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_a_second_process_would_find_them_by_the_same_digest():
    assert fingerprint(Mean()) == fingerprint(Mean(4)) != fingerprint(Mean(2))


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped"])
def test_a_damaged_entry_is_made_anew(compute, tmp_path, damage):
    before = compute(Mean())
    path = entries(tmp_path)[2]
    whole = path.read_bytes()
    path.write_bytes({"truncated": whole[:-9], "empty": b"", "flipped": whole[:-9] + b"~" + whole[-8:]}[damage])
    after = compute(Mean())
    assert len(set(READ)) == 1
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    assert path.read_bytes() == whole


def test_no_flipped_byte_is_overlooked(compute, tmp_path):
    """Also in the header of the array, which numpy believes without looking at the archive's checksum."""
    compute(Times())
    path = entries(tmp_path)[0]
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        assert cache.read_entry(path) is None, i


def test_nothing_half_written_is_left(compute, tmp_path):
    compute(Mean())
    assert len(entries(tmp_path)) == 6
    assert not list(tmp_path.rglob("*.partial"))


def other_pictures(clip_set):
    return dataclasses.replace(clip_set, pictures=Counted(tuple(255 - clip for clip in clip_set.pictures.clips)))


def turned(clip_set):
    """The same pixels one after another in clips of another shape."""
    flat = tuple(clip.reshape(len(clip), 16, 64) for clip in clip_set.pictures.clips)
    return dataclasses.replace(clip_set, pictures=Counted(flat))


@pytest.mark.parametrize("change", [other_pictures, turned])
def test_other_pictures_make_other_entries(compute, clip_set, change):
    compute(Mean())
    changed = change(clip_set)
    views = compute(Mean(), changed)
    np.testing.assert_array_equal(views[1], changed.read(1).mean(0)[::4, ::4])


def test_another_setting_makes_other_entries(compute):
    compute(Mean())
    assert compute(Mean(8))[0].shape == (4, 4)


@pytest.mark.parametrize(("name", "value"), [("fps", 30.0), ("apexes", 1)])
def test_other_times_of_a_clip_make_another_entry(compute, clip_set, name, value):
    compute(Times())
    values = getattr(clip_set, name).copy()
    values[3] = value
    views = compute(Times(), dataclasses.replace(clip_set, **{name: values}))
    assert set(READ) == {3}
    assert views[3]["fps" if name == "fps" else "apex"] == value


def test_a_setting_that_is_not_printed_counts():
    kind = dataclasses.make_dataclass("Hidden", [("step", int, dataclasses.field(repr=False))], frozen=True)
    kind.__call__ = lambda self, clip: clip.frames[0]
    assert fingerprint(kind(1)) != fingerprint(kind(2))


def test_code_without_a_file_counts(tmp_path):
    """As in a notebook, where the same name is defined again."""
    digests = []
    for number in ("2", "3", "2"):
        names: dict[str, Any] = {"__name__": "typed"}
        exec(f"def view(clip):\n    return clip.frames[0] * {number}", names)
        digests.append(fingerprint(names["view"]))
    assert digests[0] == digests[2] != digests[1]


def test_clips_whose_names_differ_in_special_characters_only_do_not_collide(compute, tmp_path, clip_set):
    names = ("a/b", "a b", "a:b", "a_b", "A_b", "é" * 300)
    compute(Mean(), clip_ids=names)
    assert len({path.name.lower() for path in entries(tmp_path)}) == 6
    views = compute(Mean(), clip_ids=names)
    assert not READ
    for clip in range(6):
        np.testing.assert_array_equal(views[clip], clip_set.read(clip).mean(0)[::4, ::4])


def test_the_folder_of_the_environment_is_used(clip_set, tmp_path, monkeypatch):
    monkeypatch.setenv("AKM_VIEWS_DIR", str(tmp_path / "kept"))
    compute_views(Mean(), clip_set.without_labels(), clip_set.clip_ids)
    assert len(entries(tmp_path / "kept")) == 6
    monkeypatch.delenv("AKM_VIEWS_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "akm_jax" / "views"


@pytest.mark.parametrize("name", ["label", "labels", "clip_id", "subject", "name", "emotion"])
def test_a_view_that_asks_for_what_it_must_not_see_is_refused(compute, name):
    names: dict[str, Any] = {}
    exec(f"def planted(clip):\n    return clip.frames[0] * 0 + len(str(clip.{name}))", names)
    with pytest.raises(LeakError, match=f"asked a clip for its {name}, which it must not see"):
        compute(names["planted"])


def test_a_clip_has_nothing_else(compute):
    with pytest.raises(AttributeError, match="a clip has frames, fps and apex, no 'number'"):
        compute(asks_for_a_number)


def asks_for_a_number(clip):
    return clip.number


def test_a_function_that_labels_are_shut_up_in_is_refused(compute, clip_set):
    labels = clip_set.labels

    def planted(clip):
        return np.float32(labels[0])

    with pytest.raises(LeakError, match="planted uses labels of the function it is made in"):
        compute(planted)


def test_labels_as_the_default_of_a_function_are_refused(compute, clip_set):
    def planted(clip, labels=clip_set.labels):
        return labels

    with pytest.raises(LeakError, match="view planted holds labels, a ndarray"):
        compute(planted)


@dataclasses.dataclass(frozen=True)
class Holds:
    """A view that holds something."""

    content: Any

    def __call__(self, clip):
        return clip.frames[0]


@dataclasses.dataclass(frozen=True)
class Nested:
    """Settings of a view."""

    inner: Any


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (np.zeros(3), "ndarray"),
        ({"clip_0": 1}, "dict"),
        ([1, 2], "list"),
        ((1, np.zeros(2)), "ndarray"),
        (Nested({1: 2}), "dict"),
        (len, "builtin_function_or_method"),
    ],
)
def test_a_view_that_holds_more_than_settings_is_refused(compute, content, kind):
    with pytest.raises(LeakError, match=rf"view Holds holds content[.\w]*, a {kind}: labels could reach it so"):
        compute(Holds(content))


@pytest.mark.parametrize("content", [1, 2.5, "text", None, True, (1, ("a", 2.0)), Path("x"), Nested(3), b"x"])
def test_plain_settings_are_taken(compute, content):
    assert len(compute(Holds(content))) == 6


def test_what_a_view_hides_beside_its_fields_is_refused(compute, clip_set):
    view = Mean()
    object.__setattr__(view, "labels", clip_set.labels)
    with pytest.raises(LeakError, match="view Mean holds labels, a ndarray"):
        compute(view)


class Plain:
    def __call__(self, clip):
        return clip.frames[0]


def test_a_view_that_is_no_frozen_dataclass_is_refused(compute):
    for view in (Plain(), dataclasses.make_dataclass("Open", [("step", int)])(1)):
        with pytest.raises(LeakError, match="expected a frozen dataclass whose fields are its settings"):
            compute(view)


def counts_calls(clip):
    return np.full(2, next(CALLS), np.float32)


def test_a_view_that_counts_calls_is_found_and_nothing_of_it_is_kept(compute, tmp_path):
    with pytest.raises(LeakError, match="counts_calls is no pure function of a clip: computed again for s1_0"):
        compute(counts_calls)
    assert not entries(tmp_path)


def writes(clip):
    clip.frames[0] = 0
    return clip.frames


def test_a_view_cannot_write_to_the_pictures(compute, clip_set):
    before = clip_set.read(0).copy()
    with pytest.raises(ValueError, match="read-only"):
        compute(writes)
    np.testing.assert_array_equal(clip_set.read(0), before)


def gives_text(clip):
    return "positive"


def gives_nothing(clip):
    return {}


@pytest.mark.parametrize(("view", "kind"), [(gives_text, "str"), (gives_nothing, "dict")])
def test_a_view_that_gives_no_numbers_is_refused(compute, view, kind):
    with pytest.raises(ValueError, match=f"view {view.__name__} gives {kind} for clip s1_0; expected an array of num"):
        compute(view)


def frames_as_they_are(clip):
    return clip.frames


def test_arrays_of_different_shapes_are_not_stacked(compute):
    views = compute(frames_as_they_are)
    assert views[0].shape == (3, 32, 32)
    with pytest.raises(ValueError, match="arrays of different shapes.*cannot be stacked"):
        views.stack(np.arange(3))


def test_arrays_by_name_are_stacked_by_name(compute):
    stacked = compute(Times()).stack(np.array([0, 2]))
    assert {name: array.tolist() for name, array in stacked.items()} == {"fps": [100, 100], "apex": [-1, -1]}
