"""A client of the farm that knows nothing but its published .proto files.

    client.py GENERATED HOST:PORT REPOSITORY OLD NEW COMMAND

GENERATED is where protoc --python_out has written. Pushes the two commits, submits a job that runs the command, watches
it to its end, and prints what it saw as JSON.
"""

import json
import subprocess
import sys

generated, address, repository, old, new, command = sys.argv[1:]
sys.path.insert(0, generated)

import grpc  # noqa: E402
from kbisect.v1 import farm_pb2, job_pb2  # noqa: E402

channel = grpc.insecure_channel(address)


def unary(name, answer):
    return channel.unary_unary(
        f"/kbisect.v1.Farm/{name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=answer.FromString,
    )


info = unary("GetInfo", farm_pb2.GetInfoResponse)(farm_pb2.GetInfoRequest())
for commit in (old, new):
    ref = f"{commit}:refs/kbisect/ends/{commit}"
    subprocess.run(["git", "-C", repository, "push", "--quiet", "--", info.git_url, ref], check=True)

spec = job_pb2.JobSpec(
    title="from another language",
    mode=job_pb2.MODE_REGRESSION,
    olds=[old],
    new=new,
    run=job_pb2.RunTest(command=command),
    runs=1,
)
job = unary("Submit", farm_pb2.SubmitResponse)(farm_pb2.SubmitRequest(spec=spec)).job

watch = channel.unary_stream(
    "/kbisect.v1.Farm/Watch",
    request_serializer=lambda message: message.SerializeToString(),
    response_deserializer=farm_pb2.WatchResponse.FromString,
)
facts = []
for response in watch(farm_pb2.WatchRequest(job=job)):
    if response.WhichOneof("kind") == "event":
        facts.append(response.event.WhichOneof("fact"))

found = unary("GetJob", farm_pb2.Job)(farm_pb2.GetJobRequest(job=job))
report = unary("GetReport", farm_pb2.GetReportResponse)(farm_pb2.GetReportRequest(job=job))
print(
    json.dumps(
        {
            "state": job_pb2.JobState.Name(found.state),
            "culprit": found.culprit,
            "facts": facts,
            "report": report.text,
        }
    )
)
