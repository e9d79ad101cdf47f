#!/usr/bin/env bash
# TypeScript from the .proto files, into shared/src/gen (not committed).
set -euo pipefail
cd "$(dirname "$0")/.."
out=shared/src/gen
rm -rf "$out" && mkdir -p "$out"
mapfile -t files < <(cd proto && find * -name '*.proto' -printf '%p\n' | sort)
node_modules/.bin/protoc \
  --plugin=protoc-gen-ts_proto=node_modules/.bin/protoc-gen-ts_proto \
  --ts_proto_out="$out" \
  --ts_proto_opt=outputServices=grpc-js,oneof=unions-value,esModuleInterop=true,importSuffix=.js,env=node,useExactTypes=false,useDate=true,forceLong=number,unrecognizedEnum=false,stringEnums=true,outputJsonMethods=true,useOptionals=none \
  -I proto "${files[@]}"
