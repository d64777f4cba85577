"""Drives an orchbridge backend from a Python program, without a manager and without Ceph: see docs/python.md.

The names are those of Ceph's first orchestrator interface, of Mimic: completions, `wait`, and its data classes.
"""

from .completions import ReadCompletion, WriteCompletion
from .data import (
    DriveGroupSpec,
    InventoryDevice,
    InventoryFilter,
    InventoryNode,
    OsdCreationSpec,
    PlacementSpec,
    ServiceDescription,
    ServiceLocation,
    StatelessServiceSpec,
    UpgradeSpec,
    UpgradeStatusSpec,
)
from .exceptions import OrchestratorError, OrchestratorValidationError
from .interface import Orchestrator

__all__ = [
    "DriveGroupSpec",
    "InventoryDevice",
    "InventoryFilter",
    "InventoryNode",
    "Orchestrator",
    "OrchestratorError",
    "OrchestratorValidationError",
    "OsdCreationSpec",
    "PlacementSpec",
    "ReadCompletion",
    "ServiceDescription",
    "ServiceLocation",
    "StatelessServiceSpec",
    "UpgradeSpec",
    "UpgradeStatusSpec",
    "WriteCompletion",
]
