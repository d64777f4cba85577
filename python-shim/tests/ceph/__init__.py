"""Checks that run inside a prepared root of a release, with its Python and real classes; see ../test_releases.py."""
