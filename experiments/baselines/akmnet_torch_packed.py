"""The PyTorch AKMNet for all clips of a step in one call.

Clips lie one after another on the frame axis; the trunk runs over all frames at once, batch norm takes its statistics
by clip, the mining module sums by clip, and the GRU takes the key frames of all clips as one packed sequence. Results
equal those of one clip at a time.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import rnn

from experiments.baselines.akmnet_torch import NORM_FLOOR, AKMNet, ClipLosses, ClipOutput, LossWeights, Selection


class ClipBatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` fed one clip after another; `lengths` says where the clips of a call end."""

    lengths: Sequence[int] = ()

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (F, D, H, W)."""
        if not self.training:
            return super().forward(x)
        return torch.cat([super(ClipBatchNorm, self).forward(clip) for clip in x.split(list(self.lengths))])


class FormulaBatchNorm(nn.BatchNorm2d):
    """Batch norm by clip written out, for `torch.compile` to fuse; `clip_of` (F,) and `counts` (C,) are tensors."""

    clip_of: Tensor
    counts: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (F, D, H, W); the running averages take one update a clip, in order."""
        if not self.training:
            return super().forward(x)
        wide = x.to(self.weight.dtype)
        frame_mean, frame_var = wide.mean((2, 3)), wide.var((2, 3), unbiased=False)
        mean = self._clip_mean(frame_mean)
        var = self._clip_mean(frame_var + (frame_mean - mean[self.clip_of]) ** 2)
        scale = self.weight * torch.rsqrt(var + self.eps)
        shift = self.bias - mean * scale
        self._advance(mean.detach(), var.detach(), self.counts * (x.shape[2] * x.shape[3]))
        return (wide * scale[self.clip_of, :, None, None] + shift[self.clip_of, :, None, None]).to(x.dtype)

    def _clip_mean(self, values: Tensor) -> Tensor:
        total = values.new_zeros(len(self.counts), values.shape[1]).index_add(0, self.clip_of, values)
        return total / self.counts[:, None]

    @torch.no_grad()
    def _advance(self, mean: Tensor, var: Tensor, pixels: Tensor) -> None:
        pixels = pixels.to(var)[:, None]
        unbiased = var * pixels / (pixels - 1)
        for running, values in ((self.running_mean, mean), (self.running_var, unbiased)):
            new = running
            for value in values.unbind():
                new = torch.lerp(new, value, self.momentum)
            running.copy_(new)


class PackedAKMNet(AKMNet):
    """AKMNet for several clips a call; same state dict, same losses, same gradients."""

    def __init__(self, num_classes: int, *, norm: type[nn.BatchNorm2d] = ClipBatchNorm, **shape):
        super().__init__(num_classes, norm=norm, **shape)
        self.norms = [module for module in self.modules() if isinstance(module, norm)]
        self.run_packed_trunk: Callable[[Tensor, Tensor, Tensor], Tensor] = self.packed_trunk

    def packed_trunk(self, frames: Tensor, clip_of: Tensor, counts: Tensor) -> Tensor:
        """Feature maps of the frames of several clips."""
        for norm in self.norms:
            norm.clip_of, norm.counts = clip_of, counts
        return self.trunk(frames)

    def forward(self, frames: Tensor, lengths: Sequence[int]) -> ClipOutput:
        """Classify the clips of `lengths` that lie one after another in `frames` (F, 1, H, W), 0..1."""
        for norm in self.norms:
            norm.lengths = lengths
        clips = _Clips(lengths, frames.device)
        maps = self.run_packed_trunk(frames, clips.clip_of, clips.counts).to(self.conv1.weight.dtype)
        features = maps.mean((2, 3))
        global_feature = clips.sum(self.alpha(features) * features)
        unit = functional.normalize(global_feature, eps=NORM_FLOOR)
        beta = (functional.normalize(features, eps=NORM_FLOOR) * unit[clips.clip_of]).sum(1)
        threshold = torch.minimum(clips.mean(beta), clips.max(beta)).detach()
        selected = Selection.apply(beta, threshold[clips.clip_of])
        return ClipOutput(self.fc(self.fuse(maps, selected, clips)), beta, selected)

    def fuse(self, maps: Tensor, selected: Tensor, clips: "_Clips") -> Tensor:
        """GRU outputs averaged over the key frames of each clip, (C, P x 2 hidden)."""
        num_key = clips.sum(selected.detach()).long().tolist()
        key_maps = (maps * selected[:, None, None, None])[selected > 0]
        padded = rnn.pad_sequence(key_maps.flatten(2).transpose(1, 2).split(num_key))  # (N, C, P, D)
        longest, num_clips, positions, channels = padded.shape
        steps = torch.tensor(num_key).repeat_interleave(positions)
        sequences = padded.reshape(longest, num_clips * positions, channels)
        hidden, _ = self.gru(rnn.pack_padded_sequence(sequences, steps, enforce_sorted=False))
        total = rnn.pad_packed_sequence(hidden)[0].sum(0)  # zeros where a sequence has ended
        return (total / steps.to(total)[:, None]).reshape(num_clips, -1)

    def losses(self, output: ClipOutput, labels: Tensor, lengths: Sequence[int], weights: LossWeights) -> ClipLosses:
        """Cross-entropy, sparsity and margin of every clip; `labels` (C,)."""
        beta, clips = output.beta, _Clips(lengths, output.beta.device)
        entropy = functional.cross_entropy(output.logits, labels, reduction="none")
        sparsity = functional.relu(clips.sum(output.selected) - 1)
        threshold = clips.mean(beta.detach())[clips.clip_of]
        above, below = (beta > threshold).to(beta), (beta < threshold).to(beta)
        num_above, num_below = clips.sum(above), clips.sum(below)
        margin = clips.sum(above * beta) / num_above.clamp(min=1) - clips.sum(below * beta) / num_below.clamp(min=1)
        margin = 2 - torch.where((num_above > 0) & (num_below > 0), margin, 0)
        return ClipLosses(entropy, sparsity, margin, entropy + weights.sparsity * sparsity + weights.margin * margin)


class _Clips:
    """Which clip every frame belongs to, and reductions over the frames of each clip."""

    def __init__(self, lengths: Sequence[int], device: torch.device):
        self.counts = torch.tensor(lengths, device=device)
        ids = torch.arange(len(lengths), device=device)
        self.clip_of = ids.repeat_interleave(self.counts, output_size=sum(lengths))

    def sum(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(self.counts), *x.shape[1:]).index_add(0, self.clip_of, x)

    def mean(self, x: Tensor) -> Tensor:
        return self.sum(x) / self.counts

    def max(self, x: Tensor) -> Tensor:
        return x.new_full(self.counts.shape, -torch.inf).scatter_reduce(0, self.clip_of, x.detach(), "amax")
