"""STSTNet and its training in PyTorch, for comparison of speed; the network of `akm_jax.models.ststnet`, "paper"."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

FORMS = ("plain", "joined")
FILTERS = (3, 5, 8)


class STSTNet(nn.Module):
    """The network.

    Form "plain" has three streams, as the released program. "joined" has one of as many filters, in channels-last
    memory; the scores are the same.
    """

    def __init__(self, form: str = "plain", *, classes: int = 3, rate: float = 0.5):
        super().__init__()
        filters = FILTERS if form == "plain" else (sum(FILTERS),)
        self.convs = nn.ModuleList([nn.Conv2d(3, count, 3, padding=1) for count in filters])
        self.norms = nn.ModuleList([nn.BatchNorm2d(count) for count in filters])
        self.head = nn.Linear(sum(FILTERS) * 25, classes)
        self.drop = nn.Dropout(rate)
        self.memory = torch.contiguous_format if form == "plain" else torch.channels_last
        self.to(memory_format=self.memory)  # type: ignore[call-overload]

    def forward(self, pictures: Tensor) -> Tensor:
        """Scores (N, K) of pictures (N, 3, 28, 28)."""
        streams = [
            self.drop(functional.max_pool2d(norm(torch.relu(conv(pictures))), 3, 3, 1))
            for conv, norm in zip(self.convs, self.norms, strict=True)
        ]
        maps = torch.cat(streams, 1) if len(streams) > 1 else streams[0]
        return self.head(functional.avg_pool2d(maps, 2).flatten(1))


def load(model: STSTNet, weights: Mapping[str, np.ndarray]) -> None:
    """Take the weights of ours: HWIO and in x out, by path."""

    def joined(name: str) -> Tensor:
        arrays = [np.asarray(weights[f"streams/{i}/{name}"]) for i in range(len(FILTERS))]
        array = np.concatenate(arrays, axis=-1)
        return torch.from_numpy((array.transpose(3, 2, 0, 1) if array.ndim == 4 else array).copy())

    sizes = [conv.out_channels for conv in model.convs]  # type: ignore[union-attr]
    for name, modules, attribute in (
        ("conv/kernel", model.convs, "weight"),
        ("conv/bias", model.convs, "bias"),
        ("norm/scale", model.norms, "weight"),
        ("norm/bias", model.norms, "bias"),
    ):
        for module, part in zip(modules, joined(name).split(sizes), strict=True):  # type: ignore[arg-type]
            getattr(module, attribute).data.copy_(part)
    model.head.weight.data.copy_(torch.from_numpy(np.asarray(weights["head/kernel"]).T.copy()))
    model.head.bias.data.copy_(torch.from_numpy(np.asarray(weights["head/bias"]).copy()))


class Trainer:
    """Adam with weight decay on kernels; all parameters are updated by one call."""

    def __init__(self, model: STSTNet, pictures: Tensor, labels: Tensor, learning_rate: float, weight_decay: float):
        """Args: the network, all pictures (N, 3, 28, 28) less the mean, their classes, and Adam's settings."""
        self.model, self._labels = model, labels
        self._pictures = pictures.to(memory_format=model.memory)
        groups = [
            {"params": [p for p in model.parameters() if (p.ndim > 1) == decayed], "weight_decay": decay}
            for decayed, decay in ((True, weight_decay), (False, 0.0))
        ]
        self._optimizer = torch.optim.Adam(groups, lr=learning_rate, foreach=True)

    def epoch(self, batches: list[Tensor], watched: Tensor) -> float:
        """Steps over batches of rows, then scores of the watched clips; mean loss."""
        self.model.train()
        total = torch.zeros(())
        for rows in batches:
            loss = functional.cross_entropy(self.model(self._pictures[rows]), self._labels[rows], reduction="sum")
            self._optimizer.zero_grad(set_to_none=True)
            (loss / len(rows)).backward()
            self._optimizer.step()
            total += loss.detach()
        self.model.eval()
        with torch.no_grad():
            self.model(self._pictures[watched])
        return float(total / sum(map(len, batches)))
