"""Turns the words of commands into what librados takes, with the release's own parser, as its `ceph` does for each.

Reads {"descriptions": what `get_command_descriptions` answered, "commands": [[word, …], …]}; prints a list of objects.
"""

import json
import sys
from typing import Any, Dict, List

from ceph_argparse import parse_json_funcsigs, validate_command


def parsed(signatures: Any, words: List[str]) -> Dict[str, Any]:
    """`--format` is an option of `ceph` itself, not of the command."""
    rest, given = list(words), {}
    if "--format" in rest:
        at = rest.index("--format")
        given = {"format": rest[at + 1]}
        del rest[at : at + 2]
    found = validate_command(signatures, rest, False)
    if not found:
        raise SystemExit(f"no command of this release: {' '.join(words)}")
    return {**found, **given}


def main() -> None:
    asked = json.load(sys.stdin)
    signatures = parse_json_funcsigs(asked["descriptions"], "cli")
    sys.stdout.write(json.dumps([parsed(signatures, words) for words in asked["commands"]]))


main()
