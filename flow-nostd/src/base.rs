//! The base distribution: the density of the latent values of columns on a line. Latent angles are uniform.
//!
//! Standard normal: `log p(z) = Σ (-z_j² / 2) - L · ln(2π) / 2`. Others in files of their own.

use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::layer::Work;
use crate::load::Loading;
use crate::mixture::{self, ComponentRecord};
use crate::student_t::{self, StudentTRecord};
use crate::{ALL_KINDS, normal};
use rand_core::Rng;
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Base distribution: the standard normal distribution.
pub const NORMAL: u16 = 1;
/// Base distribution: independent Student-t distributions.
pub const STUDENT_T: u16 = 2;
/// Base distribution: a mixture of normal distributions.
pub const MIXTURE: u16 = 3;

/// ln(2π) / 2.
const HALF_LOG_TWO_PI: f32 = 0.918_938_5;

/// The head of the base distribution as it lies in the file; records of its kind follow.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BaseRecord {
    /// [`NORMAL`], [`STUDENT_T`] or [`MIXTURE`].
    pub kind: U16,
    /// Number of a mixture's components; 0 for the other kinds.
    pub components: U16,
    /// Zero.
    pub reserved: [u8; 12],
}

/// The base distribution.
#[derive(Clone, Copy, Debug)]
pub enum Base<'a> {
    /// The standard normal distribution.
    Normal,
    /// A Student-t distribution for each latent value.
    StudentT(&'a [StudentTRecord]),
    /// A mixture of normal distributions.
    Mixture(&'a [ComponentRecord]),
}

impl<'a> Base<'a> {
    /// Reads and checks the section into `loading`, after all layers have taken what is theirs.
    pub(crate) fn read(data: &'a [u8], loading: &mut Loading<'a>) -> Result<(), Fault> {
        let head = size_of::<BaseRecord>();
        let Ok((record, values)) = BaseRecord::ref_from_prefix(data) else {
            return loading.place.note(Fault::SECTION_LENGTH, head, data.len());
        };
        let (kind, components) = (record.kind.get(), record.components.get());
        let fail = |offset| Err(Fault::field(offset));
        if !(NORMAL..=if ALL_KINDS { MIXTURE } else { NORMAL }).contains(&kind) {
            return loading.place.note(Fault::UNKNOWN_KIND, 0, kind.into());
        }
        if (kind == MIXTURE) != (components > 0) {
            return fail(2);
        }
        if !is_zero(&record.reserved) {
            return fail(4);
        }
        let (count, size) = match kind {
            NORMAL => (0, 0),
            STUDENT_T => (loading.lines, size_of::<StudentTRecord>()),
            _ => (components, size_of::<ComponentRecord>()),
        };
        let expected = head.saturating_add(usize::from(count).saturating_mul(size));
        loading.place.same(Fault::SECTION_LENGTH, expected, data.len())?;
        match kind {
            NORMAL => Ok(()),
            _ if !ALL_KINDS => Ok(()),
            STUDENT_T => {
                let records = <[StudentTRecord]>::ref_from_bytes(values).unwrap_or_default();
                for (index, record) in (1..=u16::MAX).zip(records) {
                    loading.place.index = index;
                    student_t::check(record)?;
                }
                loading.base = Base::StudentT(records);
                Ok(())
            }
            _ => {
                let components = <[ComponentRecord]>::ref_from_bytes(values).unwrap_or_default();
                mixture::check(components, loading)?;
                loading.base = Base::Mixture(components);
                Ok(())
            }
        }
    }

    /// The log-density of the latent values of columns on a line.
    pub(crate) fn log_prob(&self, flow: &Flow<'_>, z: &[f32], work: &mut Work<'_>) -> f32 {
        match self {
            Base::Normal => {
                let mut squares = 0.0;
                for &v in z {
                    squares += v * v;
                }
                -0.5 * squares - z.len() as f32 * HALF_LOG_TWO_PI
            }
            _ if !ALL_KINDS => 0.0,
            Base::StudentT(records) => student_t::log_prob(records, z),
            Base::Mixture(components) => mixture::log_prob(components, flow, z, work),
        }
    }

    /// Draws the latent values of columns on a line: two draws for each, after two that pick the component of a mixture.
    pub(crate) fn sample(&self, flow: &Flow<'_>, rng: &mut impl Rng, z: &mut [f32]) {
        let mut draws = || (rng.next_u32(), rng.next_u32());
        let component = match self {
            Base::Mixture(components) if ALL_KINDS => mixture::pick(components, draws().0),
            _ => None,
        };
        match self {
            Base::StudentT(records) if ALL_KINDS => {
                for (value, record) in z.iter_mut().zip(*records) {
                    let (high, low) = draws();
                    *value = student_t::from_draws(record, high, low);
                }
            }
            _ => {
                for value in z.iter_mut() {
                    let (high, low) = draws();
                    *value = normal::from_draws(high, low);
                }
            }
        }
        if let Some(component) = component {
            mixture::solve(component, flow, z);
        }
    }
}
