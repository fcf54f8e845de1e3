// What a benchmark needs of the emulated Cortex-M4F (QEMU's mps2-an386): an instruction counter, output, an end.
#pragma once
#include <stdint.h>

// SysTick's count, which falls by one every 3.2 instructions under `-icount shift=7`: an instruction takes 128 ns there,
// a tick 40.
uint32_t ticks(void);

// Prints a line `NAME INSTRUCTIONS`, the instructions between two counts.
void report(const char *name, uint32_t before, uint32_t after);

// Keeps the compiler from removing or moving what computes memory.
#define OPAQUE() __asm volatile("" ::: "memory")

// Reports `work`, once warm.
#define MEASURE(name, work)                                                                                            \
    do {                                                                                                               \
        OPAQUE();                                                                                                      \
        uint32_t before = ticks();                                                                                     \
        OPAQUE();                                                                                                      \
        work;                                                                                                          \
        OPAQUE();                                                                                                      \
        report(name, before, ticks());                                                                                 \
    } while (0)
