"""Tests of bad input, bad luck and strangers."""
