//! Checks a file, once and whole.
//!
//! Every list is taken by its users from the front to the back, each item once: what a record refers to exists, belongs
//! to nobody else, and nothing is left over. The work is linear in the length of the file.

use crate::atoms::{self, AtomRecord};
use crate::base::Base;
use crate::circle::{self, CircleRecord};
use crate::column::ColumnRecord;
use crate::dense::{DenseRecord, IDENTITY};
use crate::fault::{Fault, Place};
use crate::header::Header;
use crate::layer::LayerRecord;
use crate::masked::Order;
use crate::section::{self, Sections};
use crate::tails::TailsRecord;
use crate::word::Word;
use crate::{ALL_KINDS, Flow, FormatError, Tag};
use zerocopy::little_endian::{F32, U16};
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// The lists that layers refer to, and how much of each is taken; what the layers need. In this order no long run of it
/// is zero at the start: compilers would call `memset`.
#[repr(C)]
pub(crate) struct Loading<'a> {
    dense: &'a [DenseRecord],
    pub dense_used: usize,
    need_a: u32,
    indices: &'a [U16],
    pub indices_used: usize,
    need_b: u32,
    weights: &'a [Word],
    pub weights_used: usize,
    macs_log_prob: u32,
    /// Where the loader is.
    pub place: Place,
    macs_sample: u32,
    sections: Sections<'a>,
    pub base: Base<'a>,
    /// Number of features, which conditioners see before them.
    pub features: u32,
    /// Number of columns on a line, which layers transform.
    pub lines: u16,
    circular: u16,
}

/// As many records as a section holds.
const ALL: usize = usize::MAX;

impl<'a> Loading<'a> {
    /// Nothing is read yet.
    fn start() -> Self {
        Self {
            place: Place::start(),
            lines: 0,
            features: 0,
            dense: &[],
            indices: &[],
            weights: &[],
            dense_used: 0,
            indices_used: 0,
            weights_used: 0,
            need_a: 0,
            need_b: 0,
            macs_log_prob: 0,
            macs_sample: 0,
            sections: Sections::default(),
            base: Base::Normal,
            circular: 0,
        }
    }

    /// What the degrees of masked layers depend on.
    pub(crate) fn order(&self) -> Order {
        Order { lines: self.lines.into(), features: self.features }
    }

