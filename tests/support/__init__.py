"""What tests share: projects, hosts, waiting, stand-ins."""
