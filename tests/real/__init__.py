"""Tests of parts that take long to install: `make test-real`."""
