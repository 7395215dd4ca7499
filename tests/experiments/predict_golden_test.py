"""`python -m experiments.predict` on recorded clips with the recorded weights gives the recorded results."""

import json

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder(recording, recorded_weights, tmp_path_factory):
    """The weights with calibrated statistics as a `.pt`, and the evaluation clips as folders of frames."""
    folder = tmp_path_factory.mktemp("predict")
    weights = recorded_weights | recording.under("calibrated/")
    torch.save(
        {k: torch.from_numpy(np.asarray(v, np.float32).copy()) for k, v in weights.items()}, folder / "akmnet.pt"
    )
    for name, num_frames in recording.meta["eval_clips"]:
        (folder / name).mkdir()
        for i, frame in enumerate(recording.clip(name, num_frames)):
            cv2.imwrite(str(folder / name / f"img{i + 46}.png"), frame)
    return folder


def test_golden_clip_through_the_command_line(recording, folder, command, warm_command, monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)  # one clip is classified by the program that a user gets
    run = command
    for name, num_frames in recording.meta["eval_clips"]:
        done = run("predict", name, "--checkpoint=akmnet.pt", "--json", f"--picture={name}.png", cwd=folder)
        run = warm_command
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["selected"] == recording[f"eval/{name}/selected"].tolist()
        # Three times the error of PyTorch's own float32.
        np.testing.assert_allclose(found["beta"], recording[f"eval/{name}/beta"], atol=9e-7)
        np.testing.assert_allclose(found["logits"], recording[f"eval/{name}/logits"], atol=2.1e-6)
        assert sum(found["probabilities"]) == pytest.approx(1)
        assert found["frames"] == [f"img{i + 46}.png" for i in range(num_frames)]
        assert len(found["classes"]) == recording.meta["num_classes"]
        assert (folder / f"{name}.png").stat().st_size > 10_000


def test_golden_weights_with_class_names(recording, folder, warm_command):
    name = recording.meta["eval_clips"][0][0]
    names = [f"emotion{i}" for i in range(recording.meta["num_classes"])]
    done = warm_command("predict", name, "--checkpoint=akmnet.pt", f"--classes={','.join(names)}", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert all(n in done.stdout for n in names)
    assert "key frames" in done.stdout
    done = warm_command("predict", name, "--checkpoint=akmnet.pt", "--classes=one", cwd=folder)
    assert done.returncode == 1
    assert "but 1 names were given" in done.stderr.replace("\n", " ")
