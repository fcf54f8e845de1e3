//! Runs `firmware/hosted` in a WebAssembly runtime that is written in Rust and interprets.

use std::fmt::Display;
use std::path::Path;
use wasmi::{Caller, Engine, Extern, Linker, Module, Store};

/// Runs a program to its end and returns the lines that it printed.
///
/// # Errors
/// Where it cannot be run, or exits with failure.
pub fn run(program: &Path) -> Result<String, String> {
    let bytes = std::fs::read(program).map_err(|e| format!("{}: {e}", program.display()))?;
    let engine = Engine::default();
    let module = Module::new(&engine, &bytes).map_err(failed)?;
    let mut store = Store::new(&engine, String::new());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "print_line", print_line).map_err(failed)?;
    let instance = linker.instantiate_and_start(&mut store, &module).map_err(failed)?;
    // A C program's main, whose two arguments Rust ignores here.
    let main = instance.get_typed_func::<(i32, i32), i32>(&store, "main").map_err(failed)?;
    let status = main.call(&mut store, (0, 0)).map_err(failed)?;
    let output = store.into_data();
    if status == 0 { Ok(output) } else { Err(format!("WebAssembly: status {status}\n{output}")) }
}

fn failed(why: impl Display) -> String {
    format!("WebAssembly: {why}")
}

/// What the program calls: appends a line, `length` bytes of its memory at `text`.
fn print_line(mut caller: Caller<'_, String>, text: u32, length: u32) -> Result<(), wasmi::Error> {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let memory = memory.ok_or_else(|| wasmi::Error::new("no memory"))?;
    let mut bytes = vec![0; length as usize];
    memory.read(&caller, text as usize, &mut bytes).map_err(|e| wasmi::Error::new(e.to_string()))?;
    let output = caller.data_mut();
    output.push_str(&String::from_utf8_lossy(&bytes));
    output.push('\n');
    Ok(())
}
