"""Nouns: what biobanks hold (`directory`), the nodes beside it (`nodes`), what donors agreed to (`consent`)."""

from talka.biobanks.models.consent import (
    Batch,
    Collector,
    ConsentForm,
    DestructionOrder,
    Kind,
    Receipt,
    Signer,
    Statement,
    Way,
)
from talka.biobanks.models.directory import (
    Biobank,
    BiobankNetwork,
    Collection,
    CollectionNetwork,
    Contact,
    NetworkMember,
    QualityMark,
    Resource,
    ResourcePart,
    Service,
)
from talka.biobanks.models.nodes import DataNode, Figure, FigureKind, NodeState, Role

__all__ = [
    "Batch", "Biobank", "BiobankNetwork", "Collection", "CollectionNetwork", "Collector", "ConsentForm", "Contact",
    "DataNode", "DestructionOrder", "Figure", "FigureKind", "Kind", "NetworkMember", "NodeState", "QualityMark",
    "Receipt", "Resource", "ResourcePart", "Role", "Service", "Signer", "Statement", "Way",
]  # fmt: skip
