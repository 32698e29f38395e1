"""Log-likelihoods of held-out images, computed once for a model and a set of images and kept in the store."""

from __future__ import annotations

import torch

from genbench.interfaces.drawing import LogProb
from genbench.measuring.evidence import Later
from genbench.measuring.extracted import Describe
from genbench.measuring.identity import Identity
from genbench.store.artifacts import Store

KIND = "likelihoods"


class StoredLikelihood:
    """A likelihood that is read from the store, and computed when it is not there."""

    def __init__(self, store: Store, likelihood: Later[LogProb], describe: Describe | None) -> None:
        self.store, self.likelihood, self.describe = store, likelihood, describe
        self.id, self.reused = likelihood.id, True

    def exists(self) -> bool:
        """Whether it is in the store."""
        return self.store.path(KIND, f"{self.id}.json").exists()

    def load(self) -> LogProb:
        """The likelihood. One that is not finite raises ValueError, and is not kept."""
        made = self.describe(Identity(self.id, self.likelihood.parts), {}) if self.describe else None
        content, self.reused = self.store.make_json(KIND, self.id, lambda: _content(self.likelihood.value), made)
        return LogProb(torch.tensor(content["nats"], dtype=torch.float64), content["levels"], content["exact"])


def _content(likelihood: LogProb) -> dict[str, object]:
    nats = likelihood.nats.double()
    if not bool(nats.isfinite().all()):
        first = int((~nats.isfinite()).nonzero()[0])
        raise ValueError(f"the log-likelihood of image {first} is {float(nats[first])}")
    return {"nats": nats.tolist(), "levels": likelihood.levels, "exact": likelihood.exact}
