"""Which lengths are worth transforming: measure all products of 2, 3, 5 and 7, keep the undominated.

    python benchmarks/fft_lengths.py

Prints the table of ``hyenadna_kit/ops/fft_length.py`` and the nanoseconds a point; one core, some minutes.
"""

import argparse
import time

import torch
from record import record

ROWS = 8
LONGEST = 3 << 21


def smooth_lengths(longest: int) -> list[int]:
    """Return the products of 2, 3, 5 and 7 from 256 on, multiples of 8 whose odd part is under 406."""
    odd = [3**i * 5**j * 7**k for i in range(6) for j in range(4) for k in range(4)]
    return sorted(
        {
            part << twos
            for part in odd
            if part < 406
            for twos in range(3, 24)
            if 256 <= part << twos <= longest
        }
    )


def seconds(length: int, repeats: int = 9) -> float:
    """Return the least CPU time in seconds of a real transform there and back, a row."""
    rows = torch.randn(ROWS, length)
    calls = max(1, 50_000 // length)
    best = float("inf")
    for _ in range(repeats):
        begin = time.process_time()
        for _ in range(calls):
            torch.fft.irfft(torch.fft.rfft(rows), n=length)
        best = min(best, (time.process_time() - begin) / calls / ROWS)
    return best


def undominated(times: dict[int, float]) -> list[int]:
    """Return the lengths that are faster than every longer one."""
    kept, best = [], float("inf")
    for length in sorted(times, reverse=True):
        if times[length] < best:
            kept.append(length)
            best = times[length]
    return kept[::-1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--longest", type=int, default=LONGEST, help="longest length to measure")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with torch.inference_mode():
        times = {length: seconds(length) for length in smooth_lengths(options.longest)}
    kept = undominated(times)
    for length in kept:
        print(f"{length:>9,}  {times[length] / length * 1e9:5.2f} ns a point")
    print(", ".join(map(str, kept)))
    figures = {"nanoseconds_a_point": {str(n): times[n] / n * 1e9 for n in kept}}
    print("written to", record("fft_lengths", "python benchmarks/fft_lengths.py", figures))


if __name__ == "__main__":
    main()
