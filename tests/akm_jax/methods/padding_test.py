"""How much of the training steps is padding, and where it is."""

import numpy as np
import pytest

from akm_jax.config import AKMNetConfig, ModelConfig, RunOptions, TrainConfig
from akm_jax.loso.driver import all_trainings
from akm_jax.methods.akmnet import AKMNet
from akm_jax.methods.protocol import Context
from akm_jax.observe import Observer
from akm_jax.views.view import Views
from experiments.benchmarks.workload import noise_clips

MODEL = ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4)


@pytest.mark.parametrize(("clips", "missing"), [(12, 0), (11, 1), (9, 3)])
def test_much_padding_is_told_with_where_it_is(tmp_path, clips, missing):
    """Two people; each training has the other one's clips of 100 frames, four a step."""
    config = AKMNetConfig(model=MODEL, train=TrainConfig(clips_per_step=4, parts=1))
    clip_set = noise_clips(np.full(2 * clips, 100), np.repeat([1, 2], clips), MODEL)
    options = RunOptions(rules="last")
    trainings = all_trainings(clip_set, options)
    context = Context(options, tmp_path, Observer())
    facts = AKMNet(config).prepare(clip_set.without_labels(), Views(), trainings, context).run_facts(trainings)
    capacity = facts["frames_per_step"]
    assert 400 <= capacity <= 402
    assert facts["padding_share"] == pytest.approx(1 - 100 * clips / (3 * capacity))
    if facts["padding_share"] <= 0.05:
        assert missing == 0
        assert "padding_of_last_steps" not in facts
    else:
        assert facts["padding_of_last_steps"] == pytest.approx((100 * missing + capacity - 400) / (3 * capacity))
