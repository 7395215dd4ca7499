"""The PyTorch baseline against results recorded from the released program, as our own model is held to them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from experiments.baselines.akmnet_torch import AKMNet, LossWeights, make_optimizer  # noqa: E402
from experiments.baselines.akmnet_torch_packed import FormulaBatchNorm, PackedAKMNet  # noqa: E402

MODELS = {
    "one by one": AKMNet,
    "packed": PackedAKMNet,
    "formula": lambda *args, **kwargs: PackedAKMNet(*args, norm=FormulaBatchNorm, **kwargs),
}
CASES = [  # of each program one, in the format in which it is timed; the rest in `make test-long`
    ("one by one", "float32"),
    ("packed", "float32"),
    *(pytest.param((how, "float64"), marks=pytest.mark.long) for how in MODELS),
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} {case[1]}")
def case(request):
    return request.param


@pytest.fixture
def dtype(case):
    return case[1]


@pytest.fixture
def model(case, recording, recorded_weights):
    """The network with the recording's weights."""
    how, dtype = case
    net = MODELS[how](recording.meta["num_classes"], dropout=recording.meta["dropout"])
    missing, unknown = net.load_state_dict({k: torch.from_numpy(v) for k, v in recorded_weights.items()}, strict=False)
    assert not unknown
    assert all("num_batches_tracked" in name for name in missing)
    return net.to(getattr(torch, dtype))


def calls(model, group):
    """The clips of a step as the model takes them: all at once, or one by one."""
    return [group] if isinstance(model, PackedAKMNet) else [[entry] for entry in group]


def frames_of(recording, call, dtype):
    clips = np.concatenate([recording.clip(name, length) for name, length, *_ in call])
    return torch.from_numpy(clips.astype(dtype))[:, None].div_(255 if clips.dtype == np.uint8 else 1)


def apply(model, recording, call, dtype):
    lengths = [length for _, length, *_ in call]
    return model(frames_of(recording, call, dtype), lengths), lengths


def running(model):
    return {k: v.numpy() for k, v in model.state_dict().items() if "running_" in k}


def test_golden_evaluation(recording, golden_checks, model, dtype):
    checks = golden_checks(dtype)
    with torch.no_grad():
        for group in recording.steps:
            for call in calls(model, group):
                apply(model, recording, call, dtype)
        checks.running("calibrated/", running(model))
        model.eval()
        for call in calls(model, recording.meta["eval_clips"]):
            output, lengths = apply(model, recording, call, dtype)
            parts = zip(output.beta.split(lengths), output.selected.split(lengths), output.logits, strict=True)
            for (name, _), (beta, selected, logits) in zip(call, parts, strict=True):
                checks.evaluated(name, beta=beta, selected=selected, logits=logits)


def test_golden_training_steps(recording, golden_checks, model, dtype):
    checks, meta = golden_checks(dtype), recording.meta
    optimizer = make_optimizer(model, meta["lr"], momentum=meta["momentum"], weight_decay=meta["weight_decay"])
    weights = LossWeights(meta["lambda_sparsity"], meta["lambda_margin"])
    for step, group in enumerate(recording.steps):
        optimizer.zero_grad()
        for call in calls(model, group):
            output, lengths = apply(model, recording, call, dtype)
            losses = model.losses(output, torch.tensor([label for *_, label in call]), lengths, weights)
            (losses.total.sum() / len(group)).backward()
            check_clips(checks, step, call, lengths, output, losses)
        named = dict(model.named_parameters())
        checks.gradients(step, {k: p.grad.numpy() for k, p in named.items()})
        optimizer.step()
        checks.parameters(step, {k: p.detach().numpy() for k, p in named.items()})
        checks.running(f"train/step{step}/running/", running(model))


def check_clips(checks, step, call, lengths, output, losses):
    beta, selected = output.beta.detach().split(lengths), output.selected.detach().split(lengths)
    for i, (name, *_) in enumerate(call):
        checks.trained(
            step,
            name,
            beta=beta[i],
            selected=selected[i],
            logits=output.logits[i].detach(),
            cross_entropy=losses.cross_entropy[i].detach(),
            margin=losses.margin[i].detach(),
            sparsity=losses.sparsity[i].detach(),
        )
