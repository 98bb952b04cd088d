"""What is known of an identity embedder without loading it."""

from __future__ import annotations

from dataclasses import dataclass

from face.types import CropSpec, FaceCrops


@dataclass(frozen=True)
class EmbedderFacts:
    """An embedder's name, what it takes and gives, and its operating point.

    From a cosine of `same_person_similarity` between unit vectors on, two faces are taken to be one
    person's; `basis` is the sentence that says where this figure is from, and `measured` whether this
    project has measured it on labelled pairs.
    """

    name: str
    dimension: int
    spec: CropSpec
    same_person_similarity: float
    basis: str
    measured: bool


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
