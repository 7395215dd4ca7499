from akm_jax.config import ModelConfig
from experiments.benchmarks import scaling

TINY = ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4)


def test_every_curve_has_a_row(monkeypatch):
    for name, points in (
        ("CLIPS", (4, 8)),
        ("FRAMES", (4, 8)),
        ("SIZES", (32, 64)),
        ("SPREADS", (0.0,)),
        ("FOLDS", (2,)),
    ):
        monkeypatch.setattr(scaling, name, points)
    monkeypatch.setattr(scaling, "_step_seconds", lambda model, lengths, rounds: 0.001 * lengths.sum())
    monkeypatch.setattr(scaling, "_fold_seconds", lambda model: [(2, 1.0), (4, 2.0)])
    rows = {row["name"]: row for row in scaling.measure(TINY, rounds=1, track=lambda items, _: items)}
    assert set(rows) == {f"scaling/{curve}" for curve in ("clips", "frames_a_clip", "pixels", "spread", "folds")}
    assert rows["scaling/clips"]["exponent"] == 1
    assert rows["scaling/folds"]["exponent"] == 1
    assert rows["scaling/frames_a_clip"]["frames"] == [32, 64]
    assert "frames" not in rows["scaling/folds"]  # a run's seconds, not a step's


def test_spread_keeps_the_frames():
    assert {int(scaling._spread(spread).sum()) for spread in scaling.SPREADS} == {512}
