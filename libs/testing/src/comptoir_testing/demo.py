"""A small service of the tests' own, made at run time: it is nobody's contract."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from buf.validate import validate_pb2  # the options of the text below
from comptoir.options.v1 import access_pb2, event_pb2

OPTIONS = (validate_pb2, access_pb2, event_pb2)

_FILE = """
name: "comptoir/demo/v1/demo.proto"
package: "comptoir.demo.v1"
syntax: "proto3"
dependency: "buf/validate/validate.proto"
dependency: "comptoir/options/v1/access.proto"
dependency: "comptoir/options/v1/event.proto"
message_type {
  name: "Line"
  field { name: "quantity" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL
    options { [buf.validate.field] { int32 { gte: 1 } } } }
}
message_type {
  name: "PutNoteRequest"
  field { name: "request_id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "text" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL
    options { [buf.validate.field] { string { max_len: 40 } } } }
  field { name: "lines" number: 3 type: TYPE_MESSAGE label: LABEL_REPEATED
    type_name: ".comptoir.demo.v1.Line" }
}
message_type {
  name: "Note"
  field { name: "number" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL }
  field { name: "text" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
}
message_type {
  name: "GetNoteRequest"
  field { name: "text" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
}
message_type {
  name: "NotePut"
  options { [comptoir.options.v1.event] { kind: KIND_FACT key: "note_id" } }
  field { name: "note_id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
}
service {
  name: "DemoService"
  %s
}
service {
  name: "BareService"
  method { name: "Bare" input_type: ".comptoir.demo.v1.GetNoteRequest"
    output_type: ".comptoir.demo.v1.Note" }
}
"""
# Request, access rule and streaming of each procedure.
_METHODS = {
    "PutNote": ("PutNoteRequest", "owner: true service: true", ""),
    "GetNote": ("GetNoteRequest", "anyone: true", ""),
    "RunNote": ("PutNoteRequest", 'permissions: ["note.run"]', ""),
    "WatchNotes": ("GetNoteRequest", "anyone: true", "server_streaming: true"),
    "UploadNotes": ("PutNoteRequest", "service: true", "client_streaming: true"),
}


def _method(name: str, request: str, access: str, streaming: str) -> str:
    return f"""method {{
      name: "{name}" {streaming}
      input_type: ".comptoir.demo.v1.{request}" output_type: ".comptoir.demo.v1.Note"
      options {{ [comptoir.options.v1.access] {{ {access} }} }}
    }}"""


def _register() -> Any:
    methods = "\n".join(_method(name, *rest) for name, rest in _METHODS.items())
    file = text_format.Parse(_FILE % methods, descriptor_pb2.FileDescriptorProto())
    return descriptor_pool.Default().AddSerializedFile(file.SerializeToString())


_register()
_pool = descriptor_pool.Default()
DEMO: ServiceDescriptor = _pool.FindServiceByName("comptoir.demo.v1.DemoService")
BARE: ServiceDescriptor = _pool.FindServiceByName("comptoir.demo.v1.BareService")


def _message(name: str) -> type[Any]:
    found: type[Message] = GetMessageClass(_pool.FindMessageTypeByName(f"comptoir.demo.v1.{name}"))
    return found


PutNoteRequest = _message("PutNoteRequest")
GetNoteRequest = _message("GetNoteRequest")
Line = _message("Line")
Note = _message("Note")
NotePut = _message("NotePut")
