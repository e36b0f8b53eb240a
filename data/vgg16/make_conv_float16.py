"""Make ``vgg16_conv_float16.npz``: VGG16's thirteen convolutions in half precision.

    python data/vgg16/make_conv_float16.py vgg16_conv_float32.npz

reads the float32 arrays (``block1_conv1_kernel`` ... ``block5_conv3_bias``, Keras layout) and writes the file
that the course ships. The result is the same to the byte on every machine: no time stamp goes into it.
"""

import sys
from pathlib import Path

import numpy as np

TARGET = Path(__file__).with_name("vgg16_conv_float16.npz")


def main(source: str) -> None:
    with np.load(source, allow_pickle=False) as arrays:
        half = {name: arrays[name].astype(np.float16) for name in sorted(arrays.files)}
    np.savez_compressed(TARGET, **half)
    print(f"{TARGET.name}: {len(half)} arrays, {TARGET.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:2])
