//! The UART of QEMU's RISC-V board `virt`: a 16550, of which this needs no more than the 8250 had.
//!
//! Registers after the data sheet of National Semiconductor's PC16550D.

use core::ptr;

/// Where its registers lie on the board, a byte each.
const BASE: usize = 0x1000_0000;
const DATA: usize = BASE;
const INTERRUPTS: usize = BASE + 1;
const FIFO: usize = BASE + 2;
const LINE: usize = BASE + 3;
const STATUS: usize = BASE + 5;

/// In `STATUS`: a byte is there to be read; there is room for one to be sent.
const RX_READY: u8 = 1 << 0;
const TX_EMPTY: u8 = 1 << 5;
/// In `LINE`: eight bits, no parity, one stop bit; the rate is what the board has set.
const EIGHT_BITS: u8 = 0b11;

/// The serial port.
pub struct Uart(());

impl Uart {
    /// Eight bits, no parity, one stop bit; no interrupts.
    pub fn start() -> Self {
        store(INTERRUPTS, 0);
        store(LINE, EIGHT_BITS);
        store(FIFO, 1);
        Uart(())
    }

    /// The next byte, as soon as there is one.
    pub fn read(&mut self) -> u8 {
        while load(STATUS) & RX_READY == 0 {}
        load(DATA)
    }

    /// Sends a byte, as soon as there is room for it.
    pub fn write(&mut self, byte: u8) {
        while load(STATUS) & TX_EMPTY == 0 {}
        store(DATA, byte);
    }
}

fn load(register: usize) -> u8 {
    // SAFETY: called with the addresses above only, which are registers of a device that is always there and that nobody
    // else uses: one core, no interrupt. Reading one has no effect on memory.
    unsafe { ptr::read_volatile(register as *const u8) }
}

fn store(register: usize, value: u8) {
    // SAFETY: as above; and no value written to this UART makes it touch memory.
    unsafe { ptr::write_volatile(register as *mut u8, value) }
}
