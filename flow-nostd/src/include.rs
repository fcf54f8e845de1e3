//! Models compiled into the program: aligned bytes, and the scratch length as a constant.

use crate::header::MAGIC;

/// Bytes at a multiple of 16, which a section's alignment asks for.
///
/// ```
/// use flow_nostd::Aligned;
///
/// static WORDS: Aligned<[u8; 5]> = Aligned([1, 2, 3, 4, 5]);
/// assert_eq!(WORDS.0.as_ptr() as usize % 16, 0);
/// ```
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(pub T);

/// The scratch length that the header of `file` states, in `f32` values; `None` where `file` is no frozen flow.
///
/// For constants at compile time: [`Flow::new`](crate::Flow::new) checks the file and the number.
///
/// ```
/// static FILE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
/// const SCRATCH: Option<usize> = flow_nostd::scratch_len(FILE);
/// assert!(SCRATCH.is_some_and(|length| length > 0));
/// assert_eq!(flow_nostd::scratch_len(b"something else"), None);
/// ```
pub const fn scratch_len(file: &[u8]) -> Option<usize> {
    match file.first_chunk::<8>() {
        Some(magic) if u64::from_le_bytes(*magic) == u64::from_le_bytes(MAGIC) => {}
        _ => return None,
    }
    match file.split_at_checked(64) {
        Some((_, rest)) => match rest.first_chunk::<4>() {
            Some(bytes) => Some(u32::from_le_bytes(*bytes) as usize),
            None => None,
        },
        None => None,
    }
}

/// Includes a frozen flow in the program, as a module with two items: `BYTES`, the file, aligned, and `SCRATCH`, the
/// number of `f32` values of scratch memory.
///
/// ```
/// # macro_rules! path { () => { concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow") } }
/// flow_nostd::include_flow!(mod model = path!()); // "model.flow"
///
/// let flow = flow_nostd::Flow::new(model::BYTES)?;
/// let mut scratch = [0.0; model::SCRATCH];
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// The path is relative to the source file, as for `include_bytes!`; `concat!(env!("OUT_DIR"), "/model.flow")` works
/// too. A file that is no frozen flow does not compile.
#[macro_export]
macro_rules! include_flow {
    ($(#[$meta:meta])* $visibility:vis mod $name:ident = $path:expr) => {
        $(#[$meta])*
        $visibility mod $name {
            static FILE: $crate::Aligned<[u8; include_bytes!($path).len()]> =
                $crate::Aligned(*include_bytes!($path));
            /// The frozen flow.
            pub static BYTES: &[u8] = &FILE.0;
            /// Number of `f32` values of scratch memory that the flow needs.
            pub const SCRATCH: usize = match $crate::scratch_len(include_bytes!($path)) {
                Some(length) => length,
                None => panic!("not a frozen flow"),
            };
        }
    };
}
