import dataclasses

import pytest

from akm_jax.config import AKMNetConfig, ModelConfig, PretrainConfig, RunOptions, TrainConfig


@pytest.mark.parametrize("name", ["paper", "demo", "tiny"])
def test_presets_are_valid(name):
    AKMNetConfig.preset(name).validate()


def test_the_paper_preset_is_the_published_network():
    config = AKMNetConfig.preset("paper")
    assert (config.model, config.train) == (ModelConfig(), TrainConfig())
    assert (config.model.crop_source_size, config.model.num_positions) == (144, 16)


def test_unknown_preset():
    with pytest.raises(ValueError, match="--preset=large: expected one of paper, demo, tiny"):
        AKMNetConfig.preset("large")


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("model", {"image_size": 100}, r"--model\.image_size=100"),
        ("model", {"widths": (1, 2, 0, 4)}, r"--model\.widths"),
        ("model", {"gru_hidden": 0}, r"--model\.gru_hidden=0"),
        ("model", {"dropout": 1.0}, r"--model\.dropout=1\.0"),
        ("train", {"epochs": 0}, "--epochs=0: expected at least 1"),
        ("train", {"clips_per_step": 0}, "--clips_per_step=0"),
        ("train", {"learning_rate": 0.0}, r"--learning_rate=0\.0"),
        ("train", {"crop_probability": 1.5}, r"--crop_probability=1\.5"),
        ("train", {"steps_per_call": -1}, "--steps_per_call=-1"),
        ("train", {"steps_per_epoch": -1}, "--steps_per_epoch=-1"),
        ("data", {"memory_gib": -0.5}, r"--data\.memory_gib=-0\.5: expected 0 \(stream always\) or more"),
        ("data", {"memory_gib": float("nan")}, r"--data\.memory_gib=nan"),
        ("data", {"decode_threads": -1}, r"--data\.decode_threads=-1"),
        ("pretrain", {"people": 2}, r"--pretrain\.people=2"),
        ("pretrain", {"held_out_share": 0.0}, r"--pretrain\.held_out_share"),
        (None, {"rules": "best"}, "--rules=best: expected some of last,inner,test"),
        (None, {"seeds": 0}, "--seeds=0"),
        (None, {"inner_share": 1.0}, r"--inner_share=1\.0"),
        (None, {"init": "a.pt", "pretrain": PretrainConfig(people=9)}, "--init=a.pt"),
        ("model", {"mining": "random"}, "--key_frames_of=None"),
        (None, {"key_frames_of": "runs/a"}, "--key_frames_of=runs/a.*--model.mining=s123 has no use for"),
    ],
)
def test_bad_values_name_the_option_what_was_got_and_what_is_expected(part, change, message):
    config = RunOptions() if part == "data" or (change.keys() & {"rules", "seeds", "inner_share"}) else AKMNetConfig()
    values = {part: dataclasses.replace(getattr(config, part), **change)} if part else change
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(config, **values).validate()


def test_lists_are_comma_separated_and_ordered():
    config = RunOptions(rules="test,last", folds="3, 1")
    assert config.chosen_rules == ("last", "test")
    assert config.chosen_folds == ("3", "1")
