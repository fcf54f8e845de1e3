//! Looks into a program's machine code for what would break equal bits: f64 routines and fused multiply-adds.

use object::{Object, ObjectSection, ObjectSymbol, SectionKind};

/// Names of the routines that compute in f64 on a core without it: those of the Arm run-time ABI (`__aeabi_dadd`,
/// `__aeabi_f2d`, …) and of compiler-rt (`__adddf3`, `__extendsfdf2`, `__floatsidf`, …).
///
/// # Errors
/// Where the file is no object file.
pub fn double_precision_routines(elf: &[u8]) -> Result<Vec<String>, String> {
    let file = object::File::parse(elf).map_err(|e| e.to_string())?;
    let names = file.symbols().filter_map(|s| s.name().ok());
    Ok(names.filter(|name| is_double_precision(name)).map(str::to_string).collect())
}

fn is_double_precision(name: &str) -> bool {
    let Some(name) = name.strip_prefix("__") else { return false };
    match name.strip_prefix("aeabi_") {
        Some(name) => {
            let operation = name.strip_prefix("cd").or_else(|| name.strip_prefix('d')).unwrap_or("");
            let doubles = ["add", "sub", "rsub", "mul", "div", "neg", "cmp", "rcmp", "2"];
            doubles.iter().any(|d| operation.starts_with(d)) || name.ends_with("2d")
        }
        None => name.contains("df") && name.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()),
    }
}

/// Addresses of fused multiply-adds (VFMA, VFMS, VFNMA, VFNMS) in the Thumb code of an ELF file.
///
/// # Errors
/// Where the file is no object file, or says nowhere what is code (`$t` and `$d` symbols, AAELF32 section 4.5.5).
pub fn fused_multiply_adds(elf: &[u8]) -> Result<Vec<u64>, String> {
    let file = object::File::parse(elf).map_err(|e| e.to_string())?;
    let mut marks: Vec<(u64, bool)> = file
        .symbols()
        .filter_map(|s| match s.name().ok()?.get(..2)? {
            "$t" => Some((s.address() & !1, true)),
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
                found.extend(fused_offsets(&bytes[range]).iter().map(|&offset| start + offset as u64));
            }
        }
    }
    Ok(found)
}

/// Offsets of fused multiply-adds in a run of Thumb-2 instructions.
fn fused_offsets(code: &[u8]) -> Vec<usize> {
    let halves: Vec<u16> = code.as_chunks().0.iter().map(|&b| u16::from_le_bytes(b)).collect();
    let (mut at, mut found) = (0, Vec::new());
    while at < halves.len() {
        // ARMv7-M ARM, A5.1: a first halfword of 0b11101…, 0b11110… or 0b11111… begins a pair.
        let first = halves[at];
        let length = if first >= 0xe800 { 2 } else { 1 };
        if length == 2 && halves.get(at + 1).is_some_and(|&second| is_fused(first, second)) {
            found.push(2 * at);
        }
        at += length;
    }
    found
}

/// ARMv7-M ARM, A7.7.228 (VFMA, VFMS: `1110 1110 1D10`) and A7.7.229 (VFNMA, VFNMS: `1110 1110 1D01`), single or
/// double precision.
fn is_fused(first: u16, second: u16) -> bool {
    matches!(first & 0xffb0, 0xeea0 | 0xee90) && second & 0x0e10 == 0x0a00
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_routines_of_f64() {
        for name in ["__aeabi_dadd", "__aeabi_f2d", "__aeabi_d2f", "__aeabi_cdcmple", "__aeabi_dcmplt", "__aeabi_ul2d"]
        {
            assert!(is_double_precision(name), "{name}");
        }
        for name in ["__adddf3", "__extendsfdf2", "__floatunsidf", "__fixdfsi", "__truncdfsf2", "__powidf2"] {
            assert!(is_double_precision(name), "{name}");
        }
        for name in ["__aeabi_memcpy", "__aeabi_fadd", "__aeabi_uldivmod", "__addsf3", "__pre_init", "__sidata", "expf"]
        {
            assert!(!is_double_precision(name), "{name}");
        }
    }

    #[test]
    fn finds_fused_instructions_and_only_those() {
        // vfma.f32 s0, s1, s2 / vmla.f32 s0, s1, s2 / vfnms.f32 s0, s1, s2 / vmul.f32 s0, s0, s1 / vfms.f32 s31, s30, s29
        let code: [u16; 10] = [0xeea0, 0x0a81, 0xee00, 0x0a81, 0xee90, 0x0a81, 0xee20, 0x0a20, 0xeeef, 0xfa6e];
        let bytes: Vec<u8> = code.iter().flat_map(|h| h.to_le_bytes()).collect();
        assert_eq!(fused_offsets(&bytes), [0, 8, 16]);
        // The same halfwords out of step: `movs r0, #0` before, and as the second half of another instruction.
        assert_eq!(fused_offsets(&[0x00, 0x20, 0xa0, 0xee, 0x81, 0x0a]), [2]);
        assert_eq!(fused_offsets(&[0x00, 0xf0, 0xa0, 0xee, 0x81, 0x0a]), [0usize; 0]);
    }
}
