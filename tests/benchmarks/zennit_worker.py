"""zennit (Anders et al. 2021, arXiv:2106.13200) on VGG16-GAP, for ``bench_lrp.py``: run by a Python with torch and zennit.

    python zennit_worker.py FOLDER

FOLDER holds ``network.npz``: kernels and biases in the order of the layers ("kernel0", "bias0", ...; the last is dense),
the preprocessed picture ("picture", NHWC) and the class ("target"). Every line read from stdin is the name of a
composite, "forward pass" or "input gradient"; the answer is the seconds it took, by the clock and of the processor. The
result of the last call is then in FOLDER, ``result.npy`` (NHWC).
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from zennit.attribution import Gradient
from zennit.composites import EpsilonAlpha2Beta1, EpsilonPlusFlat

BLOCKS = (2, 2, 3, 3, 3)
COMPOSITES = {"EpsilonPlusFlat": EpsilonPlusFlat, "EpsilonAlpha2Beta1": EpsilonAlpha2Beta1}


def network(file) -> torch.nn.Module:
    layers, number = [], 0
    for count in BLOCKS:
        for _ in range(count):
            kernel = torch.from_numpy(file[f"kernel{number}"]).permute(3, 2, 0, 1).contiguous()
            layer = torch.nn.Conv2d(*kernel.shape[1::-1], 3, padding=1)
            layer.weight.data, layer.bias.data = kernel, torch.from_numpy(file[f"bias{number}"])
            layers += [layer, torch.nn.ReLU()]
            number += 1
        layers.append(torch.nn.MaxPool2d(2))
    kernel = torch.from_numpy(file[f"kernel{number}"].T.copy())
    head = torch.nn.Linear(*kernel.shape[::-1])
    head.weight.data, head.bias.data = kernel, torch.from_numpy(file[f"bias{number}"])
    side = file["picture"].shape[1] // 2 ** len(BLOCKS)
    return torch.nn.Sequential(*layers, torch.nn.AvgPool2d(side), torch.nn.Flatten(), head).requires_grad_(False).eval()


def main(folder: Path) -> None:
    with np.load(folder / "network.npz", allow_pickle=False) as stored:
        file = dict(stored)
    model, target = network(file), int(file["target"])
    picture = torch.from_numpy(file["picture"]).permute(0, 3, 1, 2).contiguous()

    def chosen(logits):
        return logits * torch.nn.functional.one_hot(torch.tensor([target]), logits.shape[-1])

    def run(name: str):
        if name == "forward pass":
            with torch.no_grad():
                return model(picture)
        if name == "input gradient":
            x = picture.clone().requires_grad_()
            return torch.autograd.grad(model(x)[0, target], x)[0]
        with Gradient(model, COMPOSITES[name]()) as attributor:
            return attributor(picture.clone(), chosen)[1]

    for line in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        result = run(line.strip())
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        np.save(
            folder / "result.npy", result.detach().numpy() if result.ndim == 2 else result.permute(0, 2, 3, 1).numpy()
        )
        print(wall, processor, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
