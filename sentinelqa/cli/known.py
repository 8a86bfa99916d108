"""``sentinelqa known INDEX PATH...``."""

from __future__ import annotations

from pathlib import Path

import click

from sentinelqa.terminal import plain


@click.command(short_help="Add pictures to an index, so that copies of them are found.")
@click.argument("index", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("paths", nargs=-1, required=True)
def known(index: Path, paths: tuple[str, ...]) -> int:
    """Add the images in PATHS (files, folders, globs) to the file INDEX.

    Rubrics with the dimension `seen_before` compare with the index that the environment variable
    SENTINELQA_KNOWN names: an existing catalog, or what earlier runs delivered. Exits with 1 when a
    picture could not be read; the others are added.
    """
    from sentinelqa.features.known import add_known
    from sentinelqa.sources.images import find_images

    count, unreadable = add_known(index, find_images(paths))
    for why in unreadable:
        click.echo(plain(f"not added: {why}"), err=True)
    click.echo(f"{count} pictures in {plain(str(index))}")
    return int(bool(unreadable))
