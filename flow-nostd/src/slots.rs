//! Two places in flash for one model: an update goes to the place that is not in use, so that whatever happens to it, the
//! other one still holds a model that works.
//!
//! ```text
//! at boot    pick(a, b, policy) → a flow, and the place that it lies in
//! an update  erase the other place, write the new file there, start again: pick takes it if it is whole, signed, newer
//!            and computes as it should; else the old one, which nobody has touched
//! ```
//!
//! Newer means a higher roll-back counter, which `flow-export freeze --rollback` sets: of equal ones the first place is
//! taken, and an update that is to be taken must count higher.

use crate::header::{HEADER_LENGTH, Header, SIGNATURE_LENGTH};
use crate::{Detector, Flow, FormatError, SelfTestError, Windowing};
use core::fmt;
use zerocopy::FromBytes;

/// Says whether these 64 bytes are a signature of the right key over this file: of crate `flow-signature`, with the key
/// of the firmware.
pub type Verify = fn(file: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool;

/// Which files a device runs.
#[derive(Clone, Copy)]
pub struct Policy {
    /// Verifies signatures; with it an unsigned file is refused, without it nobody looks at signatures.
    pub verify: Option<Verify>,
    /// The lowest roll-back counter that is accepted. A device that keeps it where nobody can turn it back raises it to a
    /// model's own once that has been picked, and thereby gives up the older one.
    pub lowest: u32,
    /// Whether the firmware can feed a flow: that has as many columns as it reads, in their order, windows for which it has the
    /// memory, and so on. Without it any flow is taken that is whole, and one of other columns leaves the device without verdicts.
    pub fits: Option<fn(&Flow<'_>) -> bool>,
}

/// One of the two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

/// A flow that may run, and where it lies.
#[derive(Clone, Copy)]
pub struct Picked<'a> {
    /// The flow.
    pub flow: Flow<'a>,
    /// Its place; an update goes to the other one.
    pub slot: Slot,
}

/// Why a place holds no flow that may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SlotError {
    /// The file is damaged, unfinished or none, or what it says of verdicts and windows breaks a rule.
    Format(FormatError),
    /// No signature follows the file before the place ends, or it is not that of the right key.
    Signature,
    /// The file is older than is accepted.
    RolledBack {
        /// The lowest counter that is accepted.
        lowest: u32,
        /// The file's.
        found: u32,
    },
    /// The flow is none that the firmware can feed, see [`Policy::fits`].
    Misfit,
    /// The core does not compute as the host did, or the scratch memory is too short for this flow.
    SelfTest(SelfTestError),
}

impl fmt::Display for SlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SlotError::Format(error) => error.fmt(f),
            SlotError::Signature => f.write_str("no signature of the right key follows the file"),
            SlotError::RolledBack { lowest, found } => {
                write!(f, "roll-back counter {found}, expected {lowest} or more: an old model")
            }
            SlotError::Misfit => f.write_str("the flow has other columns or windows than this firmware feeds it"),
            SlotError::SelfTest(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SlotError {}

/// The newer of the flows in two places that may run under a policy, after its self-test.
///
/// Each place is a slice from where a file begins to where the place ends; what follows the file there, and its signature,
/// is not looked at. `scratch` must do for both flows.
///
/// # Errors
/// Why neither may run.
///
/// ```
/// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
/// use flow_nostd::slots::{Policy, Slot, pick};
///
/// let erased = flow_nostd::Aligned([0xff; 4096]);
/// let policy = Policy { verify: None, lowest: 0, fits: Some(|flow| flow.columns() == model::COLUMNS) };
/// let mut scratch = [0.0; model::SCRATCH];
/// let picked = pick(&erased.0, model::BYTES, &policy, &mut scratch).map_err(|[a, _]| a)?;
/// assert_eq!(picked.slot, Slot::B);
/// assert_eq!(picked.flow.columns(), 4);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub fn pick<'a>(a: &'a [u8], b: &'a [u8], policy: &Policy, scratch: &mut [f32]) -> Result<Picked<'a>, [SlotError; 2]> {
    let (first, second) = (open(a, policy), open(b, policy));
    let counter = |flow: &Flow<'_>| flow.header.rollback.get();
    let swap = matches!((&first, &second), (Ok(first), Ok(second)) if counter(second) > counter(first));
    let [newest, other] = match swap {
        false => [(&first, Slot::A), (&second, Slot::B)],
        true => [(&second, Slot::B), (&first, Slot::A)],
    };
    let newest = match test(newest, scratch) {
        Ok(picked) => return Ok(picked),
        Err(error) => error,
    };
    test(other, scratch).map_err(|other| if swap { [other, newest] } else { [newest, other] })
}

