from akm_jax.files import read_json, write_json, write_text


def test_names_that_are_not_utf_8_lose_no_result(tmp_path):
    write_text(tmp_path / "page.html", "clip \udcff 微")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "clip \\udcff 微"
    write_json(tmp_path / "o.json", {"clip": "\udcff"})
    assert read_json(tmp_path / "o.json") == {"clip": "\udcff"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.json", "page.html"]
