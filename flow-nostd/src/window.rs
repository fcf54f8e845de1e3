//! Windows over signals: from the rows of raw channels to the row that the flow models.
//!
//! A flow that was trained on windows has columns such as `temp`, `temp.lag1`, `temp.mean`; its file says in section `WIND`
//! how they come from the channels. The host makes the columns for training with the code here, so that a device has its
//! bits.
//!
//! On a Cortex-M4F a row of one channel takes 1,027 instructions, one of eight channels 6,870, with value, mean, deviation
//! and slope over 12 rows; 240 bytes of stack.

use crate::channels::ChannelRecord;
use crate::column::ColumnRecord;
use crate::fault::{Fault, Place};
use crate::features::{CHANGE, Channel, FeatureRecord, Statistics, VALUE};
use crate::section::WINDOWS;
use crate::{EvalError, Flow, FormatError};
use zerocopy::little_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Most rows of a window.
pub const WINDOW_MAX: u16 = 256;

/// The first record of the section; as many [`FeatureRecord`]s as it says follow.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct WindowRecord {
    /// Rows of a window, 2 to [`WINDOW_MAX`].
    pub length: U16,
    /// Rows from one window to the next, at least 1.
    pub stride: U16,
    /// Values of a raw row, at least 1.
    pub channels: U16,
    /// Features of each channel, at least 1.
    pub features: U16,
    /// Time from one row to the next, microseconds; 0 where it is not known.
    pub step: U64,
}

/// How the columns of a row come from the raw channels: the features of the first channel, then those of the second, and
/// so on.
///
/// ```
/// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
/// use flow_nostd::{Flow, FormatError, Tag, Windowing};
///
/// // A flow that models the raw channels themselves.
/// let flow = Flow::new(model::BYTES)?;
/// assert_eq!(Windowing::of(&flow).err(), Some(FormatError::MissingSection { tag: Tag(*b"WIND") }));
/// assert_eq!(model::WINDOW, 0);
/// # Ok::<(), FormatError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Windowing<'a> {
    record: &'a WindowRecord,
    features: &'a [FeatureRecord],
    /// What each channel's sensor can give; none where nothing is said of that.
    ranges: &'a [ChannelRecord],
    /// The flow's columns; none where the recipe was not read from a flow.
    columns: &'a [ColumnRecord],
    context_dim: usize,
}

impl<'a> Windowing<'a> {
    /// Reads what a flow's file says of windows, after checking all of it.
    ///
    /// # Errors
    /// [`FormatError::MissingSection`] where the flow models the raw channels themselves; the first rule of
    /// `spec/format.md` that the section `WIND` or `CHAN` breaks, and where.
    pub fn of(flow: &Flow<'a>) -> Result<Self, FormatError> {
        let mut place = Place::start();
        place.tag = WINDOWS;
        let Some(data) = flow.sections.find(WINDOWS) else {
            return Err(FormatError::MissingSection { tag: WINDOWS });
        };
        let windowing = Self::check(data, &mut place).map_err(|fault| place.error(fault))?;
        if windowing.columns() != flow.columns.len() {
            place.index = 0;
            return Err(place.error(Fault::field(4)));
        }
        let ranges = ChannelRecord::of(flow, windowing.channels())?;
        Ok(Self { ranges, columns: flow.columns, context_dim: flow.context_dim(), ..windowing })
    }

