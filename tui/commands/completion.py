"""`photostat completion`: what a shell needs to complete commands, options, batches and causes."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    \b
    bash:  photostat completion bash > ~/.local/share/bash-completion/completions/photostat
    zsh:   photostat completion zsh > ~/.zfunc/_photostat     (with ~/.zfunc in fpath)
    fish:  photostat completion fish > ~/.config/fish/completions/photostat.fish
    """
    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(script(ctx.find_root().command, {}, "photostat", "_PHOTOSTAT_COMPLETE").source())
