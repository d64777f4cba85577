"""Tests that run inside a prepared root of a Ceph release, with its Python and its real classes; see ../test_releases.py."""
