"""Networks for photographs of which only one is in memory at a time.

Three sizes of VGG16 together would not fit beside the rest of notebook 3. A cell that is run again asks its network for
something, and gets it: the network is loaded anew, and the one that was there before goes.

    large, small = on_demand(), on_demand("gap", input_size=112)
    large.logits(inputs)         # loads the large one
    small.model                  # lets it go and loads the small one
"""

from helpers.course import backend
from helpers.vgg16.networks import FULL_SIZE, vgg16
from helpers.vgg16.photo_network import PhotoNetwork


class OnDemand:
    """A ``PhotoNetwork`` that is loaded when something of it is asked for. Made by :func:`on_demand`.

    It has all that a ``PhotoNetwork`` has. Ask for ``.model`` where it is needed; under a name of its own it would stay.
    """

    _present: "OnDemand | None" = None  # the only one whose network is in memory

    def __init__(self, weights: str, input_size: int):
        self._asked = weights, input_size
        self._network: PhotoNetwork | None = None

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._load(quiet=True), name)

    def __repr__(self) -> str:
        return repr(self._network) if self._network else "<a network that is loaded when it is needed>"

    def _load(self, quiet: bool) -> PhotoNetwork:
        if self._network is None:
            _drop()
            self._network = vgg16(*self._asked, quiet=quiet)
            OnDemand._present = self
        return self._network


def on_demand(weights: str = "auto", input_size: int = FULL_SIZE) -> OnDemand:
    """``vgg16(weights, input_size)`` that makes room for another one, and comes back when it is asked for something.

    It is loaded at once, which says as :func:`vgg16` does which network it is.
    """
    network = OnDemand(weights, input_size)
    network._load(quiet=False)
    return network


def let_go() -> None:
    """Give back the memory of the network that is there; it comes back when it is asked for something."""
    _drop()
    backend.let_go()


def _drop() -> None:
    if OnDemand._present is not None:
        OnDemand._present._network = None
        OnDemand._present = None
