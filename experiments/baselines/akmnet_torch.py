"""AKMNet in plain PyTorch: the program that `akm_jax` is measured against.

`AKMNet` behaves as the released program does: one clip at a time, so that batch norm sees one clip; the gradient is
accumulated over the clips of a step; same losses, same optimiser, state dict of the same names. Beside it stand the
faster ways to run the same mathematics in PyTorch (`variants`): channels-last memory, `torch.compile`, and all clips of a
step in one call with batch norm clip by clip.

Axis legend: F frames of all clips of a call, T frames of one clip, D channels, H W pixels, N key frames, K classes.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

GRU_HIDDEN = 32
POSITIONS = 16


class ClipBatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` fed one clip after another; `lengths` says where the clips of a call end."""

    lengths: Sequence[int] = ()

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (F, D, H, W)."""
        if not self.training or len(self.lengths) == 1:
            return super().forward(x)
        return torch.cat([super(ClipBatchNorm, self).forward(clip) for clip in x.split(list(self.lengths))])


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = ClipBatchNorm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = ClipBatchNorm(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), ClipBatchNorm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return functional.relu(y + shortcut, inplace=True)


class Selection(torch.autograd.Function):
    """1 where beta reaches its mean, else 0; the gradient passes through if the mean lies between 0 and 1."""

    @staticmethod
    def forward(ctx, beta: Tensor) -> Tensor:
        """Select frames of one clip."""
        threshold = torch.minimum(beta.mean(), beta.max())
        ctx.passes = (threshold > 0) & (threshold < 1)
        return (beta >= threshold).to(beta.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        """The threshold is a constant."""
        return torch.where(ctx.passes, gradient, torch.zeros_like(gradient))


@dataclasses.dataclass(frozen=True)
class ClipOutput:
    """Of one clip: logits (K,), score of every frame (T,), 1 for key frames else 0 (T,)."""

    logits: Tensor
    beta: Tensor
    selected: Tensor


class AKMNet(nn.Module):
    """ResNet-18 trunk, key-frame mining, bidirectional GRU, linear classifier."""

    def __init__(self, num_classes: int, widths: Sequence[int] = (64, 128, 256, 512), dropout: float = 0.5):
        super().__init__()
        self.conv1 = nn.Conv2d(1, widths[0], 5, 2, 2, bias=False)
        self.bn1 = ClipBatchNorm(widths[0])
        inputs = widths[0]
        for stage, outputs in enumerate(widths):
            first = BasicBlock(inputs, outputs, 2 if stage else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(first, BasicBlock(outputs, outputs, 1)))
            inputs = outputs
        self.alpha = nn.Sequential(nn.Linear(inputs, 1), nn.Sigmoid())
        self.gru = nn.GRU(inputs, GRU_HIDDEN, num_layers=2, bidirectional=True)
        self.fc = nn.Sequential(nn.Dropout(dropout), nn.Linear(POSITIONS * 2 * GRU_HIDDEN, num_classes))
        self.run_trunk: Callable[[Tensor], Tensor] = self.trunk

    def trunk(self, frames: Tensor) -> Tensor:
        """Feature maps (F, D, H/32, W/32) of frames (F, 1, H, W)."""
        x = functional.relu(self.bn1(self.conv1(frames)), inplace=True)
        x = functional.max_pool2d(x, 3, 2, 1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x

    def forward(self, frames: Tensor, lengths: Sequence[int]) -> list[ClipOutput]:
        """Classify clips that lie one after another in `frames` (F, 1, H, W), 0..1."""
        for module in self.modules():
            if isinstance(module, ClipBatchNorm):
                module.lengths = tuple(lengths)
        maps = self.run_trunk(frames).to(self.conv1.weight.dtype)
        return [self.classify(clip) for clip in maps.split(list(lengths))]

    def classify(self, maps: Tensor) -> ClipOutput:
        """Mine the key frames of one clip, (T, D, h, w), and classify it."""
        features = maps.mean((2, 3))
        alpha = self.alpha(features)
        global_feature = functional.normalize((alpha * features).sum(0), dim=0, eps=1e-12)
        beta = functional.normalize(features, dim=1, eps=1e-12) @ global_feature
        selected = Selection.apply(beta)
        key_maps = (maps * selected[:, None, None, None])[selected > 0]
        sequence = key_maps.flatten(2).transpose(1, 2)  # (N, positions, D): one sequence a position
        hidden, _ = self.gru(sequence)
        return ClipOutput(self.fc(hidden.mean(0).flatten()[None])[0], beta, selected)


def clip_loss(output: ClipOutput, label: Tensor, *, sparsity_weight: float = 0.1, margin_weight: float = 1.0):
    """Cross-entropy, sparsity and margin of one clip, and their weighted sum."""
    entropy = functional.cross_entropy(output.logits[None], label[None])
    sparsity = functional.relu(output.selected.sum() - 1)
    beta, threshold = output.beta, output.beta.detach().mean()
    above, below = beta > threshold, beta < threshold
    margin = 2 - (beta[above].mean() - beta[below].mean()) if above.any() and below.any() else beta.new_full((), 2)
    return entropy, sparsity, margin, entropy + sparsity_weight * sparsity + margin_weight * margin


def make_optimizer(model: nn.Module, learning_rate: float = 1e-3) -> torch.optim.SGD:
    """SGD of the released program."""
    return torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9, weight_decay=5e-4)
