//! Models compiled into the program: aligned bytes, and the scratch length as a constant.

use crate::header::{HEADER_LENGTH, MAGIC};
use crate::section::WINDOWS;

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

/// The number of values of a row that the header of `file` states; 0 where `file` is cut before.
///
/// For constants at compile time, as [`scratch_len`].
///
/// ```
/// static FILE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
/// const COLUMNS: usize = flow_nostd::row_len(FILE);
/// assert_eq!(COLUMNS, 4);
/// ```
pub const fn row_len(file: &[u8]) -> usize {
    number(file, 48)
}

/// The number of values of a context that the header of `file` states; 0 where `file` is cut before.
///
/// For constants at compile time, as [`scratch_len`].
///
/// ```
/// static FILE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
/// const CONTEXT: usize = flow_nostd::context_len(FILE);
/// assert_eq!(CONTEXT, 0);
/// ```
pub const fn context_len(file: &[u8]) -> usize {
    number(file, 52)
}

/// The `u16` at this place; 0 where there is none.
const fn number(file: &[u8], place: usize) -> usize {
    let Some((_, rest)) = file.split_at_checked(place) else { return 0 };
    let Some(bytes) = rest.first_chunk::<2>() else { return 0 };
    u16::from_le_bytes(*bytes) as usize
}

/// The number of `f32` values of memory that a [`Window`](crate::Window) over the raw channels of `file` needs; 0 where
/// its flow models the channels themselves.
///
/// For constants at compile time: [`Windowing::of`](crate::Windowing::of) checks what the file says of windows.
///
/// ```
/// static FILE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
/// const WINDOW: usize = flow_nostd::window_len(FILE);
/// assert_eq!(WINDOW, 0);
/// ```
pub const fn window_len(file: &[u8]) -> usize {
    let mut left = number(file, 58);
    let Some((_, mut table)) = file.split_at_checked(HEADER_LENGTH) else { return 0 };
    while left > 0 {
        let Some((entry, after)) = table.split_first_chunk::<16>() else { return 0 };
        let [t0, t1, t2, t3, _, _, _, _, o0, o1, o2, o3, ..] = *entry;
        if u32::from_le_bytes([t0, t1, t2, t3]) == u32::from_le_bytes(WINDOWS.0) {
            let offset = u32::from_le_bytes([o0, o1, o2, o3]) as usize;
            let Some((_, section)) = file.split_at_checked(offset) else { return 0 };
            let Some([l0, l1, _, _, c0, c1]) = section.first_chunk::<6>() else { return 0 };
            let (length, channels) = (u16::from_le_bytes([*l0, *l1]), u16::from_le_bytes([*c0, *c1]));
            return (length as usize).saturating_mul(channels as usize);
        }
        table = after;
        left = left.saturating_sub(1);
    }
    0
}

/// Includes a frozen flow in the program, as a module with five items: `BYTES`, the file, aligned; `COLUMNS` and `CONTEXT`, the
/// numbers of values of a row and of its context; `SCRATCH`, the number of `f32` values of scratch memory; and `WINDOW`, that of
/// the memory of a [`Window`](crate::Window), 0 where the flow needs none.
///
/// ```
/// # macro_rules! path { () => { concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow") } }
/// flow_nostd::include_flow!(mod model = path!()); // "model.flow"
///
/// let flow = flow_nostd::Flow::new(model::BYTES)?;
/// let mut scratch = [0.0; model::SCRATCH];
/// let log_prob = flow.log_prob(&[0.0; model::COLUMNS], &[0.0; model::CONTEXT], &mut scratch)?;
/// # assert!(log_prob.is_finite());
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
            /// Number of values of a row.
            #[allow(dead_code, reason = "not every program needs it")]
            pub const COLUMNS: usize = $crate::row_len(include_bytes!($path));
            /// Number of values of a context.
            #[allow(dead_code, reason = "most flows have no context")]
            pub const CONTEXT: usize = $crate::context_len(include_bytes!($path));
            /// Number of `f32` values of scratch memory that the flow needs.
            pub const SCRATCH: usize = match $crate::scratch_len(include_bytes!($path)) {
                Some(length) => length,
                None => panic!("not a frozen flow"),
            };
            /// Number of `f32` values of memory that a window over the raw channels needs.
            #[allow(dead_code, reason = "most flows have no windows")]
            pub const WINDOW: usize = $crate::window_len(include_bytes!($path));
        }
    };
}
