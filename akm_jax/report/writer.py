"""The page of a run that goes on: drawn anew whenever a fold is finished."""

from pathlib import Path
from typing import Any

from akm_jax.data.clip_set import ClipSet
from akm_jax.files import fold_folder
from akm_jax.observe import Observer
from akm_jax.report import thumbnails
from akm_jax.report.page import write_report


class ReportWriter(Observer):
    """Writes thumbnails and page as folds finish."""

    def __init__(self, run_dir: Path, clip_set: ClipSet):
        """Args: the run directory; the data, for the thumbnails."""
        self._run_dir = run_dir
        self._clip_set = clip_set

    def fold_done(self, result: dict[str, Any], done: int, total: int) -> None:
        """Write what the fold lacks; one that was finished by an earlier start has its thumbnails and its page."""
        folder = fold_folder(self._run_dir, result["seed"], result["subject"])
        if (folder / thumbnails.FILE_NAME).is_file():
            return
        thumbnails.write_thumbnails(folder, self._clip_set, result)
        write_report(self._run_dir)
