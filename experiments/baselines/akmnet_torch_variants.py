"""Ways to run the PyTorch AKMNet, and one training step or evaluation of each on clips held in memory.

`eager` is the plain one: the released program's way, one clip at a time. The others run the same mathematics with what
PyTorch offers for speed; `variants` lists those that make sense on a device. `torch.compile` is told that the number of
frames varies, so clip lengths do not recompile.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from experiments.baselines.akmnet_torch import AKMNet, ClipOutput, LossWeights, make_optimizer
from experiments.baselines.akmnet_torch_packed import ClipBatchNorm, FormulaBatchNorm, PackedAKMNet


@dataclasses.dataclass(frozen=True)
class Variant:
    """One way to run the network.

    Attributes:
        packed: all clips of a step in one call; else one clip at a time.
        channels_last: memory layout NHWC.
        compiled: the trunk goes through `torch.compile`; packed, with batch norm by clip written out.
        bfloat16: the trunk runs under bfloat16 autocast.
        tuned: cuDNN tries its algorithms (`cudnn.benchmark`), float32 products may use TF32.
    """

    packed: bool = False
    channels_last: bool = False
    compiled: bool = False
    bfloat16: bool = False
    tuned: bool = False

    @property
    def name(self) -> str:
        """The switches that are on, or "eager"."""
        return "+".join(f.name for f in dataclasses.fields(self) if getattr(self, f.name)) or "eager"


EAGER = Variant()


# With fewer channels PyTorch 2.13 on the CPU writes past the end of a buffer: backward of a 1 x 1 convolution of stride
# 2 in channels-last layout, on two threads; the process dies.
FEWEST_CHANNELS_LAST = 16


def variants(
    device_type: str, work: str, widths: Sequence[int], *, bfloat16: bool = False, every: bool = False
) -> list[Variant]:
    """The plain variant first, then every other one worth a trial.

    On the CPU one clip a call in channels-last layout was the fastest in every comparison, compiled only to evaluate:
    others are left out unless asked for (`docs/performance.md`). Slim networks cannot be channels-last there, and try
    all clips in one call.

    Args:
        device_type: "cpu" or "cuda".
        work: "train" or "infer".
        widths: channels of the trunk's stages.
        bfloat16: all but the plain one run the trunk under autocast.
        every: also those that were never the fastest on the CPU.
    """
    others = [
        Variant(packed=packed, channels_last=channels_last, compiled=compiled)
        for compiled in (False, True)
        for packed in (False, True)
        for channels_last in (False, True)
        if (packed or channels_last) and (channels_last or not compiled)
    ]
    if device_type != "cpu":
        others += [dataclasses.replace(v, tuned=True) for v in others if v.channels_last]
    elif min(widths) < FEWEST_CHANNELS_LAST:
        others = [v for v in others if not v.channels_last]
    elif not every:
        others = [v for v in others if not v.packed and not (v.compiled and work == "train")]
    return [EAGER, *(dataclasses.replace(v, bfloat16=bfloat16) for v in others)]


@dataclasses.dataclass(frozen=True)
class TorchClips:
    """A data set in the device's memory, laid out as `akm_jax.data.clip_set.ClipSet`.

    Attributes:
        frames: uint8 (N, S, S), frames of all clips one after another.
        large_frames: uint8 (N, L, L), the same enlarged, for random crops.
        labels: (n,).
        starts, lengths: first frame and number of frames of every clip.
    """

    frames: Tensor
    large_frames: Tensor
    labels: Tensor
    starts: np.ndarray
    lengths: np.ndarray

    def gather(
        self,
        clips: Sequence[int],
        rng: np.random.Generator | None,
        *,
        crop_probability: float = 0.5,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Frames (F, 1, S, S), 0..1, of some clips; with `rng` each is, by chance, one random crop."""
        size, parts = self.frames.shape[1], []
        margin = self.large_frames.shape[1] - size
        for clip in clips:
            rows = slice(int(self.starts[clip]), int(self.starts[clip] + self.lengths[clip]))
            if rng is not None and rng.random() < crop_probability:
                y, x = rng.integers(0, margin + 1, 2)
                parts.append(self.large_frames[rows, y : y + size, x : x + size])
            else:
                parts.append(self.frames[rows])
        gathered = parts[0] if len(parts) == 1 else torch.cat(parts)
        return gathered[:, None].to(dtype).div_(255)


