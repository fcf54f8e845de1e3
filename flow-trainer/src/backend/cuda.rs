//! What the CUDA provider needs on the machine, and what is missing of it.
//!
//! ONNX Runtime loads its CUDA provider from a library of its own beside the main one, which names CUDA's libraries and
//! their major versions. Each is tried here first: where it lies beside the Python package, as pip installs it, and then as
//! the system finds it. What was loaded stays loaded, so that the provider finds it.

use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

const GET_PROVIDER: &str = "pip install onnxruntime-gpu in place of onnxruntime, or name its library with --ort-lib";

const PROVIDER: &str = "libonnxruntime_providers_cuda.so";

/// A library's name up to `.so`, what it is, and how to get it for CUDA of a major version.
const PARTS: [(&str, &str, &str); 8] = [
    ("libcuda", "NVIDIA's driver", "install the driver of the GPU, version 580 or newer for CUDA 13"),
    ("libcudart", "CUDA's runtime", "pip install nvidia-cuda-runtime"),
    ("libcublasLt", "cuBLAS", "pip install nvidia-cublas"),
    ("libcublas", "cuBLAS", "pip install nvidia-cublas"),
    ("libcurand", "cuRAND", "pip install nvidia-curand"),
    ("libcufft", "cuFFT", "pip install nvidia-cufft"),
    ("libnvrtc", "CUDA's run-time compiler", "pip install nvidia-cuda-nvrtc"),
    ("libcudnn", "cuDNN", "pip install nvidia-cudnn-cu13"),
];

/// What the provider of onnxruntime-gpu 1.31 needs.
const OF_1_31: [&str; 6] =
    ["libcuda.so.1", "libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10", CUDNN];

/// What the libraries that a provider names are loaded with.
type Load<'a> = &'a dyn Fn(&Path) -> Result<(), String>;

/// Loads what the provider beside `library` needs.
///
/// # Errors
/// What is missing, each with how to get it.
pub fn ready(library: &Path) -> Result<(), String> {
    let provider = library.with_file_name(PROVIDER);
    let mut head = Vec::new();
    // The names stand in the first part of the file.
    let opened = std::fs::File::open(&provider).and_then(|file| file.take(1 << 20).read_to_end(&mut head));
    opened.map_err(|e| format!("{}: {e}; {GET_PROVIDER}", provider.display()))?;
    let folders = package_folders(library);
    missing(&needed(&head), &folders, &load)
}

/// What to say where there is no library with the provider: that, and what else is missing for one.
pub fn without_provider() -> String {
    let names = OF_1_31.map(str::to_string);
    let rest = missing(&names, &[], &load).err().unwrap_or_default();
    format!("no CUDA provider: {GET_PROVIDER} (docs/gpu.md). {rest}")
}

fn load(path: &Path) -> Result<(), String> {
    ort::util::preload_dylib(path)
        .map_err(|e| std::error::Error::source(&e).map_or(e.to_string(), |why| why.to_string()))
}

/// What to say where the provider does not start though its libraries are there.
pub fn does_not_start(error: &str) -> String {
    format!(
        "the CUDA provider does not start: {error}. Its libraries were found; is there a GPU (nvidia-smi), and is the driver \
         new enough for them (docs/gpu.md)?"
    )
}

/// Not named by the provider, which looks for it when it first takes a maximum over an axis, as every flow's step does.
const CUDNN: &str = "libcudnn.so.9";

/// The libraries of CUDA that a provider names, with their versions, in the order in which they depend on one another; and
/// cuDNN.
fn needed(head: &[u8]) -> Vec<String> {
    let names: Vec<&str> = head
        .split(|&b| b == 0)
        .filter_map(|name| std::str::from_utf8(name).ok())
        .filter(|n| n.contains(".so."))
        .collect();
    let of = |(part, ..): &(&str, &str, &str)| {
        let name = names.iter().find(|name| name.strip_prefix(part).is_some_and(|rest| rest.starts_with(".so.")));
        name.map(|name| (*name).to_string())
    };
    let mut needed: Vec<String> = PARTS.iter().filter_map(of).collect();
    if !needed.iter().any(|name| name.starts_with("libcudnn.")) {
        needed.push(CUDNN.to_string());
    }
    needed
}

