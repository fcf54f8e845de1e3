//! What a frozen flow says of itself.

use crate::atoms::AtomRecord;
use crate::base::Base;
use crate::circle::CircleRecord;
use crate::column::ColumnRecord;
use crate::dense::DenseRecord;
use crate::flow::Flow;
use crate::header::Header;
use crate::layer::LayerRecord;
use crate::load::split_name;
use crate::section::{NAMES, PROBES};
use crate::tails::TailsRecord;
use heapless::String;
use zerocopy::little_endian::F32;
use zerocopy::{FromBytes, IntoBytes};

impl<'a> Flow<'a> {
    /// Number of values of a row, constant columns included, context columns not.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.columns(), 4); // The constant one too.
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn columns(&self) -> usize {
        self.header.columns.get().into()
    }

    /// Number of values of a context.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.context_dim(), 0);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn context_dim(&self) -> usize {
        self.header.context_dim.get().into()
    }

    /// Number of latent values: of columns that are neither constant nor context.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.dim(), 3); // One of four columns is constant.
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn dim(&self) -> usize {
        self.header.dim.get().into()
    }

    /// Number of `f32` values of scratch memory that every function needs.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.scratch_len(), model::SCRATCH);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn scratch_len(&self) -> usize {
        self.header.scratch_length.get() as usize
    }

    /// Multiply-accumulates of the dense layers in one [`log_prob`](Self::log_prob).
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.macs_log_prob(), (1 * 5 + 5 * 4) + (2 * 9 + 9 * 3 + 3 * 2)); // Two conditioners.
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn macs_log_prob(&self) -> u32 {
        self.header.macs_log_prob.get()
    }

    /// Multiply-accumulates of the dense layers in one [`sample`](Self::sample).
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// // Couplings take as many in either direction, autoregressive layers more for a sample.
    /// assert_eq!(flow.macs_sample(), flow.macs_log_prob());
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn macs_sample(&self) -> u32 {
        self.header.macs_sample.get()
    }

    /// What identifies the model, as it stands in the file. The engine does not recompute it.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// let known = flow.model_id(); // Kept by whoever releases models.
    /// assert_eq!(flow.model_id(), known);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn model_id(&self) -> [u8; 16] {
        self.header.model_id
    }

    /// The model id as people read it: 32 hexadecimal digits.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// let id = flow.model_id_hex();
    /// assert_eq!(id.len(), 32);
    /// assert_eq!(u8::from_str_radix(&id[..2], 16)?, flow.model_id()[0]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn model_id_hex(&self) -> String<32> {
        let mut text = String::new();
        let nibbles = self.header.model_id.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        for digit in nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)) {
            let _ = text.push(digit); // 32 digits fit.
        }
        text
    }

    /// The name of column `j` of all columns, context among them; `None` where the file has no names, no such column, or a name that is not UTF-8.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.column_name(3), Some("temperature"));
    /// assert_eq!(flow.column_name(4), None);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn column_name(&self, j: usize) -> Option<&'a str> {
        let mut rest = self.sections.find(NAMES)?;
        for _ in 0..j {
            rest = split_name(rest)?.1;
        }
        core::str::from_utf8(split_name(rest)?.0).ok()
    }

    /// The name of a value of a row, by its place there, which is what [`Detector::blame`](crate::Detector::blame) and a
    /// [`Status`](crate::Status) give: context columns do not count. `None` as of [`column_name`](Self::column_name).
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.value_name(3), Some("temperature"));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn value_name(&self, place: usize) -> Option<&'a str> {
        self.name_among(false, place)
    }

    /// The name of a value of a context, by its place there.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.context_name(0), None); // There is no context.
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn context_name(&self, place: usize) -> Option<&'a str> {
        self.name_among(true, place)
    }

    fn name_among(&self, context: bool, place: usize) -> Option<&'a str> {
        let mut among = (0..usize::MAX).zip(self.columns).filter(|(_, column)| column.is_context() == context);
        self.column_name(among.nth(place)?.0)
    }

    /// The header, for programs that list a file.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.header().major.get(), flow_nostd::layout::MAJOR);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn header(&self) -> &'a Header {
        self.header
    }

    /// The column records, context among them, for programs that list a file.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// let whole = flow.column_records().iter().filter(|column| column.is_discrete());
    /// assert_eq!(whole.count(), 1);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn column_records(&self) -> &'a [ColumnRecord] {
        self.columns
    }

    /// The atoms of all columns, for programs that list a file.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert!(flow.atom_records().is_empty());
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn atom_records(&self) -> &'a [AtomRecord] {
        self.atoms
    }

    /// The splines of the circular columns, for programs that list a file.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert!(flow.circle_records().is_empty()); // No column is an angle.
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn circle_records(&self) -> &'a [CircleRecord] {
        self.circles
    }

    /// The layer records, for programs that list a file.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// use flow_nostd::layout::AFFINE_COUPLING;
    ///
    /// let couplings = flow.layer_records().iter().filter(|layer| layer.kind.get() == AFFINE_COUPLING);
    /// assert_eq!(couplings.count(), 2);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn layer_records(&self) -> &'a [LayerRecord] {
        self.layers
    }

    /// The dense records, for programs that list a file.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// let [first, ..] = flow.dense_records() else { panic!("no dense layer") };
    /// assert_eq!((first.inputs.get(), first.outputs.get()), (1, 5));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn dense_records(&self) -> &'a [DenseRecord] {
        self.dense
    }

    /// The weights and biases that the dense records refer to, for programs that list a file: panel after panel, and in a
    /// panel input after input, [`LANES`](crate::layout::LANES) values each. Those that are bytes lie four to a value.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// let [first, ..] = flow.dense_records() else { panic!("no dense layer") };
    /// assert_eq!(flow.weights()[first.biases.get() as usize..].len() % flow_nostd::layout::LANES, 0);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn weights(&self) -> &'a [F32] {
        <[F32]>::ref_from_bytes(self.weights.as_bytes()).unwrap_or_default()
    }

    /// The record on far rows, for programs that list a file.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.tails_record().knee.get(), 3.0); // Standard deviations.
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn tails_record(&self) -> &'a TailsRecord {
        self.tails
    }

    /// The base distribution, for programs that list a file.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert!(matches!(flow.base(), flow_nostd::layout::Base::Normal));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn base(&self) -> Base<'a> {
        self.base
    }

    /// Number of probe rows of the self-test.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.probes(), 2);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn probes(&self) -> usize {
        self.probe_values().len().checked_div(self.columns.len().saturating_add(1)).unwrap_or(0)
    }

    /// The rows of the self-test, each with its context and its log-density; none where the file has none.
    pub(crate) fn probe_values(&self) -> &'a [F32] {
        let data = self.sections.find(PROBES).unwrap_or_default();
        <[F32]>::ref_from_bytes(data).unwrap_or_default()
    }
}

impl core::fmt::Debug for Flow<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Flow")
            .field("columns", &self.columns())
            .field("context_dim", &self.context_dim())
            .field("dim", &self.dim())
            .field("layers", &self.layers.len())
            .field("scratch_len", &self.scratch_len())
            .finish_non_exhaustive()
    }
}