    /// Reads the content of a section `WIND` without a flow: [`Window::features`] then takes no context.
    ///
    /// ```
    /// use flow_nostd::{Window, Windowing};
    ///
    /// // Three rows, one after the other, of one channel without a known step: value and mean.
    /// let section = [3, 0, 1, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0];
    /// let windowing = Windowing::read(&section)?;
    /// assert_eq!((windowing.channels(), windowing.columns(), windowing.memory_len()), (1, 2, 3));
    ///
    /// let (mut memory, mut row) = ([0.0; 3], [0.0; 2]);
    /// let mut window = Window::new(windowing, &mut memory)?;
    /// let complete = [1.0, 2.0, 6.0].map(|x| window.push(&[x]));
    /// assert_eq!(complete, [Ok(false), Ok(false), Ok(true)]);
    /// window.features(&mut row, &mut [])?;
    /// assert_eq!(row, [6.0, 3.0]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Windowing::of`], but that nothing is said of the number of columns.
    pub fn read(section: &'a [u8]) -> Result<Self, FormatError> {
        let mut place = Place::start();
        place.tag = WINDOWS;
        Self::check(section, &mut place).map_err(|fault| place.error(fault))
    }

    fn check(data: &'a [u8], place: &mut Place) -> Result<Self, Fault> {
        let Ok((record, rest)) = WindowRecord::ref_from_prefix(data) else {
            return place.note(Fault::SECTION_LENGTH, size_of::<WindowRecord>(), data.len());
        };
        let length = record.length.get();
        if !(2..=WINDOW_MAX).contains(&length) {
            return Err(Fault::field(0));
        }
        for (value, offset) in [(record.stride, 2), (record.channels, 4), (record.features, 6)] {
            if value.get() == 0 {
                return Err(Fault::field(offset));
            }
        }
        if i64::try_from(record.step.get()).is_err() {
            return Err(Fault::field(8));
        }
        let listed = size_of::<FeatureRecord>().saturating_mul(record.features.get().into());
        let expected = size_of::<WindowRecord>().saturating_add(listed);
        place.same(Fault::SECTION_LENGTH, expected, data.len())?;
        let Ok(features) = <[FeatureRecord]>::ref_from_bytes(rest) else { return Err(Fault::SECTION_LENGTH) };
        let mut before = (0, 0);
        for (index, feature) in (1..u16::MAX).zip(features) {
            place.index = index;
            let this = (feature.kind.get(), feature.lag.get());
            if !(VALUE..=CHANGE).contains(&this.0) {
                return place.note(Fault::UNKNOWN_KIND, 0, this.0.into());
            }
            let allowed = if feature.has_lag() { (1..length).contains(&this.1) } else { this.1 == 0 };
            if !allowed {
                return Err(Fault::field(2));
            }
            // Ascending, so that none is there twice.
            if this <= before {
                return Err(Fault::field(0));
            }
            before = this;
        }
        Ok(Self { record, features, ranges: &[], columns: &[], context_dim: 0 })
    }

    /// The same with what each channel's sensor can give, a record for each of them, in place of the file's; of those without a
    /// record, anything.
    pub fn with_ranges(self, ranges: &'a [ChannelRecord]) -> Self {
        Self { ranges, ..self }
    }

    /// Rows of a window.
    pub fn length(&self) -> usize {
        self.record.length.get().into()
    }

    /// Rows from one window to the next.
    pub fn stride(&self) -> usize {
        self.record.stride.get().into()
    }

    /// Values of a raw row.
    pub fn channels(&self) -> usize {
        self.record.channels.get().into()
    }

    /// Values that come of a window, those of context columns among them: the features of every channel.
    pub fn columns(&self) -> usize {
        self.features.len().saturating_mul(self.channels())
    }

    /// Time from one row to the next, microseconds, as it was in the training; `None` where there was none.
    pub fn step(&self) -> Option<u64> {
        match self.record.step.get() {
            0 => None,
            step => Some(step),
        }
    }

    /// What each channel's sensor can give; none where the file says nothing of that.
    pub fn ranges(&self) -> &'a [ChannelRecord] {
        self.ranges
    }

    /// The features of each channel.
    pub fn feature_records(&self) -> &'a [FeatureRecord] {
        self.features
    }

    /// Number of `f32` values of memory that a [`Window`] needs; of an included flow it is the constant `WINDOW`.
    pub fn memory_len(&self) -> usize {
        self.length().saturating_mul(self.channels())
    }
}

