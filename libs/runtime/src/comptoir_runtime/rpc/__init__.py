"""Procedures: how they are declared, and the pipeline each call goes through."""

from comptoir_runtime.rpc.call import Call
from comptoir_runtime.rpc.pipeline import Pipeline
from comptoir_runtime.rpc.procedures import (
    Binding,
    DeclarationError,
    Procedure,
    Shape,
    process,
    query,
    step,
    stream,
    upload,
)

__all__ = [
    "Binding",
    "Call",
    "DeclarationError",
    "Pipeline",
    "Procedure",
    "Shape",
    "process",
    "query",
    "step",
    "stream",
    "upload",
]
