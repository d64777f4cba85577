"""The data classes of the seed document, each under the name that it has there."""

from ..generated import classes

DriveGroupSpec = classes.SeedDriveGroupSpec
InventoryDevice = classes.InventoryDevice
InventoryFilter = classes.ClassicInventoryFilter
InventoryNode = classes.InventoryNode
OsdCreationSpec = classes.OsdCreationSpec
PlacementSpec = classes.ClassicPlacementSpec
ServiceDescription = classes.SeedServiceDescription
ServiceLocation = classes.ServiceLocation
StatelessServiceSpec = classes.StatelessServiceSpec
UpgradeSpec = classes.UpgradeSpec
UpgradeStatusSpec = classes.ClassicUpgradeStatusSpec
