"""Tests that start nothing but Python."""
