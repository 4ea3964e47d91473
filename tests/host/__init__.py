"""Tests of what runs on a host: scripts, supervisor, ssh, containers."""
