"""Every way to run the PyTorch AKMNet gives what the plain one gives, and the plain one what `akm_jax` gives."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from experiments.baselines.akmnet_torch_variants import EAGER, Program, TorchClips, Variant, variants  # noqa: E402

# What torch.compile imports uses parts of PyTorch that PyTorch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*")

WIDTHS, HIDDEN, SIZE, CLASSES = (16, 32, 64, 128), 4, 64, 3
LENGTHS = np.array([3, 5, 1, 6, 4])
SHAPE = {"num_classes": CLASSES, "widths": WIDTHS, "gru_hidden": HIDDEN, "image_size": SIZE, "dropout": 0.0}
WAYS = [v for v in variants("cuda", "train", WIDTHS) if v != EAGER and not v.tuned]  # those of the CPU and more


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    num_frames = int(LENGTHS.sum())
    brightness = np.repeat(rng.uniform(0.3, 1, num_frames), SIZE * SIZE).reshape(-1, SIZE, SIZE)
    frames = (brightness * rng.integers(0, 256, (num_frames, SIZE, SIZE))).astype(np.uint8)
    large = rng.integers(0, 256, (num_frames, SIZE * 9 // 8, SIZE * 9 // 8)).astype(np.uint8)
    starts = np.concatenate([[0], np.cumsum(LENGTHS)[:-1]])
    labels = torch.arange(len(LENGTHS)) % CLASSES
    return TorchClips(torch.from_numpy(frames), torch.from_numpy(large), labels, starts, LENGTHS)


@pytest.fixture(scope="module")
def weights():
    from experiments.baselines.akmnet_torch import AKMNet

    torch.manual_seed(0)
    return {k: v.double().numpy() for k, v in AKMNet(**SHAPE).state_dict().items() if "num_batches" not in k}


def steps(variant, clips, weights):
    """Two training steps, the second with fewer clips, then an evaluation."""
    program = Program(variant, clips, weights, shape=SHAPE, optimizer={"learning_rate": 0.01}, seed=1, compiler="eager")
    losses = [program.train_step([0, 2, 1, 4]), program.train_step([3, 0])]
    gradients = {k: p.grad.clone() for k, p in program.model.named_parameters()}
    outputs = program.evaluate([4, 3, 2])
    logits = torch.cat([output.logits for output in outputs])
    selected = torch.cat([output.selected for output in outputs])
    return torch.cat(losses), gradients, program.model.state_dict(), logits, selected


@pytest.fixture(scope="module")
def plain(clips, weights):
    return steps(EAGER, clips, weights)


def assert_near(actual, expected, tolerance, what=""):
    error = float((actual - expected).abs().max()) / max(float(expected.abs().max()), 1e-9)
    assert error <= tolerance, f"{what}: off by {error:.1e} of the largest value"


@pytest.mark.parametrize("variant", [pytest.param(v, marks=[pytest.mark.long] * v.compiled, id=v.name) for v in WAYS])
def test_every_variant_computes_the_same(variant, clips, weights, plain):
    losses, gradients, state, logits, selected = steps(variant, clips, weights)
    assert_near(losses, plain[0], 1e-9)
    for name, gradient in plain[1].items():
        assert_near(gradients[name], gradient, 1e-7, name)  # batch norm's scales cancel heavily
    for name, value in plain[2].items():
        if not name.endswith("num_batches_tracked"):
            assert_near(state[name], value, 1e-9, name)
    assert (selected == plain[4]).all()
    assert_near(logits, plain[3], 1e-9)


@pytest.mark.parametrize(
    ("variant", "tolerance"),
    [(EAGER, 1e-3), (Variant(channels_last=True), 1e-3), (Variant(bfloat16=True), 5e-2)],
    ids=lambda v: getattr(v, "name", ""),
)
def test_narrower_numbers_stay_near(variant, tolerance, clips, weights, plain):
    narrow = {k: v.astype(np.float32) for k, v in weights.items()}
    losses, *_ = steps(variant, clips, narrow)
    # bfloat16 has eight bits of mantissa, and the trunk eighteen layers.
    assert_near(losses, plain[0], tolerance)


def names(*arguments, **options):
    return [variant.name for variant in variants(*arguments, **options)]


def test_names_are_the_switches_that_are_on():
    assert EAGER.name == "eager"
    assert Variant(packed=True, channels_last=True).name == "packed+channels_last"
    assert len(set(names("cuda", "train", WIDTHS))) == len(variants("cuda", "train", WIDTHS))


def test_the_device_and_the_work_say_what_is_worth_a_trial():
    assert names("cpu", "train", WIDTHS) == ["eager", "channels_last"]
    assert names("cpu", "infer", WIDTHS) == ["eager", "channels_last", "channels_last+compiled"]
    every = names("cpu", "train", WIDTHS, every=True)
    assert {"packed", "packed+channels_last", "packed+channels_last+compiled", "channels_last+compiled"} < set(every)
    assert names("cpu", "infer", (8, 16, 32, 64)) == names("cpu", "train", (8, 16, 32, 64)) == ["eager", "packed"]
    tuned = [variant.tuned for variant in variants("cuda", "train", WIDTHS)]
    assert any(tuned)
    assert not all(tuned)
    assert [v.bfloat16 for v in variants("cuda", "train", WIDTHS, bfloat16=True)][:2] == [False, True]


def test_clip_lengths_do_not_recompile(clips, weights):
    import torch._dynamo.utils as dynamo

    torch._dynamo.reset()
    dynamo.counters.clear()
    variant = Variant(channels_last=True, compiled=True)
    program = Program(variant, clips, weights, shape=SHAPE, compiler="eager")
    program.train_step([0, 1])
    before = dynamo.counters["stats"]["unique_graphs"]
    program.train_step([3, 4])
    assert dynamo.counters["stats"]["unique_graphs"] == before


def test_weights_of_another_network_are_refused(clips, weights):
    fewer = {k: v for k, v in weights.items() if k != "conv1.weight"} | {"conv9.weight": weights["conv1.weight"]}
    with pytest.raises(ValueError, match=r"missing \['conv1.weight'\], unknown \['conv9.weight'\]"):
        Program(EAGER, clips, fewer, shape=SHAPE)


def test_crops_are_cut_from_the_enlarged_frames(clips):
    crop = clips.gather([1], np.random.default_rng(0), crop_probability=1.0)
    whole = clips.gather([1], None)
    assert crop.shape == whole.shape == (5, 1, SIZE, SIZE)
    assert float(crop.min()) >= 0
    assert float(crop.max()) <= 1
    large = clips.large_frames[3:8].float() / 255
    places = [
        (y, x)
        for y in range(SIZE // 8 + 1)
        for x in range(SIZE // 8 + 1)
        if torch.equal(large[:, y : y + SIZE, x : x + SIZE], crop[:, 0])
    ]
    assert len(places) == 1
