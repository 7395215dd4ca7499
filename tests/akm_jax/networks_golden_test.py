"""The compared networks against recorded results: released programs, or independent ones where none could be run.

Everything but the network of a file comes from the file: sizes, classes, inputs, labels, batches, optimiser, errors.
"""

import contextlib
import functools
import json
import re
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from akm_jax import losses, optim
from akm_jax.interop.networks import from_state_dict, to_state_dict
from akm_jax.models.atnet import ATNet
from akm_jax.models.htnet import HTNet
from akm_jax.models.macro2micro import Macro2Micro
from akm_jax.models.micro_attention import MicroAttention
from akm_jax.models.off_apexnet import OffApexNet
from akm_jax.models.rcn import RcnA
from akm_jax.models.sssnet import SSSNet
from akm_jax.models.strcn import STRCN
from akm_jax.models.ststnet import STSTNet
from akm_jax.ops.batch_norm import BatchNorm

# Of a tensor's largest value: both compute in float64, in another order.
FLOAT64 = 1e-9
# Float32 may be off by three times what PyTorch's own float32 is. That counts as a rounding at least: a loss is one
# number, which chance may have made exact there, and a mean in another order differs by one or two.
FLOAT32_TIMES = 3
ROUNDING = 2**-23


class Case(NamedTuple):
    """The network of a file, made from `meta` without dropout, its loss, and whether its training compiles long."""

    make: Callable[[dict], nnx.Module]
    loss: Callable = losses.cross_entropy
    slow: bool = False


def build(network, **settings):
    """Maker of the shapes of a network; settings may be names of what `meta` holds."""

    def make(meta, dtype):
        found = {k: meta.get(v, v) if isinstance(v, str) else v for k, v in settings.items()}
        return nnx.eval_shape(lambda: network(meta["classes"], dropout=0.0, dtype=dtype, rngs=nnx.Rngs(0), **found))

    return make


CASES = {
    "ststnet_paper": Case(build(STSTNet, variant="paper")),
    "ststnet_port": Case(build(STSTNet, variant="port")),
    "sssnet": Case(build(SSSNet)),
    "offapex_two_streams": Case(build(OffApexNet, form="two_streams")),
    "offapex_meb": Case(build(OffApexNet, form="meb"), slow=True),
    "rcn_a": Case(build(RcnA)),
    "macro2micro_r10": Case(build(Macro2Micro), slow=True),
    "micro_attention_paper": Case(build(MicroAttention, variant="paper"), slow=True),
    "micro_attention_atnet": Case(build(MicroAttention, variant="atnet"), slow=True),
    "atnet": Case(build(ATNet), slow=True),
    "htnet": Case(build(HTNet, dim="dim"), slow=True),
    "htnet_256": Case(build(HTNet, dim="dim"), slow=True),
    "strcn": Case(build(STRCN, features="C"), losses.balanced_loss, slow=True),
    "strcn_shared_weights": Case(build(STRCN, features="C", share=True), losses.balanced_loss, slow=True),
    "strcn_wide": Case(build(STRCN, features="C"), slow=True),
}
every_recording = pytest.mark.parametrize("recording", CASES, indirect=True)
FILES = [pytest.param(name, marks=[pytest.mark.long] if case.slow else []) for name, case in CASES.items()]


def precision(name):
    return jax.enable_x64(True) if name == "float64" else contextlib.nullcontext()


class Recording:
    """A recorded network: results by key, and the inputs, labels and weights they were made from."""

    def __init__(self, name, folder, rebuild):
        self.results = np.load(folder / f"{name}.npz")
        self.meta = json.loads(str(self.results["meta"]))
        self.case = CASES[name]
        self._rebuild = rebuild
        meta = self.meta
        known = {"prefix": meta["prefix"], "inputs": rebuild.inputs, "labels": rebuild.labels, "rng": rebuild._rng}
        said = meta["input"]
        arrays = [eval(call, known) for call in re.findall(r"inputs\(.*?\)(?=\s|;|$)", said)]
        self.labels = eval(meta["label"], known).astype(np.int32)
        if len(arrays) == 2:  # ATNet: grey pictures without channel, sequences that are shorter than 64
            length = eval(re.search(r"length = (rng\(.*?\)\.integers\(.*?\))", said)[1], known | {"n": meta["n"]})
            arrays[1] = np.where(np.arange(64)[:, None] >= 64 - length[:, None, None], arrays[1], 0)
            arrays[0] = arrays[0][..., None]
        if "mean_image" in meta:
            arrays[0] = (arrays[0] - arrays[0].mean(0, dtype=np.float64)).astype(np.float32)
        self.inputs = tuple(arrays)

    def state_dict(self):
        prefix = f"{self.meta['prefix']}{self.meta['net']}/"
        return {key: self._rebuild.entry(prefix + key, tuple(shape)) for key, shape in self.meta["state_dict"].items()}

    def under(self, prefix):
        """Results by the rest of their key."""
        found = {k.removeprefix(prefix): self.results[k] for k in self.results.files if k.startswith(prefix)}
        assert found, prefix
        return found

    @property
    def optimiser(self):
        said = self.meta["optimiser"]
        assert said.startswith("Adam")
        decay = re.search(r"weight decay ([\d.e-]+)", said)
        return optim.adam(float(decay[1]) if decay else 0.0), float(re.search(r"lr ([\d.e-]+)", said)[1])

    @property
    def batches(self):
        """Rows of every optimiser step, each a mask over all."""
        ends = np.cumsum(self.meta["batches"])
        places = np.arange(self.meta["n"])
        return [(places >= end - size) & (places < end) for size, end in zip(self.meta["batches"], ends, strict=True)]


