"""Tests of the command line, a whole way each."""
