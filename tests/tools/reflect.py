"""What a stranger's Python client sees: no generated code, only reflection at the gateway.

usage: reflect.py HOST:PORT TOKEN FROM TO        (days as YYYY-MM-DD)
Prints one JSON object of whole answers: `queue`, the first five reviews; `chat`, the first one's; `figures`, by group, of agents,
teams and shops.
"""

import json
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def main(gateway, token, first, last):
    channel = grpc.insecure_channel(gateway)
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

    def call(service, method, body):
        found = pool.FindServiceByName(service).FindMethodByName(method)
        request, answer = GetMessageClass(found.input_type), GetMessageClass(found.output_type)
        stub = channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString,
        )
        metadata = [("authorization", f"Bearer {token}")]
        return MessageToDict(stub(ParseDict(body, request()), metadata=metadata, timeout=20))

    def date(text):
        year, month, day = map(int, text.split("-"))
        return {"year": year, "month": month, "day": day}

    queue = call("jinpai.qa.v1.QaService", "ListReviews", {"pageSize": 5})
    chat = {"conversation": queue["reviews"][0]["conversation"]}
    days = {"from": date(first), "to": date(last)}
    figures = {
        group: call("jinpai.metrics.v1.MetricsService", "GetFigures", {"days": days, "group": group, "pageSize": 1000})
        for group in ("GROUP_PERSON", "GROUP_TEAM", "GROUP_SHOP")
    }
    chat = call("jinpai.qa.v1.QaService", "GetConversation", chat)
    print(json.dumps({"queue": queue, "chat": chat, "figures": figures}))


if __name__ == "__main__":
    main(*sys.argv[1:])
