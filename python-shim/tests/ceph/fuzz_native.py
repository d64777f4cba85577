"""Answers into the classes of a release, for test_fuzz: `python3 -m tests.ceph.fuzz_native RELEASE SEED COUNT`.

Takes the samples of the data classes on stdin. Each answer becomes native objects or a BadAnswer, whatever it holds.
"""

import copy
import gc
import importlib
import json
import os
import random
import sys
from typing import Any, Dict, List

SHIM = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def memory() -> float:
    """MB of this process."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def changed(rng: random.Random, value: Any, make: Any) -> Any:
    """The value with something in it replaced, added or left out."""
    if not isinstance(value, (dict, list)) or not value or rng.random() < 0.2:
        return make(rng)
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = rng.choice(keys)
    roll = rng.random()
    if roll < 0.2:
        del value[key]
    elif roll < 0.3 and isinstance(value, dict):
        value[rng.choice(("__class__", "__init__", "self", "to_json", "\0", "k" * 5000))] = make(rng)
    else:
        value[key] = changed(rng, value[key], make)
    return value


def run(seed: int, count: int, samples: Dict[str, List[Any]]) -> Dict[str, Any]:
    methods = importlib.import_module("orchbridge.generated.methods")
    native = importlib.import_module("orchbridge.native")
    bad_answer = importlib.import_module("orchbridge.failure").BadAnswer
    any_text = importlib.import_module("tests.fuzz_inputs").any_text
    results = sorted({method.result for method in [*methods.METHODS.values(), *methods.CLASSIC.values()]})
    built = [result for result in results if result.rstrip("[]") in native.BUILDERS]
    rng = random.Random(seed)
    start = refused = sound = sound_refused = 0
    for at in range(count):
        if at == count // 10:
            start = memory()
        result = rng.choice(built if rng.random() < 0.9 else results)
        rows = copy.deepcopy(rng.choices(samples.get(result.rstrip("[]")) or [{}], k=rng.randrange(1, 4)))
        answer = rows if result.endswith("[]") else rows[0]
        given = rng.random() < 0.2
        if not given:
            answer = changed(rng, answer, lambda rng: any_text(rng).value)
        shown = repr(answer)[:3000] if count < 100_000 else ""
        sound += given
        try:
            value = native.to_native(result, answer)
            if value is None or (result.endswith("[]") and not isinstance(value, list)):
                raise AssertionError(f"gave {value!r}")
        except bad_answer:
            refused += 1
            sound_refused += given
        except BaseException as error:
            raise AssertionError(
                f"seed {seed}, answer {at}: {type(error).__name__}: {error}: {result} {shown}"
            ) from error
    figures = {"heapStart": start, "heapEnd": memory(), "refused": refused, "sound": sound}
    return {**figures, "sound_refused": sound_refused}


def main(release: str, seed: str, count: str) -> None:
    sys.path.insert(0, SHIM)
    from tests.ceph import stand_in

    stand_in.install(release, SHIM)
    importlib.import_module("orchbridge")
    # It warns of each service type that a release does not know.
    import logging

    logging.disable(logging.CRITICAL)
    print(json.dumps(run(int(seed), int(count), json.load(sys.stdin))))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
