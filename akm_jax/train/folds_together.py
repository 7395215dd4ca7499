"""Networks that see one picture a clip, or a few arrays: all folds, or one, are trained in one compiled program.

Every fold has its own weights, labels, order of clips and randomness, which depend on its place alone, so that it comes
out as it would alone: steps that only other folds need leave it as it is. Pictures are shared; a fold takes the rows of
its training clips, and those of its watched clips for evaluation only.
"""

import dataclasses
import functools
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Float, Int, PRNGKeyArray

from akm_jax import optim
from akm_jax.losses import cross_entropy
from akm_jax.observe import Place
from akm_jax.train import checkpoint
from akm_jax.train.compiling import jit

if TYPE_CHECKING:
    from akm_jax.methods.protocol import Start, Training

Inputs = tuple[Float[Array, "..."], ...]
"""What a network is given of every clip of the set; the first axis is that of clips."""

Shuffle: TypeAlias = Literal["every_epoch", "once", "never"]
"""Order of the training clips: drawn anew in every epoch; drawn once, and what does not fill a last step is never used,
as MATLAB has it; or class by class, in the order of the set."""

Show: TypeAlias = Callable[[list[Array], PRNGKeyArray | None], list[Array]]
"""How a step's inputs are shown: with randomness in training, without (None) where outputs are wanted."""

FOLDS = "folds"  # axis of the devices that share them
EVALUATED = 32  # clips that are evaluated together: however many a fold watches, each is computed the same way
SHOWN = 2**31  # marks the randomness of what is shown, beside that of dropout layers 0, 1..


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """How a small network is trained; the same object for all calls, or they compile anew."""

    network: Callable[[nnx.Rngs], nnx.Module]
    """Makes it; called with (*inputs, mask, train=, dropout_key=) it gives logits."""
    optimizer: optax.GradientTransformation
    rate: Callable[[int], float]
    """Learning rate of an epoch, counted from 1."""
    epochs: int
    clips_per_step: int
    loss: Callable = cross_entropy
    """`loss(logits, labels, mask)`, one value a clip, 0 where the mask is False."""
    centred: bool = False
    """Whether the mean picture of the training clips is subtracted."""
    steps_per_epoch: int = 0
    """Steps of an epoch, which goes on in the order of clips where the last one stopped; 0: an epoch is one pass."""
    balanced: bool = False
    """Whether smaller classes are filled up to the largest with clips that are drawn again, once before training."""
    shuffle: Shuffle = "every_epoch"
    """Order of the clips of a pass."""
    show: Show = lambda inputs, key: inputs
    """Cuts or augments the inputs."""
    trained: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    """Weights and running averages that every fold starts from in place of fresh ones, by their path."""

    def __post_init__(self) -> None:
        """Refuse an order that there is not."""
        if self.shuffle not in get_args(Shuffle):
            raise ValueError(f"--shuffle={self.shuffle}: expected one of {', '.join(get_args(Shuffle))}")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class FoldState:
    """What a fold carries from step to step.

    Attributes:
        params, stats, moments: weights, running averages, and what the optimiser remembers.
        centre: what is subtracted from each input, where a recipe is centred; only in a state that is kept.
    """

    params: nnx.State
    stats: nnx.State
    moments: Any
    centre: Inputs = ()


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class FoldEpoch:
    """What the epoch of a fold takes; those of several folds lie on a leading axis X.

    Attributes:
        labels: of the set, 0 for every clip that is not to be learned from.
        rows: clips of each step, -1 where there is none.
        key: randomness of the epoch.
        centre: what is subtracted from each input.
        watched: clips whose outputs are wanted, in groups of `EVALUATED`; clip 0 fills up.
    """

    labels: Int[Array, "*X N"]
    rows: Int[Array, "*X S B"]
    key: PRNGKeyArray
    centre: Inputs
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
    inputs: tuple[np.ndarray, ...],
    starts: "Sequence[Start]",
    every: "Sequence[Training]" = (),
) -> Iterator[TrainedEpoch]:
    """Train folds, each as it would be trained alone.

    Args:
        recipe: how.
        trainings: what each fold learns from and what outputs are wanted of.
        inputs: of all clips of the set.
        starts: where each goes on; all after the same epoch.
        every: trainings that share the compiled program; it has the shapes of the largest of them and of `trainings`.
    """
    graph = nnx.split(nnx.eval_shape(lambda: recipe.network(nnx.Rngs(0))))[0]
    mesh = _mesh(len(trainings))
    by_fold, everywhere = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ([FOLDS], []))
    # Each device has as many folds; the last one may be trained a second time, and nothing is read of that.
    more = -len(trainings) % mesh.size
    trained, starts = [*trainings, *more * [trainings[-1]]], [*starts, *more * [starts[-1]]]
    fresh = [start_from(recipe.trained, initial_state(seed_of(one.place), recipe=recipe)) for one in trained]
    shared = _Shared(recipe, trained, inputs, [*trainings, *every])
    centres = [shared.centre(i) for i in range(len(trained))]
    states = _stacked([_restored(*one) for one in zip(starts, fresh, centres, strict=True)])
    states = jax.device_put(states, by_fold)
    on_device = jax.device_put(tuple(np.asarray(array, np.float32) for array in inputs), everywhere)
    for number in range(starts[0].epoch + 1, recipe.epochs + 1):
        rate = jnp.asarray(recipe.rate(number), jnp.float32)
        given = jax.device_put(shared.epoch(number), by_fold)
        states, losses, logits = run_epoch(states, given, on_device, rate, graph=graph, recipe=recipe, mesh=mesh)
        count = len(trainings)
        outputs = [shared.by_group(i, fold) for i, fold in enumerate(np.asarray(logits)[:count])]
        kept = [functools.partial(_fold_of, states, i, centres[i]) for i in range(count)]
        yield TrainedEpoch(number, np.asarray(losses)[:count], outputs, kept)