    /// The next dense record.
    #[inline(never)]
    pub(crate) fn take_dense(&mut self) -> Option<&'a DenseRecord> {
        let index = self.dense_used;
        let record = self.dense.get(index)?;
        self.dense_used = index.wrapping_add(1);
        self.place.dense = index as u16;
        Some(record)
    }

    /// Whether the next `count` dense records are a residual conditioner's: a first one without an activation, two for
    /// each block, and a last one.
    pub(crate) fn is_residual(&self, count: u16) -> bool {
        let first = self.dense.get(self.dense_used);
        ALL_KINDS
            && count >= 4
            && count.is_multiple_of(2)
            && first.is_some_and(|record| record.activation.get() == IDENTITY)
    }

    /// The next `count` indices.
    pub(crate) fn take_indices(&mut self, count: usize) -> Option<&'a [U16]> {
        let taken = self.indices.get(self.indices_used..)?.get(..count)?;
        self.indices_used = self.indices_used.wrapping_add(count);
        Some(taken)
    }

    /// The next `count` weights.
    #[inline(never)]
    pub(crate) fn take_weights(&mut self, count: u32) -> Option<&'a [Word]> {
        let taken = self.weights.get(self.weights_used..)?.get(..count as usize)?;
        self.weights_used = self.weights_used.wrapping_add(count as usize);
        Some(taken)
    }

    /// Asks for `length` values of the first buffer.
    pub(crate) fn need_a(&mut self, length: u32) {
        self.need_a = self.need_a.max(length);
    }

    /// Asks for `length` values of the second buffer.
    pub(crate) fn need_b(&mut self, length: u32) {
        self.need_b = self.need_b.max(length);
    }

    /// Counts the multiply-accumulates of a dense layer, towards the latent variable and towards the data. Where a sum
    /// stays at the largest number, the file is refused at the end.
    #[inline(never)]
    pub(crate) fn add_macs(&mut self, log_prob: u32, sample: u32) {
        self.macs_log_prob = self.macs_log_prob.saturating_add(log_prob);
        self.macs_sample = self.macs_sample.saturating_add(sample);
    }

    #[inline(always)]
    fn load(&mut self, file: &'a [u8]) -> Result<Flow<'a>, Fault> {
        let place = &mut self.place;
        let (header, content) = Header::open(file, place)?;
        self.sections = Sections::read(content, header.sections.get(), place)?;
        let columns: &[ColumnRecord] = self.table(section::COLUMNS, header.records())?;
        let layers: &[LayerRecord] = self.table(section::LAYERS, header.layers.get().into())?;
        self.dense = self.table(section::DENSE, header.dense.get().into())?;
        self.indices = self.table(section::INDICES, ALL)?;
        self.weights = self.table(section::WEIGHTS, ALL)?;
        let [tails, ..]: &[TailsRecord] = self.table(section::TAILS, 1)? else { return Err(Fault::MISALIGNED) };
        tails.check()?;
        self.check_columns(columns, header)?;
        let atoms: &[AtomRecord] = self.optional(section::ATOMS)?;
        atoms::check(columns, atoms, &mut self.place)?;
        let circles: &[CircleRecord] = self.optional(section::CIRCLES)?;
        let length = |count: usize| count.saturating_mul(size_of::<CircleRecord>());
        let expected = length(self.circular.into());
        self.place.same(Fault::SECTION_LENGTH, expected, length(circles.len()))?;
        if self.lines == 0 && !layers.is_empty() {
            return Err(Fault::header(54));
        }
        let probes: &[F32] = match self.sections.find(section::PROBES) {
            Some(_) => self.table(section::PROBES, ALL)?,
            None => &[],
        };
        check_probes(probes, columns.len(), &mut self.place)?;
        let names = self.sections.find(section::NAMES);
        if let Some(names) = names {
            self.place.tag = section::NAMES;
            check_names(names, columns.len(), &mut self.place)?;
        }

        let context = u32::from(header.context_dim.get());
        self.features = u32::from(self.circular).saturating_mul(2).saturating_add(context);
        circle::check(circles, context, self)?;
        self.place.tag = section::LAYERS;
        for (index, layer) in (0..u16::MAX).zip(layers) {
            self.place.index = index;
            layer.check(self)?;
        }
        let base = self.table(section::BASE, ALL)?;
        self.place.index = 0;
        Base::read(base, self)?;
        self.used_up(section::DENSE, self.dense_used, self.dense.len())?;
        self.used_up(section::INDICES, self.indices_used, self.indices.len())?;
        self.used_up(section::WEIGHTS, self.weights_used, self.weights.len())?;
        let state = self.features.saturating_add(header.dim.get().into());
        let scratch = state.saturating_add(self.need_a).saturating_add(self.need_b);
        let place = &mut self.place;
        place.same(Fault::SCRATCH_LENGTH, scratch as usize, header.scratch_length.get() as usize)?;
        if self.macs_log_prob == u32::MAX {
            return Err(Fault::header(68));
        }
        place.same(Fault::MACS, self.macs_log_prob as usize, header.macs_log_prob.get() as usize)?;
        if self.macs_sample == u32::MAX {
            return Err(Fault::header(72));
        }
        place.same(Fault::MACS, self.macs_sample as usize, header.macs_sample.get() as usize)?;
        Ok(Flow {
            header,
            sections: self.sections,
            columns,
            atoms,
            circles,
            layers,
            dense: self.dense,
            indices: self.indices,
            weights: self.weights,
            tails,
            base: self.base,
            lines: self.lines.into(),
            features: self.features as usize,
            buffer_a: self.need_a as usize,
        })
    }

    /// Whether all of a list is taken.
    fn used_up(&mut self, tag: Tag, used: usize, length: usize) -> Result<(), Fault> {
        self.place.tag = tag;
        if used == length { Ok(()) } else { Err(Fault::UNUSED) }
    }

    /// A section that every file has, as `count` records, or [`ALL`] that it holds. It becomes the one at hand.
    #[inline(always)]
    fn table<T>(&mut self, tag: Tag, count: usize) -> Result<&'a [T], Fault>
    where
        T: FromBytes + Immutable + KnownLayout,
    {
        let Some(data) = self.section(tag, size_of::<T>(), count) else { return Err(self.place.fault) };
        <[T]>::ref_from_prefix(data).map(|(records, _)| records).map_err(|_| Fault::MISALIGNED)
    }

    /// The bytes of a section that holds `count` records of a size.
    #[inline(never)]
    fn section(&mut self, tag: Tag, size: usize, count: usize) -> Option<&'a [u8]> {
        self.place.tag = tag;
        self.place.fault = Fault::MISSING_SECTION;
        let data = self.sections.find(tag)?;
        let count = if count == ALL { data.len().checked_div(size).unwrap_or(0) } else { count };
        self.place.fault = Fault::SECTION_LENGTH;
        self.place.same(Fault::SECTION_LENGTH, count.saturating_mul(size), data.len()).ok()?;
        Some(data)
    }

    /// A section that is absent where it would be empty, of columns that [`ALL_KINDS`] allows.
    fn optional<T>(&mut self, tag: Tag) -> Result<&'a [T], Fault>
    where
        T: FromBytes + Immutable + KnownLayout,
    {
        self.place.tag = tag;
        match if ALL_KINDS { self.sections.find(tag) } else { None } {
            None => Ok(&[]),
            Some([]) => Err(Fault::UNUSED),
            Some(_) => self.table(tag, ALL),
        }
    }

    /// Checks and counts the columns.
    fn check_columns(&mut self, columns: &[ColumnRecord], header: &Header) -> Result<(), Fault> {
        let place = &mut self.place;
        place.tag = section::COLUMNS;
        let [mut lines, mut circular, mut context] = [0u16; 3];
        for (index, column) in (0..u16::MAX).zip(columns) {
            place.index = index;
            column.check(place)?;
            lines = lines.saturating_add(column.is_line().into());
            circular = circular.saturating_add(column.is_circular().into());
            context = context.saturating_add(column.is_context().into());
        }
        self.lines = lines;
        self.circular = circular;
        place.same(Fault::DIMENSION, header.dim.get().into(), lines.saturating_add(circular).into())?;
        place.same(Fault::CONTEXT_DIMENSION, header.context_dim.get().into(), context.into())
    }
}