/// The newest rows of the raw channels, in memory of the caller's.
///
/// | on a Cortex-M4F; value, mean, deviation and slope over 12 rows | 1 channel | 8 channels |
/// |---|---|---|
/// | instructions of [`push`](Self::push) | 97 | 209 |
/// | instructions of [`features`](Self::features) | 930 | 6,661 |
///
/// A window has no holes. A row that cannot be taken, because a value of it is not finite or beyond what its sensor can give,
/// and a gap in time make it begin anew: the next complete window is [`length`](Windowing::length) good rows later. Whoever would
/// rather fill a hole pushes the row that is filled. With a window that begins anew so must the
/// [`SensorState`](crate::SensorState)s of its columns: where [`rows`](Self::rows) is at most 1 after a row, all are the default.
///
/// ```
/// use flow_nostd::{Window, Windowing};
///
/// // Section `WIND` of a flow: two rows, one after the other, of one channel, a second apart: value and slope. On a device
/// // `Windowing::of(&flow)`, and the memory is `[0.0; model::WINDOW]`.
/// let section = [2, 0, 1, 0, 1, 0, 2, 0, 64, 66, 15, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0];
/// let (mut memory, mut row) = ([0.0; 2], [0.0; 2]);
/// let mut window = Window::new(Windowing::read(&section)?, &mut memory)?;
/// let mut rows = Vec::new();
/// for (seconds, reading) in [(0, 1.0), (1, 4.0), (2, f32::NAN), (3, 5.0), (9, 6.0), (10, 8.0)] {
///     if let Ok(true) = window.push_at(1_000_000 * seconds, &[reading]) {
///         window.features(&mut row, &mut [])?; // Then `detector.verdict(&row, …)`.
///         rows.push(row);
///     }
/// }
/// assert_eq!(rows, [[4.0, 3.0], [8.0, 2.0]]); // Anew after what is no number, and after a gap.
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Window<'a> {
    windowing: Windowing<'a>,
    memory: &'a mut [f32],
    /// Where the next row goes: the oldest one's place.
    next: usize,
    /// Rows until the window is complete.
    missing: usize,
    /// Rows until the next window is due.
    wait: usize,
    /// When the newest row was taken.
    last: Option<i64>,
}

impl<'a> Window<'a> {
    /// A window without rows, over the first [`memory_len`](Windowing::memory_len) values of `memory`, which need no
    /// initial value.
    ///
    /// # Errors
    /// [`EvalError::ScratchLength`] where `memory` is shorter.
    pub fn new(windowing: Windowing<'a>, memory: &'a mut [f32]) -> Result<Self, EvalError> {
        let (expected, found) = (windowing.memory_len(), memory.len());
        if found < expected {
            return Err(EvalError::ScratchLength { expected, found });
        }
        let length = windowing.length();
        Ok(Self { windowing, memory, next: 0, missing: length, wait: length, last: None })
    }

    /// Takes a row of the raw channels; whether there is now a complete window that is due: the first one, and then one
    /// every [`stride`](Windowing::stride) rows. Nothing is said of when it was taken: it is no gap, nor is a time after it.
    ///
    /// # Errors
    /// [`EvalError::RowLength`], by which nothing changes; [`EvalError::NotFinite`] and [`EvalError::OutOfRange`] with the
    /// channel, by which the window begins anew.
    pub fn push(&mut self, row: &[f32]) -> Result<bool, EvalError> {
        self.last = None;
        self.take(row)
    }

