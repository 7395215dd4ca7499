"""`report.html`: the page of a run, complete or not, drawn from the files of its directory alone."""

import dataclasses
from pathlib import Path
from typing import Any

from markupsafe import Markup

from akm_jax.config import FULL_METHOD
from akm_jax.files import write_text
from akm_jax.loso.rules import GIVEN
from akm_jax.methods import method_title
from akm_jax.report import figures
from akm_jax.report.chosen_clips import Reading, choose, read_clips
from akm_jax.report.published import AKMNET, SOURCE, Published, published_results
from akm_jax.report.run_files import RunFiles, main_rule, natural_order, read_run
from akm_jax.report.templates import page_templates
from akm_jax.report.thumbnails import read_thumbnails

FILE_NAME = "report.html"
# What each rule's figure may be used for.
RULE_NOTES = {
    "last": ("headline", "The model of the last epoch: the left-out subject had no say in it."),
    "inner": ("", "The best epoch on validation subjects held out of the training subjects, from a second training."),
    "test": ("optimistic", "The epoch that reads the left-out subject best: the test data choose the model."),
    GIVEN: (
        "",
        "Predictions made elsewhere. How the models were trained and chosen, and whether the left-out subject had a "
        "say in it, is not known here.",
    ),
}
SEEN_ON_TEST = "Seen on the left-out subject; only rule test uses it."
# Trainings of a fold: colour, heading, and on whom the accuracy of an epoch is watched.
TRAININGS = {
    "all_subjects": ("last", "Training on all other subjects", SEEN_ON_TEST),
    "inner": ("inner", "Training without the validation subjects", "On the inner validation subjects."),
}


def write_report(run_dir: Path) -> Path:
    """Write `report.html` of a run, over one that is there.

    Args:
        run_dir: a run directory with at least one finished fold.

    Returns:
        The page's path.

    Raises:
        FileNotFoundError: there is no such folder, it is not a run directory, or no fold is finished yet.
        ValueError: a file of the run is damaged; the message names it.
    """
    path = Path(run_dir) / FILE_NAME
    write_text(path, render(read_run(Path(run_dir))))
    return path


def render(run: RunFiles) -> str:
    """The page as text."""
    environment = page_templates()
    environment.filters["f3"] = lambda value: f"{value:.3f}"
    config = run.plan["config"]
    published = published_results(run.plan["data"]["name"], config.get("data_config"))
    return environment.get_template("page.html.j2").render(
        run=run,
        scores=run.scores,
        data=run.plan["data"],
        config=config,
        rule_notes=RULE_NOTES,
        headline=main_rule(run.scores["rules"]),
        foreign=GIVEN in run.scores["rules"],
        notes=run.summary.get("notes", []),
        subjects=sorted(run.scores["rules"][run.rules[0]]["per_subject"], key=natural_order),
        published=published,
        akmnet=AKMNET,
        source=SOURCE,
        method=_title(config),
        curves=_curves(run),
        groups=(groups := _groups(run)),
        has_key_frames=any(card.timeline for _, cards in groups for card in cards),
        run_facts=_run_facts(run.summary),
        **_figures(run, published),
    )


def _title(config: dict[str, Any]) -> str:
    """What was trained: the method, and its variant where it is not the full one."""
    title = method_title(config.get("method", "akmnet"))
    model = config.get("model")
    mining = model.get("mining", FULL_METHOD) if isinstance(model, dict) else FULL_METHOD
    return title if mining == FULL_METHOD else f"{title}, variant {mining}"


# Numbers of a summary: what the page calls them, and how it writes them.
FACTS = {
    "device": ("device", "{}"),
    "git_revision": ("git revision", "{}"),
    "frames_per_second": ("frames a second", "{:,.0f}"),
    "frames_per_step": ("frames a step", "{}"),
    "padding_share": ("padding", "{:.1%}"),
    "compilations": ("compilations of the step", "{}"),
}


def _run_facts(summary: dict[str, Any]) -> dict[str, str | None]:
    return {
        title: None if summary[name] is None else form.format(summary[name])
        for name, (title, form) in FACTS.items()
        if name in summary
    }


def _figures(run: RunFiles, published: tuple[Published, ...]) -> dict[str, Markup]:
    akmnet = next((row.accuracy for row in published if row.method == AKMNET), None)
    return {
        "comparison_figure": figures.comparison(run.scores, run.rules, akmnet),
        "subjects_figure": figures.subjects(run.scores, main_rule(run.scores["rules"])),
        "seeds_figure": figures.seeds(run.scores, run.rules) if len(run.seeds) > 1 else Markup(),
    }


@dataclasses.dataclass(frozen=True)
class Curve:
    """A figure of learning curves, with what to know of it."""

    figure: Markup
    title: str
    note: str

    @property
    def warns(self) -> bool:
        """Whether the note is one to heed."""
        return self.note == SEEN_ON_TEST


def _curves(run: RunFiles) -> list[Curve]:
    found = []
    for training, (colour, title, watched) in TRAININGS.items():
        histories = [r["histories"][training] for r in run.results if r["histories"].get(training)]
        for quantity in ("loss", "accuracy"):
            if histories and all(quantity in epoch for history in histories for epoch in history):
                figure = figures.curves(f"curve-{training}-{quantity}", histories, quantity, colour)
                note = watched if quantity == "accuracy" else "Mean loss of the training clips."
                found.append(Curve(figure, f"{title}: {quantity}", note))
    return found


@dataclasses.dataclass(frozen=True)
class Card:
    """One clip with its thumbnails, and its timeline where the method scores frames."""

    reading: Reading
    timeline: Markup | None
    frames: list[dict[str, Any]]
    num_frames: int


def _groups(run: RunFiles) -> list[tuple[str, list[Card]]]:
    """Chosen clips of the first seed under the rule whose thumbnails were taken."""
    rule = main_rule(run.scores["rules"])
    groups = choose(read_clips(run.scored, rule, run.seeds[0]))
    return [
        (group.title, [_card(run, f"clip-{g}-{i}", reading) for i, reading in enumerate(group.readings)])
        for g, group in enumerate(groups)
    ]


def _card(run: RunFiles, name: str, reading: Reading) -> Card:
    folder = run.thumbnails_folder / f"s{reading.subject}"
    found = read_thumbnails(folder).get(reading.clip_id, {"apex": None, "frames": [], "num_frames": len(reading.beta)})
    timeline = figures.timeline(name, reading, found["apex"]) if reading.beta else None
    return Card(reading, timeline, found["frames"], found["num_frames"])