impl<'a> Flow<'a> {
    /// Reads a frozen flow in place, after checking all of it.
    ///
    /// `file` must lie at a multiple of 4 bytes in memory; see [`include_flow!`](crate::include_flow) for models in
    /// flash. A 64-byte signature after the file is allowed and not looked at. The time taken grows with the length of
    /// `file` and with nothing else.
    ///
    /// # Errors
    /// The first rule of `spec/format.md` that the file breaks, and where.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// use flow_nostd::{Flow, FormatError};
    ///
    /// let flow = Flow::new(model::BYTES)?;
    /// assert_eq!(flow.columns(), 4);
    /// let cut = Flow::new(&model::BYTES[..1000]);
    /// assert!(matches!(cut, Err(FormatError::Truncated { found: 1000, .. })));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn new(file: &'a [u8]) -> Result<Self, FormatError> {
        let mut loading = Loading::start();
        let flow = loading.load(file);
        flow.map_err(|fault| loading.place.error(fault))
    }
}

/// Whole probes: a row and its log-density each.
fn check_probes(probes: &[F32], columns: usize, place: &mut Place) -> Result<(), Fault> {
    let rest = probes.len().checked_rem(columns.saturating_add(1)).unwrap_or(0);
    if rest != 0 {
        let expected = probes.len().saturating_sub(rest).saturating_mul(4);
        return place.note(Fault::SECTION_LENGTH, expected, probes.len().saturating_mul(4));
    }
    Ok(())
}

/// One name for each column, and nothing after them.
fn check_names(names: &[u8], columns: usize, place: &mut Place) -> Result<(), Fault> {
    let mut rest = names;
    for index in 0..columns {
        place.index = index as u16;
        rest = split_name(rest).ok_or(Fault::field(0))?.1;
    }
    if rest.is_empty() { Ok(()) } else { Err(Fault::UNUSED) }
}

/// The first name of a list and the names after it.
pub(crate) fn split_name(names: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = names.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_le_bytes(*length).into())
}
