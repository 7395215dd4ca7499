"""SOFTNet and its training in PyTorch, for comparison of speed; the network of `akm_jax.models.softnet`."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

FORMS = ("plain", "pooled_first")


class SOFTNet(nn.Module):
    """The network.

    Form "plain" computes layer after layer. "pooled_first" takes the two pools as one of 6 x 6 and adds bias and ReLU
    behind it, where a 36th of the values is left; the scores are the same.
    """

    def __init__(self, form: str = "plain"):
        super().__init__()
        self.form = form
        self.streams = nn.ModuleList([nn.Conv2d(1, filters, 5, padding=2) for filters in (3, 5, 8)])
        self.hidden = nn.Linear(784, 400)
        self.output = nn.Linear(400, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """Scores (N,) of frames (N, 3, 42, 42)."""
        joined = torch.cat([self._maps(conv, planes[:, i : i + 1]) for i, conv in enumerate(self.streams)], 1)
        if self.form == "plain":
            joined = functional.max_pool2d(joined, 2)
        features = joined.permute(0, 2, 3, 1).flatten(1)
        return self.output(torch.relu(self.hidden(features)))[:, 0]

    def _maps(self, conv: nn.Module, x: Tensor) -> Tensor:
        if self.form == "plain":
            return functional.max_pool2d(torch.relu(conv(x)), 3)
        maps = functional.max_pool2d(functional.conv2d(x, conv.weight, padding=2), 6)  # type: ignore[arg-type]
        return torch.relu(maps + conv.bias[:, None, None])  # type: ignore[index]


def load(model: SOFTNet, weights: Mapping[str, np.ndarray]) -> None:
    """Take the weights of ours: HWIO and in x out, by path."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            kernel = np.array(weights[f"{name.replace('.', '/')}/kernel"])
            kernel = kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T
            module.weight.data.copy_(torch.from_numpy(kernel.copy()))
            assert module.bias is not None
            module.bias.data.copy_(torch.from_numpy(np.array(weights[f"{name.replace('.', '/')}/bias"])))


class Trainer:
    """Plain SGD on the squared error; all parameters are updated by one call."""

    def __init__(self, model: SOFTNet, planes: Tensor, labels: Tensor, learning_rate: float):
        self.model, self._planes, self._labels = model, planes, labels
        self._optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, foreach=True)

    def train(self, batches: Tensor) -> float:
        """Steps over batches (S, B) of rows; mean loss."""
        total = torch.zeros(())
        for rows in batches:
            loss = functional.mse_loss(self.model(self._planes[rows]), self._labels[rows])
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
            total += loss.detach()
        return float(total / len(batches))
