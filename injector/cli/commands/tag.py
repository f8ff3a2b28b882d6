"""`injector tag`: its commands and their flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector tag list
  injector tag set prod --revision 1-2
  injector tag set prod --revision 1-3 --overwrite
  injector tag remove prod"""

_tag = click.argument("tag", metavar="TAG")


@click.group("tag", epilog=EXAMPLES, subcommand_metavar="COMMAND [OPTIONS]")
def command() -> None:
    """List, set and remove revision tags of a cluster.

    A tag is another name of a revision. Namespaces and pods choose it like a revision, so that many
    of them move to another revision by one change.
    """


@command.command("list")
@options.config()
@options.cluster()
@options.output_format("text", "json", "yaml")
def list_tags(**flags: Any) -> int:
    """List the tags, the revisions that they point to, and the namespaces that use them."""
    from injector.cli import tag

    return tag.list_tags(tag.TagFlags(**flags))


@command.command("set")
@_tag
@click.option("-r", "--revision", required=True, metavar="REV", help="The revision that the tag points to.")
@click.option("--overwrite", is_flag=True, help="Move a tag that exists, also one that a Helm release owns.")
@options.config()
@options.cluster()
def set_tag(**flags: Any) -> int:
    """Point a tag to a revision.

    The MutatingWebhookConfiguration of the tag is created or replaced in one write, with the caBundle
    of the revision, so that pods are injected at every moment. Refused where the injector of the
    revision has no right to renew that caBundle.
    """
    from injector.cli import tag

    return tag.set_tag(tag.TagFlags(**flags))


@command.command("remove")
@_tag
@click.option("-y", "--yes", is_flag=True, help="Remove it also if namespaces use it.")
@click.option("--overwrite", is_flag=True, help="Remove it also if a Helm release owns it.")
@options.config()
@options.cluster()
def remove_tag(**flags: Any) -> int:
    """Remove a tag."""
    from injector.cli import tag

    return tag.remove_tag(tag.TagFlags(**flags))
