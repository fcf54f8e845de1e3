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
    /// Number of features, which conditioners see before them.
    pub features: u32,
    /// Number of columns on a line, which layers transform.
    pub lines: u16,
}

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
        self.dense_used = index.saturating_add(1);
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
        self.indices_used = self.indices_used.saturating_add(count);
        Some(taken)
    }

    /// The next `count` weights.
    #[inline(never)]
    pub(crate) fn take_weights(&mut self, count: u32) -> Option<&'a [Word]> {
        let taken = self.weights.get(self.weights_used..)?.get(..count as usize)?;
        self.weights_used = self.weights_used.saturating_add(count as usize);
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
        let sections = Sections::read(content, header.sections.get(), place)?;
        let columns: &[ColumnRecord] = table(&sections, section::COLUMNS, header.records(), place)?;
        let layers: &[LayerRecord] = table(&sections, section::LAYERS, header.layers.get().into(), place)?;
        self.dense = table(&sections, section::DENSE, header.dense.get().into(), place)?;
        self.indices = list(sections.need(section::INDICES, place)?, place)?;
        self.weights = list(sections.need(section::WEIGHTS, place)?, place)?;
        let tails: &TailsRecord = match table(&sections, section::TAILS, 1, place)? {
            [tails] => tails,
            _ => return Err(Fault::MISALIGNED),
        };
        tails.check()?;
        let circular = self.check_columns(columns, header)?;
        let place = &mut self.place;
        let atoms: &[AtomRecord] = optional(&sections, section::ATOMS, place)?;
        atoms::check(columns, atoms, place)?;
        let circles: &[CircleRecord] = optional(&sections, section::CIRCLES, place)?;
        if circles.len() != usize::from(circular) {
            let length = |count: usize| count.saturating_mul(size_of::<CircleRecord>());
            return place.note(Fault::SECTION_LENGTH, length(circular.into()), length(circles.len()));
        }
        if self.lines == 0 && !layers.is_empty() {
            return Err(Fault::header(54));
        }
        let probes: &[F32] = match sections.find(section::PROBES, place) {
            Some(probes) => list(probes, place)?,
            None => &[],
        };
        check_probes(probes, columns.len(), place)?;
        let names = sections.find(section::NAMES, place);
        if let Some(names) = names {
            check_names(names, columns.len(), place)?;
        }

        let context = u32::from(header.context_dim.get());
        self.features = u32::from(circular).saturating_mul(2).saturating_add(context);
        circle::check(circles, context, self)?;
        self.place.tag = section::LAYERS;
        for (index, layer) in (0u16..).zip(layers) {
            self.place.index = index;
            layer.check(self)?;
        }
        let base = Base::read(sections.need(section::BASE, &mut self.place)?, self)?;
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
            columns,
            atoms,
            circles,
            layers,
            dense: self.dense,
            indices: self.indices,
            weights: self.weights,
            tails,
            base,
            names: names.unwrap_or_default(),
            probes,
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

    /// Checks and counts the columns; returns how many are circular.
    fn check_columns(&mut self, columns: &[ColumnRecord], header: &Header) -> Result<u16, Fault> {
        let place = &mut self.place;
        place.tag = section::COLUMNS;
        let [mut lines, mut circular, mut context] = [0u16; 3];
        for (index, column) in (0u16..).zip(columns) {
            place.index = index;
            column.check(place)?;
            lines = lines.saturating_add(column.is_line().into());
            circular = circular.saturating_add(column.is_circular().into());
            context = context.saturating_add(column.is_context().into());
        }
        self.lines = lines;
        place.same(Fault::DIMENSION, header.dim.get().into(), lines.saturating_add(circular).into())?;
        place.same(Fault::CONTEXT_DIMENSION, header.context_dim.get().into(), context.into())?;
        Ok(circular)
    }
}

/// A section that every file has, as `count` records.
fn table<'a, T>(sections: &Sections<'a>, tag: Tag, count: usize, place: &mut Place) -> Result<&'a [T], Fault>
where
    T: FromBytes + Immutable + KnownLayout,
{
    let data = sections.need(tag, place)?;
    section::exact(data, count.saturating_mul(size_of::<T>()), place)?;
    <[T]>::ref_from_bytes(data).map_err(|_| Fault::MISALIGNED)
}

/// A section as as many values as it holds.
fn list<'a, T>(data: &'a [u8], place: &mut Place) -> Result<&'a [T], Fault>
where
    T: FromBytes + Immutable + KnownLayout,
{
    let rest = data.len().checked_rem(size_of::<T>()).unwrap_or(0);
    section::exact(data, data.len().saturating_sub(rest), place)?;
    <[T]>::ref_from_bytes(data).map_err(|_| Fault::MISALIGNED)
}

/// A section that is absent where it would be empty, of columns that [`ALL_KINDS`] allows.
fn optional<'a, T>(sections: &Sections<'a>, tag: Tag, place: &mut Place) -> Result<&'a [T], Fault>
where
    T: FromBytes + Immutable + KnownLayout,
{
    match if ALL_KINDS { sections.find(tag, place) } else { None } {
        None => Ok(&[]),
        Some([]) => Err(Fault::UNUSED),
        Some(data) => list(data, place),
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
