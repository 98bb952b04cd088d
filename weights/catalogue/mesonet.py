"""MesoNet: the four published sets of weights, as Keras files and converted."""

from __future__ import annotations

from weights.sources import Converted, Url
from weights.spec import WeightSpec

MESONET_PAPER = "Afchar et al., WIFS 2018, arXiv 1809.00888"
_FOLDER = (
    "https://raw.githubusercontent.com/DariusAf/MesoNet/2144d56a30e48cdcac1976ff13a1c5cdc86376c6/weights/"
)
_FAKES = {
    "DF": "faces of deepfake videos and real ones that the authors collected from the web",
    "F2F": "Face2Face and real faces of FaceForensics (whose own terms allow research only)",
}


def _published(
    network: str, fakes: str, *, raw_sha256: str, raw_size_bytes: int, sha256: str, size_bytes: int
) -> tuple[WeightSpec, WeightSpec]:
    """One published Keras file and the safetensors file converted from it."""
    file = f"{network}_{fakes}.h5"
    name = f"{network.lower()}-{fakes.lower()}"
    raw = WeightSpec(
        name=f"{name}-keras",
        file=file,
        sources=(Url(_FOLDER + file),),
        sha256=raw_sha256,
        licence="Apache-2.0",
        commercial_use=True,
        converter=None,
        trained_with=_FAKES[fakes],
        paper=MESONET_PAPER,
        size_bytes=raw_size_bytes,
        description=f"the published Keras file of {network}_{fakes}; only ever converted",
    )
    converted = WeightSpec(
        name=name,
        file=f"{name}.safetensors",
        sources=(Converted(raw.name),),
        sha256=sha256,
        licence="Apache-2.0",
        commercial_use=True,
        converter="mesonet",
        trained_with=_FAKES[fakes],
        paper=MESONET_PAPER,
        size_bytes=size_bytes,
        description=f"MesoNet's {network}_{fakes} in torch's layout",
        used_by=("mesonet",),
    )
    return raw, converted


MESONET: tuple[WeightSpec, ...] = (
    *_published(
        "Meso4",
        "DF",
        raw_sha256="036ed30d04ffd9c7506f825b97c86aa64915f5818931da96817b169aad790af5",
        raw_size_bytes=156_128,
        sha256="de6279409a69ef224a96f44d6e51fdd97f571a87b9faa489821105a9b8c77b6d",
        size_bytes=114_572,
    ),
    *_published(
        "Meso4",
        "F2F",
        raw_sha256="bcfda015d217b9f8d6557693edbdf9f4e79cfd22672541968dd0e2954462b5d7",
        raw_size_bytes=156_128,
        sha256="4fd1fe8e5642edbaba11eab00c0d320fc55451f4506b27c6b4f7cad42da7d6bf",
        size_bytes=114_572,
    ),
    *_published(
        "MesoInception",
        "DF",
        raw_sha256="234586d40058e76ef8b6f27ca4b63c06e31c2a5a69c0d8ba6f30b1468ab7bafa",
        raw_size_bytes=197_504,
        sha256="8ee25ce0393406c023d45c9638169a9e44fd6c574f33430aa2941ebd13a26a19",
        size_bytes=118_964,
    ),
    *_published(
        "MesoInception",
        "F2F",
        raw_sha256="d4533ac8a3197dc35c47405d23d99e888c1d0135e267e03540c7451feaccff3f",
        raw_size_bytes=197_504,
        sha256="85b7741253c0df68ba2432c85c33d1cf0dc192c09f1374f229316ad674fe1bd4",
        size_bytes=118_964,
    ),
)
