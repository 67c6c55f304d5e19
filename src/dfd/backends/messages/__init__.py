"""Messages of the model servers' gRPC interfaces: only the fields that are sent or read, made by ``make protos``.

Numbers and types are those of TensorFlow Serving's interface (``tensorflow_serving/apis``) and of the Open Inference
Protocol. Protobuf skips unlisted fields of an answer, so the official packages and their gigabytes are not needed.
"""