    fn take(&mut self, row: &[f32]) -> Result<bool, EvalError> {
        let (expected, found) = (self.windowing.channels(), row.len());
        if expected != found {
            return Err(EvalError::RowLength { expected, found });
        }
        if let Some(column) = row.iter().position(|x| !x.is_finite()) {
            self.restart();
            return Err(EvalError::NotFinite { column });
        }
        let mut ranges = row.iter().zip(self.windowing.ranges);
        if let Some(channel) = ranges.position(|(x, range)| !range.holds(*x)) {
            self.restart();
            return Err(EvalError::OutOfRange { channel });
        }
        let length = self.windowing.length();
        let mut rest = &mut *self.memory;
        for &x in row {
            let Some((channel, after)) = core::mem::take(&mut rest).split_at_mut_checked(length) else { break };
            if let Some(slot) = channel.get_mut(self.next) {
                *slot = x;
            }
            rest = after;
        }
        self.next = self.next.saturating_add(1);
        if self.next >= length {
            self.next = 0;
        }
        self.missing = self.missing.saturating_sub(1);
        self.wait = self.wait.saturating_sub(1);
        let due = self.wait == 0;
        if due {
            self.wait = self.windowing.stride();
        }
        Ok(due)
    }

    /// The same for a row that was taken at a time, in microseconds from any start, which must not wrap: a timer of 32 bits
    /// does after 72 minutes. Where more than one and a half [`step`](Windowing::step)s have passed since the row before, or no
    /// time at all, the window begins anew with this row. Where the file states no step, only time that stands or goes back is a
    /// gap. Rows that come faster than in the training are taken as they come: to keep the pace is up to the caller.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_at(&mut self, micros: i64, row: &[f32]) -> Result<bool, EvalError> {
        let longest = match self.windowing.record.step.get() {
            0 => i64::MAX,
            step => step.saturating_add(step >> 1).try_into().unwrap_or(i64::MAX),
        };
        let expected = self.windowing.channels();
        let passed = self.last.map_or(1, |last| micros.saturating_sub(last));
        if expected == row.len() && (passed <= 0 || (self.last.is_some() && passed > longest)) {
            self.restart();
        }
        let due = self.take(row);
        if due.is_ok() {
            self.last = Some(micros);
        }
        due
    }

    /// Begins anew, as after a gap.
    pub fn restart(&mut self) {
        let length = self.windowing.length();
        self.missing = length;
        self.wait = length;
        self.last = None;
    }

    /// Number of rows that it has, up to [`length`](Windowing::length): without a gap between them.
    pub fn rows(&self) -> usize {
        self.windowing.length().saturating_sub(self.missing)
    }

    /// The features of the newest rows, in the order of the file's columns: those that the flow models into `row`, those of
    /// context columns into `context`. Finite.
    ///
    /// # Errors
    /// [`EvalError::WindowLength`] while the window is not complete; the length of `row` or `context`.
    pub fn features(&self, row: &mut [f32], context: &mut [f32]) -> Result<(), EvalError> {
        let Self { windowing, missing, .. } = self;
        if *missing != 0 {
            return Err(EvalError::WindowLength { expected: windowing.length(), found: self.rows() });
        }
        let expected = windowing.columns().saturating_sub(windowing.context_dim);
        if row.len() != expected {
            return Err(EvalError::RowLength { expected, found: row.len() });
        }
        if context.len() != windowing.context_dim {
            return Err(EvalError::ContextLength { expected: windowing.context_dim, found: context.len() });
        }
        let computed = windowing.features.iter().any(FeatureRecord::is_statistic);
        let mut contexts = windowing.columns.iter().map(|column| column.is_context());
        let (mut row, mut context) = (row.iter_mut(), context.iter_mut());
        let mut rest = &*self.memory;
        for _ in 0..windowing.channels() {
            let (values, after) = rest.split_at_checked(windowing.length()).unwrap_or_default();
            rest = after;
            let (newer, older) = values.split_at_checked(self.next).unwrap_or_default();
            let channel = Channel { older, newer };
            let statistics = if computed { channel.statistics() } else { Statistics::default() };
            for feature in windowing.features {
                let slot = if contexts.next().unwrap_or(false) { context.next() } else { row.next() };
                if let Some(slot) = slot {
                    *slot = channel.feature(feature, &statistics);
                }
            }
        }
        Ok(())
    }
}
