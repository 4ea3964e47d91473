"""`python -m cosmosctl`."""

from cosmosctl.cli.main import main

if __name__ == "__main__":
    main()