@functools.partial(jax.jit, static_argnames=("graph", "loss"))
def gradients(params, stats, inputs, labels, mask, momentum, *, graph, loss):
    """Mean loss over the real rows: its gradient, the statistics after it, the value, the logits."""

    def mean_loss(params):
        model = nnx.merge(graph, params, stats, copy=True)
        for _, module in nnx.iter_modules(model):
            if isinstance(module, BatchNorm):
                module.momentum, module.corrected = momentum, False
        logits = model(*inputs, mask, train=True)
        return jnp.sum(loss(logits, labels, mask)) / jnp.sum(mask), (nnx.state(model, nnx.BatchStat), logits)

    (value, (stats, logits)), grads = jax.value_and_grad(mean_loss, has_aux=True)(params)
    return grads, stats, value, logits


@functools.partial(jax.jit, static_argnames="optimiser")
def stepped(params, moments, grads, rate, *, optimiser):
    """A step of the optimiser: parameters and moments after it."""
    updates, moments = optimiser.update(grads, moments, params)
    return optim.apply_updates(params, updates, rate), moments


@functools.partial(jax.jit, static_argnames="graph")
def evaluate(params, stats, inputs, *, graph):
    mask = jnp.ones(len(inputs[0]), bool)
    return nnx.merge(graph, params, stats)(*inputs, mask)


class Run:
    """A recorded case in one number format, and how far its results may be off."""

    def __init__(self, recording, dtype):
        self.recording, self.dtype = recording, dtype
        self.network = from_state_dict(recording.case.make(recording.meta, jnp.dtype(dtype)), recording.state_dict())
        self.kind = type(self.network)
        self.inputs = tuple(jnp.asarray(array, dtype) for array in recording.inputs)

    def split(self):
        return nnx.split(self.network, nnx.Param, nnx.BatchStat)

    def gradients(self, graph, params, stats, mask, momentum=0.1):
        # Rows beside the batch hold what must not matter.
        inputs = [jnp.where(mask.reshape(-1, *[1] * (x.ndim - 1)), x, 7 - x[::-1]) for x in self.inputs]
        labels, loss = self.recording.labels, self.recording.case.loss
        return gradients(params, stats, inputs, labels, mask, jnp.asarray(momentum, self.dtype), graph=graph, loss=loss)

    def close(self, actual, key, kind=None):
        expected, kind = self.recording.results[key], kind or key
        largest = max(np.abs(expected).max(), 1e-30)
        error = np.abs(np.asarray(actual, np.float64) - expected).max() / largest
        allowed = FLOAT64
        if self.dtype == "float32":
            allowed = FLOAT32_TIMES * max(self.recording.meta["float32_error"][kind][1], ROUNDING)
        assert error <= allowed, f"{key}: off by {error:.2e} of the largest value, allowed {allowed:.1e}"

    def tensors(self, prefix, kind, state):
        """Norms and first values of every parameter, or gradient, but for those that are noise."""
        norms = self.recording.under(f"{prefix}_norm/")
        noise = set(self.recording.meta["zero_gradients"])
        ours = to_state_dict(self.kind, state, list(norms))
        assert ours.keys() == norms.keys()
        for name in norms.keys() - noise:
            flat = ours[name].ravel().astype(np.float64)
            self.close(np.linalg.norm(flat), f"{prefix}_norm/{name}", f"{kind}_norm")
            self.close(
                flat[: self.recording.results[f"{prefix}_head/{name}"].size], f"{prefix}_head/{name}", f"{kind}_head"
            )

    def running(self, prefix, kind, stats):
        expected = self.recording.under(f"{prefix}/")
        ours = to_state_dict(self.kind, stats, list(expected))
        assert ours.keys() == expected.keys()
        for name in expected:
            self.close(ours[name], f"{prefix}/{name}", kind)


