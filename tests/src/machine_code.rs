//! Looks into a program's machine code for what flow-nostd promises not to do: compute in f64, fuse a multiplication with
//! an addition, allocate.

mod riscv;
mod thumb;

use object::elf::{SHF_ALLOC, SHF_WRITE};
use object::{Architecture, Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind};

/// What is found of an instruction that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// It multiplies and adds, and rounds once.
    Fused,
    /// It computes, converts or loads an f64.
    Double,
}

/// Names of the routines that compute in f64 on a core without it: those of the Arm run-time ABI (`__aeabi_dadd`,
/// `__aeabi_f2d`, …), of compiler-rt (`__adddf3`, `__extendsfdf2`, `__floatsidf`, …) and of C's mathematics.
///
/// # Errors
/// Where the file is no object file.
pub fn double_precision_routines(elf: &[u8]) -> Result<Vec<String>, String> {
    symbols(elf, is_double_precision)
}

/// Names of the routines that allocate: those of Rust's and of C's heap.
///
/// # Errors
/// Where the file is no object file.
pub fn allocation_routines(elf: &[u8]) -> Result<Vec<String>, String> {
    symbols(elf, is_allocation)
}

fn symbols(elf: &[u8], which: fn(&str) -> bool) -> Result<Vec<String>, String> {
    let file = object::File::parse(elf).map_err(|e| e.to_string())?;
    let mut count = 0;
    let names = file.symbols().filter_map(|s| s.name().ok()).inspect(|_| count += 1);
    let found = names.filter(|name| which(name)).map(str::to_string).collect();
    if count == 0 { Err("no symbols; the file seems to be stripped".to_string()) } else { Ok(found) }
}

fn is_double_precision(name: &str) -> bool {
    const C: [&str; 14] =
        ["ceil", "cos", "exp", "floor", "fma", "fmaf", "fmod", "log", "pow", "rint", "round", "sin", "sqrt", "trunc"];
    let Some(name) = name.strip_prefix("__") else { return C.contains(&name) };
    match name.strip_prefix("aeabi_") {
        Some(name) => {
            let operation = name.strip_prefix("cd").or_else(|| name.strip_prefix('d')).unwrap_or("");
            let doubles = ["add", "sub", "rsub", "mul", "div", "neg", "cmp", "rcmp", "2"];
            doubles.iter().any(|d| operation.starts_with(d)) || name.ends_with("2d")
        }
        None => name.contains("df") && name.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()),
    }
}

/// Rust's names may be mangled.
fn is_allocation(name: &str) -> bool {
    let rust = ["__rust_alloc", "__rust_dealloc", "__rust_realloc", "__rg_", "__rdl_", "exchange_malloc"];
    ["malloc", "calloc", "realloc", "free"].contains(&name) || rust.iter().any(|part| name.contains(part))
}

/// Addresses of instructions that are not allowed, in the Thumb or RISC-V code of an ELF file.
///
/// # Errors
/// Where the file is no object file, or says nowhere what is code (`$t`, `$x` and `$d` symbols: AAELF32 section 4.5.5 and
/// the RISC-V ELF specification, "Mapping Symbol").
pub fn forbidden_instructions(elf: &[u8]) -> Result<Vec<(u64, Forbidden)>, String> {
    let file = object::File::parse(elf).map_err(|e| e.to_string())?;
    let offsets = match file.architecture() {
        Architecture::Arm => thumb::forbidden,
        Architecture::Riscv32 => riscv::forbidden,
        other => return Err(format!("code for {other:?}")),
    };
    let mut marks: Vec<(u64, bool)> = file
        .symbols()
        .filter_map(|s| match s.name().ok()?.get(..2)? {
            "$t" | "$x" => Some((s.address() & !1, true)),
            "$d" => Some((s.address() & !1, false)),
            _ => None,
        })
        .collect();
    marks.sort_unstable();
    if !marks.iter().any(|&(_, code)| code) {
        return Err("no symbol says where code lies; the file seems to be stripped".to_string());
    }
    let mut found = Vec::new();
    for section in file.sections().filter(|s| s.kind() == SectionKind::Text) {
        let bytes = section.data().map_err(|e| e.to_string())?;
        let end = section.address() + bytes.len() as u64;
        for (i, &(start, code)) in marks.iter().enumerate() {
            if code && (section.address()..end).contains(&start) {
                let stop = marks.get(i + 1).map_or(end, |&(next, _)| next.min(end));
                let range = (start - section.address()) as usize..(stop - section.address()) as usize;
                found.extend(offsets(&bytes[range]).iter().map(|&(offset, what)| (start + offset as u64, what)));
            }
        }
    }
    Ok(found)
}

/// Bytes of code and of constants in an ELF file: its `.text` and `.rodata`.
///
/// # Errors
/// Where the file is no object file, or has no code.
pub fn code_size(elf: &[u8]) -> Result<u64, String> {
    let file = object::File::parse(elf).map_err(|e| e.to_string())?;
    let text = file.section_by_name(".text").ok_or("no section .text")?;
    Ok(text.size() + file.section_by_name(".rodata").map_or(0, |rodata| rodata.size()))
}

/// Bytes of flash and of RAM that a program takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Code, constants and the first values of variables, with vectors and the like.
    pub flash: u64,
    /// Variables; the stack is not among them.
    pub ram: u64,
}

/// What a program takes, by the sections of its ELF file that are loaded.
///
/// # Errors
/// Where the file is no object file.
pub fn memory(elf: &[u8]) -> Result<Memory, String> {
    let file = object::File::parse(elf).map_err(|e| e.to_string())?;
    let (mut flash, mut ram) = (0, 0);
    for section in file.sections() {
        let name = section.name().map_err(|e| e.to_string())?;
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return Err("no ELF file".to_string()) };
        // Those that only keep addresses free have such names.
        if sh_flags.0 & SHF_ALLOC.0 == 0 || name.contains("stack") || name.contains("dummy") {
            continue;
        }
        let holds_values = section.kind() != SectionKind::UninitializedData;
        flash += if holds_values { section.size() } else { 0 };
        ram += if sh_flags.0 & SHF_WRITE.0 != 0 { section.size() } else { 0 };
    }
    Ok(Memory { flash, ram })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_routines_of_f64() {
        for name in ["__aeabi_dadd", "__aeabi_f2d", "__aeabi_d2f", "__aeabi_cdcmple", "__aeabi_dcmplt", "__aeabi_ul2d"]
        {
            assert!(is_double_precision(name), "{name}");
        }
        for name in
            ["__adddf3", "__extendsfdf2", "__floatunsidf", "__fixdfsi", "__truncdfsf2", "__powidf2", "sqrt", "fma"]
        {
            assert!(is_double_precision(name), "{name}");
        }
        for name in ["__aeabi_memcpy", "__aeabi_fadd", "__aeabi_uldivmod", "__addsf3", "__pre_init", "__sidata", "expf"]
        {
            assert!(!is_double_precision(name), "{name}");
        }
    }

    #[test]
    fn knows_the_routines_of_a_heap() {
        for name in ["malloc", "free", "__rust_alloc", "_RNvCs5yqtZwGF2Dm_7___rustc12___rust_alloc", "__rg_alloc"] {
            assert!(is_allocation(name), "{name}");
        }
        for name in ["memcpy", "__rust_no_alloc_shim", "freeze", "alloc_none"] {
            assert!(!is_allocation(name), "{name}");
        }
    }
}
