"""What a cold start costs: importing function_app beside importing azure.functions and requests.

    python tests/benchmarks/cold_start.py [RUNS]

CPU time of fresh processes, the two in turn, medians. The ratio is what counts: machines differ.
"""

import statistics
import subprocess
import sys

BASELINE = "azure.functions, requests"
APP = "function_app"
LIMIT = 1.5


def cost(modules):
    """CPU milliseconds that importing these takes in a fresh process."""
    code = f"import time; start = time.process_time(); import {modules}; print(time.process_time() - start)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout) * 1000


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    cost(BASELINE), cost(APP)
    pairs = [(cost(BASELINE), cost(APP)) for _ in range(runs)]
    baseline, app = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(app / baseline for baseline, app in pairs)
    print(f"import {BASELINE}: {baseline:.0f} ms; import {APP}: {app:.0f} ms; ratio {ratio:.2f} (limit {LIMIT})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
