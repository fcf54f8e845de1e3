//! An emulated board at a serial port of this machine: a pseudo-terminal, and a cable between the two with all that happens
//! to cables.

use crate::board::Board;
use crate::firmware::Firmware;
use crate::tools;
use serial2::SerialPort;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

/// What happens on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cable {
    /// Nothing.
    Good,
    /// One byte of so many, by chance, becomes another, or is lost, or comes with others.
    Noisy {
        /// The mean number of bytes.
        every: u32,
        /// The seed of chance.
        seed: u64,
    },
    /// The board is reset while the first half of this row has come, from 1.
    Reset {
        /// Which row.
        row: u32,
    },
    /// The cable is pulled in the middle of this row: the port goes away.
    Pulled {
        /// Which row.
        row: u32,
    },
    /// From the middle of this row on nothing passes any more, but the port stays.
    Cut {
        /// Which row.
        row: u32,
    },
}

/// `firmware/serial` for a board, with this flow of the repository; `None` where the board is skipped.
///
/// # Panics
/// If it cannot be built.
pub fn program(board: &'static Board, flow: &str) -> Option<PathBuf> {
    // Tests that need the same program wait for the one that builds it.
    static BUILDS: Mutex<()> = Mutex::new(());
    let board = board.find()?;
    let _one = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
    let name = format!("serial-{}", board.core);
    let program = Firmware { package: "serial", ..Firmware::default() };
    let file = fs::read(tools::repository().join(flow)).expect("a flow");
    let program = program.embed_as("SERIAL_FLOW", &name, "model.flow", &file).expect("a place to build in");
    Some(program.board(board).build(&name).expect("a program"))
}

/// A port, with a board behind it or something else.
pub struct Port {
    path: PathBuf,
    qemu: Option<Child>,
    /// A folder for the emulator's monitor.
    _folder: Option<tempfile::TempDir>,
    ends: Arc<Ends>,
    threads: Vec<JoinHandle<()>>,
}

/// The two ends of the pseudo-terminal: the board's, and one that is held so that the port stays while nobody has it open.
struct Ends {
    here: Mutex<Option<(Arc<SerialPort>, SerialPort)>>,
    stop: AtomicBool,
    /// Nothing passes.
    cut: AtomicBool,
    /// Rows that have come this way.
    rows: AtomicU32,
    /// How often the board has started.
    boots: AtomicU32,
}

impl Ends {
    fn board(&self) -> Option<Arc<SerialPort>> {
        let ends = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        ends.as_ref().map(|(board, _)| board.clone())
    }

