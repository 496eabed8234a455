#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H
/* The two clocks, read only by shells (never by a core). */
#include <stdint.h>

uint64_t clock_mono_us(void); /* CLOCK_BOOTTIME: goes on while the machine sleeps */
uint64_t clock_mono_ms(void);
uint64_t clock_wall_ms(void); /* UTC since 1970 */

#endif
