//! The memory that one call is given: pointers and lengths become slices once all is checked that can be.

use crate::FlowError;
use core::marker::PhantomData;
use core::ptr;

/// Values that any bytes are, and that have no bytes between their fields.
///
/// # Safety
/// That is so.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: a number of as many bits.
unsafe impl Plain for u8 {}
// SAFETY: a number of as many bits.
unsafe impl Plain for f32 {}

/// Most pieces of memory in one call.
const PIECES: usize = 8;

/// The pieces of memory that a call was given so far.
pub(crate) struct Memory {
    pieces: [Piece; PIECES],
    count: usize,
}

/// From the address of its first byte to that behind its last one.
#[derive(Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
    written: bool,
}

/// Values to be written once all is well, of which none is read before.
pub(crate) struct Blank<'a, T> {
    values: *mut T,
    length: usize,
    lifetime: PhantomData<&'a mut T>,
}

impl<'a, T: Plain> Blank<'a, T> {
    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The values: zeros, so that it does not matter what they were.
    pub(crate) fn zeros(self) -> &'a mut [T] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: `Memory::write` has seen that the values are not null, aligned, within the address space, and apart from all
        // else in the call; zeros are values of every plain type; that there are as many is the promise of whoever called
        // that.
        unsafe {
            ptr::write_bytes(self.values, 0, self.length);
            core::slice::from_raw_parts_mut(self.values, self.length)
        }
    }
}

/// A place for one value, to be written once all is well.
pub(crate) struct Out<'a, T> {
    place: *mut T,
    lifetime: PhantomData<&'a mut T>,
}

impl<T> Out<'_, T> {
    /// Writes the value.
    pub(crate) fn set(self, value: T) {
        // SAFETY: `Memory::out` has seen that the place is not null, aligned, and apart from all else in the call; that it
        // is one for a T is the promise of whoever called that.
        unsafe { self.place.write(value) }
    }
}

impl Memory {
    /// No piece yet.
    pub(crate) fn new() -> Self {
        Self { pieces: [Piece { start: 0, end: 0, written: false }; PIECES], count: 0 }
    }

    /// Values to read.
    ///
    /// # Safety
    /// Where `values` is neither null nor misaligned, it leads to `length` values, which nobody changes for `'a`.
    pub(crate) unsafe fn read<'a, T: Plain>(&mut self, values: *const T, length: usize) -> Result<&'a [T], FlowError> {
        if length == 0 {
            return Ok(&[]);
        }
        self.add(values, length, false)?;
        // SAFETY: not null, aligned, and within the address space, as `add` has checked; any bytes are values; that there
        // are as many which stay as they are is the caller's promise, and that none of them is written through another
        // slice of this call was checked.
        Ok(unsafe { core::slice::from_raw_parts(values, length) })
    }

    /// Values to read and to change.
    ///
    /// # Safety
    /// Where `values` is neither null nor misaligned, it leads to `length` values, which nobody else reads or changes for
    /// `'a`.
    pub(crate) unsafe fn change<'a, T: Plain>(
        &mut self,
        values: *mut T,
        length: usize,
    ) -> Result<&'a mut [T], FlowError> {
        if length == 0 {
            return Ok(&mut []);
        }
        self.add(values.cast_const(), length, true)?;
        // SAFETY: as in `read`; and that this piece overlaps no other of the call was checked.
        Ok(unsafe { core::slice::from_raw_parts_mut(values, length) })
    }

    /// Values to write.
    ///
    /// # Safety
    /// As for [`Memory::change`], but that they need no value yet.
    pub(crate) unsafe fn write<'a, T: Plain>(
        &mut self,
        values: *mut T,
        length: usize,
    ) -> Result<Blank<'a, T>, FlowError> {
        if length != 0 {
            self.add(values.cast_const(), length, true)?;
        }
        Ok(Blank { values, length, lifetime: PhantomData })
    }

    /// A place for a result.
    ///
    /// # Safety
    /// Where `place` is neither null nor misaligned, it is one for a T that nobody else reads or changes for `'a`.
    pub(crate) unsafe fn out<'a, T>(&mut self, place: *mut T) -> Result<Out<'a, T>, FlowError> {
        self.add(place.cast_const(), 1, true)?;
        Ok(Out { place, lifetime: PhantomData })
    }

    /// Notes a piece, after checking it by itself and beside the others.
    pub(crate) fn add<T>(&mut self, values: *const T, length: usize, written: bool) -> Result<(), FlowError> {
        if values.is_null() {
            return Err(FlowError::Null);
        }
        if !values.is_aligned() {
            return Err(FlowError::Misaligned);
        }
        let start = values.addr();
        let bytes = length.checked_mul(size_of::<T>()).filter(|&bytes| isize::try_from(bytes).is_ok());
        let end = bytes.and_then(|bytes| start.checked_add(bytes)).ok_or(FlowError::Length)?;
        let piece = Piece { start, end, written };
        let overlaps = |other: &Piece| (other.written || written) && other.start < piece.end && piece.start < other.end;
        if self.pieces.iter().take(self.count).any(overlaps) {
            return Err(FlowError::Overlap);
        }
        // No call has more pieces than there are places.
        if let Some(place) = self.pieces.get_mut(self.count) {
            *place = piece;
            self.count = self.count.saturating_add(1);
        }
        Ok(())
    }
}
