import numpy as np
import pytest
from flax import nnx

from akm_jax.config import ModelConfig
from akm_jax.interop.torch import akmnet_from_state_dict, copy_matching, load_state_dict, num_classes, to_state_dict
from akm_jax.models.akmnet import AKMNet

torch = pytest.importorskip("torch")
SMALL = ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4)


@pytest.fixture(scope="module")
def weights():
    return to_state_dict(nnx.state(AKMNet(SMALL, 5, rngs=nnx.Rngs(0))))


def save(content, tmp_path, name="weights.pt"):
    torch.save(content, tmp_path / name)
    return tmp_path / name


def as_tensors(weights):
    return {k: torch.from_numpy(v.copy()) for k, v in weights.items()}


@pytest.mark.parametrize(
    "wrap", [lambda d: d, lambda d: {"state_dict": d}, lambda d: {f"module.{k}": v for k, v in d.items()}]
)
def test_weights_survive_the_way_through_a_file(weights, tmp_path, wrap):
    tracked = {"bn1.num_batches_tracked": torch.tensor(7)}
    model = akmnet_from_state_dict(load_state_dict(save(wrap(as_tensors(weights) | tracked), tmp_path)), SMALL)
    again = to_state_dict(nnx.state(model))
    assert again.keys() == weights.keys()
    assert all((again[k] == weights[k]).all() for k in weights)


def test_class_count_is_read_from_the_file(weights):
    assert num_classes(weights) == 5
    with pytest.raises(ValueError, match=r"fc\.1\.weight is missing"):
        num_classes({"conv1.weight": weights["conv1.weight"]})


def test_one_error_lists_everything_that_does_not_fit(weights):
    wrong = dict(weights)
    wrong["conv1.weight"] = np.zeros((4, 3, 7, 7), np.float32)
    wrong["layer9.weird"] = np.zeros(3, np.float32)
    wrong["bn1.odd"] = np.zeros(3, np.float32)
    del wrong["alpha.0.bias"]
    with pytest.raises(ValueError, match="4 entries") as error:
        akmnet_from_state_dict(wrong, SMALL)
    for line in (
        "wrong shape: conv1.weight is (4, 3, 7, 7), expected (4, 1, 5, 5)",
        "unknown: layer9.weird (3,)",
        "unknown: bn1.odd (3,)",
        "missing: alpha.0.bias",
    ):
        assert line in str(error.value)


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 1}, {"state_dict": {}}, torch.zeros(3)])
def test_a_file_that_is_not_a_state_dict_is_named(content, tmp_path):
    path = save(content, tmp_path)
    with pytest.raises(ValueError, match=r"weights\.pt: .*expected a state dict"):
        load_state_dict(path)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_half_and_double_tensors_are_read(weights, tmp_path, dtype):
    tensors = {k: v.to(dtype) for k, v in as_tensors(weights).items()}
    model = akmnet_from_state_dict(load_state_dict(save(tensors, tmp_path)), SMALL)
    for name, value in to_state_dict(nnx.state(model)).items():
        np.testing.assert_array_equal(value, tensors[name].float().numpy())


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"not a checkpoint", "can't read it as plain weights"),
        (b"", "an empty file"),
        (b"\n<!DOCTYPE html>\n<html><head>", "a web page, not weights"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a pointer of Git LFS"),
        (torch.nn.Linear(2, 2), "a whole pickled model"),
        ({"state_dict": {"a": torch.zeros(2)}, "model": torch.nn.Linear(2, 2)}, "a whole pickled model"),
        ({"a": torch.zeros(3, 3).to_sparse()}, "a is a sparse"),
    ],
)
def test_what_is_no_state_dict_is_refused_unread_with_its_cause(tmp_path, content, cause):
    path = tmp_path / "wrong.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ValueError, match=rf"wrong\.pt: .*{cause}"):
        load_state_dict(path)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.pt: no such file"):
        load_state_dict(tmp_path / "gone.pt")


def test_matching_entries_are_copied_and_the_rest_is_named(weights):
    other = dict(weights, **{"fc.1.weight": np.zeros((9, 8), np.float32), "extra": np.zeros(2, np.float32)})
    fresh = AKMNet(SMALL, 5, rngs=nnx.Rngs(1))
    head = np.array(fresh.head_kernel[...])
    model, left = copy_matching(other, fresh)
    assert sorted(left) == ["extra", "fc.1.weight"]
    np.testing.assert_array_equal(model.head_kernel[...], head)
    np.testing.assert_array_equal(to_state_dict(nnx.state(model))["conv1.weight"], weights["conv1.weight"])
    with pytest.raises(ValueError, match="no entry of the state dict fits"):
        copy_matching({"extra": np.zeros(2, np.float32)}, fresh)
