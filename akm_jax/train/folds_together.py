"""Small networks that see one picture a clip: all folds are trained in one compiled program.

Every fold has its own weights, labels, order of clips and randomness, which depend on its place alone, so that it comes
out as it would alone: steps that only other folds need leave it as it is. Pictures are shared; a fold takes the rows of
its training clips, and those of its watched clips for evaluation only.
"""

import dataclasses
import functools
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from akm_jax import optim
from akm_jax.losses import cross_entropy
from akm_jax.observe import Place
from akm_jax.train.compiling import jit

if TYPE_CHECKING:
    from akm_jax.methods.protocol import Start, Training

EVALUATED = 32  # clips that are evaluated together: however many a fold watches, each is computed the same way


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """How a small network is trained; the same object for all calls, or they compile anew."""

    network: Callable[[nnx.Rngs], nnx.Module]
    """Makes it; called with (pictures, mask, train=, dropout_key=) it gives logits."""
    optimizer: optax.GradientTransformation
    rate: Callable[[int], float]
    """Learning rate of an epoch, counted from 1."""
    epochs: int
    clips_per_step: int
    loss: Callable = cross_entropy
    """`loss(logits, labels, mask)`, one value a clip, 0 where the mask is False."""
    centred: bool = False
    """Whether the mean picture of the training clips is subtracted."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class FoldState:
    """What a fold carries from step to step."""

    params: nnx.State
    stats: nnx.State
    moments: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class FoldEpoch:
    """What the epoch of a fold takes; those of several folds lie on a leading axis X.

    Attributes:
        labels: of the set, 0 for every clip that is not to be learned from.
        rows: clips of each step, -1 where there is none.
        key: randomness of the epoch.
        centre: picture that is subtracted.
        watched: clips whose outputs are wanted, in groups of `EVALUATED`; clip 0 fills up.
    """

    labels: Int[Array, "*X N"]
    rows: Int[Array, "*X S B"]
    key: PRNGKeyArray
    centre: Float[Array, "*X H W D"]
    watched: Int[Array, "*X M E"]


class TrainedEpoch(NamedTuple):
    """An epoch of all folds: its number, and for each fold mean loss, outputs of each watched group, state."""

    number: int
    losses: np.ndarray
    outputs: Sequence[Sequence[np.ndarray]]
    states: Sequence[Callable[[], FoldState]]


def train_together(
    recipe: Recipe,
    trainings: "Sequence[Training]",
    pictures: Float[np.ndarray, "N H W D"],
    starts: "Sequence[Start]",
) -> Iterator[TrainedEpoch]:
    """Train folds, each as it would be trained alone.

    Args:
        recipe: how.
        trainings: what each fold learns from and what outputs are wanted of.
        pictures: of all clips of the set.
        starts: where each goes on; all after the same epoch.
    """
    graph = nnx.split(nnx.eval_shape(lambda: recipe.network(nnx.Rngs(0))))[0]
    fresh = [initial_state(_key(training.place), recipe=recipe) for training in trainings]
    states = _stacked([start.restore(state) for start, state in zip(starts, fresh, strict=True)])
    shared = _Shared(recipe, trainings, pictures)
    on_device = jnp.asarray(pictures, jnp.float32)
    for number in range(starts[0].epoch + 1, recipe.epochs + 1):
        rate = jnp.asarray(recipe.rate(number), jnp.float32)
        states, losses, logits = run_epoch(states, shared.epoch(number), on_device, rate, graph=graph, recipe=recipe)
        outputs = [shared.by_group(i, fold) for i, fold in enumerate(np.asarray(logits))]
        kept = [functools.partial(_fold_of, states, i) for i in range(len(trainings))]
        yield TrainedEpoch(number, np.asarray(losses), outputs, kept)


class _Shared:
    """What stays the same over the epochs, and the draws of each epoch."""

    def __init__(self, recipe: Recipe, trainings: "Sequence[Training]", pictures: np.ndarray):
        self._trainings, self._recipe = trainings, recipe
        self._steps = max(-(-len(training.clips) // recipe.clips_per_step) for training in trainings)
        self._labels = np.stack([training.labels_of_set(len(pictures)) for training in trainings])
        self._centres = np.stack([_centre(recipe, pictures[training.clips]) for training in trainings])
        self._groups = [[len(group) for group in training.watched] for training in trainings]
        chunks = max(-(-sum(sizes) // EVALUATED) for sizes in self._groups)
        self._watched = np.zeros((len(trainings), chunks * EVALUATED), np.int32)
        for row, training in zip(self._watched, trainings, strict=True):
            clips = np.concatenate(training.watched)
            row[: len(clips)] = clips

    def epoch(self, number: int) -> FoldEpoch:
        """The draws of an epoch."""
        size = self._recipe.clips_per_step
        rows = np.full((len(self._trainings), self._steps * size), -1, np.int32)
        for row, training in zip(rows, self._trainings, strict=True):
            place = training.place
            rng = np.random.default_rng([place.seed, _checksum(place), number])
            row[: len(training.clips)] = rng.permutation(training.clips)
        keys = jnp.stack([jax.random.fold_in(_key(training.place), number) for training in self._trainings])
        return FoldEpoch(
            labels=jnp.asarray(self._labels),
            rows=jnp.asarray(rows.reshape(len(rows), -1, size)),
            key=keys,
            centre=jnp.asarray(self._centres),
            watched=jnp.asarray(self._watched.reshape(len(rows), -1, EVALUATED)),
        )

    def by_group(self, fold: int, logits: np.ndarray) -> list[np.ndarray]:
        """Outputs of each watched group."""
        sizes = self._groups[fold]
        return np.split(logits[: sum(sizes)], np.cumsum(sizes)[:-1])


def _centre(recipe: Recipe, pictures: np.ndarray) -> np.ndarray:
    mean = pictures.mean(0, dtype=np.float64) if recipe.centred else np.zeros(pictures.shape[1:])
    return mean.astype(np.float32)


def _checksum(place: Place) -> int:
    return zlib.crc32(f"{place.subject}/{place.training}".encode())


def _key(place: Place) -> PRNGKeyArray:
    """Randomness of a training, whichever others are trained."""
    return jax.random.fold_in(jax.random.key(place.seed), _checksum(place))


def _stacked(states: Sequence[FoldState]) -> FoldState:
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *states)


def _fold_of(states: FoldState, fold: int) -> FoldState:
    return jax.tree.map(lambda leaf: leaf[fold], states)


@functools.partial(jax.jit, static_argnames="recipe")
def initial_state(key: PRNGKeyArray, *, recipe: Recipe) -> FoldState:
    """Fresh weights of a fold."""
    _, params, *stats = nnx.split(recipe.network(nnx.Rngs(params=key)), nnx.Param, nnx.BatchStat)
    return FoldState(params, stats[0], recipe.optimizer.init(params))


@functools.partial(jit, static_argnames=("graph", "recipe"), donate_argnames=("states",))
def run_epoch(
    states: FoldState,
    given: FoldEpoch,
    pictures: Float[Array, "N H W D"],
    rate: Float[Array, ""],
    *,
    graph: nnx.GraphDef,
    recipe: Recipe,
) -> tuple[FoldState, Float[Array, " X"], Float[Array, "X W K"]]:
    """An epoch of every fold: states after it, mean losses, logits of the watched clips.

    On the CPU one fold after another, whose small maps stay in cache; on an accelerator all side by side.
    """
    fold = functools.partial(_fold_epoch, pictures=pictures, rate=rate, graph=graph, recipe=recipe)
    if jax.default_backend() == "cpu":
        return jax.lax.map(lambda of_fold: fold(*of_fold), (states, given))
    return jax.vmap(fold)(states, given)


def _fold_epoch(state: FoldState, given: FoldEpoch, *, pictures, rate, graph, recipe: Recipe):
    def step(state, drawn):
        rows, number = drawn
        mask = rows >= 0
        rows = jnp.where(mask, rows, rows[0])  # what fills a batch up is the fold's own
        seen, labels = pictures[rows] - given.centre, given.labels[rows]
        key = jax.random.fold_in(given.key, number)
        after, loss = _train_step(state, seen, labels, mask, key, rate, graph=graph, recipe=recipe)
        return jax.tree.map(lambda new, old: jnp.where(jnp.any(mask), new, old), after, state), loss

    steps = jnp.arange(len(given.rows))
    state, losses = jax.lax.scan(step, state, (given.rows, steps))
    network = nnx.merge(graph, state.params, state.stats)
    everyone = jnp.ones(EVALUATED, bool)
    logits = jax.lax.map(lambda rows: network(pictures[rows] - given.centre, everyone), given.watched)
    return state, jnp.sum(losses) / jnp.sum(given.rows >= 0), logits.reshape(-1, logits.shape[-1])


def _train_step(state: FoldState, seen, labels, mask, key, rate, *, graph, recipe: Recipe):
    """A step of the optimiser, and the sum of the clips' losses."""

    def mean_loss(params):
        network = nnx.merge(graph, params, state.stats, copy=True)
        total = jnp.sum(recipe.loss(network(seen, mask, train=True, dropout_key=key), labels, mask))
        return total / jnp.maximum(jnp.sum(mask), 1), (nnx.state(network, nnx.BatchStat), total)

    gradients, (stats, total) = jax.grad(mean_loss, has_aux=True)(state.params)
    updates, moments = recipe.optimizer.update(gradients, state.moments, state.params)
    return FoldState(optim.apply_updates(state.params, updates, rate), stats, moments), total
