"""orchbridge: a ceph-mgr orchestrator whose backends are written in TypeScript and run outside the manager."""

try:
    import ceph_module  # exists only inside a ceph-mgr
except ImportError:
    pass  # a Python program may use the parts that need no manager
else:
    del ceph_module
    from .class_numbers import stand_apart

    stand_apart()  # before the classes that this module hands out are there
    # The manager takes the first subclass of MgrModule that it finds here: there must be exactly one.
    from .module import Module

    __all__ = ["Module"]
