"""Instructions on an emulated Cortex-M4F, which repeat exactly: the engine's own test, and C programs under `device/`."""

import re
import subprocess
import tempfile
from pathlib import Path

from . import machine, peers, tables

FLAGS = "-O3 -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard -ffunction-sections -fdata-sections".split()
LINK = "-nostartfiles -Wl,--gc-sections --specs=nano.specs -T mps2.ld".split()
EMULATOR = "qemu-system-arm -machine mps2-an386 -nographic -semihosting-config enable=on,target=native -icount shift=7"
COSTS = "cargo test --locked -p flow-tests --test board_costs --test engine_size -- --nocapture"

# Multiply-accumulates of the reference flow's conditioners, 8 × (4·64 + 64·64 + 64·8), and of one 64×64 layer.
CONDITIONERS, DENSE = 8 * (4 * 64 + 64 * 64 + 64 * 8), 64 * 64


def measure(_options):
    description = machine.description()
    ours, other_lines = costs(machine.run(*COSTS.split(), cwd=machine.REPOSITORY, env=machine.environment()))
    counts, code = compiled()
    versions = f"{machine.version('arm-none-eabi-gcc')}; {machine.version('qemu-system-arm')}"
    lines = [
        "## On an emulated Cortex-M4F (mps2-an386), 8 columns, conditioners of 64×64",
        "",
        tables.paragraph(
            f"`benchmarks/run device`. {description}; {versions}; {peers.versions('cmsisdsp', 'emlearn')}. Instruction counts",
            f"repeat exactly. The engine at opt-level 3, from `{COSTS}`:",
        ),
        "",
        "| model | instructions a log_prob | a sample | stack, bytes | scratch, bytes | file, bytes |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {c['log_prob']:,} | {c['sample']:,} | {c['stack']:,} | {4 * c['scratch']:,} | {c['bytes']:,} |"
            for name, c in ours.items()
        ),
    ]
    if other_lines:
        lines += ["", "```text", *other_lines, "```"]
    lines += ["", *comparison(ours, counts, code)]
    return "\n".join(lines)


def comparison(ours, counts, code):
    def log_prob(model):
        for name, cost in ours.items():
            if name.startswith(model):
                return cost["log_prob"]
        raise machine.Failed(f"`{COSTS}` printed no costs of {model}")

    def row(name, instructions, reference, macs=None, code=None):
        ratio = f"{instructions / macs:.2f}" if macs else ""
        times = f"{instructions / reference:.2f}" if reference else ""
        return f"| {name} | {instructions:,} | {ratio} | {times} | {f'{code:,}' if code else ''} |"

    realnvp = log_prob("realnvp")
    lines = [
        tables.paragraph(
            f"Peers in C, compiled with `{' '.join(FLAGS[:4])}`; code is .text and .rodata with what it needs of the C",
            "library:",
        ),
        "",
        "| | instructions | a multiply-accumulate | of flow-nostd's, times | code, bytes |",
        "|---|---|---|---|---|",
        row("**flow-nostd, realnvp, the whole log_prob**", realnvp, realnvp, CONDITIONERS),
        row("CMSIS-DSP, realnvp's conditioners alone", counts["cmsis_dsp_conditioners"], realnvp, CONDITIONERS),
        row("plain C, realnvp's conditioners alone", counts["plain_c_conditioners"], realnvp, CONDITIONERS),
        row("CMSIS-DSP, `arm_mat_vec_mult_f32`, 64×64", counts["cmsis_dsp_64x64"], None, DENSE),
        row("plain C, 64×64", counts["plain_c_64x64"], None, DENSE),
    ]
    mixtures = {}
    for components in (4, 16):
        mixtures[components] = log_prob(f"gmm, {components} ")
        title = f"gmm, {components} full covariances"
        lines.append(row(f"**flow-nostd, {title}, the whole log_prob**", mixtures[components], mixtures[components]))
        lines.append(row(f"emlearn, {title}", counts[f"emlearn_mixture_{components}"], mixtures[components], None, code["mixture"]))
    ahead = [f"{n} components" for n in mixtures if counts[f"emlearn_mixture_{n}"] < mixtures[n]]
    lines += [
        "",
        tables.paragraph(
            "A multiply-accumulate of flow-nostd's conditioners is one of all there are, of which it passes over those with an",
            "input that ReLU made 0; what one takes that is computed stands above (\"without zeros\").",
            "emlearn's mixture is the same model, of columns that are standardised already.",
            f"It is ahead at {' and at '.join(ahead)}." if ahead else "It is not ahead.",
            "onnx2c and TensorFlow Lite for Microcontrollers were not measured: no package has their sources.",
        ),
    ]
    return lines


def costs(output):
    """The engine's costs by model, and other lines of figures that the test printed."""
    ours, others = {}, []
    for line in output.splitlines():
        line = line.removeprefix("test instructions_on_a_cortex_m4f ... ")
        size = re.match(r"(.+?): (\d+) bytes, (\d+) f32 of scratch", line)
        calls = dict(re.findall(r'"(log_prob|sample)": Cost \{ stack: \d+, instructions: Some\((\d+)\)', line))
        if size and len(calls) == 2:
            stack = max(map(int, re.findall(r"stack: (\d+)", line)))
            values = {"bytes": int(size[2]), "scratch": int(size[3]), "stack": stack}
            # Of parts of flows only what is made of their counts is told.
            if "," not in size[1]:
                continue
            ours[size[1]] = values | {name: int(count) for name, count in calls.items()}
        elif re.search(r"\d", line) and not re.match(r"running \d|test result|.*SKIPPED", line):
            others.append(line)
    return ours, others


def compiled():
    """Instructions by name, and bytes of code by program, of the C programs."""
    counts, sizes = {}, {}
    cmsis = peers.sources()
    include = ["-I.", f"-I{cmsis}/Include", f"-I{cmsis}/PrivateInclude", f"-I{peers.package('emlearn')}"]
    # Without CMSIS's headers of the core, of which no float function here makes use; with its unrolled loops.
    defines = ["-D__GNUC_PYTHON__", "-DARM_MATH_LOOPUNROLL"]
    products = [
        cmsis / "Source/MatrixFunctions/arm_mat_vec_mult_f32.c",
        cmsis / "Source/BasicMathFunctions/arm_add_f32.c",
        "plain.c",
    ]
    programs = {"empty": [], "dense": products, "conditioners": products, "mixture": []}
    with tempfile.TemporaryDirectory() as folder:
        for name, files in programs.items():
            elf = Path(folder) / f"{name}.elf"
            command = ["arm-none-eabi-gcc", *FLAGS, "-w", *defines, *include, *LINK, "board.c", f"{name}.c", *files]
            machine.run(*command, "-lm", "-o", elf, cwd=machine.BENCHMARKS / "device")
            # What a program writes through semihosting is QEMU's standard error.
            output = machine.run(*EMULATOR.split(), "-kernel", elf, timeout=120, stderr=subprocess.STDOUT)
            lines = dict(line.split() for line in output.splitlines())
            # An empty measurement takes a few instructions itself.
            empty = int(lines.pop("empty"))
            counts |= {figure: int(count) - empty for figure, count in lines.items()}
            sections = machine.run("arm-none-eabi-size", "-A", elf)
            sizes[name] = sum(int(size) for size in re.findall(r"^\.(?:text|rodata) +(\d+)", sections, re.MULTILINE))
    return counts, {name: size - sizes["empty"] for name, size in sizes.items()}
