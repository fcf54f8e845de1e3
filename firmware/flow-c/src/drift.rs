//! Whether the machine has changed: the state lies with the caller, as numbers.

use crate::FlowError;
use crate::memory::Memory;
use flow_nostd::Drift;

/// The state of a drift detector: zeros at first, and once the machine is repaired. It may be kept where a reset does not
/// forget.
#[repr(C)]
pub struct FlowDrift {
    /// Not to be touched, but to make them zeros.
    bytes: [u8; 32],
}

/// Takes the ln_p of a verdict; `level` becomes how much speaks for a change. With a change called where that reaches a
/// number of rows, the mean time between two false calls is at least that number of rows.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_drift_push(drift: *mut FlowDrift, ln_p: f32, level: *mut f32) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let push = || unsafe {
        let mut memory = Memory::new();
        let state = memory.change(drift.cast::<u8>(), size_of::<FlowDrift>())?;
        let out = memory.out(level)?;
        let bytes = <[u8; 32]>::try_from(&*state).map_err(|_| FlowError::DriftState)?;
        let mut drift = Drift::from_bytes(bytes).ok_or(FlowError::DriftState)?;
        out.set(drift.push(ln_p));
        state.copy_from_slice(&drift.to_bytes());
        Ok(())
    };
    FlowError::of(push())
}