@pytest.fixture(scope="module", params=FILES)
def recording(request, golden_dir, golden_rebuild):
    return Recording(request.param, golden_dir, golden_rebuild)


# Float64 is the sharper one; float32 compiles everything again.
@pytest.fixture(scope="module", params=["float64", pytest.param("float32", marks=pytest.mark.long)])
def run(request, recording):
    with precision(request.param):
        yield Run(recording, request.param)


@every_recording
def test_golden_parameters_are_as_many(recording):
    network = recording.case.make(recording.meta, jnp.float32)
    sizes = [leaf.size for leaf in jax.tree.leaves(nnx.state(network, nnx.Param))]
    assert sum(sizes) == recording.meta["parameters"]


@every_recording
def test_golden_evaluation(run):
    graph, params, stats = run.split()
    run.close(evaluate(params, stats, run.inputs, graph=graph), "eval/logits")


def test_golden_gradients(run):
    """One pass over all rows in training: loss, logits, gradients, running averages; evaluation by its statistics."""
    results = run.recording.results.files
    if "train/logits" not in results:
        pytest.skip("only an evaluation was recorded")
    everything = np.ones(run.recording.meta["n"], bool)
    graph, params, stats = run.split()
    grads, moved, value, logits = run.gradients(graph, params, stats, everything)
    run.close(logits, "train/logits")
    run.close(value, "train/loss")
    run.tensors("train/grad", "train/grad", grads)
    if "calibrated/logits" in results:
        run.running("train/running", "train/running", moved)
        _, calibrated, _, _ = run.gradients(graph, params, stats, everything, momentum=1.0)
        run.running("calibrated/running", "calibrated/running", calibrated)
        run.close(evaluate(params, calibrated, run.inputs, graph=graph), "calibrated/logits")


def test_golden_steps(run):
    """Two steps of the optimiser over consecutive batches, then evaluation; rows beside a batch are masked."""
    if not run.recording.meta["batches"]:
        pytest.skip("no steps were recorded")
    optimiser, rate = run.recording.optimiser
    graph, params, stats = run.split()
    moments = optimiser.init(params)
    for i, mask in enumerate(run.recording.batches):
        grads, stats, value, logits = run.gradients(graph, params, stats, mask)
        params, moments = stepped(params, moments, grads, rate, optimiser=optimiser)
        run.close(value, f"step{i}/loss", "step/loss")
        run.close(logits[mask], f"step{i}/logits", "step/logits")
        run.tensors(f"step{i}/grad", "step/grad", grads)
        run.tensors(f"step{i}/param", "step/param", params)
        if any(key.startswith(f"step{i}/running/") for key in run.recording.results.files):
            run.running(f"step{i}/running", "step/running", stats)
    run.close(evaluate(params, stats, run.inputs, graph=graph), "after/logits")


LOSSES = {
    "balanced_per_sample": losses.balanced_loss,
    "balanced_released": losses.product_of_means,
    "focal_released": losses.focal_loss,
}


@jax.jit
def of_all_forms(logits, labels, mask):
    """Value and gradient of each loss, the mean over real rows."""

    def mean(logits, loss):
        return jnp.sum(loss(logits, labels, mask)) / jnp.sum(mask)

    return {form: jax.value_and_grad(functools.partial(mean, loss=loss))(logits) for form, loss in LOSSES.items()}


def test_golden_balanced_loss(golden_dir, golden_rebuild):
    """Value and gradient: per clip, as the released program multiplies its means, and focal without weights."""
    results = np.load(golden_dir / "balanced_loss.npz")
    meta = json.loads(str(results["meta"]))
    with jax.enable_x64(True):
        for i, (n, classes) in enumerate(meta["cases"]):
            name = f"{meta['prefix']}loss/{i}/"
            logits = 2 * golden_rebuild.inputs(f"{name}logits", (n, classes), "normal").astype(np.float64)
            labels = golden_rebuild.labels(f"{name}label", n, classes)
            labels = np.minimum(labels, classes - 2) if i == 2 else labels
            # A row beside the batch, whose class must not count.
            logits, labels = np.vstack([logits, logits[:1]]), np.append(labels, labels[0])
            mask = np.arange(n + 1) < n
            found = of_all_forms(jnp.asarray(logits), labels, mask)
            for form, (value, gradient) in found.items():
                # The released program's weights are float32.
                tolerance = 3e-8 if form == "balanced_released" else 1e-9
                np.testing.assert_allclose(value, results[f"{i}/{form}/loss"], rtol=tolerance)
                np.testing.assert_allclose(gradient[:n], results[f"{i}/{form}/grad"], rtol=0, atol=tolerance)
                assert not gradient[n].any()
