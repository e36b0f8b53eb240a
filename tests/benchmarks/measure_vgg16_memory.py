"""How much memory VGG16 takes: the process peak after each stage, each case in a fresh process.

    python tests/benchmarks/measure_vgg16_memory.py                    with a file in the official layout, made for it
    python tests/benchmarks/measure_vgg16_memory.py --file OFFICIAL.h5

The stand-in has the course's convolutions and random dense layers: as large as the official file, and as demanding. The
budgets are a peak of 1,000 MiB with VGG16-GAP and 1,536 MiB with the full network.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

DENSE = {"fc1": (25088, 4096), "fc2": (4096, 4096), "predictions": (4096, 1000)}
BUDGETS = {"gap": 1000, "full": 1536}  # MiB
REPEATS = 5  # a first call does not show what later ones add


def write_official_layout(path: Path, seed: int = 0) -> None:
    """A full-size file that ``keras.applications.VGG16`` reads too: real convolutions, random dense layers.

    Dense kernels are Gaussian with variance 2 / inputs (He et al. 2015), so that values keep their size from layer to
    layer.
    """
    import h5py

    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file, np.load(ROOT / "data/vgg16/vgg16_conv_float16.npz", allow_pickle=False) as conv:
        layers = []

        def add(name: str, **shapes: tuple[int, ...]) -> list[h5py.Dataset]:
            layers.append(name)
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}_{part}_1:0".encode() for part in shapes], dtype="S32")
            return [group.create_dataset(f"{name}_{part}_1:0", shape, np.float32) for part, shape in shapes.items()]

        add("input_1")
        for block, count in enumerate((2, 2, 3, 3, 3), 1):
            for name in (f"block{block}_conv{i + 1}" for i in range(count)):
                kernel, bias = conv[f"{name}_kernel"], conv[f"{name}_bias"]
                for dataset, values in zip(add(name, W=kernel.shape, b=bias.shape), (kernel, bias), strict=True):
                    dataset[...] = values
            add(f"block{block}_pool")
        add("flatten")
        for name, (rows, columns) in DENSE.items():
            kernel, bias = add(name, W=(rows, columns), b=(columns,))
            bias[...] = 0.1 * rng.standard_normal(columns, np.float32)
            for start in range(0, rows, 512):
                block = rng.standard_normal((min(512, rows - start), columns), np.float32)
                kernel[start : start + 512] = np.sqrt(2 / rows) * block
        file.attrs["layer_names"] = np.array([name.encode() for name in layers])


def peak_mib() -> float:
    """Largest resident size of this process so far, in MiB.

    On Linux not from ``getrusage``: its figure includes the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def run_case(case: str, file: str | None) -> None:
    """Go through the stages and print (as JSON) the peak after each."""
    peaks = {}
    from helpers.lrp.explanation import lrp
    from helpers.lrp.rules import epsilon_alpha2beta1, epsilon_plus_flat
    from helpers.vgg16 import cam, gradients, networks

    peaks["import"] = peak_mib()
    if case != "import":
        network = networks.gap_network() if case == "gap" else networks.imagenet_network(file)
        peaks["load"] = peak_mib()
        picture = np.random.default_rng(1).integers(0, 256, (network.input_size, network.input_size, 3), np.uint8)
        inputs = network.preprocess(picture)
        stages = {
            "prediction": lambda: network.logits(inputs),
            "input gradient": lambda: gradients.input_gradient(network.model, inputs, 1),
            "EpsilonPlusFlat": lambda: lrp(network.model, inputs, 1, epsilon_plus_flat()),
            "EpsilonAlpha2Beta1": lambda: lrp(network.model, inputs, 1, epsilon_alpha2beta1()),
            "Grad-CAM": lambda: cam.grad_cam(network.model, inputs, 1, "block5_conv3"),
        }
        for name, stage in stages.items():
            for _ in range(REPEATS):
                stage()
            peaks[name] = peak_mib()
    print(json.dumps(peaks))


def measure(case: str, file: Path | None = None) -> dict[str, float]:
    """Peak in MiB after each stage of a case ("import", "gap" or "full"), measured in a process of its own."""
    command = [sys.executable, __file__, "--case", case, *(["--file", str(file)] if file else [])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise RuntimeError(f"The case {case!r} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--file", type=Path, help="the official file; without it a stand-in is made and removed again")
    parser.add_argument("--case", choices=("import", "gap", "full"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        run_case(arguments.case, arguments.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = arguments.file
        if file is None:
            file = Path(folder) / "vgg16.h5"
            write_official_layout(file)
        for case in ("import", "gap", "full"):
            for stage, peak in measure(case, file).items():
                print(f"{case:8s} {stage:18s} {peak:6.0f} MiB", flush=True)
            if case in BUDGETS:
                print(f"{case:8s} {'budget':18s} {BUDGETS[case]:6d} MiB", flush=True)


if __name__ == "__main__":
    main()
