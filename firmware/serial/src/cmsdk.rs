//! UART 0 of Arm's MPS2 boards: that of the Cortex-M System Design Kit.
//!
//! Registers after Arm DDI 0479D, "Cortex-M System Design Kit Technical Reference Manual", section 4.3.

use core::ptr;

/// Where its registers lie on the MPS2 boards.
const BASE: usize = 0x4000_4000;
const DATA: usize = BASE;
const STATE: usize = BASE + 0x04;
const CTRL: usize = BASE + 0x08;
const BAUDDIV: usize = BASE + 0x10;

/// In `STATE`: what is to be sent has not gone yet; a byte is there to be read.
const TX_FULL: u32 = 1 << 0;
const RX_FULL: u32 = 1 << 1;
/// In `CTRL`: sending and receiving.
const TX_ENABLE: u32 = 1 << 0;
const RX_ENABLE: u32 = 1 << 1;

/// The board's clock, Hz, and the rate of the line.
const CLOCK: u32 = 25_000_000;
const BAUD: u32 = 115_200;

/// The serial port.
pub struct Uart(());

impl Uart {
    /// 115,200 baud, eight bits, no parity, one stop bit.
    pub fn start() -> Self {
        store(BAUDDIV, CLOCK / BAUD);
        store(CTRL, TX_ENABLE | RX_ENABLE);
        Uart(())
    }

    /// The next byte, as soon as there is one.
    pub fn read(&mut self) -> u8 {
        while load(STATE) & RX_FULL == 0 {}
        load(DATA) as u8
    }

    /// Sends a byte, as soon as there is room for it.
    pub fn write(&mut self, byte: u8) {
        while load(STATE) & TX_FULL != 0 {}
        store(DATA, byte.into());
    }
}

fn load(register: usize) -> u32 {
    // SAFETY: called with the addresses above only, which are aligned registers of a device that is always there and that
    // nobody else uses: one core, no interrupt. Reading one has no effect on memory.
    unsafe { ptr::read_volatile(register as *const u32) }
}

fn store(register: usize, value: u32) {
    // SAFETY: as above; and no value written to this UART makes it touch memory.
    unsafe { ptr::write_volatile(register as *mut u32, value) }
}
