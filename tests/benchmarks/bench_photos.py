"""Time of the photograph methods on VGG16-GAP, as ratios to one forward pass measured in the same run.

Budgets: gradient of one logit at most 2.2 forward passes, Grad-CAM at most 1.3; an answer at 128 pixels within 0.3 s;
repeated calls neither trace again nor grow in memory.
"""

import resource
import statistics
import sys
import time

import numpy as np

from helpers.course.backend import set_seeds
from helpers.course.networks import compiled
from helpers.photos.images import sample_photo
from helpers.vgg16.cam import _weighted_maps, class_activation_map, grad_cam
from helpers.vgg16.gradients import _score_gradient, input_gradient, logits
from helpers.vgg16.networks import vgg16


def seconds(function, *arguments, rounds: int = 9) -> float:
    function(*arguments)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peak() -> float:
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**20


def answer(network):
    return network.decode(network.logits(network.preprocess(sample_photo("cat", network.input_size))))


def main() -> None:
    set_seeds()
    for size in (224, 128):
        network = vgg16("gap", input_size=size, quiet=True)
        model, x = network.model, network.preprocess(sample_photo("cat", size))
        forward = seconds(logits, model, x)
        print(f"{size} px: one forward pass {forward * 1e3:.0f} ms")
        for name, function, arguments, budget in (
            ("gradient of one logit", input_gradient, (), 2.2),
            ("CAM", class_activation_map, (), 1.3),
            ("Grad-CAM, block5_conv3", grad_cam, ("block5_conv3",), 1.3),
        ):
            ratio = seconds(function, model, x, 0, *arguments) / forward
            print(f"  {name:24} {ratio:5.2f} forward passes (budget {budget})")
    print(f"  a photograph read and named in {seconds(answer, network):.2f} s (budget 0.3)")
    before = peak()
    for _ in range(60):
        input_gradient(model, x, 0)
        grad_cam(model, x, 0, "block5_conv3")
    traces = [
        compiled(model, build, *layers).__wrapped__.experimental_get_tracing_count()
        for build, layers in ((_score_gradient, ()), (_weighted_maps, ("block5_conv3",)))
    ]
    print(f"120 more calls: memory grew by {peak() - before:.0f} MiB, traces of each function: {np.unique(traces)}")


if __name__ == "__main__":
    main()
