"""`forensics doctor`: what is installed, what is here, and what to do about what is missing."""

from __future__ import annotations

import importlib
import platform
from pathlib import Path

import click

from forensics.cli.options import debug_option, store_options
from forensics.errors import ExitCode

# Import names of packages that fail at import rather than at install when versions do not fit.
_FRAGILE_IMPORTS = ("torch", "torchvision", "facenet_pytorch", "open_clip", "dlib", "cv2", "av", "onnx")


@click.command("doctor", short_help="Check versions, devices and weights.")
@store_options
@debug_option
def doctor_command(offline: bool, cache_dir: Path | None) -> ExitCode:
    """Check versions, devices and weights; every line that is not ok says what to do.

    Opens no network connection. Exit code 5 if weights of the default analysis are not here.
    """
    broken = _check_packages()
    if broken:
        return ExitCode.FAULT
    _check_devices()
    _check_decoding()
    return _check_weights(cache_dir)


def _check_packages() -> bool:
    from forensics.run_facts import extras, package_versions, tool_version

    click.echo(
        f"ok       forensics {tool_version()}, Python {platform.python_version()}, {platform.platform()}"
    )
    versions = package_versions()
    optional = {name for names in extras().values() for name in names}
    for name, version in versions.items():
        if name in optional:
            continue
        click.echo(f"{'ok' if version else 'MISSING':8} {name} {version or '- pip install ' + name}")
    _tell_extras()
    broken = False
    for name in _FRAGILE_IMPORTS:
        try:
            importlib.import_module(name)
        except Exception as error:
            # A mismatched binary raises anything from ImportError to RuntimeError.
            broken = True
            reason = " ".join(str(error).split())
            click.echo(
                f"BROKEN   {name} does not import ({reason}); reinstall in a fresh virtual environment"
            )
    return broken


def _tell_extras() -> None:
    """What may be installed besides, and what need not be."""
    from forensics.run_facts import extras, installed_version

    for extra, names in extras().items():
        absent = [name for name in names if installed_version(name) is None]
        if absent:
            click.echo(f"optional the extra {extra} is not here: pip install {' '.join(absent)}")
        else:
            shown = ", ".join(f"{name} {installed_version(name)}" for name in names)
            click.echo(f"ok       extra {extra}: {shown}")
    click.echo("note     no browser is needed: any shows report.html, which is one file")


def _check_devices() -> None:
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    click.echo(f"ok       cpu: {torch.get_num_threads()} threads, {capability}")
    for number in range(torch.cuda.device_count()):
        click.echo(f"ok       cuda:{number}: {torch.cuda.get_device_name(number)}")
    if not torch.cuda.device_count():
        click.echo("note     no CUDA device; everything runs on the CPU")


def _check_decoding() -> None:
    """What keeps a hostile video away from the rest on this machine."""
    from video.confined import NETWORK
    from video.errors import WorkerError
    from video.isolated import POSSIBLE, shared_videos

    if not POSSIBLE:
        click.echo("note     videos are decoded in the process of the analysis: none can be confined here")
        return
    try:
        bounds = shared_videos().bounds()
    except WorkerError as error:
        click.echo(f"BROKEN   {error}; reinstall in a fresh virtual environment")
        return
    network = "no network" if NETWORK in bounds else "the network closed to Python only"
    limited = ", ".join(bound for bound in bounds if bound != NETWORK) or "nothing"
    click.echo(f"ok       videos are decoded in another process: {network}; limits on {limited}")


def _check_weights(cache_dir: Path | None) -> ExitCode:
    from face.embed import weights_needed
    from forensics.detector import detector_module
    from forensics.models import load_options
    from forensics.settings import AnalysisSettings
    from weights.errors import WeightsError
    from weights.store import Store

    settings = AnalysisSettings()
    needed = [
        name
        for detector in settings.detectors
        for name in detector_module(detector).weights_needed(load_options(settings, detector))
    ]
    store = Store(cache_dir, offline=True)
    code = ExitCode.DONE
    for name in dict.fromkeys([*needed, *weights_needed(settings.tracking_embedder)]):
        try:
            found = store.present(name)
        except WeightsError as error:
            found, state, told = None, "DAMAGED", str(error)
        else:
            state, told = "MISSING", f"forensics weights fetch {name}"
        if found is not None:
            click.echo(f"ok       weights {name}: {found.licence}, sha256 {found.sha256[:16]}...")
        else:
            click.echo(f"{state:8} weights {name}: {told}")
            code = ExitCode.WEIGHTS
    return code