/// Where pip puts NVIDIA's libraries: `nvidia/*/lib` beside the package `onnxruntime`.
fn package_folders(library: &Path) -> Vec<PathBuf> {
    let Some(site) = library.ancestors().nth(3) else { return Vec::new() };
    let entries = std::fs::read_dir(site.join("nvidia")).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path().join("lib")).collect();
    folders.sort();
    folders
}

fn missing(names: &[String], folders: &[PathBuf], load: Load) -> Result<(), String> {
    let mut list = String::new();
    for name in names {
        let packaged = folders.iter().map(|folder| folder.join(name)).find(|path| path.exists());
        let found = packaged.map_or_else(|| load(Path::new(name)), |path| load(&path));
        if let Err(reason) = found {
            let part = PARTS.iter().find(|(part, ..)| name.starts_with(&format!("{part}.")));
            let (what, how) = part.map_or(("a library", "install CUDA"), |&(_, what, how)| (what, how));
            let _ = write!(list, "\n  {name} ({what}): {reason}\n    {how}{}", version(name));
        }
    }
    if list.is_empty() { Ok(()) } else { Err(format!("CUDA is not complete (docs/gpu.md); missing:{list}")) }
}

/// The version that pip is to be asked for, where a package's version is its library's.
fn version(name: &str) -> String {
    let number = name.rsplit('.').next().unwrap_or_default();
    let same = ["libcudart", "libcublas", "libcurand", "libcufft", "libnvrtc", "libcudnn"];
    if same.iter().any(|part| name.starts_with(part)) { format!(", version {number}.*") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `readelf -d` shows it of onnxruntime-gpu 1.31.1.
    const HEAD: &[u8] =
        b"\x7fELF..\0libcublasLt.so.13\0libcublas.so.13\0libcurand.so.10\0libcudart.so.13\0libcuda.so.1\0libc.so.6\0";

    #[test]
    fn a_provider_names_what_it_needs() {
        assert_eq!(needed(HEAD), OF_1_31);
        assert_eq!(needed(b"\0libcudnn.so.8\0"), ["libcudnn.so.8"]);
    }

    #[test]
    fn what_is_missing_is_named_with_how_to_get_it() {
        let load = |path: &Path| match path.to_str() {
            Some("libcublasLt.so.13" | "libcublas.so.13") => Ok(()),
            _ => Err("cannot open shared object file".to_string()),
        };
        let message = missing(&needed(HEAD), &[], &load).unwrap_err();
        for part in ["libcuda.so.1", "driver", "libcudart.so.13", "nvidia-cuda-runtime, version 13.*", "nvidia-curand"]
        {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(!message.contains("libcublas"), "{message}");
        assert_eq!(missing(&needed(HEAD), &[], &|_| Ok(())), Ok(()));
    }

    #[test]
    fn libraries_of_pip_are_taken_from_beside_the_package() {
        let site = tempfile::tempdir().unwrap();
        let lib = site.path().join("nvidia/cu13/lib");
        std::fs::create_dir_all(&lib).unwrap();
        std::fs::write(lib.join("libcudart.so.13"), "").unwrap();
        let folders = package_folders(&site.path().join("onnxruntime/capi/libonnxruntime.so.1.31.1"));
        let loaded = std::cell::RefCell::new(Vec::new());
        let load = |path: &Path| {
            loaded.borrow_mut().push(path.to_owned());
            Ok(())
        };
        missing(&["libcudart.so.13".into(), "libcurand.so.10".into()], &folders, &load).unwrap();
        assert_eq!(*loaded.borrow(), [lib.join("libcudart.so.13"), PathBuf::from("libcurand.so.10")]);
    }
}
