// The start of a program on QEMU's mps2-an386, SysTick as instruction counter, and output through semihosting.
#include "board.h"

extern uint32_t _stack_top, _data_start, _data_end, _data_load, _bss_start, _bss_end;
int main(void);

static int semihosting(int operation, const void *argument) {
    register int r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void reset(void) {
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; // CPACR: the FPU on
    __asm volatile("dsb\n isb");
    for (uint32_t *to = &_data_start, *from = &_data_load; to < &_data_end;) *to++ = *from++;
    for (uint32_t *to = &_bss_start; to < &_bss_end;) *to++ = 0;
    *(volatile uint32_t *)0xe000e014 = 0x00ffffff; // SysTick: reload, clear, enable with the core's clock
    *(volatile uint32_t *)0xe000e018 = 0;
    *(volatile uint32_t *)0xe000e010 = 5;
    main();
    semihosting(0x18, (const void *)0x20026); // SYS_EXIT, ADP_Stopped_ApplicationExit
    for (;;) {}
}

static void fault(void) {
    semihosting(0x18, (const void *)0x20023); // SYS_EXIT, ADP_Stopped_RunTimeErrorUnknown
    for (;;) {}
}

__attribute__((section(".vectors"), used)) static const void *vectors[] = {
    &_stack_top, reset, fault, fault, fault, fault, fault,
};

uint32_t ticks(void) { return *(volatile uint32_t *)0xe000e018; }

void report(const char *name, uint32_t before, uint32_t after) {
    char digits[12], *at = digits + sizeof digits;
    uint32_t instructions = (uint32_t)((uint64_t)((before - after) & 0xffffff) * 40 / 128);
    *--at = 0;
    *--at = '\n';
    do *--at = '0' + instructions % 10; while (instructions /= 10);
    semihosting(0x04, name); // SYS_WRITE0
    semihosting(0x04, " ");
    semihosting(0x04, at);
}
