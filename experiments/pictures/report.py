"""The page of a run as a picture: what a browser shows of its beginning."""

import dataclasses
import shutil
import subprocess
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class PictureConfig:
    """Which page to show, and how much of it."""

    run_dir: Path = Path("runs/demo")
    """Run directory with a report.html."""
    output: Path = Path("docs/report.png")
    """PNG file."""
    width: int = 1100
    """Width of the window, pixels."""
    height: int = 1500
    """Height of the window, pixels."""

    def draw(self) -> None:
        """Let Chromium take the picture.

        Raises:
            FileNotFoundError: there is no page, or no Chromium.
            ValueError: Chromium fails.
        """
        page, browser = self.run_dir / "report.html", shutil.which("chromium")
        if not page.is_file():
            raise FileNotFoundError(f"{page} does not exist; give --run_dir, the directory of a run with a report")
        if browser is None:
            raise FileNotFoundError("chromium is not installed; install it (Debian: apt-get install chromium)")
        self.output.parent.mkdir(parents=True, exist_ok=True)
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        shot = [f"--window-size={self.width},{self.height}", f"--screenshot={self.output.absolute()}"]
        command = [browser, *options, *shot, page.absolute().as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not self.output.is_file():
            raise ValueError(f"chromium took no picture of {page}: {done.stderr[-500:]}")
