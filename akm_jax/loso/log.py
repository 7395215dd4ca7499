"""Logs of a run: `log.jsonl`, one line an epoch and training, and TensorBoard event files."""

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akm_jax.files import write_text
from akm_jax.observe import Observer, Place

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

SCALARS = ("loss", "accuracy", "cross_entropy", "learning_rate")
# Event files are flushed this often at most: it takes longer than writing to them.
FLUSH_INTERVAL_S = 2.0


class RunLog(Observer):
    """Writes both logs. A training that goes on from a checkpoint first forgets the epochs it will repeat.

    Every training has an event file of its own, open until its fold is finished.
    """

    def __init__(self, run_dir: Path):
        self._lines = run_dir / "log.jsonl"
        self._events = run_dir / "tensorboard"
        self._writers: dict[Place, SummaryWriter] = {}
        self._flushed = 0.0

    def training_starts(self, place: Place, epoch: int) -> None:
        """Drop lines of later epochs of this training, and a line cut short by a kill."""
        from tensorboardX import SummaryWriter  # loads PyTorch where that is installed: two seconds

        if self._lines.is_file():
            mine = dataclasses.asdict(place)
            kept = [
                line
                for line, entry in map(_parse, self._lines.read_text(encoding="utf-8").splitlines())
                if entry is not None and not (entry["epoch"] > epoch and {k: entry[k] for k in mine} == mine)
            ]
            write_text(self._lines, "".join(f"{line}\n" for line in kept))
        folder = self._events / f"seed{place.seed}" / f"s{place.subject}" / place.training
        self._writers[place] = SummaryWriter(str(folder), purge_step=epoch + 1)

    def epoch_done(self, place: Place, entry: dict[str, Any]) -> None:
        """Append one line and the epoch's scalars."""
        with self._lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dataclasses.asdict(place) | entry) + "\n")
        writer = self._writers[place]
        for name in SCALARS:
            if name in entry:
                writer.add_scalar(name, entry[name], entry["epoch"])
        if time.monotonic() - self._flushed > FLUSH_INTERVAL_S:
            writer.flush()
            self._flushed = time.monotonic()

    def fold_done(self, result: dict[str, Any], done: int, total: int) -> None:
        """Close the event files of the fold's trainings."""
        for place in list(self._writers):
            if (place.seed, place.subject) == (result["seed"], result["subject"]):
                self._writers.pop(place).close()


def _parse(line: str) -> tuple[str, dict[str, Any] | None]:
    try:
        return line, json.loads(line)
    except json.JSONDecodeError:
        return line, None
