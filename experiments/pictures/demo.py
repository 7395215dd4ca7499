"""What README shows of the demo: its figures, the page of the run, and the key frames of one clip, all of one run."""

import dataclasses
from pathlib import Path
from typing import Any

from akm_jax.files import read_json, write_text
from experiments.pictures import report

BEGIN, END = "<!-- figures of the demo -->\n", "<!-- end of the figures -->\n"
MAKE = "make demo-figures"
CLIP, SUBJECT = "SMIC_all_cropped/HS/s9/micro/surprise/s9_sur_02", "9"
# What each run draws, by its strength.
_ROWS = {
    1.0: "as after magnification (`--synthetic.strength=1`)",
    0.0: "none, everything else kept (`--synthetic.strength=0`)",
}


@dataclasses.dataclass(frozen=True)
class PictureConfig:
    """Which runs to show, and where."""

    run_dir: Path = Path("runs/demo-seeds")
    """Run of the demo with several seeds."""
    control_dir: Path = Path("runs/control-seeds")
    """Run of its negative control with the same seeds."""
    readme: Path = Path("README.md")
    """Page whose figures, between two comments, are replaced."""
    page: Path = Path("docs/report.png")
    """Picture of the run's page."""
    key_frames: Path = Path("docs/key_frames.png")
    """Picture of a clip's key frames, by the network that was trained without its subject."""

    def draw(self) -> None:
        """Write the figures, and let Chromium and `experiments.predict` draw the pictures.

        Raises:
            FileNotFoundError: a run, or Chromium, is absent.
            ValueError: the runs are not those of the demo and its control, or the page has no place for figures.
        """
        from experiments.data import draw_corpus  # here: --help does not need these
        from experiments.options import DataOptions
        from experiments.predict import main as predict

        write_figures(self.readme, self.run_dir, self.control_dir)
        report.PictureConfig(self.run_dir, self.page).draw()
        data = DataOptions.preset("demo")
        clip = draw_corpus(data, "smic", seed=data.synthetic.seed) / CLIP
        predict([str(clip), f"--checkpoint={self.run_dir}", f"--fold={SUBJECT}", f"--picture={self.key_frames}"])


def write_figures(readme: Path, run_dir: Path, control_dir: Path) -> None:
    """Replace the figures of a page by those of two runs.

    Raises:
        FileNotFoundError: a run is absent.
        ValueError: the runs are not those of the demo and its control, or the page has no place for figures.
    """
    table = figures_table(_read_run(run_dir, 1.0), _read_run(control_dir, 0.0))
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme}: expected the lines {BEGIN.strip()} and {END.strip()}, between which figures stand")
    write_text(readme, before + begin + table + end + after)


def _read_run(run_dir: Path, strength: float) -> dict[str, Any]:
    path = run_dir / "summary.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; {MAKE} makes the runs and the figures")
    summary = read_json(path)
    config = summary["config"]
    found = config.get("preset"), config.get("synthetic", {}).get("strength")
    if found != ("demo", strength):
        raise ValueError(f"{path}: preset {found[0]}, strength {found[1]}; expected demo, {strength:g}: {MAKE}")
    return summary


def figures_table(demo: dict[str, Any], control: dict[str, Any]) -> str:
    """Mean and standard deviation over seeds of the demo and its control, as a Markdown table.

    Args:
        demo, control: summaries of runs with the same seeds.

    Raises:
        ValueError: they have not.
    """
    seeds = [len(summary["rules"]["last"]["accuracy_by_seed"]) for summary in (demo, control)]
    if seeds[0] != seeds[1]:
        raise ValueError(f"the demo has {seeds[0]} seeds, its control {seeds[1]}; expected as many: {MAKE}")
    lines = [
        f"| expressions | accuracy of {seeds[0]} seeds, last epoch | least to most | UF1 | majority class, by chance |",
        "|---|---|---|---|---|",
    ]
    for text, summary in zip(_ROWS.values(), (demo, control), strict=True):
        scores, (low, high) = summary["rules"]["last"], summary["majority_band95"]
        lines.append(
            f"| {text} | **{_spread(scores, 'accuracy')}** | {_write(min(scores['accuracy_by_seed']))} to "
            f"{_write(max(scores['accuracy_by_seed']))} | {_spread(scores, 'uf1')} | "
            f"{_write(summary['majority_accuracy'])}, {_write(low)} to {_write(high)} |"
        )
    return "\n".join(lines) + "\n"


def _spread(scores: dict[str, Any], name: str) -> str:
    return f"{_write(scores[name])} ± {_write(scores[f'{name}_std'])}"


def _write(number: float) -> str:
    """A share as tables have it: .875, 1.000."""
    return f"{number:.3f}".removeprefix("0")
