"""What is known of identity embedders and face detectors without loading them."""

from __future__ import annotations

from dataclasses import dataclass

from face.types import CropSpec, FaceCrops

# Of a limit between one person and two that nobody could measure here.
ASSUMED_BASIS = (
    "assumed, not measured on pairs: the weights cannot be had from a package index; set on the strict side, "
    "because pooling two people is worse than splitting one"
)


@dataclass(frozen=True)
class PairsMeasured:
    """What `forensics evaluate faces` gave for an embedder on `pairs`, a phrase that says which they were.

    The false match and false non-match rates are those of the operating point the embedder declares.
    """

    pairs: str
    auc: float
    equal_error_rate: float
    false_match_rate: float
    false_non_match_rate: float


@dataclass(frozen=True)
class FindingMeasured:
    """What `forensics evaluate face-detectors` gave for a face detector on `material`.

    Of pictures that show one face near the middle: the share where a box covers the centre, and the mean
    number of further boxes. `milliseconds` is the median of one search on `machine`.
    """

    material: str
    recall: float
    extra_boxes: float
    milliseconds: float
    machine: str


@dataclass(frozen=True)
class EmbedderFacts:
    """An embedder's name, what it takes and gives, and its operating point.

    From a cosine of `same_person_similarity` between unit vectors on, two faces are taken to be one
    person's; `basis` is the sentence that says where this figure is from. `measurements` are this
    project's own, empty where the weights could not be had.
    """

    name: str
    dimension: int
    spec: CropSpec
    same_person_similarity: float
    basis: str
    measurements: tuple[PairsMeasured, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether this project has measured it on labelled pairs."""
        return bool(self.measurements)


@dataclass(frozen=True)
class DetectorFacts:
    """A face detector's name, what it is, where its networks come from, and what was measured here.

    `weights` are the names of the weights it needs; where there are none, `shipped_in` names the package
    that holds its networks and `licence` theirs, and both are empty otherwise.
    """

    name: str
    summary: str
    weights: tuple[str, ...] = ()
    shipped_in: str = ""
    licence: str = ""
    measurements: tuple[FindingMeasured, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.weights) == bool(self.shipped_in and self.licence):
            raise ValueError(f"{self.name}: either needs weights or ships in a package under a licence")


class WithFacts:
    """The attributes of `face.embed.IdentityEmbedder` that come from the facts."""

    def __init__(self, facts: EmbedderFacts) -> None:
        self.facts = facts

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def dimension(self) -> int:
        return self.facts.dimension

    @property
    def spec(self) -> CropSpec:
        return self.facts.spec

    @property
    def same_person_similarity(self) -> float:
        return self.facts.same_person_similarity

    def check(self, crops: FaceCrops) -> None:
        """Raise ValueError unless `crops` were made by the embedder's spec."""
        if crops.spec != self.spec:
            raise ValueError(f"{self.name} takes crops by {self.spec}, not {crops.spec}")