class Program:
    """One variant of the network with its optimiser, ready to train and to evaluate on a data set."""

    def __init__(
        self,
        variant: Variant,
        data: TorchClips,
        state_dict: Mapping[str, np.ndarray],
        *,
        shape: Mapping,
        loss_weights: LossWeights | None = None,
        crop_probability: float = 0.5,
        optimizer: Mapping[str, float] | None = None,
        seed: int = 0,
        compiler: str = "inductor",
    ):
        """Build the network from weights, in their number format.

        Args:
            variant: how to run it.
            data: the clips, on the device the network is to run on.
            state_dict: weights and running averages by the released program's names.
            shape: num_classes and the other arguments of `AKMNet`.
            loss_weights: weights of the losses beside the cross-entropy; the published ones when None.
            crop_probability: share of training clips shown as one random crop.
            optimizer: arguments of `make_optimizer`.
            seed: seed of the crops.
            compiler: back end of `torch.compile`.
        """
        self.variant, self.data = variant, data
        self.model = _build(variant, shape)
        weights = {k: torch.from_numpy(np.array(v)) for k, v in state_dict.items()}
        missing, surplus = self.model.load_state_dict(weights, strict=False)
        missing = [name for name in missing if not name.endswith("num_batches_tracked")]
        if missing or surplus:
            raise ValueError(f"state dict does not fit: missing {missing[:5]}, unknown {list(surplus)[:5]}")
        layout = torch.channels_last if variant.channels_last else torch.contiguous_format
        self._dtype = weights["conv1.weight"].dtype
        self.model.to(data.frames.device, self._dtype).to(memory_format=layout)  # type: ignore[call-overload]
        self._choose_trunk(compiler)
        self._loss_weights = loss_weights or LossWeights()
        self._crop_probability = crop_probability
        self._optimizer = make_optimizer(self.model, **(optimizer or {}))
        self._rng = np.random.default_rng(seed)

    def train_step(self, clips: Sequence[int]) -> Tensor:
        """One step of SGD on some clips of the data set; returns the total loss of each."""
        self.model.train()
        self._optimizer.zero_grad()
        totals = []
        with self._settings():
            for call in self._calls(clips):
                frames = self._gather(call, self._rng)
                lengths = [int(self.data.lengths[clip]) for clip in call]
                output = self.model(frames, lengths)
                losses = self.model.losses(output, self.data.labels[list(call)], lengths, self._loss_weights)
                (losses.total.sum() / len(clips)).backward()
                totals.append(losses.total.detach())
            self._optimizer.step()
        return torch.cat(totals)

    def evaluate(self, clips: Sequence[int]) -> list[ClipOutput]:
        """Outputs for some clips of the data set, by running averages, without augmentation."""
        self.model.eval()
        with self._settings(), torch.no_grad():
            return [
                self.model(self._gather(call, None), [int(self.data.lengths[clip]) for clip in call])
                for call in self._calls(clips)
            ]

    def synchronize(self) -> None:
        """Wait until the device has done what it was given."""
        if self.data.frames.is_cuda:
            torch.cuda.synchronize()

    def _calls(self, clips: Sequence[int]) -> list[Sequence[int]]:
        return [clips] if self.variant.packed else [[clip] for clip in clips]

    def _gather(self, call: Sequence[int], rng: np.random.Generator | None) -> Tensor:
        return self.data.gather(call, rng, crop_probability=self._crop_probability, dtype=self._dtype)

    def _choose_trunk(self, compiler: str) -> None:
        """Wrap the trunk in autocast and `torch.compile` as the variant says."""
        attribute = "run_packed_trunk" if self.variant.packed else "run_trunk"
        run = getattr(self.model, attribute)
        if self.variant.bfloat16:
            run = _autocast(run, self.data.frames.device.type)
        if self.variant.compiled:
            run = torch.compile(run, dynamic=True, backend=compiler)
        setattr(self.model, attribute, run)

    @contextlib.contextmanager
    def _settings(self) -> Iterator[None]:
        """Process-wide switches of the variant, for the time of a call."""
        before = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
        if self.variant.tuned:
            torch.set_float32_matmul_precision("high")
            torch.backends.cudnn.benchmark = True
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before[0])
            torch.backends.cudnn.benchmark = before[1]


def _build(variant: Variant, shape: Mapping) -> AKMNet:
    if variant.packed:
        return PackedAKMNet(**shape, norm=FormulaBatchNorm if variant.compiled else ClipBatchNorm)
    return AKMNet(**shape)


def _autocast(run: Callable[..., Tensor], device_type: str) -> Callable[..., Tensor]:
    def under_autocast(*args: Tensor) -> Tensor:
        with torch.autocast(device_type, torch.bfloat16):
            return run(*args)

    return under_autocast
