"""How quickly Higgs events are read: ``python tests/benchmarks/bench_higgs.py``.

The full set is imitated by the excerpt's lines repeated 36 times: 820,800 events, 66 MB compressed.
"""

import gzip
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from helpers.higgs.events import FILES, load_higgs, read_higgs_csv

COPIES = 36


def main() -> None:
    start = time.perf_counter()
    load_higgs("excerpt", quiet=True)
    print(f"excerpt, hash included: {time.perf_counter() - start:.2f} s (wanted: below 1)")
    root = Path(__file__).resolve().parents[2]
    header, _, body = gzip.decompress((root / "data" / FILES["excerpt"][0]).read_bytes()).partition(b"\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "full.csv.gz"
        with gzip.open(path, "wb", compresslevel=6) as file:
            file.write(header + b"\n")
            for _ in range(COPIES):
                file.write(body)
        print(f"a file of full size: {path.stat().st_size / 1e6:.0f} MB")
        start = time.perf_counter()
        events = read_higgs_csv(path)
        print(f"  {len(events):,} events in {time.perf_counter() - start:.1f} s (wanted: a few)")
        del events
        tracemalloc.start()
        events = read_higgs_csv(path)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        kept = sum(part.nbytes for part in (events.inputs, events.labels, events.weights, events.sets)) / 1e6
        print(f"  {peak:.0f} MB at most while reading, {kept:.0f} MB kept")


if __name__ == "__main__":
    main()