def _mesh(folds: int) -> Mesh:
    """Devices that share the folds: on the CPU all there are, of which each is a core's work; else the first."""
    devices = jax.local_devices()
    return Mesh(np.array(devices[: folds if jax.default_backend() == "cpu" else 1]), (FOLDS,))


class _Shared:
    """What stays the same over the epochs, and the draws of each epoch."""

    def __init__(
        self,
        recipe: Recipe,
        trainings: "Sequence[Training]",
        inputs: tuple[np.ndarray, ...],
        every: "Sequence[Training]",
    ):
        self._trainings, self._recipe = trainings, recipe
        passes = max(-(-len(learned_from(recipe, training)) // recipe.clips_per_step) for training in every)
        self._steps = recipe.steps_per_epoch or passes
        self._labels = np.stack([training.labels_of_set(len(inputs[0])) for training in trainings])
        self._centres = tuple(
            jnp.stack([_centre(recipe, array, training) for training in trainings]) for array in inputs
        )
        self._groups = [[len(group) for group in training.watched] for training in trainings]
        chunks = max(-(-sum(map(len, training.watched)) // EVALUATED) for training in every)
        self._watched = np.zeros((len(trainings), chunks * EVALUATED), np.int32)
        for row, training in zip(self._watched, trainings, strict=True):
            clips = np.concatenate(training.watched)
            row[: len(clips)] = clips

    def epoch(self, number: int) -> FoldEpoch:
        """The draws of an epoch."""
        size = self._recipe.clips_per_step
        rows = np.full((len(self._trainings), self._steps * size), -1, np.int32)
        for row, training in zip(rows, self._trainings, strict=True):
            drawn = order_of_epoch(self._recipe, training, number)
            row[: len(drawn)] = drawn
        keys = jnp.stack([jax.random.fold_in(seed_of(training.place), number) for training in self._trainings])
        return FoldEpoch(
            labels=jnp.asarray(self._labels),
            rows=jnp.asarray(rows.reshape(len(rows), -1, size)),
            key=keys,
            centre=self._centres,
            watched=jnp.asarray(self._watched.reshape(len(rows), -1, EVALUATED)),
        )

    def centre(self, fold: int) -> Inputs:
        """What is subtracted from each input in a fold; nothing where the recipe is not centred."""
        return tuple(centre[fold] for centre in self._centres) if self._recipe.centred else ()

    def by_group(self, fold: int, logits: np.ndarray) -> list[np.ndarray]:
        """Outputs of each watched group."""
        sizes = self._groups[fold]
        return np.split(logits[: sum(sizes)], np.cumsum(sizes)[:-1])


def learned_from(recipe: Recipe, training: "Training") -> Int[np.ndarray, " n"]:
    """Clips of a pass, in their order unless every epoch draws one; where wanted balanced by clips that stand twice."""
    rng = np.random.default_rng([training.place.seed, _checksum(training.place), 0])
    clips = training.clips
    if recipe.balanced:
        classes = [clips[training.labels == label] for label in np.unique(training.labels)]
        largest = max(map(len, classes))
        clips = np.concatenate([[*of_class, *rng.choice(of_class, largest - len(of_class))] for of_class in classes])
    elif recipe.shuffle == "never":
        clips = clips[np.argsort(training.labels, kind="stable")]
    if recipe.shuffle == "once":
        full = len(clips) // recipe.clips_per_step * recipe.clips_per_step
        clips = rng.permutation(clips)[: full or None]
    return clips


def order_of_epoch(recipe: Recipe, training: "Training", number: int) -> Int[np.ndarray, " n"]:
    """Clips in the order of an epoch, which is one pass or some steps of the passes one after another."""
    clips, place = learned_from(recipe, training), training.place

    def drawn(turn: int) -> np.ndarray:
        if recipe.shuffle != "every_epoch":
            return clips
        return np.random.default_rng([place.seed, _checksum(place), turn]).permutation(clips)

    if not recipe.steps_per_epoch:
        return drawn(number)
    size = recipe.steps_per_epoch * recipe.clips_per_step
    first, skipped = divmod((number - 1) * size, len(clips))
    turns = range(first, first + -(-(skipped + size) // len(clips)))
    return np.concatenate([drawn(1 + turn) for turn in turns])[skipped : skipped + size]


def count_parameters(recipe: Recipe) -> int:
    """Learnable numbers of the network, from its shapes."""
    network = nnx.eval_shape(lambda: recipe.network(nnx.Rngs(0)))
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(network, nnx.Param)))


def _centre(recipe: Recipe, array: np.ndarray, training: "Training") -> np.ndarray:
    if not recipe.centred:
        return np.zeros(array.shape[1:], np.float32)
    return array[training.clips].mean(0, dtype=np.float64).astype(np.float32)


def _checksum(place: Place) -> int:
    return zlib.crc32(f"{place.subject}/{place.training}".encode())


def seed_of(place: Place) -> PRNGKeyArray:
    """Randomness of a training, whichever others are trained."""
    return jax.random.fold_in(jax.random.key(place.seed), _checksum(place))


def _stacked(states: Sequence[FoldState]) -> FoldState:
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *states)


def _restored(start: "Start", fresh: FoldState, centre: Inputs) -> FoldState:
    """Where a fold goes on; its centre follows from its clips and is not looked at."""
    return dataclasses.replace(start.restore(dataclasses.replace(fresh, centre=centre)), centre=())


def _fold_of(states: FoldState, fold: int, centre: Inputs) -> FoldState:
    """A fold's state as it is kept; on the host, for it may lie on several devices."""
    state = jax.tree.map(lambda leaf: np.asarray(leaf)[fold], states)
    return dataclasses.replace(state, centre=tuple(map(np.asarray, centre)))


def kept_state(recipe: Recipe, kept: checkpoint.Checkpoint) -> FoldState:
    """The state of a checkpoint.

    Raises:
        ValueError: it is another network's, or of a version that did not keep what a centred recipe subtracts.
    """
    centre = tuple(shape for name, shape in sorted(kept.shapes().items()) if name.startswith("centre."))
    if recipe.centred and not centre:
        raise ValueError(
            f"{kept.place}: an older version wrote this checkpoint, without the mean picture that the network's inputs "
            f"are centred by, and so {checkpoint.TRAIN_ANEW}"
        )
    shapes = initial_state.eval_shape(jax.random.key(0), recipe=recipe)
    return kept.restore(dataclasses.replace(shapes, centre=centre))


def apply(recipe: Recipe, state: FoldState, inputs: tuple[np.ndarray, ...]) -> Float[np.ndarray, "n K"]:
    """Logits of n clips, computed as those of watched clips are while a fold is trained.

    Args:
        recipe: of the network.
        state: from `kept_state`.
        inputs: what the network is given of each clip.
    """
    graph, count = nnx.split(nnx.eval_shape(lambda: recipe.network(nnx.Rngs(0))))[0], len(inputs[0])
    size = min(count, EVALUATED)
    rows = np.zeros(-(-count // size) * size, np.int32)
    rows[:count] = np.arange(count)
    seen = tuple(np.asarray(array, np.float32) for array in inputs)
    centre = state.centre or tuple(jnp.zeros(array.shape[1:], jnp.float32) for array in seen)
    logits = _apply(state.params, state.stats, centre, seen, rows.reshape(-1, size), graph=graph, show=recipe.show)
    return np.asarray(logits).reshape(len(rows), -1)[:count]


@functools.partial(jit, static_argnames=("graph", "show"))
def _apply(
    params, stats, centre: Inputs, inputs: Inputs, groups: Int[Array, "G E"], *, graph: nnx.GraphDef, show: Show
):
    network = nnx.merge(graph, params, stats)
    return _evaluate(network, groups, inputs, centre, show)


def _evaluate(network, groups: Int[Array, "G E"], inputs: Inputs, centre: Inputs, show: Show) -> Float[Array, "G E K"]:
    """Logits of the clips of each group, one group after another."""
    everyone = jnp.ones(groups.shape[1], bool)
    return jax.lax.map(lambda rows: network(*show(_seen(rows, inputs, centre), None), everyone), groups)


def _seen(rows: Int[Array, " E"], inputs: Inputs, centre: Inputs) -> list[Array]:
    return [array[rows] - one for array, one in zip(inputs, centre, strict=True)]


@functools.partial(jax.jit, static_argnames="recipe")
def initial_state(key: PRNGKeyArray, *, recipe: Recipe) -> FoldState:
    """Fresh weights of a fold."""
    _, params, *stats = nnx.split(recipe.network(nnx.Rngs(params=key)), nnx.Param, nnx.BatchStat)
    return FoldState(params, stats[0], recipe.optimizer.init(params))


def start_from(trained: Mapping[str, np.ndarray], state: FoldState) -> FoldState:
    """A fresh state with weights and averages that were trained elsewhere.

    Raises:
        ValueError: the network has none of a name, or of another shape.
    """
    if not trained:
        return state
    left = dict(trained)
    params, stats = (_replaced(part, left) for part in (state.params, state.stats))
    if left:
        raise ValueError(f"trained weights that the network has no place for: {', '.join(sorted(left))}")
    return dataclasses.replace(state, params=params, stats=stats)


def _replaced(part: nnx.State, trained: dict[str, np.ndarray]) -> nnx.State:
    """A state with those leaves replaced that have a trained value, which is taken away."""
    leaves = dict(nnx.to_flat_state(part))
    for path, leaf in leaves.items():
        value = trained.get("/".join(map(str, path)))
        if value is not None and np.shape(value) == leaf.shape:
            leaves[path] = leaf.replace(jnp.asarray(trained.pop("/".join(map(str, path))), leaf.dtype))
    return nnx.from_flat_state(leaves)


@functools.partial(jit, static_argnames=("graph", "recipe", "mesh"), donate_argnames=("states",))
def run_epoch(
    states: FoldState,
    given: FoldEpoch,
    inputs: Inputs,
    rate: Float[Array, ""],
    *,
    graph: nnx.GraphDef,
    recipe: Recipe,
    mesh: Mesh,
) -> tuple[FoldState, Float[Array, " X"], Float[Array, "X W K"]]:
    """An epoch of every fold: states after it, mean losses, logits of the watched clips.

    On a CPU device one fold after another, whose small maps stay in cache; on an accelerator all side by side.
    """

    def of_device(states, given, inputs, rate):
        fold = functools.partial(_fold_epoch, inputs=inputs, rate=rate, graph=graph, recipe=recipe)
        if jax.default_backend() == "cpu":
            return jax.lax.map(lambda of_fold: fold(*of_fold), (states, given))
        return jax.vmap(fold)(states, given)

    by_fold, everywhere = PartitionSpec(FOLDS), PartitionSpec()
    specs = (by_fold, by_fold, everywhere, everywhere)
    return jax.shard_map(of_device, mesh=mesh, in_specs=specs, out_specs=by_fold, check_vma=False)(
        states, given, inputs, rate
    )


def _fold_epoch(state: FoldState, given: FoldEpoch, *, inputs: Inputs, rate, graph, recipe: Recipe):
    def step(state, drawn):
        rows, number = drawn
        mask = rows >= 0
        rows = jnp.where(mask, rows, rows[0])  # what fills a batch up is the fold's own
        key = jax.random.fold_in(given.key, number)
        seen = recipe.show(_seen(rows, inputs, given.centre), jax.random.fold_in(key, SHOWN))
        after, loss = _train_step(state, seen, given.labels[rows], mask, key, rate, graph=graph, recipe=recipe)
        return jax.tree.map(lambda new, old: jnp.where(jnp.any(mask), new, old), after, state), loss

    steps = jnp.arange(len(given.rows))
    state, losses = jax.lax.scan(step, state, (given.rows, steps))
    network = nnx.merge(graph, state.params, state.stats)
    logits = _evaluate(network, given.watched, inputs, given.centre, recipe.show)
    return state, jnp.sum(losses) / jnp.sum(given.rows >= 0), logits.reshape(-1, logits.shape[-1])


def _train_step(state: FoldState, seen, labels, mask, key, rate, *, graph, recipe: Recipe):
    """A step of the optimiser, and the sum of the clips' losses."""

    def mean_loss(params):
        network = nnx.merge(graph, params, state.stats, copy=True)
        total = jnp.sum(recipe.loss(network(*seen, mask, train=True, dropout_key=key), labels, mask))
        return total / jnp.maximum(jnp.sum(mask), 1), (nnx.state(network, nnx.BatchStat), total)

    gradients, (stats, total) = jax.grad(mean_loss, has_aux=True)(state.params)
    updates, moments = recipe.optimizer.update(gradients, state.moments, state.params)
    return FoldState(optim.apply_updates(state.params, updates, rate), stats, moments), total
