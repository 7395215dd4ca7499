"""A run is held to the weights it was started from, whatever lies at their place when it goes on."""

from pathlib import Path

from akm_jax.files import read_json, write_json


def hold_to(record: Path, weights: Path, checksum: str) -> None:
    """Note the checksum of a run's weights, or compare it with the one that was noted.

    Args:
        record: file of the run directory.
        weights: where they lie, for the message.
        checksum: theirs.

    Raises:
        ValueError: they are others than at the run's start.
    """
    if not record.is_file():
        write_json(record, {"checksum": checksum})
    elif (noted := read_json(record)["checksum"]) != checksum:
        raise ValueError(
            f"{weights}: checksum {checksum}, but the run was started from weights of checksum {noted}; give these, or "
            "another --run_dir to start a new run"
        )