    fn close(&self) {
        self.here.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Port {
    /// A port at which `talk` is what there is, again and again; nothing where it is empty.
    ///
    /// # Errors
    /// Where there are no pseudo-terminals.
    pub fn of_something_else(talk: &'static [u8]) -> Result<Self, String> {
        let (path, ends) = pair()?;
        let other = ends.clone();
        let talking = spawn(move || {
            while !other.stop.load(SeqCst) {
                if let (Some(port), false) = (other.board(), talk.is_empty()) {
                    let _ = port.write(talk);
                }
                sleep(Duration::from_millis(10));
            }
        });
        Ok(Port { path, qemu: None, _folder: None, ends, threads: vec![talking] })
    }

    /// A port at which a board runs a program.
    ///
    /// # Errors
    /// Where there are no pseudo-terminals, or the emulator does not start.
    pub fn of(board: &Board, program: &Path, cable: Cable) -> Result<Self, String> {
        let (path, ends) = pair()?;
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let monitor = folder.path().join("monitor");
        let mut emulator = Command::new(board.emulator);
        emulator.args(["-machine", board.machine, "-display", "none", "-serial", "stdio"]).args(board.options);
        emulator.arg("-monitor").arg(format!("unix:{},server=on,wait=off", monitor.display()));
        emulator.arg("-kernel").arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut qemu = emulator.spawn().map_err(|e| format!("{}: {e}", board.emulator))?;
        let to = qemu.stdin.take().ok_or("no standard input")?;
        let from = qemu.stdout.take().ok_or("no standard output")?;
        let (there, back) = (ends.clone(), ends.clone());
        let threads = vec![
            spawn(move || carry_there(&there, to, cable, &monitor)),
            spawn(move || carry_back(&back, from, cable)),
        ];
        let port = Port { path, qemu: Some(qemu), _folder: Some(folder), ends, threads };
        // What it says first is not for who comes later.
        let started = (0..3000).any(|_| {
            sleep(Duration::from_millis(10));
            port.ends.boots.load(SeqCst) > 0
        });
        if started { Ok(port) } else { Err(format!("{}: says nothing in 30 s", board.core)) }
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.ends.stop.store(true, SeqCst);
        if let Some(qemu) = &mut self.qemu {
            let _ = qemu.kill();
            let _ = qemu.wait();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn pair() -> Result<(PathBuf, Arc<Ends>), String> {
    let (mut board, host) = SerialPort::pair().map_err(|e| format!("no pseudo-terminal: {e}"))?;
    board.set_read_timeout(Duration::from_millis(50)).map_err(|e| e.to_string())?;
    let path = fs::read_link(format!("/proc/self/fd/{}", host.as_raw_fd())).map_err(|e| format!("its name: {e}"))?;
    let here = Mutex::new(Some((Arc::new(board), host)));
    let (stop, cut) = (AtomicBool::new(false), AtomicBool::new(false));
    Ok((path, Arc::new(Ends { here, stop, cut, rows: AtomicU32::new(0), boots: AtomicU32::new(0) })))
}

/// From the port to the board, byte by byte.
fn carry_there(ends: &Ends, mut to: impl Write, cable: Cable, monitor: &Path) {
    let mut noise = Noise::of(cable);
    let (mut buffer, mut line) = ([0; 256], Vec::new());
    let mut last = Vec::new();
    while !ends.stop.load(SeqCst) {
        let Some(port) = ends.board() else { return };
        let length = match port.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::TimedOut => continue,
            // Nobody has the port open.
            Err(_) => {
                sleep(Duration::from_millis(10));
                continue;
            }
        };
        drop(port);
        for &byte in &buffer[..length] {
            if byte == b'>' {
                line.clear();
            }
            line.push(byte);
            // Half a row of any flow is longer than this.
            if line.len() == 15 && line.get(6..9) == Some(b"row") && line.get(1..5) != Some(&last[..]) {
                // A row that is sent again has the number that it had.
                last = line.get(1..5).unwrap_or_default().to_vec();
                let row = ends.rows.fetch_add(1, SeqCst) + 1;
                match cable {
                    Cable::Pulled { row: here } if here == row => return ends.close(),
                    Cable::Cut { row: here } if here == row => ends.cut.store(true, SeqCst),
                    Cable::Reset { row: here } if here == row => reset(ends, monitor),
                    _ => {}
                }
            }
            if !ends.cut.load(SeqCst) && to.write_all(&noise.on(byte)).and_then(|()| to.flush()).is_err() {
                return;
            }
        }
    }
}

/// From the board to the port.
fn carry_back(ends: &Ends, mut from: impl Read, cable: Cable) {
    let mut noise = Noise::of(cable);
    noise.state ^= 0x5555;
    let (mut buffer, mut line) = ([0; 256], Vec::new());
    let mut heard = false;
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        for &byte in &buffer[..length] {
            if byte == b'\n' {
                if line.starts_with(b"<0000 boot ") {
                    ends.boots.fetch_add(1, SeqCst);
                }
                line.clear();
            } else {
                line.push(byte);
            }
        }
        // The first line is said before anybody listens.
        let passing = heard && !ends.cut.load(SeqCst);
        heard = heard || ends.boots.load(SeqCst) > 0;
        let Some(port) = ends.board() else { continue };
        if passing {
            let _ = port.write_all(&buffer[..length].iter().flat_map(|&byte| noise.on(byte)).collect::<Vec<u8>>());
        }
    }
}

/// Resets the board through the emulator's monitor, and waits until it has started again.
fn reset(ends: &Ends, monitor: &Path) {
    let before = ends.boots.load(SeqCst);
    let Ok(mut stream) = UnixStream::connect(monitor) else { return };
    let _ = stream.write_all(b"system_reset\n");
    let _ = (0..1000).any(|_| {
        sleep(Duration::from_millis(10));
        ends.boots.load(SeqCst) > before
    });
}

/// Noise that is the same in every run for the same bytes.
struct Noise {
    every: u32,
    state: u64,
}

impl Noise {
    fn of(cable: Cable) -> Self {
        match cable {
            Cable::Noisy { every, seed } => Noise { every, state: seed },
            _ => Noise { every: 0, state: 0 },
        }
    }

    /// A number from SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// What a byte becomes.
    fn on(&mut self, byte: u8) -> Vec<u8> {
        if self.every == 0 || !self.next().is_multiple_of(self.every.into()) {
            return vec![byte];
        }
        let [kind, other, more, ..] = self.next().to_le_bytes();
        match kind % 4 {
            0 => vec![byte ^ (1 << (other % 8))],
            1 => vec![],
            2 => vec![byte, other, more],
            _ => vec![b'\n', byte, other],
        }
    }
}
