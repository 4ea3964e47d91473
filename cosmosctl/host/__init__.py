"""Steps on a host, each may be repeated: what may run, push, launch, follow, pull, cancel."""
