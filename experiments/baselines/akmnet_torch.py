"""AKMNet in plain PyTorch: the program that `akm_jax` is measured against.

It behaves as the released program does: one clip at a time, so that batch norm sees one clip; the gradient is
accumulated over the clips of a step; same losses, same optimiser, state dict of the same names. Weights come from a
state dict; what PyTorch draws at first is not the published initialisation. Faster ways to run the same mathematics
stand in `akmnet_torch_variants`.

Axis legend: F frames of a call, T frames of one clip, C clips of a call, D channels, H W pixels, N key frames,
P positions of the trunk's output, K classes.
"""

import dataclasses
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

NORM_FLOOR = 1e-12


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut, projected where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: type[nn.BatchNorm2d]):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = norm(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block to (F, D, H, W)."""
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return functional.relu(y + shortcut, inplace=True)


class Selection(torch.autograd.Function):
    """1 where beta reaches the threshold, else 0; the gradient passes where the threshold lies between 0 and 1."""

    @staticmethod
    def forward(ctx, beta: Tensor, threshold: Tensor) -> Tensor:
        """Select frames; `threshold` is one number or one a frame, and a constant to the gradient."""
        ctx.save_for_backward(threshold)
        return (beta >= threshold).to(beta.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        """The released program's stand-in for the derivative of a step."""
        (threshold,) = ctx.saved_tensors
        return torch.where((threshold > 0) & (threshold < 1), gradient, torch.zeros_like(gradient)), None


@dataclasses.dataclass(frozen=True)
class ClipOutput:
    """What the network says of C clips: logits (C, K), score of every frame (F,), 1 for key frames else 0 (F,)."""

    logits: Tensor
    beta: Tensor
    selected: Tensor


@dataclasses.dataclass(frozen=True)
class ClipLosses:
    """The three terms of C clips and their weighted sum, each (C,)."""

    cross_entropy: Tensor
    sparsity: Tensor
    margin: Tensor
    total: Tensor


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Weights of the losses beside the cross-entropy."""

    sparsity: float = 0.1
    margin: float = 1.0


class AKMNet(nn.Module):
    """ResNet-18 trunk, key-frame mining, bidirectional GRU, linear classifier; one clip a call."""

    def __init__(
        self,
        num_classes: int,
        *,
        widths: Sequence[int] = (64, 128, 256, 512),
        gru_hidden: int = 32,
        image_size: int = 128,
        dropout: float = 0.5,
        norm: type[nn.BatchNorm2d] = nn.BatchNorm2d,
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(1, widths[0], 5, 2, 2, bias=False)
        self.bn1 = norm(widths[0])
        inputs = widths[0]
        for stage, outputs in enumerate(widths):
            first = BasicBlock(inputs, outputs, 2 if stage else 1, norm)
            setattr(self, f"layer{stage + 1}", nn.Sequential(first, BasicBlock(outputs, outputs, 1, norm)))
            inputs = outputs
        self.alpha = nn.Sequential(nn.Linear(inputs, 1), nn.Sigmoid())
        self.gru = nn.GRU(inputs, gru_hidden, num_layers=2, bidirectional=True)
        positions = (image_size // 32) ** 2
        self.fc = nn.Sequential(nn.Dropout(dropout), nn.Linear(positions * 2 * gru_hidden, num_classes))
        self.run_trunk: Callable[[Tensor], Tensor] = self.trunk

    def trunk(self, frames: Tensor) -> Tensor:
        """Feature maps (F, D, H/32, W/32) of frames (F, 1, H, W)."""
        x = functional.relu(self.bn1(self.conv1(frames)), inplace=True)
        x = functional.max_pool2d(x, 3, 2, 1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)  # type: ignore[operator]
        return x

    def forward(self, frames: Tensor, lengths: Sequence[int]) -> ClipOutput:
        """Classify one clip, frames (T, 1, H, W), 0..1; `lengths` is [T]."""
        maps = self.run_trunk(frames).to(self.conv1.weight.dtype)
        features = maps.mean((2, 3))
        global_feature = (self.alpha(features) * features).sum(0)
        beta = functional.normalize(features, eps=NORM_FLOOR) @ functional.normalize(
            global_feature, dim=0, eps=NORM_FLOOR
        )
        selected = Selection.apply(beta, torch.minimum(beta.mean(), beta.max()).detach())
        key_maps = (maps * selected[:, None, None, None])[selected > 0]
        hidden, _ = self.gru(key_maps.flatten(2).transpose(1, 2))  # (N, P, D): one sequence a position
        return ClipOutput(self.fc(hidden.mean(0).flatten()[None]), beta, selected)

    def losses(self, output: ClipOutput, labels: Tensor, lengths: Sequence[int], weights: LossWeights) -> ClipLosses:
        """Cross-entropy, sparsity and margin of one clip; `labels` (1,)."""
        entropy = functional.cross_entropy(output.logits, labels)
        sparsity = functional.relu(output.selected.sum() - 1)
        beta, threshold = output.beta, output.beta.detach().mean()
        above, below = beta > threshold, beta < threshold
        margin = beta.new_full((), 2.0)
        if above.any() and below.any():
            margin = 2 - (beta[above].mean() - beta[below].mean())
        total = entropy + weights.sparsity * sparsity + weights.margin * margin
        return ClipLosses(*(term[None] for term in (entropy, sparsity, margin, total)))


def make_optimizer(
    model: nn.Module, learning_rate: float = 1e-3, *, momentum: float = 0.9, weight_decay: float = 5e-4
) -> torch.optim.SGD:
    """SGD of the released program."""
    return torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=momentum, weight_decay=weight_decay)
