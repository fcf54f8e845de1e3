//! What a device says when its memory is too small.

/// Whether a message of ONNX Runtime or CUDA says that memory could not be had.
pub fn is_out_of_memory(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        // CUDA's own: `CUDA failure 2: out of memory ; GPU=0 ; …`, also by the name of the error.
        "out of memory",
        "cudaerrormemoryallocation",
        // cuBLAS, which answers by number: `CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED`.
        "cublas_status_alloc_failed",
        // ONNX Runtime's arena: `Failed to allocate memory for requested buffer of size 4294967296`, and with a limit
        // `Available memory of 1024 is smaller than requested bytes of 4096`.
        "failed to allocate memory",
        "is smaller than requested bytes",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

/// What to do about it, for people.
pub fn advice(batch: usize, holds: Option<usize>) -> String {
    match holds {
        Some(holds) => format!("a batch of {batch} rows does not fit; one of {holds} does: --batch {holds}"),
        None if batch > 1 => format!("no smaller batch than {batch} rows fits either: free the GPU, or --device cpu"),
        None => "free the GPU, or --device cpu".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_of_cuda_cublas_and_the_arena_are_known() {
        for message in [
            "CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; file=cuda_allocator.cc ; line=42 ; expr=cudaMalloc(&p, size);",
            "Non-zero status code returned while running Gemm node. Name:'n7' Status Message: \
             BFCArena::AllocateRawInternal(size_t, bool) Failed to allocate memory for requested buffer of size 4294967296",
            "Available memory of 1024 is smaller than requested bytes of 4096",
            "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0",
        ] {
            assert!(is_out_of_memory(message), "{message}");
        }
        for message in
            ["CUDA failure 700: an illegal memory access was encountered", "CUDA failure 35: driver too old", ""]
        {
            assert!(!is_out_of_memory(message), "{message}");
        }
    }

    #[test]
    fn the_advice_names_the_batch_that_holds() {
        assert!(advice(4096, Some(1024)).ends_with("--batch 1024"));
        assert!(advice(4096, None).contains("4096"));
    }
}
