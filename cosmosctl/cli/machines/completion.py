"""`completion`."""

import click

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    bash: put  eval "$(cosmosctl completion bash)"  into ~/.bashrc. The same works for zsh; fish: pipe it to source.
    """
    from click.shell_completion import get_completion_class

    from cosmosctl.cli.main import cosmosctl

    found = get_completion_class(shell)
    if found is not None:
        click.echo(found(cosmosctl, {}, "cosmosctl", "_COSMOSCTL_COMPLETE").source())
