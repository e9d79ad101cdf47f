import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const CC = 'cc_binary cc_import cc_library cc_proto_library cc_test cc_toolchain cc_toolchain_suite'.split(
  ' ',
);
const FDO = 'fdo_prefetch_hints fdo_profile objc_import objc_library'.split(' ');
const JAVA =
  'java_binary java_import java_library java_lite_proto_library java_package_configuration java_plugin ' +
  'java_proto_library java_runtime java_test java_toolchain';

/** Bazel's own rules under the names that it would else download them by. */
const native = (rules: readonly string[]) => rules.map((rule) => `${rule} = native.${rule}\n`).join('');

const FILES: Record<string, string> = {
  WORKSPACE:
    'local_repository(name = "rules_cc", path = "rules_cc")\n' +
    'local_repository(name = "rules_java", path = "rules_java")\n',
  'rules_cc/WORKSPACE': '',
  'rules_cc/cc/BUILD': '',
  'rules_cc/cc/defs.bzl': native([...CC, ...FDO]),
  'rules_java/WORKSPACE': '',
  'rules_java/java/BUILD': '',
  'rules_java/java/defs.bzl': native(JAVA.split(' ')),
  BUILD: `
genrule(name = "number", outs = ["number.h"], cmd = "echo '#define NUMBER 21' > $@")
genrule(name = "nothing", outs = ["empty.txt"], cmd = "touch $@")
cc_library(name = "twice", srcs = ["twice.cc"], hdrs = ["twice.h"])
cc_binary(name = "answer", srcs = ["answer.cc", ":number"], deps = [":twice"])
`,
  'twice.h': 'int twice(int n);\n',
  'twice.cc': '#include "twice.h"\nint twice(int n) { return 2 * n; }\n',
  'answer.cc':
    '#include <cstdio>\n#include "number.h"\n#include "twice.h"\n' +
    'int main() { std::printf("%d\\n", twice(NUMBER)); }\n',
};

/** Writes a small workspace of generated and C++ code, which Bazel builds without the network. */
export async function writeWorkspace(directory: string): Promise<void> {
  for (const [name, text] of Object.entries(FILES)) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}
