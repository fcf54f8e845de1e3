//! Ctrl-C, or whatever else asks the program to end: what came of the rows until then is said first.

use super::Show;
use crate::error::Error;
use flow_line::Said;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

/// So often, and after such pauses, an end is tried where something is just being written.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// What is shown, of which an interruption shows the end.
#[derive(Clone)]
pub(crate) struct Interrupted(Arc<Mutex<Box<dyn Show + Send>>>);

impl Interrupted {
    /// From now on an interruption ends the program.
    pub fn new(show: Box<dyn Show + Send>) -> Result<Self, Error> {
        let shared = Self(Arc::new(Mutex::new(show)));
        let of_handler = shared.clone();
        ctrlc::set_handler(move || {
            // Whoever does not take what is written does not keep the program from its end.
            for _ in 0..TRIES {
                if let Ok(mut show) = of_handler.0.try_lock() {
                    let _ = show.end();
                    break;
                }
                sleep(PAUSE);
            }
            std::process::exit(130);
        })?;
        Ok(shared)
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Show + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Show for Interrupted {
    fn show(&mut self, row: usize, said: &Said) -> Result<(), Error> {
        self.lock().show(row, said)
    }

    fn note(&mut self, text: &str) -> Result<(), Error> {
        self.lock().note(text)
    }

    fn end(&mut self) -> Result<(), Error> {
        self.lock().end()
    }
}
