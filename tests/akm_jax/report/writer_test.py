from akm_jax.report.thumbnails import read_thumbnails
from akm_jax.report.writer import ReportWriter


def test_page_grows_with_the_folds(make, clip_set, tmp_path):
    run = make.run(tmp_path, clip_set, finished=1, pictures=False)
    ReportWriter(tmp_path, clip_set).fold_done(run.results[0], 1, 6)
    text = (tmp_path / "report.html").read_text()
    assert "1 of 6 folds." in text
    assert 'src="data:image/png' in text
    assert set(read_thumbnails(tmp_path / "folds/seed0/s1")) == set(run.results[0]["rules"]["last"]["clips"])


def test_fold_of_an_earlier_start_is_not_drawn_again(make, clip_set, tmp_path):
    run = make.run(tmp_path, clip_set, finished=1)
    ReportWriter(tmp_path, clip_set).fold_done(run.results[0], 1, 6)
    assert not (tmp_path / "report.html").exists()
