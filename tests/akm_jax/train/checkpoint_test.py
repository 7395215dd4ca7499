import resource
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.config import ModelConfig, TrainConfig
from akm_jax.files import write_json
from akm_jax.train import checkpoint
from akm_jax.train.state import initial_state

MODEL = ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4)


def make_state(seed=0):
    return initial_state(jax.random.key(seed), model=MODEL, train=TrainConfig(), num_classes=3)


@pytest.fixture
def folder(tmp_path):
    for epoch in (1, 2, 3):
        checkpoint.save(tmp_path, epoch, make_state(epoch), {"history": [{"epoch": epoch, "loss": 0.1}]})
    return tmp_path


def test_what_is_saved_comes_back(folder):
    found, problems = checkpoint.newest(folder)
    assert not problems
    assert (found.epoch, found.notes) == (3, {"history": [{"epoch": 3, "loss": 0.1}]})
    pairs = zip(jax.tree.leaves(found.restore(make_state())), jax.tree.leaves(make_state(3)), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_arrays_of_numpy_come_back_as_such(tmp_path):
    state = {"weights": np.arange(6.0).reshape(2, 3), "count": np.array(4)}
    checkpoint.save(tmp_path, 1, state, {})
    found = checkpoint.newest(tmp_path)[0].restore(jax.tree.map(np.zeros_like, state))
    assert isinstance(found["weights"], np.ndarray)
    np.testing.assert_array_equal(found["weights"], state["weights"])
    assert found["count"] == 4


def test_the_last_two_are_kept_and_nothing_half_written(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["epoch_0002", "epoch_0003"]


@pytest.mark.parametrize("committed", [False, True])
def test_what_comes_back_runs_the_programs_of_what_was_saved(folder, committed):
    like = make_state()
    if committed:
        like = jax.device_put(like, jax.devices()[0])
    restored = checkpoint.newest(folder)[0].restore(like)
    lowered = [jax.jit(lambda s: jax.tree.map(jnp.negative, s)).lower(s) for s in (like, restored)]
    assert lowered[0].as_text() == lowered[1].as_text()


def damage(place, how):
    largest = max((p for p in place.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    if how == "flipped":
        content = bytearray(largest.read_bytes())
        content[len(content) // 2] ^= 0x40
        largest.write_bytes(content)
    elif how == "truncated":
        largest.write_bytes(largest.read_bytes()[:10])
    elif how == "missing":
        largest.unlink()
    else:
        (place / "manifest.json").write_text("{")


@pytest.mark.parametrize("how", ["flipped", "truncated", "missing", "manifest"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_is_named(folder, how):
    damage(folder / "epoch_0003", how)
    found, problems = checkpoint.newest(folder)
    assert found.epoch == 2
    assert len(problems) == 1
    assert "epoch_0003" in problems[0]


def test_without_a_good_one_there_is_none(folder):
    for epoch in (2, 3):
        damage(folder / f"epoch_000{epoch}", "flipped")
    found, problems = checkpoint.newest(folder)
    assert found is None
    assert len(problems) == 2


def test_another_network_is_refused_by_name(folder):
    more_classes = jax.tree_util.tree_map_with_path(
        lambda path, array: jnp.repeat(array, 2, axis=-1) if "head" in jax.tree_util.keystr(path) else array,
        make_state(),
    )
    with pytest.raises(ValueError, match=r"checkpoint of another network; differing arrays: .*head"):
        checkpoint.read(folder / "epoch_0003").restore(more_classes)


def test_a_disk_without_room_loses_no_earlier_checkpoint(folder):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))  # no file may grow beyond 4 KiB
    try:
        with pytest.raises(OSError, match="no room for a checkpoint"):
            checkpoint.save(folder, 4, make_state(4), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    found, problems = checkpoint.newest(folder)
    assert (found.epoch, problems) == (3, [])


def test_a_fold_gives_what_its_last_training_kept(tmp_path):
    with pytest.raises(ValueError, match="kept nothing by which other clips .* again with another --run_dir"):
        checkpoint.of_fold(tmp_path)
    for name in ("inner", "all_subjects"):
        checkpoint.save(tmp_path / "checkpoints" / name, 1, {"of": np.array(len(name))}, {})
        assert checkpoint.of_fold(tmp_path).place.parent.name == name
    last = checkpoint.save(tmp_path / "checkpoints" / "all_subjects", 2, {"of": np.array(0)}, {})
    (last / "notes.json").unlink()  # the one before it is good, and another model
    with pytest.raises(ValueError, match=r"no good checkpoint\n.*notes.json\ndelete the folder .*0 and give"):
        checkpoint.of_fold(tmp_path)
    shutil.rmtree(last)
    write_json(tmp_path / "result.json", {"histories": {"all_subjects": [{"epoch": 1}, {"epoch": 2}]}})
    with pytest.raises(ValueError, match="last checkpoint is of epoch 1, its results of epoch 2; delete the folder"):
        checkpoint.of_fold(tmp_path)
