"""`forensics weights`: list, fetch, verify, import and export the weight files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from forensics.cli.options import debug_option, store_options
from forensics.cli.progress import byte_bar
from weights.bundle import read_bundle, write_bundle
from weights.errors import CorruptWeightsError, MissingWeightsError, WeightsError
from weights.results import PlannedFetch, WeightFile
from weights.spec import WeightSpec
from weights.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])

ALL = "all"
KILOBYTE = 1_000
MEGABYTE = 1_000_000


def _options(command: Command) -> Command:
    """The options every verb has."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    return as_json(store_options(debug_option(command)))


@click.group("weights", short_help="List, fetch, verify and move weight files.")
def weights_group() -> None:
    """List, fetch, verify, import and export the weight files."""


@weights_group.command("list", short_help="Show every known weight.")
@_options
def list_weights(as_json: bool, offline: bool, cache_dir: Path | None) -> None:
    """Show every known weight: whether it is here, its size, licence, users and sources."""
    store = Store(cache_dir, offline=offline)
    planned = {fetch.spec.name: fetch for fetch in store.plan(store.registry.names())}
    _show_plan(list(planned.values()), as_json)


@weights_group.command("fetch", short_help="Fetch weights into the cache.")
@click.argument("names", nargs=-1, required=True)
@click.option("--plan", "plan_only", is_flag=True, help="Show sizes, licences and sources; fetch nothing.")
@_options
def fetch_weights(
    names: tuple[str, ...], plan_only: bool, as_json: bool, offline: bool, cache_dir: Path | None
) -> None:
    """Fetch the weights NAMES, or `all` that can be fetched without you bringing a file."""
    store = Store(cache_dir, offline=offline)
    wanted = store.fetchable() if ALL in names else list(dict.fromkeys(names))
    if plan_only:
        _show_plan(store.plan(wanted), as_json)
        return
    fetched: list[WeightFile] = []
    failed: list[str] = []
    for name in wanted:
        _show_licence(store.registry.get(name))
        try:
            with byte_bar(name) as progress:
                fetched.append(store.fetch(name, progress=progress, replace_damaged=True))
        except WeightsError as error:
            # With several names one dead server must not keep the others away; the exit code tells.
            if len(wanted) == 1:
                raise
            click.echo(f"{error}", err=True)
            failed.append(name)
    _show_files(fetched, as_json)
    if failed:
        raise MissingWeightsError(
            f"{len(failed)} of {len(wanted)} weights could not be fetched: {', '.join(failed)}; "
            "the lines above say why"
        )


@weights_group.command("verify", short_help="Hash the weights that are here again.")
@_options
def verify_weights(as_json: bool, offline: bool, cache_dir: Path | None) -> None:
    """Hash every weight that is here again and compare."""
    results = Store(cache_dir, offline=offline).verify()
    if as_json:
        _show_json([{**vars(result), "path": str(result.path)} for result in results])
    else:
        for result in results:
            click.echo(f"{'ok     ' if result.sound else 'REFUSED'}  {result.name}  {result.detail}")
    damaged = [result.name for result in results if not result.sound]
    if damaged:
        raise CorruptWeightsError(
            f"{', '.join(damaged)}: not the bytes they must be; `forensics weights verify` says of each what "
            "gets it again"
        )
    if not results and not as_json:
        click.echo("no weights are here yet; `forensics weights fetch NAME`")


@weights_group.command("import", short_help="Take a file or a bundle into the cache.")
@click.argument("name_or_bundle")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@_options
def import_weights(
    name_or_bundle: str, file: Path | None, as_json: bool, offline: bool, cache_dir: Path | None
) -> None:
    """Take FILE into the cache as the weight NAME, or every weight of a bundle made by `export`.

    \b
    forensics weights import NAME FILE
    forensics weights import BUNDLE
    """
    store = Store(cache_dir, offline=offline)
    if file is not None:
        _show_licence(store.registry.get(name_or_bundle))
        imported = [store.import_file(name_or_bundle, file)]
    elif name_or_bundle in store.registry.names():
        raise click.UsageError(f"which file? `forensics weights import {name_or_bundle} FILE`")
    else:
        imported = read_bundle(store, Path(name_or_bundle))
    _show_files(imported, as_json)


@weights_group.command("export", short_help="Write cached weights into a bundle.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1)
@_options
def export_weights(
    bundle: Path, names: tuple[str, ...], as_json: bool, offline: bool, cache_dir: Path | None
) -> None:
    """Write the cached weights (or only NAMES) to the tar file BUNDLE for a machine without a network."""
    exported = write_bundle(Store(cache_dir, offline=offline), bundle, names=names or None)
    _show_files(exported, as_json)


def _show_licence(spec: WeightSpec) -> None:
    if not spec.commercial_use:
        click.echo(f"{spec.name}: the licence forbids commercial use ({spec.licence})", err=True)


def _show_plan(planned: Sequence[PlannedFetch], as_json: bool) -> None:
    if as_json:
        _show_json([_plan_record(step) for step in planned])
        return
    made_into = {raw: step.spec.name for step in planned for raw in step.spec.raw_names}
    rows = [("NAME", "HERE", "SIZE", "DOWNLOAD", "USED BY")]
    below = [["licence, sources"]]
    for step in planned:
        spec = step.spec
        users = [*spec.used_by, *([f"converted to {made_into[spec.name]}"] if spec.name in made_into else [])]
        here = "yes" if step.present else "no"
        sizes = (_size(spec.size_bytes), "-" if step.download_bytes == 0 else _size(step.download_bytes))
        rows.append((spec.name, here, *sizes, ", ".join(users) or "-"))
        below.append([spec.licence if spec.commercial_use else f"{spec.licence} (no commercial use)"])
        below[-1] += step.sources
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row, lines in zip(rows, below, strict=True):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        for line in lines:
            click.echo(f"    {line}")
    missing = [step for step in planned if not step.present]
    # An archive of which two members are wanted is fetched whole for each, and so counts for each.
    download = _total([step.download_bytes for step in missing])
    keep = _total([step.spec.size_bytes for step in missing])
    click.echo(f"not here: {len(missing)}; to download {download}, to keep {keep}")


def _total(sizes: Sequence[int | None]) -> str:
    return f"{_size(sum(size or 0 for size in sizes))} and {sizes.count(None)} of unknown size"


def _plan_record(step: PlannedFetch) -> dict[str, Any]:
    spec = step.spec
    return {
        "name": spec.name,
        "present": step.present,
        "size_bytes": spec.size_bytes,
        "download_bytes": step.download_bytes,
        "sha256": spec.sha256,
        "licence": spec.licence,
        "commercial_use": spec.commercial_use,
        "used_by": list(spec.used_by),
        "trained_with": spec.trained_with,
        "paper": spec.paper,
        "description": spec.description,
        "sources": list(step.sources),
    }


def _show_files(files: Sequence[WeightFile], as_json: bool) -> None:
    if as_json:
        _show_json([{**vars(weight), "path": str(weight.path)} for weight in files])
        return
    for weight in files:
        click.echo(f"{weight.name}  {weight.path}  sha256 {weight.sha256} (pinned by {weight.pinned})")


def _show_json(records: list[dict[str, Any]]) -> None:
    click.echo(json.dumps({"weights": records}, indent=2, allow_nan=False))


def _size(size_bytes: int | None) -> str:
    if size_bytes is None:
        return "?"
    if size_bytes < MEGABYTE:
        return f"{size_bytes / KILOBYTE:,.1f} kB"
    return f"{size_bytes / MEGABYTE:,.1f} MB"
