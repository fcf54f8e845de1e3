"""Build libraries that stand in for CUDA's, so that ONNX Runtime's CUDA provider starts on a machine without a GPU and places
the nodes of a session, decides about graph capture, binds and captures. No kernel computes anything: results are
meaningless, only what is placed, refused, captured and replayed can be looked at.

usage: build.py libonnxruntime_providers_cuda.so OUT_FOLDER        needs gcc, binutils' nm and strings
then:  LD_LIBRARY_PATH=OUT_FOLDER flow-trainer train --device cuda --ort-lib libonnxruntime.so.1.31.1 ...
STUB_LOG=1 prints every call of a function that does nothing; STUB_MEMORY=BYTES refuses larger allocations.
"""
import collections, pathlib, re, subprocess, sys

provider, out = sys.argv[1], pathlib.Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
own = (pathlib.Path(__file__).parent / "answers.c").read_text()


def text(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def build(library, names, body, versioned):
    head = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
    source = out / f"{library}.c"
    source.write_text(head + "".join(body(name) for name in sorted(names)))
    command = ["gcc", "-w", "-shared", "-fPIC", "-o", out / library, source, f"-Wl,-soname,{library}"]
    if versioned:
        versions = out / f"{library}.map"
        versions.write_text(f"{library} {{ global: *; }};\n")
        command.append(f"-Wl,--version-script={versions}")
    subprocess.run(command, check=True)


def answer(name):
    if f"// SYM {name} " in own:
        return own.split(f"// SYM {name} ")[1].split("// SYM")[0].split("\n", 1)[1]
    return f'int {name}() {{ if (getenv("STUB_LOG")) fprintf(stderr, "STUB {name}\\n"); return 0; }}\n'


def cudnn(name):
    if "Create" in name:
        return f"int {name}(void **p) {{ *p = malloc(256); return 0; }}\n"
    if name == "cudnnGetErrorString":
        return f'char *{name}(int e) {{ return "stub"; }}\n'
    if name == "cudnnGetVersion":
        return f"unsigned long {name}() {{ return 91000; }}\n"
    if name.endswith(("WorkspaceSize", "IndicesSize")):
        return f"int {name}(void *a, void *b, void *c, void *d, unsigned long *s) {{ *s = 0; return 0; }}\n"
    return f"int {name}() {{ return 0; }}\n"


# Named by the provider, without a symbol of it.
libraries = collections.defaultdict(set, {"libcurand.so.10": set()})
for line in text("nm", "-D", "--undefined-only", provider).splitlines():
    name, _, version = line.split()[-1].partition("@")
    if version.startswith("libcu"):
        libraries[version].add(name)
    elif name.startswith("cuTensor"):
        libraries["libcuda.so.1"].add(name)
for library, names in libraries.items():
    build(library, names, answer, library != "libcuda.so.1")
build("libcudnn.so.9", set(re.findall(r"^cudnn[A-Z]\w+$", text("strings", "-n", "8", provider), re.M)), cudnn, False)
