"""Generated frames, messages, answers and values into the shim's decoders and encoders.

As a test a short, seeded form; `npm run fuzz` runs the same for long, as
`python3 -m tests.test_fuzz --frames N --calls N --seed N`.
"""

import argparse
import gc
import json
import os
import random
import shutil
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from .fuzz_inputs import session
from .fuzz_sessions import check_parser, run_session, same, talk
from .fuzz_values import foreign_value
from .peer import NODE
from .test_releases import ENTER, RELEASES, SHIM, cache, missing

from orchbridge.failure import BadValue  # isort: skip
from orchbridge.frames import encode  # isort: skip
from orchbridge.wire import to_wire  # isort: skip

Progress = Optional[Callable[[str], None]]
LEAK_MB = 16.0


def fuzz_frames(seed: int, count: int, progress: Progress = None) -> Dict[str, Any]:
    def one(rng: random.Random) -> int:
        given = session(rng)
        try:
            run_session(given, rng)
            check_parser(given, rng)
        except BaseException as error:
            raise AssertionError(f"{type(error).__name__}: {error}\nfor the stream {given.stream[:4000]!r}") from error
        return given.frames

    return rounds("frames, Python", seed, count, one, progress)


def fuzz_values(seed: int, count: int, progress: Progress = None) -> Dict[str, Any]:
    """What callers of Ceph hand over becomes JSON that Node can read, or a BadValue."""

    def one(rng: random.Random) -> int:
        value = foreign_value(rng)
        try:
            wire = to_wire(value, "params")
            _, _, body = encode(wire).partition(b"\r\n\r\n")
            if not same(json.loads(body), wire):
                raise AssertionError(f"came back otherwise: {wire!r}")
        except BadValue:
            pass
        except BaseException as error:
            raise AssertionError(f"{type(error).__name__}: {error}\nfor the value {value!r:.4000}") from error
        return 1

    return rounds("values to the wire, Python", seed, count, one, progress)


def rounds(what: str, seed: int, count: int, one: Callable[[random.Random], int], progress: Progress) -> Dict[str, Any]:
    """Runs until so many were generated. Each run has a seed of its own, which a failure names."""
    began, done, run, told = time.monotonic(), 0, seed * 1_000_000_000, 1
    start: Optional[float] = None
    while done < count:
        run += 1
        try:
            done += one(random.Random(run))
        except BaseException as error:
            raise AssertionError(f"{what}, random.Random({run}): {error}") from error
        if done >= count / 10 and start is None:
            start = memory()
        if progress is not None and done >= told * count / 10:
            told = done * 10 // count + 1
            progress(f"{what}: {done} in {time.monotonic() - began:.1f} s, {memory():.1f} MB")
    end = memory()
    if start is not None and end - start > LEAK_MB:
        raise AssertionError(f"{what}: the process grew from {start:.1f} to {end:.1f} MB")
    seconds = round(time.monotonic() - began, 1)
    return summary(what, seed, done, seconds, start or end, end)


def summary(what: str, seed: int, count: int, seconds: float, start: float, end: float) -> Dict[str, Any]:
    figures = {"what": what, "seed": seed, "count": count, "seconds": seconds}
    return {**figures, "heapStart": start, "heapEnd": end, "rss": end}


def memory() -> float:
    """MB of this process, as it is without cyclic garbage."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def fuzz_native(release: str, seed: int, count: int) -> Dict[str, Any]:
    """Answers into the release's own classes, inside its root."""
    folder = Path(SHIM).parent / "test" / "fixtures" / "samples" / "valid"
    samples = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    command = ["python3", "-B", "-m", "tests.ceph.fuzz_native", release, str(seed), str(count)]
    node = os.path.realpath(NODE) if shutil.which(NODE) else sys.executable
    inside = ["sh", "-c", ENTER, "sh", os.path.join(cache(), release), SHIM, node]
    start = ["/bin/sh", "-c", 'cd /mnt/shim && exec "$@"', "sh", *command]
    began = time.monotonic()
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "--", *inside, *start],
        input=json.dumps(samples),
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
    )
    if done.returncode != 0:
        raise AssertionError(f"{release}: {done.stderr[-4000:]}")
    figures: Dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    if figures["heapEnd"] - figures["heapStart"] > LEAK_MB:
        raise AssertionError(f"{release}: the process grew from {figures['heapStart']} to {figures['heapEnd']} MB")
    seconds = round(time.monotonic() - began, 1)
    what = f"answers to the classes of {release}"
    return {**summary(what, seed, count, seconds, figures["heapStart"], figures["heapEnd"]), **figures}


class Fuzz(unittest.TestCase):
    """Short, seeded forms; a failure names the seed and the input."""

    def test_frames_are_decoded_as_they_were_meant_or_end_the_connection(self) -> None:
        fuzz_frames(1, 5000)

    def test_values_of_callers_become_json_or_a_bad_value(self) -> None:
        fuzz_values(1, 3000)

    def test_threads_get_their_answers_whatever_else_is_said_and_however_it_ends(self) -> None:
        for seed in range(20):
            talk(random.Random(seed))

    def test_answers_become_classes_of_ceph_or_a_bad_answer(self) -> None:
        for release in RELEASES:
            with self.subTest(release):
                why = missing(release)
                if why is not None:
                    self.skipTest(why)
                figures = fuzz_native(release, 1, 400)
                self.assertLess(figures["sound_refused"], figures["sound"] / 2)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, value in (("frames", 1_000_000), ("calls", 100_000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()

    def say(line: str) -> None:
        print(line, flush=True)

    summaries = [fuzz_frames(options.seed, options.frames, say), fuzz_values(options.seed, options.calls, say)]
    for release in RELEASES:
        why = missing(release)
        if why is None:
            summaries.append(fuzz_native(release, options.seed, options.calls))
            say(f"{summaries[-1]['what']}: {options.calls} in {summaries[-1]['seconds']} s")
        else:
            say(f"left out: {why}")
    print(json.dumps(summaries), flush=True)


if __name__ == "__main__":
    main()