/// The roll-back counter of the flow in a place, where it may run under a policy and passes its self-test. [`pick`] says nothing
/// of the place that it does not take: for whoever has just written an update there, this says why. An update has to count higher
/// than the flow that runs: with one more than that one's counter as the lowest this says whether it does.
///
/// # Errors
/// Why it may not run.
///
/// ```
/// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
/// use flow_nostd::slots::{Policy, SlotError, check};
///
/// let mut scratch = [0.0; model::SCRATCH];
/// let policy = Policy { verify: None, lowest: 0, fits: None };
/// assert_eq!(check(model::BYTES, &policy, &mut scratch), Ok(7));
/// let again = check(model::BYTES, &Policy { lowest: 7 + 1, ..policy }, &mut scratch);
/// assert_eq!(again, Err(SlotError::RolledBack { lowest: 8, found: 7 }));
/// ```
pub fn check(place: &[u8], policy: &Policy, scratch: &mut [f32]) -> Result<u32, SlotError> {
    let flow = open(place, policy)?;
    flow.self_test(scratch).map_err(SlotError::SelfTest)?;
    Ok(flow.header.rollback.get())
}

/// The flow at the start of a place, if it may run but for its self-test. Of a file that has to be signed nothing but its
/// length is believed before its signature is verified.
fn open<'a>(place: &'a [u8], policy: &Policy) -> Result<Flow<'a>, SlotError> {
    // What is damaged says so itself, which is of more use than that nobody has signed it.
    let refuse = |bytes| Err(Flow::new(bytes).map_or_else(SlotError::Format, |_| SlotError::Signature));
    let length =
        Header::read_from_prefix(place).map_or(HEADER_LENGTH, |(header, _)| header.total_length.get() as usize);
    let Some((file, rest)) = place.split_at_checked(length) else { return refuse(place) };
    if let Some(verify) = policy.verify
        && !rest.first_chunk().is_some_and(|signature| verify(file, signature))
    {
        return refuse(file);
    }
    let flow = Flow::new(file).map_err(SlotError::Format)?;
    check_rest(&flow).map_err(SlotError::Format)?;
    match flow.header.rollback.get() {
        found if found < policy.lowest => Err(SlotError::RolledBack { lowest: policy.lowest, found }),
        _ if policy.fits.is_some_and(|fits| !fits(&flow)) => Err(SlotError::Misfit),
        _ => Ok(flow),
    }
}

/// Checks what the file says of verdicts and windows: a firmware that makes them is not left without.
#[inline(never)] // Off the stack again before the self-test.
fn check_rest(flow: &Flow<'_>) -> Result<(), FormatError> {
    Detector::check(flow)?;
    match Windowing::of(flow) {
        Ok(_) | Err(FormatError::MissingSection { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn test<'a>(
    (opened, slot): (&Result<Flow<'a>, SlotError>, Slot),
    scratch: &mut [f32],
) -> Result<Picked<'a>, SlotError> {
    match opened {
        Ok(flow) => flow.self_test(scratch).map(|()| Picked { flow: *flow, slot }).map_err(SlotError::SelfTest),
        Err(error) => Err(*error),
    }
}
