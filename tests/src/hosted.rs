//! Other hosts: builds the report's program for one, and runs it here, under qemu-user or in a WebAssembly runtime.

use crate::case::Case;
use crate::firmware::{Firmware, find_target};
use crate::report::Report;
use crate::require::available;
use crate::{tools, wasm};
use std::env::consts::{ARCH, OS};
use std::process::Command;
use std::time::Duration;

/// A host, and how the program is compiled for it.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Its processor, by which the tests name it.
    pub processor: &'static str,
    /// The Rust target, whose own C library and linker are used.
    pub target: &'static str,
    /// Processors that run its programs as they are, as [`ARCH`] names them.
    native: &'static [&'static str],
    /// The program that emulates it; none for WebAssembly.
    emulator: &'static str,
    /// Further flags of the compiler.
    flags: &'static str,
}

/// The host that is tested at every optimisation.
pub const X86_64: Host = Host {
    processor: "x86-64",
    target: "x86_64-unknown-linux-musl",
    native: &["x86_64"],
    emulator: "qemu-x86_64",
    flags: "",
};

/// With AVX2 and with fused multiply-adds that the compiler may not use unasked.
const X86_64_V3: Host = Host { processor: "x86-64-v3", flags: "-Ctarget-cpu=x86-64-v3", ..X86_64 };

/// With SSE2, as all of Rust's i686 targets.
const I686: Host = Host {
    processor: "i686",
    target: "i686-unknown-linux-musl",
    native: &["x86", "x86_64"],
    emulator: "qemu-i386",
    flags: "",
};

const AARCH64: Host = Host {
    processor: "AArch64",
    target: "aarch64-unknown-linux-musl",
    native: &["aarch64"],
    emulator: "qemu-aarch64",
    flags: "",
};

/// Big-endian.
const POWERPC64: Host = Host {
    processor: "PowerPC 64",
    target: "powerpc64-unknown-linux-musl",
    native: &["powerpc64"],
    emulator: "qemu-ppc64",
    flags: "-Ctarget-feature=+crt-static -Clink-self-contained=yes",
};

const WEBASSEMBLY: Host =
    Host { processor: "WebAssembly", target: "wasm32-unknown-unknown", native: &[], emulator: "", flags: "" };

/// All hosts.
pub const HOSTS: [Host; 6] = [X86_64, X86_64_V3, I686, AARCH64, POWERPC64, WEBASSEMBLY];

/// Longest that a program may run.
const LIMIT: Duration = Duration::from_secs(900);

impl Host {
    /// `Some` where the host's programs can be built and run; otherwise the test is skipped or fails, see
    /// [`crate::require`].
    pub fn find(&self) -> Option<&Self> {
        let runs = match self.is_emulated() {
            true => tools::find_program(self.emulator, "Debian's package is qemu-user"),
            false => self.has_vectors(),
        };
        let found = runs.and_then(|()| find_target(self.target)).map(|()| self);
        available("qemu", found.map_err(|missing| format!("{}: {missing}", self.processor)))
    }

    /// Whether this machine's processor can run what is compiled for it.
    fn has_vectors(&self) -> Result<(), String> {
        #[cfg(target_arch = "x86_64")]
        if self.flags.contains("x86-64-v3") && !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")) {
            return Err("this processor has no AVX2".to_owned());
        }
        Ok(())
    }

    fn is_webassembly(&self) -> bool {
        self.emulator.is_empty()
    }

    fn is_emulated(&self) -> bool {
        !self.is_webassembly() && (OS != "linux" || !self.native.contains(&ARCH))
    }

    /// What flow-nostd computes there, compiled at `opt_level` with link-time optimisation `lto`.
    ///
    /// # Errors
    /// Where the program cannot be built, fails or prints something else.
    pub fn compute(
        &self,
        name: &str,
        cases: &[Case],
        (opt_level, lto): (&'static str, &'static str),
    ) -> Result<Vec<Report>, String> {
        let program = Firmware {
            package: "hosted",
            target: self.target,
            opt_level,
            lto,
            flags: self.flags,
            own_linker: true,
            ..Firmware::default()
        };
        let built = program.embed_cases(name, cases)?.build(&format!("{name}-{}-{opt_level}-{lto}", self.processor))?;
        if self.is_webassembly() {
            return Report::parse(&wasm::run(&built)?);
        }
        let mut command = match self.is_emulated() {
            true => Command::new(self.emulator),
            false => Command::new(&built),
        };
        if self.is_emulated() {
            command.arg(&built);
        }
        let outcome = tools::run(&mut command, LIMIT)?;
        match outcome.status.success() {
            true => Report::parse(&outcome.stdout),
            false => Err(format!("{}: {}\n{}{}", self.processor, outcome.status, outcome.stdout, outcome.stderr)),
        }
    }
}
