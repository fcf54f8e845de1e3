//! Which backend runs, and where its library comes from.
//!
//! `auto` looks for ONNX Runtime's library in this order: the path given (`--ort-lib`, `ORT_DYLIB_PATH`); the user's
//! cache; an installed Python package `onnxruntime`; a wheel of the pinned version fetched with the user's own pip. If
//! none is to be had, tract runs.

use super::cuda;
use super::onnx_runtime::OnnxRuntime;
use super::tract::Tract;
use super::{Backend, BackendError};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What `--device` can ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Device {
    /// ONNX Runtime on the CPU if it is to be had, else tract.
    #[default]
    Auto,
    /// ONNX Runtime on the CPU.
    Cpu,
    /// ONNX Runtime on an NVIDIA GPU.
    Cuda,
    /// tract, which is compiled in.
    Tract,
}

/// What decides about the backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The device asked for.
    pub device: Device,
    /// The library's path, if the user named one.
    pub library: Option<PathBuf>,
    /// Whether nothing may be fetched.
    pub offline: bool,
}

/// The wheel that is fetched where no library is installed.
const WHEEL_VERSION: &str = "1.32.0";
/// Wheel platform and SHA-256 of the wheel for CPython 3.12 (only the library inside is used, so that the Python
/// version does not matter).
const WHEELS: [(&str, &str, &str); 2] = [
    ("x86_64", "manylinux_2_28_x86_64", "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8"),
    ("aarch64", "manylinux_2_28_aarch64", "e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054"),
];

/// Picks and loads a backend; `say` gets a line for the user where something needs explaining.
///
/// # Errors
/// If the device that was asked for by name is not to be had. `auto` always finds one, unless a library that the user
/// named does not load.
pub fn choose(choice: &Choice, say: &mut dyn FnMut(&str)) -> Result<Box<dyn Backend>, BackendError> {
    let on_gpu = choice.device == Device::Cuda;
    if choice.device == Device::Tract {
        return Ok(Box::new(Tract));
    }
    if let Some(path) = &choice.library {
        return Ok(Box::new(OnnxRuntime::load(path, on_gpu)?));
    }
    let tried = match find(choice.offline, on_gpu, |path| OnnxRuntime::load(path, on_gpu).map_err(|e| e.to_string())) {
        Ok(backend) => return Ok(Box::new(backend)),
        Err(tried) => tried,
    };
    match choice.device {
        Device::Auto => {
            say(&format!("ONNX Runtime was not found, so tract runs instead:{tried}"));
            Ok(Box::new(Tract))
        }
        Device::Cuda if !tried.contains("CUDA") => Err(BackendError::Unavailable(format!(
            "no ONNX Runtime for this device. Looked in:{tried}\n{}",
            cuda::without_provider()
        ))),
        Device::Cuda => Err(BackendError::Unavailable(format!("CUDA is not to be had:{tried}"))),
        _ => Err(BackendError::Unavailable(format!(
            "no ONNX Runtime for this device. Install it (pip install onnxruntime) or name its library with \
             --ort-lib. Looked in:{tried}"
        ))),
    }
}

/// Where ONNX Runtime's library lies, as [`choose`] would find it; fetches nothing.
///
/// # Errors
/// Where it was looked for and what was found there.
pub fn find_library() -> Result<PathBuf, String> {
    match std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        Some(path) => Ok(path.into()),
        None => find(true, false, |path| Ok(path.to_owned())).map_err(|tried| format!("no ONNX Runtime:{tried}")),
    }
}

/// A place to look in, for people, and how to look there.
type Source<'a> = (&'a str, &'a dyn Fn() -> Result<PathBuf, String>);

/// What `load` makes of the first library that it takes; else where it was looked for and why that was nothing.
fn find<T>(offline: bool, cuda: bool, load: impl Fn(&Path) -> Result<T, String>) -> Result<T, String> {
    let sources: [Source; 3] = [
        ("the user's cache", &from_cache),
        ("the Python package onnxruntime", &from_python),
        ("pip", &|| if offline { Err("not tried, --offline".into()) } else { from_pip() }),
    ];
    let mut tried = String::new();
    for (name, source) in sources {
        // What is fetched and cached is the CPU build: only an installed library can serve CUDA.
        if cuda && name != "the Python package onnxruntime" {
            continue;
        }
        match source().and_then(|path| load(&path)) {
            Ok(loaded) => return Ok(loaded),
            Err(reason) => {
                let _ = write!(tried, "\n  {name}: {reason}");
            }
        }
    }
    Err(tried)
}

