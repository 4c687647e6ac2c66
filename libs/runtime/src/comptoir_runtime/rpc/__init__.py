"""Procedures: how they are declared, and the pipeline each call goes through."""

from comptoir_runtime.rpc.batches import Batch, Later, Outcome
from comptoir_runtime.rpc.call import Call
from comptoir_runtime.rpc.pipeline import Pipeline
from comptoir_runtime.rpc.procedures import (
    Binding,
    DeclarationError,
    Procedure,
    Shape,
    batch,
    process,
    query,
    step,
    stream,
    upload,
)

__all__ = [
    "Batch",
    "Binding",
    "Call",
    "DeclarationError",
    "Later",
    "Outcome",
    "Pipeline",
    "Procedure",
    "Shape",
    "batch",
    "process",
    "query",
    "step",
    "stream",
    "upload",
]
