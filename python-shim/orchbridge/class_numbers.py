"""Numbers for the classes of this interpreter that no class of another mgr module has.

Up to Squid each mgr module has an interpreter of its own, and objects go from one to the other. Python keeps what it
looked up on a class by a number of that class. Since 3.12 each interpreter counts by itself, so a class of ours may
have the number of a class of the caller's, and the caller finds on our objects what belongs to its own class. On 18.2.7
with Python 3.13: `descriptor for index '0' for tuple subclasses doesn't apply to 'HostSpec' object`, or the manager
crashes.
"""

import sys

# More than all modules of a manager together use.
_SKIPPED = 1 << 17
# Python gives a class a thousand numbers at most.
_A_CLASS = 900


def stand_apart() -> None:
    """Uses up numbers, so that classes made or first used after this have higher ones. Takes 40 ms, once."""
    if sys.version_info < (3, 12):
        return
    for _ in range(0, _SKIPPED, _A_CLASS):
        waste = type("Waste", (), {})
        for _ in range(_A_CLASS):
            waste.used = None  # a changed class has no number
            waste.used  # noqa: B018  # and gets the next one when something is looked up
