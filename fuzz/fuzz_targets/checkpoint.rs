//! The bytes are a checkpoint, and a spec as JSON: read or refused, with no more memory than they are themselves.
#![no_main]

use flow_model::checkpoint::Checkpoint;
use flow_model::flow::Flow;
use flow_model::spec::FlowSpec;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(checkpoint) = Checkpoint::from_bytes(bytes) {
        assert!(checkpoint.params.iter().all(|p| p.is_finite()));
        checkpoint.to_bytes().expect("what was read can be written");
    }
    // A spec behind a header of its own, as a checkpoint has it.
    if let Ok(spec) = serde_json::from_slice::<FlowSpec>(bytes) {
        let _ = Flow::new(spec);
    }
});
