//! A frozen flow as a C header: the file as an aligned constant array, its lengths as macros. C and C++ take the same file.

use crate::error::Error;
use crate::frozen::{Frozen, column_names};
use flow_nostd::{scratch_len, window_len};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// Words of C and C++ that no array can be called; up to C23 and C++23.
const KEYWORDS: &str = "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t class \
    co_await co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype \
    default delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline int \
    linux long main mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public \
    register reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast struct \
    switch template this thread_local throw true try typedef typeid typename typeof typeof_unqual union unix \
    unsigned using virtual void volatile wchar_t while xor xor_eq";

/// The name of the array: `given`, or without it the file's own, with `_` for what C does not allow.
///
/// # Errors
/// A given name that is none in C.
pub fn name(given: Option<&str>, file: &Path) -> Result<String, Error> {
    let allowed = |name: &str| {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        plain && name.starts_with(|c: char| c.is_ascii_alphabetic()) && KEYWORDS.split(' ').all(|word| word != name)
    };
    if let Some(name) = given {
        let bad = || Error::CName { name: name.to_owned() };
        return if allowed(name) { Ok(name.to_owned()) } else { Err(bad()) };
    }
    let stem = file.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    Ok(if allowed(&name) { name } else { format!("model_{name}").trim_end_matches('_').to_owned() })
}

/// Writes the header; `name` is that of the array and, in capitals, the beginning of every macro's.
///
/// # Errors
/// A file that is no frozen flow or fails its self-test here, or a writer that fails.
pub fn write(frozen: &Frozen, name: &str, out: &mut dyn Write) -> Result<(), Error> {
    let flow = frozen.tested_flow()?;
    let bytes = frozen.bytes();
    let capitals = name.to_uppercase();
    let names = column_names(&flow);
    let of = |context: bool| -> Vec<&str> {
        let all = names.iter().zip(flow.column_records());
        all.filter(|(_, record)| record.is_context() == context).map(|(name, _)| name.as_str()).collect()
    };
    let (row, context) = (of(false), of(true));
    let numbers = [
        ("LENGTH", bytes.len(), "bytes of the array"),
        ("SCRATCH", scratch_len(bytes).unwrap_or_default(), "floats of scratch memory"),
        ("WINDOW", window_len(bytes), "floats of memory for a window over raw channels; 0: there is none"),
        ("COLUMNS", flow.columns(), "floats of a row"),
        ("CONTEXT", flow.context_dim(), "floats of a context"),
        ("LATENT", flow.dim(), "floats of a latent vector"),
    ];
    let mut text = format!(
        "/* A frozen flow, written by flow-export {}: not to be edited. Include it in one source file; others get the macros\n \
         * alone where they define {capitals}_NO_ARRAY before. */\n\
         #ifndef {capitals}_FLOW_INCLUDED\n#define {capitals}_FLOW_INCLUDED\n\n#include <stdint.h>\n\n",
        env!("CARGO_PKG_VERSION")
    );
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for (what, number, meaning) in numbers {
        line(format!("#define {capitals}_{what} {number} /* {meaning} */"));
    }
    line(format!("#define {capitals}_MODEL_ID \"{}\"", flow.model_id_hex()));
    line(format!("#define {capitals}_ROLLBACK {}u /* roll-back counter */", flow.header().rollback.get()));
    line(format!("#define {capitals}_COLUMN_NAMES {} /* of a row's values */", list(&row)));
    if !context.is_empty() {
        line(format!("#define {capitals}_CONTEXT_NAMES {} /* of a context's values */", list(&context)));
    }
    // Sections are aligned to 16 bytes within the file.
    line(format!(
        "\n#ifndef {capitals}_NO_ARRAY\n#if defined(__cplusplus)\nalignas(16)\n#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L\n\
         _Alignas(16)\n#else\n__attribute__((aligned(16)))\n#endif\nstatic const uint8_t {name}[{capitals}_LENGTH] = {{"
    ));
    for sixteen in bytes.chunks(16) {
        let values: Vec<String> = sixteen.iter().map(|byte| format!("0x{byte:02x}")).collect();
        line(format!("    {},", values.join(", ")));
    }
    line(format!("}};\n#endif\n\n#endif /* {capitals}_FLOW_INCLUDED */"));
    out.write_all(text.as_bytes()).map_err(Error::Stdout)
}

/// Names as the initialiser of an array of strings.
fn list(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    format!("{{{}}}", names.join(", "))
}

/// A string of C that holds these bytes. Octal digits, three of them always, cannot run into what follows; a `?` so that no
/// two of them are a trigraph, and `*` and `/` so that none begins or ends a comment.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'?' | b'*' | b'/' => _ = write!(quoted, "\\{byte:03o}"),
            b' '..=b'~' => quoted.push(byte.into()),
            _ => _ = write!(quoted, "\\{byte:03o}"),
        }
    }
    quoted.push('"');
    quoted
}

/// Writes the header to the file `to`, whole or not at all, or to standard output where that is `-`.
///
/// # Errors
/// As [`write`]; a place that cannot be written.
pub(crate) fn write_to(frozen: &Frozen, name: &str, to: &Path) -> Result<(), Error> {
    crate::output::write(Some(to), |out: &mut dyn io::Write| write(frozen, name, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_of_the_file_or_is_refused() {
        let of = |file: &str| name(None, Path::new(file)).unwrap();
        assert_eq!(of("out/pump.h"), "pump");
        assert_eq!(of("pump-2 new.h"), "pump_2_new");
        assert_eq!(of("9pump.h"), "model_9pump");
        assert_eq!(of("int.h"), "model_int");
        assert_eq!(of("-"), "model");
        assert_eq!(name(Some("turbine"), Path::new("pump.h")).unwrap(), "turbine");
        for bad in ["", "9pump", "pump-2", "_pump", "while", "größe"] {
            assert!(name(Some(bad), Path::new("pump.h")).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_string_holds_any_name() {
        assert_eq!(quoted("speed, rpm"), "\"speed, rpm\"");
        assert_eq!(quoted("a\"b\\c\n"), "\"a\\042b\\134c\\012\"");
        assert_eq!(quoted("??/*1"), "\"\\077\\077\\057\\0521\"");
        assert_eq!(quoted("°"), "\"\\302\\260\"");
    }
}
