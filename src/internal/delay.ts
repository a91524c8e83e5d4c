/** The longest delay of a timer, in milliseconds: 24.8 days. Timers hold 32 bits, and would fire at once above it. */
export const MAX_DELAY_MS: number = 2 ** 31 - 1;