/// Folder and library of the pinned version in the user's cache.
fn cache() -> Result<(PathBuf, PathBuf), String> {
    let root = match std::env::var_os("XDG_CACHE_HOME") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(std::env::var_os("HOME").ok_or("no home folder")?).join(".cache"),
    };
    let folder = root.join("flow-trainer").join(format!("onnxruntime-{WHEEL_VERSION}"));
    let library = folder.join(format!("libonnxruntime.so.{WHEEL_VERSION}"));
    Ok((folder, library))
}

fn from_cache() -> Result<PathBuf, String> {
    let (folder, library) = cache()?;
    let expected = std::fs::read_to_string(folder.join("sha256")).map_err(|_| "empty".to_string())?;
    if sha256(&library)? != expected.trim() {
        return Err(format!("{} does not match its hash; delete {}", library.display(), folder.display()));
    }
    Ok(library)
}

fn from_python() -> Result<PathBuf, String> {
    // Finds the package without importing it.
    let script = "import importlib.util, pathlib, sys\n\
                  spec = importlib.util.find_spec('onnxruntime')\n\
                  found = spec and sorted(pathlib.Path(spec.origin).parent.glob('capi/libonnxruntime.so.*'))\n\
                  print(found[-1]) if found else sys.exit(1)";
    let output = Command::new("python3").args(["-c", script]).stdin(Stdio::null()).output();
    let output = output.map_err(|e| format!("python3: {e}"))?;
    if !output.status.success() {
        return Err("not installed".into());
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn from_pip() -> Result<PathBuf, String> {
    let arch = std::env::consts::ARCH;
    let wheel = WHEELS.iter().find(|(name, ..)| *name == arch && cfg!(target_os = "linux"));
    let (_, platform, hash) = wheel.ok_or(format!("no pinned wheel for {} {arch}", std::env::consts::OS))?;
    let (folder, library) = cache()?;
    let parent = folder.parent().expect("the folder was joined to a parent");
    let fail = |what: &Path, e: std::io::Error| format!("{}: {e}", what.display());
    let beside = parent.join(format!("fetching-{}", std::process::id()));
    std::fs::create_dir_all(&beside).map_err(|e| fail(&beside, e))?;
    let result = fetch(&beside, platform, hash).and_then(|fetched| {
        let hash = sha256(&fetched)?;
        let ready = beside.join("ready");
        std::fs::create_dir_all(&ready).map_err(|e| fail(&ready, e))?;
        let name = library.file_name().expect("the library has a name");
        std::fs::rename(&fetched, ready.join(name)).map_err(|e| fail(&fetched, e))?;
        std::fs::write(ready.join("sha256"), hash).map_err(|e| fail(&ready, e))?;
        match std::fs::rename(&ready, &folder) {
            // Another process was faster: its copy serves as well.
            Err(_) if from_cache().is_ok() => Ok(()),
            other => other.map_err(|e| fail(&folder, e)),
        }
    });
    let _ = std::fs::remove_dir_all(&beside);
    result.map(|()| library)
}

/// Downloads the pinned wheel into `folder`, checks its hash, unpacks it, and returns the library's path.
fn fetch(folder: &Path, platform: &str, hash: &str) -> Result<PathBuf, String> {
    let python = |arguments: &[&str]| -> Result<(), String> {
        let output = Command::new("python3").args(arguments).current_dir(folder).stdin(Stdio::null()).output();
        let output = output.map_err(|e| format!("python3: {e}"))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(errors.lines().last().unwrap_or("failed").to_string()) }
    };
    let package = format!("onnxruntime=={WHEEL_VERSION}");
    python(&[
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--implementation",
        "cp",
        "--python-version",
        "3.12",
        "--platform",
        platform,
        "--dest",
        ".",
        &package,
    ])?;
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let wheel = entries.filter_map(|e| Some(e.ok()?.path())).find(|p| p.extension().is_some_and(|e| e == "whl"));
    let wheel = wheel.ok_or("pip brought no wheel")?;
    let found = sha256(&wheel)?;
    if found != hash {
        return Err(format!("the wheel's SHA-256 is {found}, expected {hash}"));
    }
    python(&["-m", "zipfile", "-e", &wheel.to_string_lossy(), "unpacked"])?;
    Ok(folder.join(format!("unpacked/onnxruntime/capi/libonnxruntime.so.{WHEEL_VERSION}")))
}

fn sha256(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect())
}
