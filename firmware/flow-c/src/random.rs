//! Rows drawn from a flow: those of `flow-export sample` with the same seed.

use crate::memory::Memory;
use crate::model::{check_lengths, scratch};
use crate::{FlowError, FlowModel, handle};
use rand_pcg::Pcg32;

/// Stream of the generator, as of `flow-export sample`, see spec/format.md.
const STREAM: u64 = 0x0a02_bdbf_7bb3_c0a7;

/// A seeded generator of random numbers: PCG XSH RR 64/32. Ready after flow_random_seed.
#[repr(C)]
pub struct FlowRandom {
    /// Not to be touched.
    words: [u64; 2],
}

// The generator is two words of 64 bits, of which any are one.
const _: () = assert!(size_of::<Pcg32>() == size_of::<FlowRandom>() && align_of::<Pcg32>() <= align_of::<FlowRandom>());

/// Seeds a generator. With the same seed the same rows are drawn on every machine.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_random_seed(random: *mut FlowRandom, seed: u64) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation; a generator fits, see above.
    FlowError::of(unsafe { Memory::new().out(random.cast::<Pcg32>()) }.map(|out| out.set(Pcg32::new(seed, STREAM))))
}

/// Draws a row in a context.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_sample(
    model: *const FlowModel,
    random: *mut FlowRandom,
    context: *const f32,
    context_length: usize,
    row: *mut f32,
    row_length: usize,
) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let draw = || unsafe {
        let mut memory = Memory::new();
        let model = handle::content(&mut memory, model)?;
        let scratch = scratch(&mut memory, &model.flow, model.scratch)?;
        memory.add(random.cast_const(), 1, true)?;
        let context = memory.read(context, context_length)?;
        let row = memory.write(row, row_length)?;
        check_lengths(&model.flow, row.len(), context.len())?;
        // SAFETY: not null, aligned and apart from all else; any two words are a generator.
        let generator = &mut *random.cast::<Pcg32>();
        Ok(model.flow.sample(generator, context, row.zeros(), scratch)?)
    };
    FlowError::of(draw())
}
